/// Why a chart could not be drawn.
public struct ChartError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Reason: String, Sendable {
    /// No value can be drawn.
    case empty
    /// No text can be written: no font is installed.
    case font
    /// The library failed, for example for lack of memory.
    case drawing
  }

  public var reason: Reason
  /// What happened and what to do, for people.
  public var detail: String

  init(_ reason: Reason, _ detail: String) {
    self.reason = reason
    self.detail = detail
  }

  public var description: String { detail }
}
