public import Metrics
public import Rules

/// An incident for scripts, as `scrape alerts --json` prints it; docs/json.md names every member.
extension Incident {
  public var shown: JSON {
    var object: [(String, JSON)] = [
      ("id", .integer(id)), ("contact", .string(contact)), ("route", .string(route)),
      ("opened", .time(opened)),
    ]
    if let closed { object.append(("closed", .time(closed))) }
    if isDropped { object.append(("dropped", .boolean(true))) }
    if forgotten > 0 { object.append(("forgotten", .integer(Int64(forgotten)))) }
    object.append(("alerts", .array(members.map(\.shown))))
    let deliveries = deliveries.sorted { $0.key < $1.key }.map { ($0.key, $0.value.shown) }
    object.append(("deliveries", .object(deliveries)))
    return .object(object)
  }
}

extension Incident.Member {
  fileprivate var shown: JSON {
    var object: [(String, JSON)] = [
      ("host", .string(alert.key.host)), ("check", .string(alert.key.check)),
      ("group", .string(alert.group)), ("severity", .string(alert.severity.rawValue)),
      ("worst", .string(worst.rawValue)), ("from", .string(alert.from.rawValue)),
      ("message", .string(alert.text)), ("since", .time(alert.since)),
    ]
    if let until { object.append(("until", .time(until))) }
    if isGone { object.append(("gone", .boolean(true))) }
    if alert.isFlapping { object.append(("flapping", .boolean(true))) }
    if let cause = alert.cause {
      object.append(("cause", .string("\(cause.host) \(cause.check)")))
    }
    if let words = alert.acknowledgement { object.append(("acknowledged", .string(words))) }
    if let silenced {
      // A maintenance window has no end of its own here.
      object.append(
        silenced.nanoseconds == .max
          ? ("maintenance", .boolean(true)) : ("silenced_until", .time(silenced)))
    }
    if !alert.tags.isEmpty {
      object.append(("tags", .object(alert.tags.map { ($0.name, .string($0.value)) })))
    }
    return .object(object)
  }
}

extension Incident.DeliveryState {
  fileprivate var shown: JSON {
    var object: [(String, JSON)] = [("severity", .string(severity.rawValue))]
    if let noticed { object.append(("delivered", .time(noticed))) }
    if let failure { object.append(("failure", .string(failure))) }
    return .object(object)
  }
}
