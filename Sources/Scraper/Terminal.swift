internal import Glibc
internal import Metrics

/// Standard output and standard error, and what a person may be shown on them.
enum Terminal {
  enum Colour {
    case red, yellow, green, blue, bold, dim

    fileprivate var begin: StaticString {
      switch self {
      case .red: "\u{1b}[31m"
      case .yellow: "\u{1b}[33m"
      case .green: "\u{1b}[32m"
      case .blue: "\u{1b}[36m"
      case .bold: "\u{1b}[1m"
      case .dim: "\u{1b}[2m"
      }
    }
  }

  /// Whether the stream is a terminal that may be coloured and redrawn.
  static func isLively(_ descriptor: Int32) -> Bool {
    isatty(descriptor) == 1 && environment("NO_COLOR") == nil && environment("TERM") != "dumb"
  }

  /// Whether somebody seems to sit before this process: cron and systemd give it no terminal.
  static var isAttended: Bool { isatty(0) == 1 || isatty(2) == 1 }

  static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// Columns of the terminal; 100 where there is none.
  static var width: Int {
    var size = winsize()
    if ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 20 { return Int(size.ws_col) }
    return 100
  }

  static func paint(_ text: Printable, _ colour: Colour, on descriptor: Int32) -> Printable {
    isLively(descriptor) ? text.between(colour.begin, "\u{1b}[0m") : text
  }

  @_disfavoredOverload
  static func paint(_ text: String, _ colour: Colour, on descriptor: Int32) -> Printable {
    paint(Printable(text), colour, on: descriptor)
  }

  /// Writes a line of data.
  static func print(_ line: Printable = "") { write(line + "\n", to: 1) }

  /// Writes a line of untrusted text.
  @_disfavoredOverload
  static func print(_ line: String) { print(Printable(line)) }

  /// Writes a line for people that is no data.
  static func note(_ line: Printable) { write(line + "\n", to: 2) }

  @_disfavoredOverload
  static func note(_ line: String) { note(Printable(line)) }

  static func write(_ text: Printable, to descriptor: Int32) {
    text.bytes.withUnsafeBytes { bytes in
      var rest = bytes
      while let base = rest.baseAddress, !rest.isEmpty {
        let count = Glibc.write(descriptor, base, rest.count)
        if count < 0 {
          if errno == EINTR || errno == EAGAIN { continue }
          return  // nobody reads any more
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
    }
  }
}
