public import Metrics
public import Parsers

/// One aspect of a host: its sources, and its points.
///
/// A collector is one file: the /proc files or the POSIX sh script that it needs, its options in a
/// profile, and the conversion of their text to points. It does no I/O and never traps.
public protocol Collector: Sendable {
  /// The name that profiles and `--only` use: `cpu`.
  static var name: String { get }
  /// A short description, for `scrape list` and error messages.
  static var summary: String { get }
  /// Every measurement that it writes, with its tags and fields.
  static var measurements: [Measurement] { get }
  /// Files with the values. A single process on the host reads the files of all collectors.
  static var files: [String] { get }
  /// POSIX sh that only reads, for values that no file holds; it runs with an empty standard input,
  /// in its own subshell, under `LC_ALL=C` and `TZ=UTC`. `$limit` before a command that may hang
  /// limits it to a few seconds if the host has `timeout`.
  static func script(_ options: CollectorOptions) -> String?
  /// Whether a command of the script may hang (a dead disk, a dead GPU); such scripts run last.
  static var mayHang: Bool { get }
  /// The limit of output in bytes; a longer section fails with `output_too_large`.
  static var byteLimit: Int { get }
  /// Whether its memory for the next run is valid after a reboot: a record of known events is,
  /// counters of the kernel are not.
  static var remembersAcrossBoots: Bool { get }
  /// The options in a profile.
  static var options: [CollectorOption] { get }
  /// Converts the host's answer to points. Points added before an error is thrown are kept.
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

/// Why a collector has no values. Its reason is written to the database.
public struct CollectorError: Error, Sendable, Equatable, CustomStringConvertible {
  /// One of `Reason.ofCollectors`.
  public var reason: Reason
  /// The message for people. May hold the host's words: make it visible before printing.
  public var detail: String

  public init(_ reason: Reason, _ detail: String) {
    assert(Reason.ofCollectors.contains(reason), reason.rawValue)
    self.reason = reason
    self.detail = detail
  }

  public init(_ error: ParseError) {
    self.init(.parseError, error.description)
  }

  public var description: String { "\(reason.rawValue): \(detail)" }
}
