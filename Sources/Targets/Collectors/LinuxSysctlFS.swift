public import Metrics
import Parsers

/// Use of the kernel's tables of files, inodes and directory entries, under Telegraf's
/// `linux_sysctl_fs`.
///
/// Format: the kernel's Documentation/admin-guide/sysctl/fs.rst. Each file is one line of numbers; which
/// files there are differs between kernels.
public enum LinuxSysctlFSCollector: Collector {
  public static let name = "linux_sysctl_fs"
  public static let summary = "open files, inodes, directory entries and their limits"
  public static let measurements = [
    Measurement(
      "linux_sysctl_fs",
      """
      The kernel's tables of files, inodes and directory entries. The collector is in no built-in \
      profile. A field is absent if the kernel lacks the file.
      """,
      source: "`/proc/sys/fs/*`",
      fields: [
        .integer("file-nr", "file-max", means: "Open files, and their limit"),
        .integer(
          "inode-nr", "inode-free-nr", "inode-preshrink-nr",
          means: "Inodes in memory; free ones; whether the table must shrink"),
        .integer(
          "dentry-nr", "dentry-unused-nr", means: "Directory entries in memory; unused ones"),
        .integer("dentry-age-limit", unit: .seconds, means: "Age at which they may be reclaimed"),
        .integer("dentry-want-pages", means: "Pages that the system wants back"),
        .integer("aio-nr", "aio-max-nr", means: "Asynchronous requests, and their limit"),
        .integer(
          "dquot-nr", "dquot-max", means: "Disk quotas in memory, and their limit; old kernels"),
        .integer("super-nr", "super-max", means: "Super blocks, and their limit; old kernels"),
      ])
  ]
  public static let files = tables.map { folder + $0.file }

  private static let folder = "/proc/sys/fs/"
  /// The fields of each file in the order of its numbers; nil is a number without a field.
  private static let tables: [(file: String, fields: [String?])] = [
    ("file-nr", ["file-nr", nil, "file-max"]),
    ("inode-state", ["inode-nr", "inode-free-nr", "inode-preshrink-nr"]),
    (
      "dentry-state",
      ["dentry-nr", "dentry-unused-nr", "dentry-age-limit", "dentry-want-pages"]
    ),
    ("aio-nr", ["aio-nr"]), ("aio-max-nr", ["aio-max-nr"]), ("dquot-nr", ["dquot-nr"]),
    ("dquot-max", ["dquot-max"]), ("super-nr", ["super-nr"]), ("super-max", ["super-max"]),
  ]

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    var point = Point("linux_sysctl_fs")
    var failure: CollectorError?
    for (file, fields) in tables {
      guard let bytes = host.files[folder + file] else { continue }
      do { try add(bytes.span, of: file, as: fields, to: &point) } catch { failure = error }
    }
    if !point.fields.isEmpty { sample.points.append(point) }
    if let failure { throw failure }
    if point.fields.isEmpty {
      throw CollectorError(.missingTool, "\(folder) is not there or not readable")
    }
  }

  private static func add(
    _ text: Span<UInt8>, of file: String, as fields: [String?], to point: inout Point
  ) throws(CollectorError) {
    var lines = Scanner(text)
    guard let line = lines.line() else { return }
    var words = Scanner(line)
    for field in fields {
      guard let word = words.word() else { return }
      guard let field else { continue }
      guard let number = word.unsigned else {
        throw CollectorError(ParseError(folder + file, "expected a number", line: 1, at: word))
      }
      point.integer(field, number)
    }
  }
}
