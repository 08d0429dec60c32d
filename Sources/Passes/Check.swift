public import Metrics

/// One thing that `scrape doctor` looked at, and what it found.
public struct Check: Sendable {
  /// Where it belongs: `scraper`, `sink`, `host`.
  public enum Area: String, Sendable, CaseIterable { case scraper, sink, host }

  public var area: Area
  /// What was looked at: `store`, a sink's name, a host's.
  public var subject: String
  /// Nil where it could not be found out, or does not matter here.
  public var isFine: Bool?
  /// What was found, with what to do where it is not fine.
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
