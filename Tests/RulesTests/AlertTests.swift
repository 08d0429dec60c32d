import Configuration
import Metrics
import Testing

@testable import Rules

/// Passes without a network: checks that are set by hand, and a notifier that writes down why it was
/// called.
private struct World {
  var book: [Incident] = []
  var states: [Alert.Key: CheckState] = [:]
  var silenced: Set<Alert.Key> = []
  var known: Set<Alert.Key> = []
  var causes: [String: Alert.Key] = [:]
  var route: Route
  var isReachable = true
  var isLiving = true
  var isQuiet = false
  /// Whether each pass writes the incidents and reads them back, as the store does.
  var isStored = true
  var now = Timestamp(seconds: 1_000_000)
  /// What the notifier was called for: the seconds since the beginning, why, and the number of members.
  var calls: [(time: Int, decision: Decision, hosts: Int)] = []

  init(_ yaml: String = "{to: [team]}") throws {
    var findings = Findings()
    let node = try YAML.read(Source("scrape.yml", text: yaml))
    route = try #require(
      findings.decode("a route", node) { Route(&$0, number: 1, contacts: ["team"]) })
  }

  var noticed: [Decision] { calls.map(\.decision).filter { $0 != .change } }

  mutating func set(_ hosts: some Sequence<Int>, _ severity: Severity, check: String = "ssh") {
    for host in hosts {
      let key = Alert.Key("web\(host)", check)
      if var state = states[key] {
        _ = state.observe(severity, at: now)
        states[key] = state
      } else {
        states[key] = CheckState.first(severity, at: now, patience: .none).0
      }
    }
  }

  /// One pass, after which the time goes on.
  mutating func pass(_ seconds: Int64 = 15) {
    let alerts = states.filter { $0.value.severity != .ok || $0.value.isFlapping }.map {
      key, state in
      var alert = Alert(
        key, severity: state.severity, message: state.message, since: state.since,
        isFlapping: state.isFlapping, acknowledgement: known.contains(key) ? "anna" : nil)
      if let cause = causes[key.host], cause != key { alert.cause = cause }
      return alert
    }
    var incidents = IncidentBook(book, routes: [route]) { _, _ in true }
    incidents.update(
      alerts, at: now, okSince: { states[$0]?.since },
      silenced: { silenced.contains($0.key) ? Timestamp(nanoseconds: .max) : nil })
    book = incidents.incidents
    for index in book.indices {
      let digest = UInt64(truncatingIfNeeded: book[index].members.hashOfShown)
      let decision = Decision(
        book[index], for: "n", living: isLiving, route: route, digest: digest, quiet: isQuiet,
        at: now)
      guard decision != .nothing, isReachable else { continue }
      calls.append(
        (Int(now.seconds - 1_000_000), decision, book[index].members.count))
      var state = book[index].deliveries["n"] ?? Incident.DeliveryState()
      state.digest = digest
      if decision != .change {
        state.noticed = now
        state.revision = book[index].revision
        state.severity = book[index].severity
      }
      state.isClosed = book[index].closed != nil
      if decision != .change { state.noticedEnd = state.isClosed }
      book[index].deliveries["n"] = state
    }
    if isStored {
      book = book.compactMap { incident in
        JSON(reading: incident.json.bytes).flatMap { Incident($0) }
      }
    }
    now = Timestamp(seconds: now.seconds + seconds)
  }
}

extension [Incident.Member] {
  /// Differs where people would see a difference.
  fileprivate var hashOfShown: Int {
    var hasher = Hasher()
    for member in self {
      hasher.combine(member.alert.key)
      hasher.combine(member.alert.severity)
      hasher.combine(member.isActive)
    }
    return hasher.finalize()
  }
}

@Suite struct AlertTests {
  @Test(
    arguments: [
      ("ssh", "timeout: no answer: 5 s", Reason.timeout, "no answer: 5 s"),
      ("service https", "wrong_answer", .wrongAnswer, ""),
      ("service exec", "late: but no reason", nil, "late: but no reason"),
      ("rule load", "timeout: as a host wrote it", nil, "timeout: as a host wrote it"),
    ] as [(String, String, Reason?, String)])
  func `an incident of the version before has its reasons in its messages`(
    check: String, text: String, reason: Reason?, message: String
  ) throws {
    let body = """
      {"contact":"team","route":"1","key":"web1","opened":1,"members":[{"host":"web1",\
      "check":"\(check)","severity":"critical","message":"\(text)","since":1}]}
      """
    let old = try #require(JSON(reading: Array(body.utf8)).flatMap { Incident($0) })
    let alert = try #require(old.members.first).alert
    #expect(alert.reason == reason && alert.message == message && alert.text == text)
    // What this version wrote is not taken apart again.
    var mine = Alert(Alert.Key("web1", check), severity: .critical, since: alert.since)
    mine.message = text
    var incident = Incident(contact: "team", route: "1", key: "web1", opened: alert.since)
    incident.take(mine, silenced: nil, at: alert.since)
    let read = JSON(reading: incident.json.bytes).flatMap { Incident($0) }
    #expect(read?.members == incident.members)
    #expect(read?.members.first?.alert.reason == nil)
  }

