public import Charts
public import Metrics

/// The content of one notification: an incident as it is now, a summary, a report or a test.
///
/// Every notifier gets the same notice and gives it the form of its place.
public struct Notice: Sendable {
  public enum Kind: String, Sendable {
    /// An open incident.
    case problem
    /// A resolved incident.
    case recovery
    /// Notifications that were held back, delivered later.
    case summary
    case report
    case test
  }

  /// One check that fires or has resolved.
  public struct Alert: Sendable, Equatable {
    public var host: String
    public var group: String
    /// The name as in `scrape status`: `ssh`, `service https`, `rule disk full{path=/}`.
    public var check: String
    public var severity: Severity
    public var from: Severity
    /// The last observation. It may come from a host: it is harmless to print, and nothing more.
    public var message: String
    public var since: Timestamp
    /// The time of the resolution; nil while the alert fires.
    public var until: Timestamp?
    /// The host on which this one depends, if that one is down.
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
  /// The incident's name in all of its notifications; empty if there is none.
  public var incident: String
  /// The worst severity; sets colour and sound.
  public var severity: Severity
  /// A summary in one line: `🔴 web[01-14] down`.
  public var subject: String
  /// The whole text, in lines.
  public var text: StyledText
  public var alerts: [Alert]
  /// The start of the incident, or the time of writing.
  public var opened: Timestamp
  public var closed: Timestamp?
  /// Whether the notification makes no sound.
  public var isSilent: Bool
  /// The values that crossed the threshold, over time; nil if there are none.
  public var chart: Chart?
  /// The contact's name.
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
