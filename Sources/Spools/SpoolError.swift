public import Metrics

/// Why a file of a spool was refused.
public struct SpoolError: Error, Sendable, Equatable, CustomStringConvertible {
  /// `parse_error` for a damaged file, `not_supported` for one of a later version, `output_too_large`.
  public var reason: Reason
  /// What is wrong. May hold the file's words: make it visible before printing.
  public var message: String

  public init(_ reason: Reason, _ message: String) {
    self.reason = reason
    self.message = message
  }

  static func damaged(_ message: String) -> SpoolError { SpoolError(.parseError, message) }

  public var description: String { Reason.text(reason, message) }
}
