internal import Glibc
internal import Metrics

/// One syslog message, in the network format (RFC 5424) or in that of the local daemon (RFC 3164).
struct SyslogMessage {
  /// The severity by the numbers of RFC 5424, 6.2.1.
  enum Level: Int {
    case critical = 2
    case error = 3
    case warning = 4
    case notice = 5
    case informational = 6

    init(_ severity: Severity) {
      switch severity {
      case .critical: self = .critical
      case .major: self = .error
      case .minor, .unknown: self = .warning
      case .ok: self = .notice
      }
    }
  }

  var level: Level
  /// The message type: `ALERT`, `INCIDENT`.
  var kind: String
  var facts: [(name: String, value: String)]
  var text: String

  /// The facilities by their names (RFC 5424, 6.2.1; syslog(3)).
  static let facilities: [(name: String, number: Int)] =
    [
      ("kern", 0), ("user", 1), ("mail", 2), ("daemon", 3), ("auth", 4), ("syslog", 5), ("lpr", 6),
      ("news", 7), ("uucp", 8), ("cron", 9), ("authpriv", 10), ("ftp", 11),
    ] + (0...7).map { ("local\($0)", 16 + $0) }

  /// `<27>1 2025-02-03T04:05:06.789Z mon.example scrape 123 ALERT [scrape@32473 host="web3"] text`.
  ///
  /// The enterprise number is the one that RFC 5612 reserves for examples: this program has none of
  /// its own.
  func network(_ facility: Int, at time: Timestamp, from host: String, limit: Int) -> [UInt8] {
    // RFC 5424 allows six digits of a second; rsyslog garbles nine.
    let time = Timestamp(nanoseconds: time.nanoseconds - time.nanoseconds % 1_000_000)
    var line = "<\(facility * 8 + level.rawValue)>1 \(time.rfc3339) \(host.cut(to: 255)) scrape "
    line += "\(getpid()) \(kind) "
    let facts = facts.filter { !$0.value.isEmpty }.map { fact in
      "\(fact.name)=\"\(Self.escaped(fact.value.visible.cut(to: 128)))\""
    }
    line += facts.isEmpty ? "- " : "[scrape@32473 \(facts.joined(separator: " "))] "
    let text = text.visible
    // UTF-8 text begins with the byte order mark (6.4); ASCII needs none.
    if !text.utf8.allSatisfy({ $0 < 0x80 }) { line += "\u{feff}" }
    return Array((line + text).cut(to: limit).utf8)
  }

  /// `<27>Feb  3 04:05:06 scrape[123]: text`, as syslog(3) writes it: the daemon knows the host.
  func local(_ facility: Int, at time: Timestamp, limit: Int) -> [UInt8] {
    let line =
      "<\(facility * 8 + level.rawValue)>\(time.rfc3164) scrape[\(getpid())]: \(text.visible)"
    return Array(line.cut(to: limit).utf8)
  }

  /// The value of a parameter: `"`, `\` and `]` have a backslash before them (6.3.3).
  private static func escaped(_ value: String) -> String {
    var escaped = ""
    for scalar in value.unicodeScalars {
      if scalar == "\"" || scalar == "\\" || scalar == "]" { escaped += "\\" }
      escaped.unicodeScalars.append(scalar)
    }
    return escaped
  }
}

extension Notice {
  /// One message for the incident, and one for each alert whose state was not sent before.
  func syslogMessages(besides states: Set<String>) -> [SyslogMessage] {
    let about = [("kind", kind.rawValue), ("incident", incident), ("severity", severity.rawValue)]
    let level: SyslogMessage.Level =
      kind == .problem ? .init(severity) : kind == .recovery ? .notice : .informational
    var messages = [
      SyslogMessage(
        level: level, kind: kind.rawValue.uppercased(),
        facts: about + [("contact", contact)], text: subject)
    ]
    let new = alerts.filter { !states.contains($0.state) }
    for alert in new.prefix(Self.alertLimit) {
      let isOver = alert.until != nil
      let state = isOver ? "ok, was \(alert.from.rawValue)" : alert.severity.rawValue
      let cause = alert.cause.map { " (because of \($0))" } ?? ""
      messages.append(
        SyslogMessage(
          level: isOver ? .notice : .init(alert.severity), kind: "ALERT",
          facts: [
            ("host", alert.host), ("check", alert.check), ("group", alert.group),
            ("severity", isOver ? Severity.ok.rawValue : alert.severity.rawValue),
            ("incident", incident),
          ], text: "\(alert.host) \(alert.check): \(state): \(alert.message)\(cause)"))
    }
    if new.count > Self.alertLimit {
      messages.append(
        SyslogMessage(
          level: level, kind: "ALERT", facts: about,
          text: "and \(new.count - Self.alertLimit) more"))
    }
    return messages
  }
}
