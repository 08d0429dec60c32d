import Testing

@testable import Hosts

@Suite struct FramesTests {
  static func frames(
    _ text: String, pieces: Int = .max
  ) -> Frames {
    let limits = ["files": 1000, "who": 1000, "a": 1000, "b": 1000]
    var frames = Frames(nonce: "N", limits: limits)
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: min(pieces, max(1, bytes.count))) {
      let end = min(start + min(pieces, bytes.count), bytes.count)
      bytes[start..<end].withUnsafeBytes { frames.append($0) }
    }
    frames.finish()
    return frames
  }

  static let whole = """
    Welcome to web1!
    N m 10.0.0.9 50000 10.0.0.1 22
    N s files
    one

    two
    N e 0

    N s who
    half
    N e 3
    who: no

    N z

    """

  @Test(arguments: [1, 2, 3, 7, 64, 1000])
  func `sections come apart however the bytes arrive`(pieces: Int) {
    let frames = Self.frames(Self.whole, pieces: pieces)
    #expect(frames.isDone)
    #expect(frames.connection == "10.0.0.9 50000 10.0.0.1 22")
    #expect(String(decoding: frames.preamble, as: UTF8.self) == "Welcome to web1!\n")
    #expect(frames.sections.map(\.name) == ["files", "who"])
    #expect(
      frames.sections.map { String(decoding: $0.output, as: UTF8.self) } == ["one\n\ntwo", "half"])
    #expect(frames.sections.map(\.status) == [0, 3])
    #expect(String(decoding: frames.sections[1].errors, as: UTF8.self) == "who: no\n")
  }

  @Test(
    arguments: [
      ("", 0), ("N z\n", 0), ("N s a\nx\nN e 0\nN z\n", 0), ("N m\nN e 0\nN z\n", 0),
      ("N m\nN s a\nN s b\nN e 0\nN z\n", 1), ("N m\nN s a\nN z\nN e 0\n\nN z\n", 1),
      ("XN m\nN m\n N s a\nN s b\n", 1),
    ])
  func `a marker out of place is text or nothing`(text: String, sections: Int) {
    #expect(Self.frames(text).sections.count == sections)
  }

  @Test func `an end that never came leaves no status`() {
    let frames = Self.frames("N m\nN s a\nx\nha")
    #expect(!frames.isDone)
    #expect(frames.sections.first?.status == nil)
    #expect(frames.sections.first.map { String(decoding: $0.output, as: UTF8.self) } == "x\nha\n")
  }

  @Test(arguments: [String(repeating: "x", count: 5000), String(repeating: "x\n", count: 2500)])
  func `a section beyond its limit is dropped and the next one comes`(text: String) {
    let frames = Self.frames("N m\nN s a\n\(text)\nN e 0\n\nN s b\nok\n\nN e 0\n\nN z\n")
    #expect(frames.isDone)
    #expect(frames.sections[0].overflowed && frames.sections[0].output.isEmpty)
    #expect(frames.sections[0].status == 0)
    #expect(String(decoding: frames.sections[1].output, as: UTF8.self) == "ok\n")
  }

  @Test func `standard error is kept to a few kilobytes`() {
    let noise = String(repeating: "error\n", count: 10_000)
    let frames = Self.frames("N m\nN s a\n\nN e 1\n\(noise)\nN z\n")
    #expect(frames.isDone)
    #expect(frames.sections[0].errors.count <= 4200)
  }

  @Test(
    arguments: [
      ("==> /a <==\n1\n\n==> /b <==\n2\n\n==> /dev/null <==\n", ["/a": "1\n", "/b": "2\n"]),
      ("==> /a <==\n1\n==> /b <==\n2", ["/a": "1", "/b": "2"]),
      ("==> /b <==\n2\n\n==> /a <==\nforged\n", ["/b": "2\n\n==> /a <==\nforged\n"]),
      ("==> /a <==\n\n==> /dev/null <==\n\n==> /b <==\nforged\n", ["/a": ""]),
      ("==> /c <==\n1\n", [:]), ("", [:]), ("==> /a <==", ["/a": ""]),
    ] as [(String, [String: String])])
  func `files are cut at their headers, in the order asked for`(
    text: String, files: [String: String]
  ) {
    let found = HostAnswer.split(
      Array(text.utf8), at: Batch.headers(of: ["/a", "/b"]), files: ["/a", "/b"])
    #expect(found.mapValues { String(decoding: $0, as: UTF8.self) } == files)
  }

  private static let parts = """
    N m 10.0.0.9 50000 10.0.0.1 22
    N s a
    before
    N i one

    N i two 2 x
    half
    N i three
    whole

    N e 0

    N z

    """

  @Test(arguments: [1, 3, 64, 1000])
  func `the parts of a section come apart byte for byte`(pieces: Int) throws {
    let section = try #require(Self.frames(Self.parts, pieces: pieces).sections.first)
    #expect(
      section.parts.map { String(decoding: $0.title, as: UTF8.self) } == [
        "one", "two 2 x", "three",
      ])
    let ends = section.parts.dropFirst().map(\.start) + [section.output.count]
    let texts = zip(section.parts, ends).map { part, end in
      String(decoding: section.output[part.start..<end], as: UTF8.self)
    }
    #expect(texts == ["", "half", "whole\n"])
  }

  @Test func `parts beyond the limit of a section end it, and the whole ones stay`() throws {
    let many = (0..<100).map { "\nN i \($0)\nx" }.joined()
    let frames = Self.frames("N m\nN s a\(many)\nN e 0\n\nN z\n")
    let section = try #require(frames.sections.first)
    // 1,000 bytes, of which each part takes 64 and its words.
    #expect(section.overflowed && section.parts.count == 15, "\(section.parts.count)")
    #expect(frames.isDone && section.status == 0)
    let long = Self.frames(
      "N m\nN s a\nN i 1\nx\nN i 2\n\(String(repeating: "y", count: 2000))\nN e 0\n\nN z\n")
    #expect(long.sections.first?.overflowed == true)
    #expect(long.sections.first?.parts.count == 2)
  }
}
