internal import Configuration
internal import Engine
internal import Glibc
internal import Metrics
internal import Passes

/// How standard output shows text to people: in how many columns, with colours or without, and with
/// which characters.
struct Screen: Sendable {
  /// Columns to which lines are cut; nil where a file or a program reads them.
  let width: Int?
  /// Lines that fit; nil likewise.
  let height: Int?
  let isColoured: Bool

  /// `color` is what `--color` says.
  init(color: String? = nil) throws(UsageError) {
    var size = winsize()
    let isTerminal = isatty(1) == 1
    let isSized = isTerminal && ioctl(1, UInt(TIOCGWINSZ), &size) == 0
    // As with ps(1) and ls(1), what the shell says goes before what the terminal says.
    let wanted = environment("COLUMNS").flatMap { Int($0) }.flatMap { $0 >= 20 ? $0 : nil }
    width = wanted ?? (isSized && size.ws_col >= 20 ? Int(size.ws_col) : isTerminal ? 80 : nil)
    height = isSized && size.ws_row >= 5 ? Int(size.ws_row) : nil
    switch color {
    case nil, "auto": isColoured = Terminal.isLively(1)
    case "always": isColoured = true
    case "never": isColoured = false
    case let other?:
      let hint = didYouMean(other, among: ["auto", "always", "never"]).map { "; \($0)" } ?? ""
      throw UsageError(message: "--color takes auto, always or never, not \"\(other)\"\(hint)")
    }
  }

  static let option = Option(
    "--color", "WHEN", "auto (on a terminal, unless NO_COLOR is set), always or never.")

  func paint(_ text: Printable, _ colour: Terminal.Colour) -> Printable {
    isColoured ? text.between(colour) : text
  }

  /// Untrusted text in at most that many columns, cut at its end.
  static func cut(_ text: String, _ width: Int) -> String {
    let text = text.visible
    guard columns(text) > width else { return text }
    let mark = Terminal.isUTF8 ? "…" : "..."
    var cut = ""
    var used = mark.count
    for character in text {
      let wide = columns(String(character))
      guard used + wide <= width else { break }
      used += wide
      cut.append(character)
    }
    return cut + mark
  }

  /// Untrusted text filled to that many columns.
  static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - columns(text)))
  }

  /// How many columns a terminal takes for the text: East Asian characters and emoji take two.
  static func columns(_ text: String) -> Int {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
    return text.reduce(0) { sum, character in
      let scalar = character.unicodeScalars.first?.value ?? 0
      let isWide =
        (0x1100...0x115f).contains(scalar) || (0x2e80...0xa4cf).contains(scalar)
        || (0xac00...0xd7a3).contains(scalar) || (0xf900...0xfaff).contains(scalar)
        || (0xfe30...0xfe6f).contains(scalar) || (0xff00...0xff60).contains(scalar)
        || (0x1f300...0x1faff).contains(scalar)
      return sum + (isWide ? 2 : 1)
    }
  }
}

extension Severity {
  /// Each has a colour of its own; what they mean stands beside it in a word.
  var colour: Terminal.Colour {
    switch self {
    case .ok: .green
    case .minor: .yellow
    case .major: .magenta
    case .critical: .alarm
    case .unknown: .blue
    }
  }
}