  @Test func `four hundred that go down together are one message and one recovery`() throws {
    var world = try World()
    world.set(0..<400, .ok)
    world.pass()
    world.set(0..<400, .critical)
    for _ in 0..<4 { world.pass() }
    world.set(0..<400, .ok)
    for _ in 0..<4 { world.pass() }
    #expect(world.noticed == [.first, .end])
    #expect(world.calls.allSatisfy { $0.hosts == 400 })
  }

  @Test func `four hundred that go down and come back over minutes disturb three times at most`()
    throws
  {
    var world = try World()
    world.set(0..<400, .ok)
    for step in 0..<20 {
      world.set((step * 20)..<(step * 20 + 20), .critical)
      world.pass()
    }
    for _ in 0..<20 { world.pass() }
    for step in 0..<20 {
      world.set((step * 20)..<(step * 20 + 20), .ok)
      world.pass()
    }
    world.pass()
    #expect(world.noticed == [.first, .again, .end])
    #expect(world.calls.last?.hosts == 400)
    #expect(world.book.count == 1)
  }

  @Test func `a failed delivery is retried with the state of then`() throws {
    var world = try World()
    world.set(0..<400, .ok)
    world.pass()
    world.isReachable = false
    world.set(0..<400, .critical)
    for _ in 0..<10 { world.pass() }
    world.isReachable = true
    world.pass()
    #expect(world.noticed == [.first])
    world.isReachable = false
    world.set(0..<400, .ok)
    for _ in 0..<10 { world.pass() }
    world.isReachable = true
    world.pass()
    #expect(world.noticed == [.first, .end])
    // And one that is over by then.
    world.isReachable = false
    for _ in 0..<30 { world.pass() }
    world.set(0..<3, .critical)
    for _ in 0..<10 { world.pass() }
    world.set(0..<3, .ok)
    for _ in 0..<10 { world.pass() }
    world.isReachable = true
    world.pass()
    world.pass()
    #expect(world.noticed == [.first, .end, .missed])
  }

  @Test func `twenty that flap for an hour disturb a bounded number of times, and end right`()
    throws
  {
    for period in [1, 2, 3, 7] {
      var world = try World()
      world.set(0..<20, .ok)
      for pass in 0..<240 {
        for host in 0..<20 {
          world.set([host], (pass + host) / period % 2 == 0 ? .critical : .ok)
        }
        world.pass()
      }
      // Not one in each interval of five minutes, which would be twelve.
      #expect(world.noticed.count <= 6, "period \(period): \(world.noticed)")
      for _ in 0..<40 {
        world.set(0..<20, .ok)
        world.pass()
      }
      #expect(world.book.allSatisfy { $0.closed != nil })
      // Whoever got the alert last gets the recovery.
      #expect([.end, .missed].contains(world.noticed.last), "period \(period)")
    }
  }

  @Test func `what is new waits for the interval, what is worse does not`() throws {
    var world = try World()
    world.set([1], .major)
    world.pass()
    world.set([2], .major)
    world.pass()
    #expect(world.calls.map(\.decision) == [.first, .change])
    world.set([3], .critical)
    world.pass()
    // A critical alert on an unrelated host is a message of its own.
    #expect(world.noticed == [.first, .first])
    // One that begins with it is part of the same outage. It is heard of after the interval, as web2 is.
    world.set([4], .critical)
    for _ in 0..<25 { world.pass() }
    #expect(world.noticed == [.first, .first, .again, .again])
    #expect(world.book.map(\.members.count) == [2, 2])
    // On a host of the incident what is worse is heard of at once.
    world.set([2], .critical, check: "service https")
    world.pass()
    #expect(world.noticed == [.first, .first, .again, .again, .again])
    #expect(world.book.count == 2)
  }

