internal import Metrics

/// The form in which snapshots cross the socket. What is missing or of another type is left out: both
/// sides are this program, and the version is compared before.
protocol JSONCoded {
  init(_ json: JSON)
  var json: JSON { get }
}

extension JSON {
  func text(_ name: String) -> String { self[name]?.string ?? "" }
  func count(_ name: String) -> Int { Int(clamping: self[name]?.integer ?? 0) }
  func flag(_ name: String) -> Bool { self[name] == .boolean(true) }
  func time(_ name: String) -> Timestamp? {
    self[name]?.integer.map { Timestamp(nanoseconds: $0) }
  }
  func severity(_ name: String) -> Severity? {
    self[name]?.integer.flatMap { Severity(state: $0) }
  }
  func texts(_ name: String) -> [String] { (self[name]?.elements ?? []).compactMap(\.string) }
  func all<Value: JSONCoded>(_ name: String) -> [Value] {
    (self[name]?.elements ?? []).map { Value($0) }
  }
  func numbers(_ name: String) -> [Double] {
    (self[name]?.elements ?? []).compactMap(\.double)
  }
  var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  static func instant(_ time: Timestamp?) -> JSON { time.map { .integer($0.nanoseconds) } ?? .null }
  static func state(_ severity: Severity?) -> JSON { severity.map { .integer($0.state) } ?? .null }
  static func strings(_ texts: [String]) -> JSON { .array(texts.map { .string($0) }) }
  static func all(_ values: [some JSONCoded]) -> JSON { .array(values.map(\.json)) }
  /// Two decimals are more than a bar shows.
  static func numbers(_ values: [Double]) -> JSON {
    .array(values.map { .number(($0 * 100).rounded() / 100) })
  }
}

extension Snapshot: JSONCoded {
  init(_ json: JSON) {
    self.init(
      title: json.text("title"), time: json.time("time") ?? Timestamp(nanoseconds: 0),
      lastPass: json.time("last"), limit: .nanoseconds(json["limit"]?.integer ?? 0))
    hosts = json.all("hosts")
    troubles = json.all("troubles")
    events = json.all("events")
    incidents = json.all("incidents")
    figures = json.all("figures")
    notes = json.texts("notes")
    score = json["score"]?.double
  }

  var json: JSON {
    .object([
      ("title", .string(title)), ("time", .instant(time)), ("last", .instant(lastPass)),
      ("limit", .integer(limit.wholeNanoseconds)), ("hosts", .all(hosts)),
      ("troubles", .all(troubles)), ("events", .all(events)), ("incidents", .all(incidents)),
      ("figures", .all(figures)), ("notes", .strings(notes)),
      ("score", score.map { .number($0) } ?? .null),
    ])
  }
}

extension Duration {
  var wholeNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (value, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? .max : value &+ attoseconds / 1_000_000_000
  }
}

extension Snapshot.Host: JSONCoded {
  init(_ json: JSON) {
    self.init(name: json.text("name"), group: json.text("group"))
    severity = json.severity("state")
    isUp = json.flag("up")
    since = json.time("since")
    message = json.text("message")
    isKnown = json.flag("known")
    services = Shown.Count(online: json.count("online"), total: json.count("services"))
    series.cpu = json.numbers("cpu")
    series.load = json.numbers("load")
    series.memory = json.numbers("memory")
    series.latency = json.numbers("latency")
  }

  var json: JSON {
    var members: [(String, JSON)] = [
      ("name", .string(name)), ("group", .string(group)), ("state", .state(severity)),
      ("up", .boolean(isUp)), ("since", .instant(since)),
      ("online", .integer(Int64(services.online))), ("services", .integer(Int64(services.total))),
    ]
    if !message.isEmpty { members.append(("message", .string(message))) }
    if isKnown { members.append(("known", .boolean(true))) }
    for (name, values) in [
      ("cpu", series.cpu), ("load", series.load), ("memory", series.memory),
      ("latency", series.latency),
    ] where !values.isEmpty { members.append((name, .numbers(values))) }
    return .object(members)
  }
}

