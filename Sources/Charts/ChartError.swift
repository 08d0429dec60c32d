/// Why a chart could not be drawn.
public struct ChartError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Reason: String, Sendable {
    /// There is not one value that could be drawn.
    case empty
    /// Text cannot be written: no font is installed.
    case font
    /// The library failed, as when memory is short.
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