  @Test func `a critical alert does not join what a minor one keeps open`() throws {
    var world = try World()
    world.set([1], .critical)
    world.set([2], .minor)
    world.pass()
    world.set([1], .ok)
    world.pass()
    world.set([3], .critical)
    world.pass()
    #expect(world.noticed == [.first, .first])
    #expect(world.book.filter { $0.closed == nil }.map(\.active.count) == [1, 1])
    // Nor what a critical one keeps open that is minutes old.
    for _ in 0..<8 { world.pass() }
    world.set([4], .critical)
    world.pass()
    #expect(world.noticed == [.first, .first, .first])
    // A minor one is no reason for another message.
    world.set([5], .minor)
    world.pass()
    #expect(world.noticed.count == 3 && world.calls.last?.decision == .change)
  }

  @Test func `what begins in one pass is one message, whatever its severities`() throws {
    var world = try World()
    world.set([1], .minor)
    world.set([2], .major)
    world.set([3], .critical)
    world.pass()
    #expect(world.noticed == [.first] && world.book.count == 1)
  }

  @Test func `that the scraper is cut off stands alone and is heard each time`() throws {
    var world = try World()
    let key = Alert.Key(Pseudo.scraper, "network")
    world.set([1], .critical)
    world.pass()
    world.states[key] = CheckState.first(.critical, at: world.now, patience: .none).0
    world.pass()
    #expect(world.noticed == [.first, .first])
    // Nothing joins it, and its return within the interval is another message.
    world.set([2], .minor)
    world.pass()
    #expect(world.book.map(\.members.count) == [2, 1])
    _ = world.states[key]?.observe(.ok, at: world.now)
    world.pass()
    _ = world.states[key]?.observe(.critical, at: world.now)
    world.pass()
    #expect(world.noticed == [.first, .first, .end, .first])
  }

  @Test func `what begins later is an incident of its own`() throws {
    var world = try World()
    world.set([1], .major)
    for _ in 0..<25 { world.pass() }
    world.set([2], .major)
    world.pass()
    #expect(world.noticed == [.first, .first])
    world.set([1], .ok)
    world.pass()
    #expect(world.noticed == [.first, .first, .end])
    // But what is of the same host belongs to it.
    for _ in 0..<25 { world.pass() }
    world.set([2], .major, check: "service https")
    world.pass()
    #expect(world.book.filter { $0.closed == nil }.count == 1)
  }

  @Test func `reminders come after the time for them, and not of what is known`() throws {
    var world = try World("{to: team, repeat: 1h}")
    world.set([1], .critical)
    for _ in 0..<(2 * 240 + 8) { world.pass() }
    #expect(world.noticed == [.first, .again, .again])
    world.known = [Alert.Key("web1", "ssh")]
    for _ in 0..<(2 * 240) { world.pass() }
    #expect(world.noticed.count == 3)
    world.set([1], .ok)
    world.pass()
    #expect(world.noticed.last == .end)
  }

  @Test func `a silenced alert is sent when the silence ends`() throws {
    var world = try World()
    world.silenced = [Alert.Key("web1", "ssh")]
    world.set([1, 2], .critical)
    world.pass()
    #expect(world.calls.map(\.hosts) == [1])
    for _ in 0..<40 { world.pass() }
    #expect(world.noticed == [.first])
    world.silenced = []
    world.pass()
    #expect(world.noticed == [.first, .first])
    // A member silenced while its incident is notified causes no further notification.
    world.silenced = [Alert.Key("web1", "ssh"), Alert.Key("web2", "ssh")]
    for _ in 0..<40 { world.pass(900) }
    #expect(world.noticed == [.first, .first])
  }

  @Test func `short troubles are waited for`() throws {
    var world = try World("{to: team, wait: 1m}")
    world.set([1], .critical)
    world.pass()
    world.pass()
    world.set([1], .ok)
    for _ in 0..<10 { world.pass() }
    #expect(world.calls.isEmpty)
    world.set([2], .critical)
    for _ in 0..<5 { world.pass() }
    #expect(world.noticed == [.first])
  }

  @Test func `a blip that comes again and again is waited for each time`() throws {
    var world = try World("{to: team, wait: 1m}")
    for _ in 0..<5 {
      world.set([1], .critical)
      world.pass()
      for _ in 0..<12 {
        world.set([1], .ok)
        world.pass()
      }
    }
    #expect(world.calls.isEmpty, "\(world.calls)")
    world.set([1], .critical)
    for _ in 0..<6 { world.pass() }
    #expect(world.noticed == [.first])
  }

