internal import Glibc
internal import Metrics

/// Standard output and standard error, and what a person may be shown on them.
enum Terminal {
  enum Colour: String {
    case red = "31"
    case yellow = "33"
    case green = "32"
    case blue = "36"
    case bold = "1"
    case dim = "2"
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

  static func paint(_ text: String, _ colour: Colour, on descriptor: Int32) -> String {
    isLively(descriptor) ? "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m" : text
  }

  /// Writes a line of data.
  static func print(_ line: String = "") { write(line + "\n", to: 1) }

  /// Writes a line for people that is no data.
  static func note(_ line: String) { write(line + "\n", to: 2) }

  static func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
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

extension String {
  /// Each line made visible, the line breaks between them kept.
  var visibleLines: String {
    split(separator: "\n", omittingEmptySubsequences: false).map { String($0).visible }
      .joined(separator: "\n")
  }
}
