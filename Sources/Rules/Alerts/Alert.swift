public import Metrics

/// One check that is not ok, with all that routes match.
public struct Alert: Sendable, Equatable {
  /// Which check: of a host, or of `Pseudo.services` and `Pseudo.scraper`.
  public struct Key: Sendable, Hashable, Comparable {
    public var host: String
    /// `ssh`, `bmc`, `service https`, `rule disk full{path=/}`.
    public var check: String

    public init(_ host: String, _ check: String) {
      self.host = host
      self.check = check
    }

    /// The check whose failure means that the scraper is cut off.
    static let cutOff = Key(Pseudo.scraper, "network")

    /// The place of the trouble: a host, or one service of scrape.yml.
    var place: String { host == Pseudo.services ? check : host }

    public static func < (a: Key, b: Key) -> Bool { (a.host, a.check) < (b.host, b.check) }
  }

  public var key: Key
  public var group: String
  public var severity: Severity
  /// The severity before the last transition.
  public var from: Severity
  /// Why the check is not ok; nil for rules and services of scrape.yml.
  public var reason: Reason?
  /// The message of the check, without the reason; safe to print.
  public var message: String
  /// The reason and the message.
  public var text: String { Reason.text(reason, message) }
  public var since: Timestamp
  public var isFlapping: Bool
  /// The alert that causes this one: a host that is down, possibly the same host.
  public var cause: Key?
  public var tags: [Tag]
  /// Who acknowledged it, and why.
  public var acknowledgement: String?
  /// Whether it was ever ok; unknown is then a change for the worse. Only routes use it.
  public var wasOK = false

  /// Whether the scraper itself is cut off. Such an alert is an incident of its own, matches all routes'
  /// hosts, and always makes a sound.
  public var isCutOff: Bool { key == .cutOff }

  public init(
    _ key: Key, group: String = "", severity: Severity, from: Severity = .ok, reason: Reason? = nil,
    message: String = "", since: Timestamp, isFlapping: Bool = false, cause: Key? = nil,
    tags: [Tag] = [],
    acknowledgement: String? = nil
  ) {
    self.key = key
    self.group = group
    self.severity = severity
    self.from = from
    self.reason = reason
    self.message = message
    self.since = since
    self.isFlapping = isFlapping
    self.cause = cause
    self.tags = tags
    self.acknowledgement = acknowledgement
  }
}