  @Test func `what is seen after the pass began is waited for as well`() throws {
    var world = try World("{to: team, wait: 1m}")
    let start = world.now
    world.now = Timestamp(seconds: start.seconds + 2)
    world.set([1], .critical)
    world.now = start
    for _ in 0..<4 { world.pass() }
    #expect(world.calls.isEmpty, "\(world.calls)")
    world.pass(60)
    world.pass()
    #expect(world.noticed == [.first])
  }

  @Test func `an alert silenced before its notification is not sent when it resolves`() throws {
    var world = try World("{to: team, wait: 1m}")
    world.set([1], .critical)
    world.pass()
    world.silenced = [Alert.Key("web1", "ssh")]
    for _ in 0..<10 { world.pass() }
    world.set([1], .ok)
    for _ in 0..<10 { world.pass() }
    #expect(world.calls.isEmpty, "\(world.calls)")
  }

  @Test func `a contact that was removed from the routes for a moment is notified again`() throws {
    var world = try World()
    let route = world.route
    world.set([1], .critical)
    world.pass()
    world.route.contacts = []
    world.pass()
    world.route = route
    world.pass()
    #expect(world.noticed == [.first, .first])
  }

  @Test func `two services of scrape.yml have nothing in common`() throws {
    var world = try World()
    world.states[Alert.Key(Pseudo.services, "service shop")] =
      CheckState.first(.major, at: world.now, patience: .none).0
    for _ in 0..<40 { world.pass() }
    world.states[Alert.Key(Pseudo.services, "service mail")] =
      CheckState.first(.major, at: world.now, patience: .none).0
    world.pass()
    #expect(world.noticed == [.first, .first])
  }

  @Test func `an incident of ever new troubles does not grow without bound`() throws {
    var world = try World()
    world.isStored = false
    world.set([0], .critical)
    for number in 0..<7 {
      for disk in 0..<1000 {
        let key = Alert.Key("web1", "rule disk{path=/\(number)/\(disk)}")
        world.states[key] = CheckState.first(.major, at: world.now, patience: .none).0
      }
      world.pass()
      // It is gone, and there are others in its place.
      world.states = world.states.filter { $0.key.check == "ssh" }
    }
    world.isStored = true
    world.pass()
    let incident = try #require(world.book.first)
    #expect(world.book.count == 1 && incident.member(Alert.Key("web0", "ssh"))?.isActive == true)
    #expect(incident.members.count <= 6001 && incident.members.count > 5000)
    #expect(incident.forgotten + incident.members.count == 7 * 1000 + 1)
  }

  @Test func `after a clock was set back not everything is one incident`() throws {
    var world = try World()
    world.set([1], .major)
    world.pass()
    world.now = Timestamp(seconds: world.now.seconds - 86_400)
    world.pass()
    world.set([2], .major)
    world.pass()
    #expect(world.book.count == 2)
  }

  @Test func `what is known does not decide how loud the rest is`() throws {
    var world = try World()
    world.set([1], .critical)
    world.set([2], .minor)
    world.known = [Alert.Key("web1", "ssh")]
    world.pass()
    #expect(world.book.map(\.severity) == [.critical])
    #expect(world.book.map(\.loudness) == [.minor])
  }

  @Test func `effects do not disturb, and are there`() throws {
    var world = try World()
    let cause = Alert.Key("web0", "ssh")
    world.set([0], .critical)
    world.pass()
    for host in 1...14 { world.causes["web\(host)"] = cause }
    world.set(1...14, .critical)
    world.set(1...14, .critical, check: "service https")
    for _ in 0..<40 { world.pass() }
    #expect(world.noticed == [.first])
    // Hosts are named, their services are not.
    #expect(world.book.map(\.members.count) == [15])
    // The cause is back, and one of them is not: that is news.
    world.causes = [:]
    for host in 0...14 where host != 7 {
      world.set([host], .ok)
      world.set([host], .ok, check: "service https")
    }
    for _ in 0..<3 { world.pass() }
    #expect(world.noticed == [.first, .again])
  }

  @Test func `after quiet hours the alert is sent`() throws {
    var world = try World()
    world.isQuiet = true
    world.set([1, 2], .major)
    for _ in 0..<100 { world.pass() }
    world.set([2], .ok)
    world.pass()
    #expect(world.calls.isEmpty)
    world.isQuiet = false
    world.pass()
    #expect(world.noticed == [.first])
  }

  @Test func `a mail is sent for a notification, never for a mere change`() throws {
    var world = try World()
    world.isLiving = false
    world.set([1], .major)
    world.pass()
    world.set([2], .major)
    world.pass()
    world.set([1, 2], .ok)
    world.pass()
    #expect(world.calls.map(\.decision) == [.first, .end])
  }

