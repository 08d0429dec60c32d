internal import Engine
internal import Glibc
public import Metrics
internal import Passes
internal import Synchronization

/// Standard output and standard error, for data and for people.
public enum Terminal: Sendable {
  public enum Colour: Sendable {
    case red, yellow, green, blue, bold, dim
    /// Bold red, for what is critical; magenta is what is major.
    case alarm, magenta

    fileprivate var begin: StaticString {
      switch self {
      case .red: "\u{1b}[31m"
      case .yellow: "\u{1b}[33m"
      case .green: "\u{1b}[32m"
      case .blue: "\u{1b}[36m"
      case .bold: "\u{1b}[1m"
      case .dim: "\u{1b}[2m"
      case .alarm: "\u{1b}[1;31m"
      case .magenta: "\u{1b}[35m"
      }
    }
  }

  /// Whether the stream is a terminal with colours and redrawing.
  public static func isLively(_ descriptor: Int32) -> Bool {
    isatty(descriptor) == 1 && environment("NO_COLOR") == nil && environment("TERM") != "dumb"
  }

  /// Whether a person runs this process: cron and systemd give no terminal.
  public static var isAttended: Bool { isatty(0) == 1 || isatty(2) == 1 }

  /// Whether the locale (setlocale(3)) is UTF-8.
  public static var isUTF8: Bool {
    let locale = environment("LC_ALL") ?? environment("LC_CTYPE") ?? environment("LANG") ?? "C"
    let name = locale.lowercased()
    return name.contains("utf-8") || name.contains("utf8")
  }

  /// The columns of the terminal; 100 without one.
  static var width: Int {
    var size = winsize()
    if ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 20 { return Int(size.ws_col) }
    return 100
  }

  public static func paint(_ text: Printable, _ colour: Colour, on descriptor: Int32) -> Printable {
    isLively(descriptor) ? text.between(colour) : text
  }

  @_disfavoredOverload
  public static func paint(_ text: String, _ colour: Colour, on descriptor: Int32) -> Printable {
    paint(Printable(text), colour, on: descriptor)
  }

  /// Writes a line of data.
  public static func print(_ line: Printable = "") { write(line + "\n", to: 1) }

  /// Writes a line of untrusted text.
  @_disfavoredOverload
  public static func print(_ line: String) { print(Printable(line)) }

  /// Writes a line for people to standard output, in ASCII without UTF-8.
  public static func show(_ line: Printable) { writeText(line + "\n", to: 1) }

  @_disfavoredOverload
  public static func show(_ line: String) { show(Printable(line)) }

  /// Writes a line for people to standard error.
  public static func note(_ line: Printable) { writeText(line + "\n", to: 2) }

  /// Writes text for people to a stream.
  public static func writeText(_ text: Printable, to descriptor: Int32) {
    if isUTF8 {
      write(text, to: descriptor)
    } else {
      write(bytes: text.ascii, to: descriptor)
    }
  }

  @_disfavoredOverload
  public static func note(_ line: String) { note(Printable(line)) }

  /// The errno of a failed write to standard output, as on a full disk; else 0.
  private static let failure = Atomic<Int32>(0)

  /// The exit code of a command: `code`, or that of a failure if standard output is incomplete.
  public static func checked(_ code: Int32) -> Int32 {
    let problem = failure.load(ordering: .relaxed)
    guard problem != 0 else { return code }
    note("scrape: standard output is not whole: \(SystemError("write", problem).message)")
    return code == ExitCode.ok || code == ExitCode.notOK ? ExitCode.undelivered : code
  }

  public static func write(_ text: Printable, to descriptor: Int32) {
    write(bytes: text.bytes, to: descriptor)
  }

  private static func write(bytes: [UInt8], to descriptor: Int32) {
    bytes.withUnsafeBytes { bytes in
      var rest = bytes
      while let base = rest.baseAddress, !rest.isEmpty {
        let count = Glibc.write(descriptor, base, rest.count)
        if count < 0 {
          if errno == EINTR || errno == EAGAIN { continue }
          // A reader may close its pipe.
          if descriptor == 1, errno != EPIPE { failure.store(errno, ordering: .relaxed) }
          return
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
    }
  }
}

extension Printable {
  /// The text in a colour.
  func between(_ colour: Terminal.Colour) -> Printable { between(colour.begin, "\u{1b}[0m") }

  /// The text in ASCII: our own signs are replaced, all other characters escaped.
  var ascii: [UInt8] {
    if bytes.allSatisfy({ $0 < 0x80 }) { return bytes }
    return Array(String(decoding: bytes, as: UTF8.self).ascii.utf8)
  }
}
