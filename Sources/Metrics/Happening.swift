/// What happened on a host and is no change of a check: a log-in, a reboot, an entry of the BMC's log, a check
/// of a policy whose result changed.
public struct Happening: Sendable, Equatable {
  public enum Kind: String, Sendable, CaseIterable {
    case login, host, sel, policy, spool
  }

  public var kind: Kind
  public var time: Timestamp
  /// Nil where it is neither good nor bad.
  public var severity: Severity?
  /// One line, which may hold the host's words.
  public var text: String

  public init(_ kind: Kind, at time: Timestamp, _ severity: Severity?, _ text: String) {
    self.kind = kind
    self.time = time
    self.severity = severity
    self.text = text
  }

  /// More failed log-ins of one pass are one line.
  private static let failures = 3
  /// The limit of a text in Unicode scalars.
  private static let longest = 300

  private static let measurements = ["event", "login", "policy_check"]

  /// All that the points of a batch say, in their order. None is later than the batch: a host's clock may run ahead.
  public static func all(in batch: PointBatch) -> [Happening] {
    var all: [Happening] = []
    var failed: [Point] = []
    // By place: a copy of every point would cost more than the look at its measurement.
    for index in batch.points.indices where measurements.contains(batch.points[index].measurement) {
      let point = batch.points[index]
      let time = min(point.time ?? batch.time, batch.time)
      switch point.measurement {
      case "event": if let one = Happening(event: point, at: time) { all.append(one) }
      case "policy_check": all.append(Happening(policyCheck: point, at: time))
      case "login" where point[tag: "action"] == "failed": failed.append(point)
      case "login": if let one = Happening(login: point, at: time) { all.append(one) }
      default: break
      }
    }
    if failed.count > failures {
      all.append(folded(failed, at: batch.time))
    } else {
      all += failed.compactMap { Happening(login: $0, at: min($0.time ?? batch.time, batch.time)) }
    }
    for index in all.indices where all[index].text.unicodeScalars.count > longest {
      all[index].text =
        String(String.UnicodeScalarView(all[index].text.unicodeScalars.prefix(longest))) + "…"
    }
    return all
  }

  private init?(event point: Point, at time: Timestamp) {
    guard let kind = point[tag: "source"].flatMap(Kind.init(rawValue:)) else { return nil }
    let words = [point.text("subject"), point.text("text")].filter { !$0.isEmpty }
    self.init(
      kind, at: time, point[tag: "severity"].flatMap(Severity.init(rawValue:)),
      words.joined(separator: ": "))
  }

  private init(policyCheck point: Point, at time: Timestamp) {
    let result = point.text("result")
    let severity: Severity? =
      switch result {
      case "passed": .ok
      case "failed": .minor
      case "unknown": .unknown
      default: nil
      }
    let before = point.text("previous")
    self.init(
      .policy, at: time, severity,
      "policy \(point[tag: "policy"] ?? ""), check \(point[tag: "check"] ?? ""): "
        + "\(before.isEmpty ? "new" : before) → \(result): \(point.text("title"))")
  }

  private init?(login point: Point, at time: Timestamp) {
    let user = point.text("user")
    let from = point.text("from")
    let place = from.isEmpty ? "" : " from \(from)"
    let tty = point.text("tty")
    let seat = tty.isEmpty ? "" : " on \(tty)"
    switch point[tag: "action"] {
    case "login": self.init(.login, at: time, nil, "\(user) logged in\(seat)\(place)")
    case "logout":
      let length = point[field: "duration_s"]?.number.map {
        " after \(Format.age(.seconds(Int64($0))))"
      }
      self.init(.login, at: time, nil, "\(user) logged out\(seat)\(length ?? "")")
    case "failed": self.init(.login, at: time, nil, "log-in of \(user) failed\(place)")
    case "shutdown": self.init(.host, at: time, nil, "shut down")
    case "crash": self.init(.host, at: time, nil, "ended without a shutdown")
    // A boot is an `event`, too.
    default: return nil
    }
  }

  private static func folded(_ failed: [Point], at time: Timestamp) -> Happening {
    func most(_ field: String) -> String {
      var counts: [String: Int] = [:]
      for point in failed { counts[point.text(field), default: 0] += 1 }
      let order = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.filter {
        !$0.key.isEmpty
      }
      let rest = order.count > 3 ? " and \(Format.count(order.count - 3)) others" : ""
      return order.prefix(3).map { "\($0.key) (\($0.value))" }.joined(separator: ", ") + rest
    }
    let from = most("from")
    return Happening(
      .login, at: failed.compactMap(\.time).max().map { min($0, time) } ?? time, nil,
      "\(Format.count(failed.count)) log-ins failed: \(most("user"))"
        + (from.isEmpty ? "" : " from \(from)"))
  }
}

extension Point {
  fileprivate func text(_ field: String) -> String {
    if case .string(let text)? = self[field: field] { text } else { "" }
  }
}
