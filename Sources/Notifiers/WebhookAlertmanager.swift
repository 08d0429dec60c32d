internal import Metrics

extension Notice {
  /// The notice as Prometheus's Alertmanager would post it, version "4" of its payload.
  ///
  /// Each alert is one of the notice; the label `incident` groups them. Standard: "Configuration",
  /// `webhook_config`, in the documentation of Prometheus Alertmanager.
  func alertmanager() -> JSON {
    let listed = alerts.prefix(Self.alertLimit).map { Entry($0, of: self) }
    let entries = listed.isEmpty ? [Entry(self)] : listed
    let isFiring = entries.contains { $0.ended == nil }
    let incident = self.incident.isEmpty ? kind.rawValue : self.incident
    return .object([
      ("version", .string("4")),
      ("groupKey", .string("{}:{incident=\"\(incident.asIdentifier)\"}")),
      ("truncatedAlerts", .integer(Int64(max(0, alerts.count - listed.count)))),
      ("status", .string(isFiring ? "firing" : "resolved")),
      ("receiver", .string(contact)),
      ("groupLabels", .object([("incident", .string(incident))])),
      ("commonLabels", Self.common(entries.map(\.labels))),
      ("commonAnnotations", Self.common(entries.map(\.annotations))),
      ("externalURL", .string("")),
      ("alerts", .array(entries.map(\.object))),
    ])
  }

  /// The members that all alerts have in common.
  private static func common(_ all: [[(String, String)]]) -> JSON {
    guard let first = all.first else { return .object([]) }
    var shared = first
    for members in all.dropFirst() where !shared.isEmpty {
      let others = Dictionary(members) { first, _ in first }
      shared.removeAll { others[$0.0] != $0.1 }
    }
    return .object(shared.map { ($0.0, .string($0.1)) })
  }

  /// One of `alerts`.
  private struct Entry {
    var labels: [(String, String)]
    var annotations: [(String, String)]
    var began: Timestamp
    var ended: Timestamp?
    var identity: String

    init(_ alert: Alert, of notice: Notice) {
      // A resolved alert keeps the severity that it had.
      let severity = alert.severity == .ok ? max(alert.from, notice.severity) : alert.severity
      labels = [
        ("alertname", alert.check), ("host", alert.host), ("instance", alert.host),
        ("group", alert.group), ("severity", severity.rawValue),
        ("incident", notice.incident.isEmpty ? notice.kind.rawValue : notice.incident),
        ("job", "scrape"),
      ]
      for tag in alert.tags {
        let name = Self.label(tag.name)
        if !labels.contains(where: { $0.0 == name }) { labels.append((name, tag.value)) }
      }
      let over = alert.until == nil ? "" : ", is well again"
      annotations = [
        ("summary", "\(alert.host) \(alert.check) \(severity.rawValue)\(over)"),
        ("description", alert.message),
      ]
      if let cause = alert.cause { annotations.append(("cause", cause)) }
      began = alert.since
      ended = alert.until ?? (notice.kind == .recovery ? notice.closed ?? .now : nil)
      identity = alert.identity
    }

    /// A notice without alerts does not fire and has nothing to resolve.
    init(_ notice: Notice) {
      labels = [
        ("alertname", "scrape \(notice.kind.rawValue)"), ("severity", notice.severity.rawValue),
        ("incident", notice.incident.isEmpty ? notice.kind.rawValue : notice.incident),
        ("job", "scrape"),
      ]
      annotations = [("summary", notice.subject), ("description", notice.text.plain)]
      began = notice.opened
      ended = notice.kind == .problem ? notice.closed : notice.closed ?? notice.opened
      identity = "\(notice.kind.rawValue) \(notice.incident)".fingerprint
    }

    /// A name as Prometheus takes it for a label: letters, digits and `_`, no digit first.
    private static func label(_ name: String) -> String {
      let plain = String(
        name.unicodeScalars.map { scalar -> Character in
          switch scalar {
          case "a"..."z", "A"..."Z", "0"..."9", "_": Character(scalar)
          default: "_"
          }
        })
      return plain.first.map { ("0"..."9").contains($0) } ?? true ? "_\(plain)" : plain
    }

    var object: JSON {
      .object([
        ("status", .string(ended == nil ? "firing" : "resolved")),
        ("labels", .object(labels.map { ($0.0, .string($0.1)) })),
        ("annotations", .object(annotations.map { ($0.0, .string($0.1)) })),
        ("startsAt", .string(began.rfc3339)),
        // An alert that still fires ends in the year 1, the zero of Go's time.
        ("endsAt", .string(ended?.rfc3339 ?? "0001-01-01T00:00:00Z")),
        ("generatorURL", .string("")),
        ("fingerprint", .string(identity)),
      ])
    }
  }
}
