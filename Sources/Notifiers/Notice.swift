public import Charts
public import Metrics

/// What people are told: one incident as it is now, a summary, a report or a test.
///
/// It says the same to every notifier; each brings it into the form of its place.
public struct Notice: Sendable {
  public enum Kind: String, Sendable {
    /// Something is wrong, or still is.
    case problem
    /// All of an incident is over.
    case recovery
    /// What could not be told when it happened.
    case summary
    case report
    case test
  }

  /// One check that is or was not well.
  public struct Alert: Sendable, Equatable {
    public var host: String
    public var group: String
    /// As in `scrape status`: `ssh`, `service https`, `rule disk full{path=/}`.
    public var check: String
    public var severity: Severity
    public var from: Severity
    /// What was seen. It may come from a host: it is harmless to print, and nothing more.
    public var message: String
    public var since: Timestamp
    /// When it was well again; nil while it is not.
    public var until: Timestamp?
    /// The host without which this one cannot be reached, where that is down.
    public var cause: String?
    public var tags: [Tag]

    public init(
      host: String, group: String, check: String, severity: Severity, from: Severity = .ok,
      message: String, since: Timestamp, until: Timestamp? = nil, cause: String? = nil,
      tags: [Tag] = []
    ) {
      self.host = host
      self.group = group
      self.check = check
      self.severity = severity
      self.from = from
      self.message = message
      self.since = since
      self.until = until
      self.cause = cause
      self.tags = tags
    }
  }

  public var kind: Kind
  /// Names the incident in all that is told of it; empty where there is none.
  public var incident: String
  /// The worst of what is told; decides on colour and sound.
  public var severity: Severity
  /// All in one line without line breaks: `🔴 web[01-14] down`.
  public var subject: String
  /// The whole text, in lines.
  public var text: StyledText
  public var alerts: [Alert]
  /// When the incident began, or when this was written.
  public var opened: Timestamp
  public var closed: Timestamp?
  /// Whether nobody is to be woken by it.
  public var isSilent: Bool
  /// How the number went that crossed its line; nil where there is none.
  public var chart: Chart?
  /// Whom it is for.
  public var contact: String

  public init(
    _ kind: Kind, incident: String = "", severity: Severity, subject: String, text: StyledText,
    alerts: [Alert] = [], opened: Timestamp, closed: Timestamp? = nil, isSilent: Bool = false,
    chart: Chart? = nil, contact: String
  ) {
    self.kind = kind
    self.incident = incident
    self.severity = severity
    self.subject = subject
    self.text = text
    self.alerts = alerts
    self.opened = opened
    self.closed = closed
    self.isSilent = isSilent
    self.chart = chart
    self.contact = contact
  }
}
