internal import Metrics

extension Notice {
  /// The notice as one JSON object: `webhook` posts it and `exec` passes it on standard input.
  ///
  /// `version` (1), `kind` (`problem`, `recovery`, `summary`, `report`, `test`), `occasion`
  /// (`first`, `change`, `again`, `end`), `incident`, `contact`, `severity`, `subject`, `text`
  /// (lines), `opened` and `closed` (RFC 3339, UTC), `silent`, `alerts`: for each `host`, `group`,
  /// `check`, `severity`, `from`, `message`, `since`, `until`, `cause`, `tags`; `truncated` (the
  /// number of alerts left out). Unknown and absent values are left out.
  func object(_ occasion: Occasion) -> JSON {
    var members: [(String, JSON)] = [
      ("version", .integer(1)), ("kind", .string(kind.rawValue)),
      ("occasion", .string(occasion.rawValue)), ("contact", .string(contact)),
    ]
    if !incident.isEmpty { members.append(("incident", .string(incident))) }
    members += [
      ("severity", .string(severity.rawValue)), ("subject", .string(subject)),
      ("text", .string(text.plain)), ("opened", .string(opened.rfc3339)),
    ]
    if let closed { members.append(("closed", .string(closed.rfc3339))) }
    members.append(("silent", .boolean(isSilent)))
    let listed = alerts.prefix(Notice.alertLimit)
    members.append(("alerts", .array(listed.map(\.object))))
    if listed.count < alerts.count {
      members.append(("truncated", .integer(Int64(alerts.count - listed.count))))
    }
    return .object(members)
  }

  /// The limit of alerts in one message.
  static let alertLimit = 2_000
}

extension Notice.Alert {
  fileprivate var object: JSON {
    var members: [(String, JSON)] = [
      ("host", .string(host)), ("group", .string(group)), ("check", .string(check)),
      ("severity", .string(severity.rawValue)), ("from", .string(from.rawValue)),
      ("message", .string(message)), ("since", .string(since.rfc3339)),
    ]
    if let until { members.append(("until", .string(until.rfc3339))) }
    if let cause { members.append(("cause", .string(cause))) }
    if !tags.isEmpty {
      members.append(("tags", .object(tags.map { ($0.name, .string($0.value)) })))
    }
    return .object(members)
  }
}
