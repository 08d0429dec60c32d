import Testing

@testable import Hosts

@Suite struct HostileFramesTests {
  private func frames(_ text: String, packet: Int = .max) -> Frames {
    var frames = Frames(nonce: "N", limits: ["a": 8, "b": 300])
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: min(packet, bytes.count)) {
      let end = min(bytes.count, start + min(packet, bytes.count))
      bytes[start..<end].withUnsafeBytes { frames.append($0) }
    }
    frames.finish()
    return frames
  }

  private static let whole =
    "hello\nN m 192.0.2.1 5 192.0.2.2 22\nN s a\none\n\nN e 0\nN s b\n\nN e 7\noh\nN z\n"

  @Test(
    arguments: [
      (whole, ["a": "one\n", "b": ""]),
      // A terminal's line ends are no part of what was said.
      (whole.replacing("\n", with: "\r\n"), ["a": "one\n", "b": ""]),
      // A return that the command itself printed is.
      (whole.replacing("one", with: "one\r"), ["a": "one\r\n", "b": ""]),
      // The host knows the nonce: what it opens beyond what it was asked is not kept.
      (
        whole.replacing("N s b", with: "N s c\nN e 0\nN s a\nmore\nN e 0\nN s b"),
        ["a": "one\n", "b": ""]
      ),
      (whole.replacing("one", with: "more than eight"), ["a": "", "b": ""]),
      // A marker out of place, or not at the beginning of a line, is none.
      (whole.replacing("one", with: "N z"), ["a": "", "b": ""]),
      (whole.replacing("one", with: " N e 1"), ["a": " N e 1\n", "b": ""]),
    ] as [(String, [String: String])])
  func `sections come apart, whatever the packets`(text: String, expected: [String: String]) {
    for packet in [1, 3, .max] {
      let frames = frames(text, packet: packet)
      #expect(frames.isDone)
      #expect(frames.connection == "192.0.2.1 5 192.0.2.2 22")
      let found = frames.sections.map { ($0.name, String(decoding: $0.output, as: UTF8.self)) }
      #expect(Dictionary(found) { $1 } == expected)
      #expect(frames.sections.map(\.status) == [0, 7])
      #expect(frames.sections.map(\.overflowed) == [text.contains("eight"), false])
      #expect(frames.sections.last.map { String(decoding: $0.errors, as: UTF8.self) } == "oh\n")
    }
  }

  @Test func `a section whose end never came has no status`() {
    let frames = frames("N m 1 2 3 4\nN s b\nhalf a li")
    #expect(!frames.isDone)
    #expect(frames.sections.map(\.status) == [nil])
  }

  @Test func `what comes before the first marker is kept for the message, a little of it`() {
    let frames = frames(String(repeating: "No shell for you.\n", count: 100_000))
    #expect(frames.connection == nil)
    #expect(frames.preamble.starts(with: "No shell for you.\n".utf8))
    #expect(frames.preamble.count < 600)
  }
}
