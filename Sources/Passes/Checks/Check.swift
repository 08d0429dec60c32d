public import Metrics

/// One check of `scrape doctor` with its result.
public struct Check: Sendable {
  /// The area: `scraper`, `sink`, `contact`, `host`.
  public enum Area: String, Sendable, CaseIterable { case scraper, sink, contact, host }

  public var area: Area
  /// The subject: `store`, the name of a sink, a place of a contact or of a host.
  public var subject: String
  /// Nil if unknown or not relevant here.
  public var isFine: Bool?
  /// The result, with what to do if it is not fine.
  public var message: String
  /// The cause, if it is of the list: see docs/troubleshooting.md.
  public var reason: Reason?

  public init(
    _ area: Area, _ subject: String, _ isFine: Bool?, _ message: String, reason: Reason? = nil
  ) {
    self.area = area
    self.subject = subject
    self.isFine = isFine
    self.message = message
    self.reason = reason
  }

  public var json: JSON {
    var members: [(String, JSON)] = [
      ("area", .string(area.rawValue)), ("subject", .string(subject)),
      ("ok", isFine.map { .boolean($0) } ?? .null), ("message", .string(message)),
    ]
    if let reason {
      members += [("reason", .string(reason.rawValue)), ("see", .string(reason.page))]
    }
    return .object(members)
  }
}
