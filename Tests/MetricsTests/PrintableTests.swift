import Metrics
import Testing

struct PrintableTests {
  private func text(_ printable: Printable) -> String {
    String(decoding: printable.bytes, as: UTF8.self)
  }

  /// What a host may send, and nothing of which may reach a terminal.
  static let hostile = [
    "\u{1b}[2J", "\u{1b}]0;owned\u{7}", "\u{9b}31m", "a\nb", "\r", "\u{202e}gnp.exe",
    "\u{2066}x\u{2069}",
    "\u{2028}", "\u{7f}", "\u{feff}", "\u{e000}",
  ]

  @Test(arguments: hostile) func `a string is made visible however it is put in`(evil: String) {
    #expect(text(Printable(evil)) == evil.visible)
    #expect(text("host \(evil)!") == "host \(evil.visible)!")
    #expect(text("host \(evil[...])") == "host \(evil.visible)")
    let optional: String? = evil
    #expect(text("host \(optional ?? "")") == "host \(evil.visible)")
    #expect(!text(.lines(evil)).unicodeScalars.contains { $0.isUnprintable && $0 != "\n" })
    var sum: Printable = "a"
    sum += "\(evil)"
    #expect(text(sum + Printable(evil)) == "a\(evil.visible)\(evil.visible)")
    #expect(text([Printable(evil), "b"].joined(separator: "\n")) == "\(evil.visible)\nb")
  }

  @Test func `what is ours stands as it is`() {
    // A literal would be ours.
    let hot = "hot\u{1b}"
    let red = Printable(hot).between("\u{1b}[31m", "\u{1b}[0m")
    #expect(text("\(red)\n\(3) é") == "\u{1b}[31mhot\\x1b\u{1b}[0m\n3 é")
    #expect(text(.lines("a\n\u{1b}b\n")) == "a\n\\x1bb\n")
    let json = JSON.object([("\u{e000}", .string("\u{1b}\n\u{e000}"))])
    #expect(Printable(json).bytes == json.bytes)
  }
}