/// The view shows the names only, folded.
extension Shown.Trouble: JSONCoded {
  init(_ json: JSON) {
    self.init(
      severity: json.severity("state") ?? .unknown, names: json.text("names"),
      check: json.text("check"), message: json.text("message"), since: json.time("since"),
      effects: json.text("effects"), mark: json.text("mark"))
  }

  var json: JSON {
    .object([
      ("state", .state(severity)), ("names", .string(names)), ("check", .string(check)),
      ("message", .string(message)), ("since", .instant(since)), ("effects", .string(effects)),
      ("mark", .string(mark)),
    ])
  }
}

extension Shown.Event: JSONCoded {
  init(_ json: JSON) {
    self.init(
      time: json.time("time") ?? Timestamp(nanoseconds: 0),
      severity: json.severity("state"), host: json.text("host"), text: json.text("text"))
  }

  var json: JSON {
    .object([
      ("time", .instant(time)), ("state", .state(severity)), ("host", .string(host)),
      ("text", .string(text)),
    ])
  }
}

extension Shown.Incident: JSONCoded {
  init(_ json: JSON) {
    self.init(
      severity: json.severity("state") ?? .unknown, names: json.text("names"),
      opened: json.time("opened") ?? Timestamp(nanoseconds: 0), closed: json.time("closed"),
      lines: json.all("lines"))
  }

  var json: JSON {
    .object([
      ("state", .state(severity)), ("names", .string(names)), ("opened", .instant(opened)),
      ("closed", .instant(closed)), ("lines", .all(lines)),
    ])
  }
}

extension Shown.Incident.Line: JSONCoded {
  init(_ json: JSON) {
    self.init(
      host: json.text("host"), check: json.text("check"),
      worst: json.severity("worst") ?? .unknown,
      from: json.time("from") ?? Timestamp(nanoseconds: 0), until: json.time("until"),
      message: json.text("message"), acknowledgement: json["acknowledgement"]?.string)
  }

  var json: JSON {
    .object([
      ("host", .string(host)), ("check", .string(check)), ("worst", .state(worst)),
      ("from", .instant(from)), ("until", .instant(until)), ("message", .string(message)),
      ("acknowledgement", acknowledgement.map { .string($0) } ?? .null),
    ])
  }
}

extension Shown.Figure: JSONCoded {
  init(_ json: JSON) {
    self.init(json.text("name"), json.text("value"), isBad: json.flag("bad"))
  }

  var json: JSON {
    .object([("name", .string(name)), ("value", .string(value)), ("bad", .boolean(isBad))])
  }
}

extension HostDetail: JSONCoded {
  init(_ json: JSON) {
    self.init(name: json.text("name"))
    facts = json.texts("facts")
    checks = json.all("checks")
    graphs = json.all("graphs")
    lists = json.all("lists")
    events = json.all("events")
  }

  var json: JSON {
    .object([
      ("name", .string(name)), ("facts", .strings(facts)), ("checks", .all(checks)),
      ("graphs", .all(graphs)), ("lists", .all(lists)), ("events", .all(events)),
    ])
  }
}

extension HostDetail.Check: JSONCoded {
  init(_ json: JSON) {
    self.init(
      name: json.text("name"), label: json.text("label"),
      severity: json.severity("state") ?? .unknown,
      since: json.time("since") ?? Timestamp(nanoseconds: 0), message: json.text("message"),
      mark: json.text("mark"))
  }

  var json: JSON {
    .object([
      ("name", .string(name)), ("label", .string(label)), ("state", .state(severity)),
      ("since", .instant(since)), ("message", .string(message)), ("mark", .string(mark)),
    ])
  }
}

extension HostDetail.Graph: JSONCoded {
  init(_ json: JSON) {
    self.init(
      title: json.text("title"), latest: json.text("latest"), values: json.numbers("values"),
      isShare: json.flag("share"))
  }

  var json: JSON {
    .object([
      ("title", .string(title)), ("latest", .string(latest)), ("values", .numbers(values)),
      ("share", .boolean(isShare)),
    ])
  }
}

extension HostDetail.List: JSONCoded {
  init(_ json: JSON) { self.init(title: json.text("title"), rows: json.texts("rows")) }

  var json: JSON { .object([("title", .string(title)), ("rows", .strings(rows))]) }
}
