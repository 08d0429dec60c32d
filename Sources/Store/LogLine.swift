public import Metrics

/// One line of the log: a pass, a warning, a change, a notification, or what an operator did.
public struct LogLine: Sendable, Equatable {
  public enum Kind: String, Sendable, CaseIterable {
    /// A pass, or a round of the watch.
    case pass
    /// A warning of a pass that was not there before.
    case warning
    /// A check whose state changed.
    case change
    /// An event that a host or its BMC reported.
    case event
    /// An attempt to notify.
    case notification
    /// What an operator did.
    case action
  }

  /// The number, from 1; 0 before it is stored.
  public var number: Int64 = 0
  public var time: Timestamp
  public var kind: Kind
  /// Nil where it is of no host, or of several.
  public var host: String?
  /// What else there is to say, an object.
  public var body: JSON

  public init(_ kind: Kind, host: String? = nil, at time: Timestamp, _ body: [(String, JSON)]) {
    self.time = time
    self.kind = kind
    self.host = host
    self.body = .object(body)
  }

  /// Texts are cut: most of them are of hosts.
  static let textLimit = 400
  /// Of a notification or an action, the hosts that are named.
  static let hostLimit = 20

  private static func text(_ text: String) -> JSON {
    .string(text.utf8.count > textLimit ? String(text.prefix(textLimit / 4)) + "…" : text)
  }

  private static func hosts(_ hosts: [String]) -> [(String, JSON)] {
    hosts.isEmpty
      ? []
      : [
        ("hosts", .array(hosts.prefix(hostLimit).map { .string($0) })),
        ("host_count", .integer(Int64(hosts.count))),
      ]
  }

  // MARK: Lines

  /// A warning of a pass.
  public static func warning(_ words: String, at time: Timestamp) -> LogLine {
    LogLine(.warning, at: time, [("message", text(words))])
  }

  /// What an operator did: `silence`, `ack`, `trust` …, in words.
  public static func action(
    _ action: String, by who: String, hosts: [String] = [], _ words: String, at time: Timestamp
  ) -> LogLine {
    LogLine(
      .action, host: hosts.count == 1 ? hosts[0] : nil, at: time,
      [("action", .string(action)), ("who", text(who)), ("message", text(words))]
        + Self.hosts(hosts))
  }

  /// An attempt to notify a contact; `failure` is nil where it was delivered.
  public static func notification(
    of contact: String, by notifier: String, _ occasion: String, incident: String?,
    subject: String, hosts: [String], failure: String?, at time: Timestamp
  ) -> LogLine {
    var body: [(String, JSON)] = [
      ("contact", text(contact)), ("notifier", text(notifier)), ("occasion", .string(occasion)),
      ("subject", text(subject)),
    ]
    if let incident { body.append(("incident", .string(incident))) }
    if let failure { body.append(("failure", text(failure))) }
    return LogLine(.notification, at: time, body + Self.hosts(hosts))
  }

  static func pass(_ pass: PassSummary, _ number: Int64) -> LogLine {
    let scope: String =
      switch pass.scope {
      case .timer: "timer"
      case .hand: "hand"
      case .part: "part"
      }
    return LogLine(
      .pass, at: pass.start,
      [
        ("pass", .integer(number)), ("scope", .string(scope)),
        ("asked", .integer(Int64(pass.hosts))), ("up", .integer(Int64(pass.up))),
        ("failed", .integer(Int64(pass.failed))), ("points", .integer(Int64(pass.points))),
        ("took_s", .number(Double(pass.end.nanoseconds &- pass.start.nanoseconds) / 1e9)),
        ("warnings", .integer(Int64(pass.warnings.count))),
      ])
  }

  static func change(_ change: CheckTransition, of host: String) -> LogLine {
    LogLine(
      .change, host: host, at: change.time,
      [
        ("check", text(change.name)), ("from", .string(change.from.rawValue)),
        ("to", .string(change.to.rawValue)), ("message", text(change.text)),
        ("flapping", .boolean(change.isFlapping)),
      ])
  }

  /// An event of a host, from a point `event`; changes of checks are lines of their own.
  static func event(_ point: Point, of host: String, at time: Timestamp) -> LogLine? {
    guard let source = point[tag: "source"], source != "check" else { return nil }
    func string(_ name: String) -> String {
      if case .string(let text)? = point[field: name] { text } else { "" }
    }
    return LogLine(
      .event, host: host, at: point.time ?? time,
      [
        ("source", .string(source)), ("severity", .string(point[tag: "severity"] ?? "")),
        ("subject", text(string("subject"))), ("message", text(string("text"))),
      ])
  }

  /// The lines of a host's result: what changed, and what happened.
  static func all(of result: HostResult) -> [LogLine] {
    let host = result.batch.host
    let points = result.batch.points
    return result.transitions.map { change($0, of: host) }
      + points.indices.lazy.filter { points[$0].measurement == Measurement.event.name }
      .compactMap { event(points[$0], of: host, at: result.batch.time) }
  }

  /// Of a host in one pass, the lines that are kept.
  static let mostOfHost = 50
}
