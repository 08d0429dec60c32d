import Foundation
import Lab
import Testing

/// The documents agree with this tree: links lead somewhere, files and folders exist.
@Suite struct DocumentTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../..").standardized

  private static let pages = ["", "bench", "docs", "docs/decisions"].flatMap { folder in
    let names =
      (try? FileManager.default.contentsOfDirectory(
        atPath: root.appending(path: folder).path())) ?? []
    return names.filter { $0.hasSuffix(".md") }.sorted().map {
      folder.isEmpty ? $0 : "\(folder)/\($0)"
    }
  }

  /// Names of all Swift files, without their folders.
  private static let sources: Set<String> = {
    var names: Set<String> = ["Package.swift"]
    for folder in ["Sources", "Tests", "fuzz/Sources"] {
      let files = FileManager.default.enumerator(atPath: root.appending(path: folder).path())
      while let file = files?.nextObject() as? String {
        if file.hasSuffix(".swift") { names.insert((file as NSString).lastPathComponent) }
      }
    }
    return names
  }()

  private static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  private static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: root.appending(path: path).standardized.path())
  }

  /// The text without blocks of code.
  private static func prose(_ text: String) -> String {
    text.components(separatedBy: "\n```").enumerated().filter { $0.offset % 2 == 0 }
      .map(\.element).joined(separator: "\n")
  }

  /// The anchors of a page: its headings in lower case, blanks as dashes, other marks left out.
  private static func anchors(of page: String) throws -> Set<String> {
    Set(
      prose(try text(page)).split(separator: "\n").filter { $0.hasPrefix("#") }.map { line in
        let heading = line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
        return String(
          heading.compactMap { character -> Character? in
            if character == " " { return "-" }
            return character.isLetter || character.isNumber || "-_".contains(character)
              ? character : nil
          })
      })
  }

  @Test func `there are pages to look at`() {
    #expect(Self.pages.contains("README.md") && Self.pages.contains("docs/sinks.md"))
    #expect(Self.pages.count > 20)
  }

  @Test(arguments: pages) func `links lead to pages and headings that exist`(_ page: String) throws
  {
    for match in try Self.text(page).matches(of: /\]\((?<place>[^)\s]+)\)/) {
      let place = String(match.output.place)
      if place.hasPrefix("http") { continue }
      let parts = place.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
      let folder = (page as NSString).deletingLastPathComponent
      let target =
        parts[0].isEmpty
        ? page : (folder as NSString).appendingPathComponent(String(parts[0]))
      #expect(Self.exists(target), "\(place) does not exist")
      guard parts.count == 2, Self.exists(target) else { continue }
      let path = (target as NSString).standardizingPath
      #expect(try Self.anchors(of: path).contains(String(parts[1])), "\(place): no such heading")
    }
  }

  @Test(arguments: pages) func `files and folders that a page names exist`(_ page: String) throws {
    let folders = ["Sources/", "Tests/", "docs/", "fuzz/", "bench/", "inventory/example"]
    for match in Self.prose(try Self.text(page)).matches(of: /`(?<name>[A-Za-z0-9_.\/-]+)`/) {
      let name = String(match.output.name)
      // NAME is for the reader to replace; a folder that begins with a dot is made by tools.
      if name.contains("NAME") || name.contains("/.") { continue }
      if folders.contains(where: { name.hasPrefix($0) }) {
        #expect(Self.exists(name), "\(name) does not exist")
      } else if name.hasSuffix(".swift") {
        let isThere =
          name.contains("/")
          ? Self.exists("Sources/\(name)") || Self.exists(name) : Self.sources.contains(name)
        #expect(isThere, "\(name) does not exist")
      }
    }
  }

  @Test func `the README is short, and its map has every folder of Sources`() throws {
    let readme = try Self.text("README.md")
    #expect(readme.split(separator: "\n", omittingEmptySubsequences: false).count <= 151)
    let rooms = try FileManager.default.contentsOfDirectory(
      atPath: Self.root.appending(path: "Sources").path())
    for room in rooms where room != "System" {
      #expect(readme.contains("`Sources/\(room)`"), "\(room) is not in the map")
    }
  }

  @Test func `the inventories that pages show are without fault`() throws {
    func blocks(_ page: String) throws -> [String] {
      try Self.text(page).components(separatedBy: "```yaml\n").dropFirst().map {
        $0.components(separatedBy: "```")[0]
      }
    }
    let readme = try blocks("README.md")
    let probes = try blocks("docs/probes.md")
    try #require(readme.count == 2 && probes.count == 4)
    let key = "key: ~/.ssh/monitor"
    #expect(readme[0].contains(key))
    func indented(_ text: String, _ width: Int) -> String {
      text.split(separator: "\n").map { String(repeating: " ", count: width) + $0 }
        .joined(separator: "\n")
    }
    let host = "all:\n  hosts:\n    h:\n      public_address: 198.51.100.11\n"
    for (hosts, settings) in [
      (readme[0].replacingOccurrences(of: key, with: "port: 22"), readme[1]),
      (host + indented(probes[0], 6) + "\n" + indented(probes[3], 8), probes[1]),
      ("all:\n  children:\n" + indented(probes[2], 4), ""),
    ] {
      let scratch = Scratch()
      scratch.write("inventory/hosts.yml", hosts)
      scratch.write("inventory/scrape.yml", settings)
      scratch.write("inventory/mail", "x")
      chmod("\(scratch.path)/inventory/mail", 0o600)
      let outcome = try run(
        Scrape.program, ["lint", "--inventory", "\(scratch.path)/inventory"])
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
  }

  @Test(arguments: pages) func `a page uses the words of the field`(_ page: String) throws {
    let words = /\b(told|telling|people hear)\b/.ignoresCase()
    for match in try Self.text(page).matches(of: words) {
      Issue.record("\(page): \"\(match.output.1)\"; write notify, send or report")
    }
  }
}
