public import Metrics
public import Parsers

/// One aspect of a host: what is read there, and what its points are called.
///
/// A collector is one file: the /proc files or the POSIX sh script it needs, the options a profile
/// may give it, and the way from their text to points. It does no I/O and never traps.
public protocol Collector: Sendable {
  /// The name that profiles and `--only` use: `cpu`.
  static var name: String { get }
  /// What it tells, in a few words, for `scrape list` and error messages.
  static var summary: String { get }
  /// What lands in the database: every measurement it writes, with its tags and fields.
  static var measurements: [Measurement] { get }
  /// Files that tell it all. The files of all collectors are read on the host by a single process.
  static var files: [String] { get }
  /// POSIX sh that only reads, for what no file tells; it runs with an empty standard input, in a
  /// subshell of its own, under `LC_ALL=C` and `TZ=UTC`. `$limit` before a command that may hang
  /// bounds it to a few seconds where the host has `timeout`.
  static func script(_ options: CollectorOptions) -> String?
  /// Whether a command of the script may hang (a dead disk, a dead GPU); such scripts run last.
  static var mayHang: Bool { get }
  /// The most bytes of output that are kept; a section that is longer fails with `output_too_large`.
  static var byteLimit: Int { get }
  /// Whether what it keeps for its next turn is still worth something after the host rebooted:
  /// which events it has told of is, counters of the kernel are not.
  static var remembersAcrossBoots: Bool { get }
  /// What a profile may set.
  static var options: [CollectorOption] { get }
  /// Turns what the host answered into points. Those added before an error is thrown are kept.
  static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
}

extension Collector {
  public static var files: [String] { [] }
  public static func script(_ options: CollectorOptions) -> String? { nil }
  public static var mayHang: Bool { false }
  public static var byteLimit: Int { 256 << 10 }
  public static var remembersAcrossBoots: Bool { false }
  public static var options: [CollectorOption] { [] }
}

/// Why a collector has nothing to tell. Its reason is written to the database.
public struct CollectorError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Reason: String, Sendable {
    /// The text is not what its format allows.
    case parseError = "parse_error"
    /// The program is not installed on the host.
    case missingTool = "missing_tool"
    /// The monitoring account may not read it.
    case permission
    /// The command failed and said why.
    case commandFailed = "command_failed"
    /// The command did not end in its time.
    case timeout
    /// More output than the collector takes.
    case outputTooLarge = "output_too_large"
    /// The connection ended before this collector's turn.
    case notReached = "not_reached"
    /// This kind of host does not have it (no software RAID, a kernel without pressure figures): no
    /// points, and nothing wrong.
    case notApplicable = "not_applicable"
  }

  public var reason: Reason
  /// What happened, for people. It may hold the host's words: make it visible before printing.
  public var detail: String

  public init(_ reason: Reason, _ detail: String) {
    self.reason = reason
    self.detail = detail
  }

  public init(_ error: ParseError) {
    self.init(.parseError, error.description)
  }

  public var description: String { "\(reason.rawValue): \(detail)" }
}