  @Test(
    arguments: [
      ("{to: team}", Severity.ok, Severity.minor, true),
      ("{to: team}", .ok, .unknown, false),
      ("{to: team, severities: [major, critical]}", .ok, .minor, false),
      ("{to: team, severities: warning}", .ok, .minor, true),
      ("{to: team, transitions: \"ok>critical\"}", .ok, .critical, true),
      ("{to: team, transitions: \"ok>critical\"}", .minor, .critical, false),
      ("{to: team, transitions: [\"*>major\", \"minor>*\"]}", .minor, .critical, true),
      ("{to: team, checks: [bmc, \"service *\"]}", .ok, .critical, true),
      ("{to: team, services: http}", .ok, .critical, false),
      ("{to: team, services: [smtp, https]}", .ok, .critical, true),
      ("{to: team, rules: disk*}", .ok, .critical, false),
      ("{to: team, tags: {team: blue*}}", .ok, .critical, true),
      ("{to: team, tags: {team: red}}", .ok, .critical, false),
      ("{to: team, tags: {team: [red, blue1], zone: dmz}}", .ok, .critical, false),
    ])
  func `a route takes what it names`(
    yaml: String, from: Severity, to: Severity, isTaken: Bool
  ) throws {
    let route = try World(yaml).route
    var alert = Alert(
      Alert.Key("web1", "service https"), severity: to, from: from, since: Timestamp(seconds: 0))
    alert.tags = [Tag("team", "blue1")]
    #expect(route.takes(alert, isChosen: true) == isTaken)
    #expect(!route.takes(alert, isChosen: false))
  }

  @Test(
    arguments: [
      ("{to: team}", true, true), ("{to: team}", false, false),
      ("{to: team, severities: [major, critical]}", true, false),
      ("{to: team, severities: unknown}", false, true),
    ])
  func `unknown is a worsening of what was ok, as minor is`(
    yaml: String, wasOK: Bool, isTaken: Bool
  ) throws {
    let route = try World(yaml).route
    var alert = Alert(
      Alert.Key("web1", "service plugin"), severity: .unknown, since: Timestamp(seconds: 0))
    alert.wasOK = wasOK
    #expect(route.takes(alert, isChosen: true) == isTaken)
  }

  @Test(
    arguments: [
      ("{}", "the route leads to nobody"), ("{to: temm}", "unknown contact \"temm\""),
      ("{to: team, severity: [major]}", "unknown key \"severity\""),
      ("{to: team, severities: [ok]}", "ok is not an alert"),
      ("{to: team, transitions: ok}", "a transition must be FROM>TO"),
      ("{to: team, hours: \"25:00-26:00\"}", "hours must be a span of the day"),
      ("{to: team, hours: \"mom 08:00-10:00\"}", "unknown day \"mom\""),
      ("{to: team, hours: \"mon tue\"}", "hours must be days, and one span of the day"),
      ("{to: team, hours: \"08:00-10:00 12:00-14:00\"}", "hours must be days, and one span"),
      ("{to: team, by: hots}", "unknown grouping \"hots\""),
    ])
  func `faults of a route are named`(yaml: String, problem: String) throws {
    var findings = Findings()
    let node = try YAML.read(Source("scrape.yml", text: yaml))
    let route = findings.decode("a route", node) { Route(&$0, number: 1, contacts: ["team"]) }
    #expect(route == nil)
    #expect(findings.errors.first?.problem.hasPrefix(problem) == true, "\(findings.errors)")
  }

  @Test(
    arguments: [
      ("22:00-06:00", 1, 23 * 60, true), ("22:00-06:00", 1, 5 * 60 + 59, true),
      ("22:00-06:00", 1, 6 * 60, false), ("mon-fri 08:00-18:00", 6, 600, false),
      ("mon-fri 08:00-18:00", 5, 1079, true), ("fri 22:00-06:00", 6, 60, true),
      ("fri 22:00-06:00", 5, 60, false), ("sat,sun", 0, 0, true), ("sat-mon", 1, 1439, true),
      ("sat-mon", 2, 0, false), ("00:00-24:00", 3, 1439, true),
    ])
  func `hours hold a moment or not`(text: String, day: Int, minute: Int, isIn: Bool) throws {
    let hours = try Hours(try YAML.read(Source("scrape.yml", text: "\"\(text)\"")), "hours")
    #expect(hours.contains(day: day, minute: minute) == isIn)
  }
}
