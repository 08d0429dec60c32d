/// Reads the output of `df -Pk` or `df -Pi`.
///
/// Format: POSIX df, "Filesystem 1024-blocks Used Available Capacity Mounted on"; GNU's `-i` and
/// busybox have the same columns. Devices and mount points may hold blanks: a row is recognised by
/// its three numbers (or `-`), its percentage (or `-`) and the mount point's slash. GNU df prints
/// control characters in names as `?`, busybox unchanged: a newline then breaks the row, which is
/// lost.
public enum Df: Parser {
  public struct Row: Sendable, Equatable {
    public var device: String
    public var path: String
    /// Kibibytes, or inodes; nil where df prints `-`.
    public var total: UInt64?
    public var used: UInt64?
    /// The space that is available to unprivileged users.
    public var free: UInt64?
  }

  public struct Reading: Sendable, Equatable {
    public var rows: [Row] = []
  }

  /// The limit of rows; the rest is left out.
  static let most = 4096
  /// The limit of a row: the longest device and mount point of Linux, PATH_MAX each, with the
  /// numbers between.
  static let longestLine = 8400
  /// The limit of readings of a row; each scans all of the rest.
  static let mostReadings = 32

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    try parse(text, paths: [])
  }

  /// Reads the rows of the given mount points.
  ///
  /// A device or mount point may itself look like a row: `x 1 2 3 4% /y`. Of a row's possible
  /// readings the one with a known mount point is right, or the first if none is known.
  public static func parse(_ text: Span<UInt8>, paths: Set<String>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    guard let heading = lines.line(), heading.starts(with: "Filesystem") else {
      throw ParseError("df", "expected the heading \"Filesystem\"", line: 1, at: text)
    }
    // Without -P a long device has a line of its own.
    var device: String?
    while reading.rows.count < most, let line = lines.line() {
      if let row = row(line, device: device, paths) {
        reading.rows.append(row)
        device = nil
      } else {
        device = line.count <= 4096 ? line.trimmed.string : nil
      }
    }
    return reading
  }

  private static func row(
    _ line: Span<UInt8>, device: String?, _ paths: Set<String>
  ) -> Row? {
    guard line.count <= longestLine else { return nil }
    var first: Row?
    var readings = 0
    var words = Scanner(line)
    words.skipBlanks()
    let start = words.position
    if device == nil { _ = words.word() }
    while !words.isAtEnd, readings < mostReadings {
      let end = words.position
      var columns = Scanner(line.extracting(end..<line.count))
      if let total = columns.word(), isNumber(total), let used = columns.word(), isNumber(used),
        let free = columns.word(), isNumber(free), let percent = columns.word(),
        percent.equals("-") || percent.last == UInt8(ascii: "%")
      {
        columns.skipBlanks()
        let path = columns.rest
        if path.first == UInt8(ascii: "/") {
          readings += 1
          let row = Row(
            device: device ?? line.extracting(start..<end).trimmed.string,
            path: printable(path.string), total: total.unsigned, used: used.unsigned,
            free: free.unsigned)
          if paths.isEmpty || paths.contains(row.path) { return row }
          first = first ?? row
        }
      }
      _ = words.word()
    }
    return first
  }

  /// A mount point in the form of a row: with a question mark for each control character.
  public static func printable(_ path: String) -> String {
    guard path.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else { return path }
    return String(
      decoding: path.utf8.map { $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: "?") : $0 }, as: UTF8.self)
  }

  private static func isNumber(_ word: Span<UInt8>) -> Bool {
    word.equals("-") || word.signed != nil || word.unsigned != nil
  }
}
