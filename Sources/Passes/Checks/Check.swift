public import Metrics

/// One check of `scrape doctor` with its result.
public struct Check: Sendable {
  /// The area: `scraper`, `sink`, `host`.
  public enum Area: String, Sendable, CaseIterable { case scraper, sink, host }

  public var area: Area
  /// The subject: `store`, the name of a sink or of a host.
  public var subject: String
  /// Nil if unknown or not relevant here.
  public var isFine: Bool?
  /// The result, with what to do if it is not fine.
  public var message: String

  public init(_ area: Area, _ subject: String, _ isFine: Bool?, _ message: String) {
    self.area = area
    self.subject = subject
    self.isFine = isFine
    self.message = message
  }

  public var json: JSON {
    .object([
      ("area", .string(area.rawValue)), ("subject", .string(subject)),
      ("ok", isFine.map { .boolean($0) } ?? .null), ("message", .string(message)),
    ])
  }
}
