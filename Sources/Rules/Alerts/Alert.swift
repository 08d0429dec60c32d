public import Metrics

/// One check that is not well, with all that routes choose by.
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

    /// What it is a trouble of: a host, or one service of scrape.yml, which shares nothing with others.
    var place: String { host == Pseudo.services ? check : host }

    public static func < (a: Key, b: Key) -> Bool { (a.host, a.check) < (b.host, b.check) }
  }

  public var key: Key
  public var group: String
  public var severity: Severity
  /// How it was before.
  public var from: Severity
  /// What was seen; harmless to print.
  public var message: String
  public var since: Timestamp
  public var isFlapping: Bool
  /// What it is an effect of: that a host is down, be it its own.
  public var cause: Key?
  public var tags: [Tag]
  /// Who said that it is known, and why.
  public var acknowledgement: String?
  /// Whether it was ever ok: that it is unknown now is a change for the worse. Only routes ask for it.
  public var wasOK = false

  /// Whether it says that the scraper itself is cut off. That concerns everybody and all hosts: it is an
  /// incident of its own, and its message always makes a sound.
  public var isCutOff: Bool { key.host == Pseudo.scraper && key.check == "network" }

  public init(
    _ key: Key, group: String = "", severity: Severity, from: Severity = .ok, message: String = "",
    since: Timestamp, isFlapping: Bool = false, cause: Key? = nil, tags: [Tag] = [],
    acknowledgement: String? = nil
  ) {
    self.key = key
    self.group = group
    self.severity = severity
    self.from = from
    self.message = message
    self.since = since
    self.isFlapping = isFlapping
    self.cause = cause
    self.tags = tags
    self.acknowledgement = acknowledgement
  }
}
