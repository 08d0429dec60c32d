import Metrics
import Testing

@testable import Pages

/// A page is well-formed and escaped, whatever its texts hold.
@Suite struct MarkupTests {
  /// The names of all elements and attributes in order, and whether every element is closed: what remains
  /// of a page when all text is taken away.
  private func skeleton(_ bytes: [UInt8]) throws -> [String] {
    let page = String(decoding: bytes, as: UTF8.self)
    var names: [String] = []
    var open: [String] = []
    var rest = page[...]
    let alone: Set<String> = ["meta", "input", "!doctype"]
    while let start = rest.firstIndex(of: "<") {
      let end = try #require(rest[start...].firstIndex(of: ">"), "an open tag")
      var tag = String(rest[rest.index(after: start)..<end])
      rest = rest[rest.index(after: end)...]
      let isClosed = tag.hasSuffix("/")
      if isClosed { tag.removeLast() }
      if tag.hasPrefix("/") {
        #expect(open.popLast() == String(tag.dropFirst()))
        names.append(tag)
        continue
      }
      // Values stand between quotes, of which no other is in a tag.
      var attributes: [String] = []
      for (index, part) in tag.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
      where index.isMultiple(of: 2) {
        attributes.append(String(part))
      }
      let name = String(attributes[0].prefix { $0 != " " })
      names.append(attributes.joined(separator: "…"))
      if !isClosed, !alone.contains(name) { open.append(name) }
      if name == "style" || name == "script", let close = rest.range(of: "</\(name)>") {
        // Our own, constant text.
        rest = rest[close.lowerBound...]
      }
    }
    #expect(open.isEmpty, "\(open)")
    return names
  }

  @Test(arguments: PlantedModel.hostile.indices)
  func `a host whose every string is hostile changes nothing but text`(_ index: Int) throws {
    let plain = PlantedModel(hosts: 12).files
    let mark = PlantedModel.hostile[index]
    let hostile = PlantedModel(hosts: 12, text: { $0 + mark }).files
    #expect(plain.count == 9 && hostile.count == plain.count)
    for (one, other) in zip(plain, hostile) {
      #expect(try skeleton(one.bytes) == skeleton(other.bytes), "\(one.file)")
      // Long texts are cut.
      #expect(other.bytes.count < one.bytes.count * 12 + 200_000, "\(one.file)")
      #expect(!other.bytes.contains { $0 < 0x20 && $0 != 0x0A }, "\(one.file)")
    }
  }

  @Test func `a line of many values is drawn whole`() throws {
    let page = try #require(PlantedModel(hosts: 3).files.first { $0.file == "host/one.html" })
    let text = String(decoding: page.bytes, as: UTF8.self)
    let paths = text.split(separator: "<path class=\"s0\" d=\"").dropFirst().map {
      $0.prefix { $0 != "\"" }
    }
    // Of the hour and of the day, of five figures.
    #expect(paths.count == 10)
    #expect(
      paths.map { $0.filter { $0 == "L" }.count } == [
        239, 143, 239, 143, 239, 143, 239, 143, 239, 143,
      ])
    // They end where the axis does.
    #expect(paths.allSatisfy { $0.contains("L29") }, "\(paths)")
  }

  @Test func `text and values are escaped once`() {
    var html = Markup()
    html.element("a", .init("title", "a\"b<c>&'"), text: "<b>&amp;\u{202E}\u{1B}")
    let page = String(decoding: html.bytes, as: UTF8.self)
    #expect(
      page == "<a title=\"a&quot;b&lt;c&gt;&amp;&#39;\">&lt;b&gt;&amp;amp;\\u{202e}\\x1b</a>",
      "\(page)")
  }

  @Test(
    arguments: [
      ("web01", "host/web01.html"), ("..", "host/...html"), ("a/b", "host/a=2fb.html"),
      ("a%41=", "host/a=2541=3d.html"), ("ä", "host/=c3=a4.html"),
      ("a b#?", "host/a=20b=23=3f.html"),
    ])
  func `the page of a host has a name that is a plain file`(_ host: String, _ file: String) {
    #expect(PageName.host(host).file == file)
  }

  @Test func `links lead from the folder of hosts to its neighbours`() throws {
    let page = try #require(PlantedModel(hosts: 3).pages.host(PlantedModel().host("web1001")))
    let text = String(decoding: page.bytes, as: UTF8.self)
    #expect(text.contains("href=\"../index.html\"") && !text.contains("href=\"index.html\""))
  }
}
