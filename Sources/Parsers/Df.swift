/// Reads what `df -Pk` or `df -Pi` prints.
///
/// Format: POSIX df, "Filesystem 1024-blocks Used Available Capacity Mounted on"; GNU's `-i` and
/// busybox have the same columns. Devices and mount points may hold blanks: a row is told by its
/// three numbers (or `-`), its percentage (or `-`) and the mount point's slash. GNU df prints control
/// characters in names as `?`, busybox as they are: a newline then breaks the row, which is lost.
public enum Df: Parser {
  public struct Row: Sendable, Equatable {
    public var device: String
    public var path: String
    /// Kibibytes, or inodes; nil where df prints `-`.
    public var total: UInt64?
    public var used: UInt64?
    /// What users without privilege can still have.
    public var free: UInt64?
  }

  public struct Reading: Sendable, Equatable {
    public var rows: [Row] = []
  }

  /// More rows than are worth reading; what comes after is left out.
  static let most = 4096
  /// The longest device and mount point that Linux has, PATH_MAX each, with the numbers between.
  static let longestLine = 8400
  /// How many readings of a row are tried; each looks at the whole rest of it.
  static let mostReadings = 32

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    try parse(text, paths: [])
  }

  /// Reads the rows of the given mount points.
  ///
  /// A device or mount point may itself look like a row: `x 1 2 3 4% /y`. Of a row's possible
  /// readings that of a known mount point is right, and the first where none is known.
  public static func parse(_ text: Span<UInt8>, paths: Set<String>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    guard let heading = lines.line(), heading.starts(with: "Filesystem") else {
      throw ParseError("df", "expected the heading \"Filesystem\"", line: 1, at: text)
    }
    // Without -P a long device stands on a line of its own.
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

  /// A mount point as a row has it: with a question mark for each control character.
  public static func printable(_ path: String) -> String {
    guard path.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else { return path }
    return String(
      decoding: path.utf8.map { $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: "?") : $0 }, as: UTF8.self)
  }

  private static func isNumber(_ word: Span<UInt8>) -> Bool {
    word.equals("-") || word.signed != nil || word.unsigned != nil
  }
}
