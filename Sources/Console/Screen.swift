internal import Configuration
internal import Engine
internal import Glibc
public import Metrics
public import Passes

/// The format of standard output for people: columns, colours and characters.
public struct Screen: Sendable {
  /// The width of lines; nil if output is no terminal.
  public let width: Int?
  /// The number of lines; nil if output is no terminal.
  public let height: Int?
  let isColoured: Bool

  /// `color` is the value of `--color`.
  public init(color: String? = nil) throws(UsageError) {
    var size = winsize()
    let isTerminal = isatty(1) == 1
    let isSized = isTerminal && ioctl(1, UInt(TIOCGWINSZ), &size) == 0
    // As in ps(1) and ls(1), the environment overrides the terminal.
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

  public func paint(_ text: Printable, _ colour: Terminal.Colour) -> Printable {
    isColoured ? text.between(colour) : text
  }

  /// Untrusted text cut at its end to that many columns.
  public static func cut(_ text: String, _ width: Int) -> String {
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

  /// Untrusted text padded to that many columns.
  static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - columns(text)))
  }

  /// The columns of the text on a terminal; East Asian characters and emoji take two.
  public static func columns(_ text: String) -> Int { text.columns }
}

extension Severity {
  /// The colour of a severity; its word is always beside it.
  public var colour: Terminal.Colour {
    switch self {
    case .ok: .green
    case .minor: .yellow
    case .major: .magenta
    case .critical: .alarm
    case .unknown: .blue
    }
  }
}
