public import Metrics

/// The JSON form of incidents in the store; unreadable members are dropped. Keys are permanent; where one
/// has a new name, the old one is still read.
/// A member without `reason`, which may be null, is of an old store: its message begins with the reason.
extension Incident {
  public var json: JSON {
    var object: [(String, JSON)] = [
      ("contact", .string(contact)), ("route", .string(route)), ("key", .string(key)),
      ("opened", .integer(opened.nanoseconds)), ("joined", .integer(joined.nanoseconds)),
      ("revision", .integer(Int64(revision))), ("members", .array(members.map(\.json))),
      (
        "deliveries",
        .object(deliveries.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) })
      ),
    ]
    object.add("closed", closed)
    if forgotten > 0 { object.append(("forgotten", .integer(Int64(forgotten)))) }
    if isDropped { object.append(("dropped", .boolean(true))) }
    return .object(object)
  }

  public init?(_ json: JSON) {
    guard let contact = json["contact"]?.string, let route = json["route"]?.string,
      let key = json["key"]?.string, let opened = json.time("opened")
    else { return nil }
    self.init(
      contact: contact, route: route, key: key, opened: opened,
      members: (json["members"]?.elements ?? []).compactMap { Member($0) })
    joined = json.time("joined") ?? opened
    closed = json.time("closed")
    revision = json.count("revision")
    forgotten = json.count("forgotten")
    isDropped = json["dropped"] == .boolean(true)
    // Called "tellings" in the first version.
    if case .object(let pairs) = json["deliveries"] ?? json["tellings"] {
      for (name, state) in pairs { deliveries[name] = DeliveryState(state) }
    }
  }
}

extension Incident.Member {
  fileprivate var json: JSON {
    var object: [(String, JSON)] = [
      ("host", .string(alert.key.host)), ("check", .string(alert.key.check)),
      ("group", .string(alert.group)), ("severity", .string(alert.severity.rawValue)),
      ("from", .string(alert.from.rawValue)),
      ("reason", alert.reason.map { .string($0.rawValue) } ?? .null),
      ("message", .string(alert.message)), ("since", .integer(alert.since.nanoseconds)),
      ("worst", .string(worst.rawValue)),
      ("revision", .integer(Int64(revision))),
    ]
    if isGone { object.append(("gone", .boolean(true))) }
    if returns > 0 { object.append(("returns", .integer(Int64(returns)))) }
    if alert.isFlapping { object.append(("flapping", .boolean(true))) }
    if let cause = alert.cause {
      object.append(("cause_host", .string(cause.host)))
      object.append(("cause_check", .string(cause.check)))
    }
    if let words = alert.acknowledgement { object.append(("acknowledged", .string(words))) }
    if !alert.tags.isEmpty {
      object.append(("tags", .object(alert.tags.map { ($0.name, .string($0.value)) })))
    }
    object.add("until", until)
    object.add("silenced", silenced)
    return .object(object)
  }

  fileprivate init?(_ json: JSON) {
    guard let host = json["host"]?.string, let check = json["check"]?.string,
      let severity = json.severity("severity"), let since = json.time("since")
    else { return nil }
    alert = Alert(Alert.Key(host, check), severity: severity, since: since)
    alert.group = json["group"]?.string ?? ""
    alert.from = json.severity("from") ?? .ok
    alert.message = json["message"]?.string ?? ""
    if let reason = json["reason"] {
      alert.reason = reason.string.flatMap { Reason(rawValue: $0) }
    } else if CheckName(check).rule == nil {
      (alert.reason, alert.message) = Reason.cut(alert.message)
    }
    alert.isFlapping = json["flapping"] == .boolean(true)
    if let host = json["cause_host"]?.string, let check = json["cause_check"]?.string {
      alert.cause = Alert.Key(host, check)
    }
    alert.acknowledgement = json["acknowledged"]?.string
    if case .object(let tags) = json["tags"] {
      alert.tags = tags.map { Tag($0.0, $0.1.string ?? "") }
    }
    worst = json.severity("worst") ?? severity
    revision = json.count("revision")
    returns = json.count("returns")
    isGone = json["gone"] == .boolean(true)
    until = json.time("until")
    silenced = json.time("silenced")
  }
}

extension Incident.DeliveryState {
  fileprivate var json: JSON {
    var object: [(String, JSON)] = [
      ("notified", .string(sent)), ("revision", .integer(Int64(revision))),
      ("severity", .string(severity.rawValue)),
      ("digest", .integer(Int64(bitPattern: digest))), ("closed", .boolean(isClosed)),
      ("noticed_end", .boolean(noticedEnd)),
    ]
    object.add("noticed", noticed)
    if let failure { object.append(("failure", .string(failure))) }
    return .object(object)
  }

  fileprivate init(_ json: JSON) {
    self.init()
    sent = json["notified"]?.string ?? json.firstString ?? ""
    noticed = json.time("noticed")
    revision = json.count("revision")
    severity = json.severity("severity") ?? .ok
    digest = UInt64(bitPattern: json["digest"]?.integer ?? 0)
    isClosed = json["closed"] == .boolean(true)
    noticedEnd = json["noticed_end"] == .boolean(true)
    failure = json["failure"]?.string
  }
}

extension [(String, JSON)] {
  fileprivate mutating func add(_ name: String, _ time: Timestamp?) {
    if let time { append((name, .integer(time.nanoseconds))) }
  }
}

extension JSON {
  /// The first value of an object, where it is a string. Stores of earlier builds give the memory of a
  /// notifier another key, always at this place.
  fileprivate var firstString: String? {
    guard case .object(let pairs) = self else { return nil }
    return pairs.first?.1.string
  }

  fileprivate func time(_ name: String) -> Timestamp? {
    self[name]?.integer.map { Timestamp(nanoseconds: $0) }
  }

  fileprivate func severity(_ name: String) -> Severity? {
    self[name]?.string.flatMap { Severity(rawValue: $0) }
  }

  fileprivate func count(_ name: String) -> Int {
    Int(exactly: self[name]?.integer ?? 0) ?? 0
  }
}
