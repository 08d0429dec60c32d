import Foundation
import Lab
import Metrics
import Testing

@testable import Spools
@testable import Store

/// Monitors in segments without a route: what they saw reaches the centre once, whatever happens.
@Suite(.serialized, .timeLimit(.minutes(5))) struct SpoolTests {
  static let little = "profiles: {little: {collectors: {system: , mem: , net: }}}\n"

  /// The monitor inside: hosts that are all this machine.
  static func inside(_ hosts: String = "h[1:4]", settings: String = "") -> Range {
    Range(
      hosts: "all: {vars: {connection: local, profile: little}, hosts: {\"\(hosts)\": }}\n",
      settings: little + settings)
  }

  /// A centre that reaches the monitor inside through a real sshd.
  static func centre(
    _ inner: Range, _ sshd: Sshd, hosts: String = "h[1:4]", more: String = "",
    settings: String = ""
  ) -> Range {
    let centre = Range(
      hosts: """
        all:
          hosts:
            inner1:
              address: 127.0.0.1
              port: \(sshd.port)
              key: \(sshd.key)
              user: \(NSUserName())
              profile: little
              spool: {path: \(inner.scratch.path)/spool, hosts: seg\(more)}
          children:
            seg: {vars: {profile: little, tags: {team: blue}}, hosts: {"\(hosts)": }}
        """, settings: little + settings)
    centre.scratch.write("inventory/known_hosts", sshd.scratch.read("known_hosts") ?? "")
    return centre
  }

  static func spool(_ inner: Range) -> String { "\(inner.scratch.path)/spool" }

  static func files(_ inner: Range) throws -> [SpoolName] {
    try SpoolFolder(spool(inner)).names()
  }

  static let names = (1...4).map { "h\($0)" }

  @discardableResult
  static func pass(_ inner: Range, _ words: String...) throws -> Outcome {
    try run(
      Scrape.program,
      ["run", "--inventory", inner.inventory, "--store", inner.store, "--spool", spool(inner)]
        + words, environment: ["USER": NSUserName(), "SSH_AUTH_SOCK": "", "LC_ALL": "C.UTF-8"])
  }

  static func influx(_ server: InfluxServer) -> String {
    "delivery_timeout: 3s\nsinks: [{influxdb: {url: \"\(server.url)\", database: range, name: raw}}]\n"
  }

  // MARK: Once

  @Test(.enabled(if: InfluxServer.isInstalled, "needs Debian's influxdb"))
  func `ten passes while cut off are in the database once`() async throws {
    let server = try InfluxServer()
    let sshd = try Sshd()
    let inner = Self.inside()
    let centre = Self.centre(inner, sshd, settings: Self.influx(server))
    sshd.stop()
    for _ in 1...10 { #expect(try Self.pass(inner).status == 0) }
    let cut = try centre.scrape("run")
    #expect(cut.status == 1 && cut.errors.contains("connection_refused"), "\(cut)")
    #expect(try Self.files(inner).count == 10)
    try sshd.restart()
    let pulled = try centre.scrape("run")
    #expect(pulled.status == 0, "\(pulled)")
    // Stored first; what is stored is removed by the next pass.
    #expect(try Self.files(inner).count == 10)
    let next = try centre.scrape("run")
    #expect(next.status == 0, "\(next)")
    #expect(try Self.files(inner).isEmpty)
    let store = Store(path: inner.store)
    #expect(try await DeliveryTests.differences(store, server, hosts: Self.names).isEmpty)
    let own = Store(path: centre.store)
    #expect(try await DeliveryTests.differences(own, server, hosts: Self.names).isEmpty)
    let rows = try server.query(
      "SELECT count(load1) FROM system WHERE team='blue' GROUP BY host", database: "range")
    #expect(rows.compactMap { ($0.last as? NSNumber)?.intValue } == [10, 10, 10, 10], "\(rows)")
    let ledger = try #require(try await own.spoolLedgers().values.first)
    #expect(ledger.carrier == "inner1" && ledger.last == 10)
    #expect(ledger.missing == 0 && ledger.refused == 0)
    let status = try centre.scrape("status")
    #expect(status.output.contains("5 of 5 hosts up"), "\(status)")
    // What was brought by hand before or after counts no more.
    #expect(try Self.pass(inner).status == 0)
    let first = try centre.scrape("import", Self.spool(inner))
    #expect(first.status == 0 && first.output.hasPrefix("1 file new"), "\(first)")
    let again = try centre.scrape("import", Self.spool(inner))
    #expect(again.status == 0, "\(again)")
    #expect(again.output.hasPrefix("0 files new (0 points of 0 hosts), 1 there already, 0 refused"))
    #expect(try centre.scrape("run").status == 0)
    #expect(try Self.files(inner).isEmpty)
    #expect(try await DeliveryTests.differences(store, server, hosts: Self.names).isEmpty)
    let rest = try server.query(
      "SELECT count(load1) FROM system WHERE host='h1'", database: "range")
    #expect((rest.first?.last as? NSNumber)?.intValue == 11)
  }

  @Test(.enabled(if: InfluxServer.isInstalled, "needs Debian's influxdb"))
  func `SIGKILL on either side at any moment loses nothing and repeats nothing`() async throws {
    let server = try InfluxServer()
    let sshd = try Sshd()
    let inner = Self.inside()
    let centre = Self.centre(inner, sshd, settings: Self.influx(server))
    var generator = Generator(state: 7)
    var lengths = ["inner": 0.3, "centre": 0.4]
    var killed = ["inner": 0, "centre": 0]
    var rounds = 0
    while killed.values.contains(where: { $0 < 12 }), rounds < 200 {
      rounds += 1
      let side = Bool.random(using: &generator) ? "inner" : "centre"
      let range = side == "inner" ? inner : centre
      var words = ["run", "-q", "--inventory", range.inventory, "--store", range.store]
      if side == "inner" { words += ["--spool", Self.spool(inner)] }
      if killed[side] ?? 0 < 12, Int.random(in: 0..<4, using: &generator) > 0 {
        let pass = try Daemon(Scrape.program, words, log: "\(range.scratch.path)/log")
        let length = lengths[side] ?? 0.3
        usleep(useconds_t(Double.random(in: 0..<(length * 1_100_000), using: &generator)))
        if pass.isRunning { killed[side, default: 0] += 1 }
        pass.stop(SIGKILL)
      } else {
        let start = Date()
        let pass = try run(Scrape.program, words)
        lengths[side] = Date().timeIntervalSince(start)
        #expect([0, 1].contains(pass.status), "\(pass)")
      }
    }
    #expect(killed.values.reduce(0, +) >= 24, "\(killed)")
    try Self.pass(inner)
    let store = Store(path: inner.store)
    let own = Store(path: centre.store)
    for _ in 0..<10 {
      try centre.scrape("run")
      if try Self.files(inner).isEmpty,
        try await own.queues().allSatisfy({ $0.lines == 0 })
      {
        break
      }
    }
    #expect(try Self.files(inner).isEmpty)
    let passes = try await store.passes(1000).count
    let ledger = try #require(try await own.spoolLedgers().values.first)
    #expect(ledger.last == Int64(passes) && ledger.missing == 0 && ledger.refused == 0, "\(ledger)")
    #expect(try await DeliveryTests.differences(store, server, hosts: Self.names).isEmpty)
    #expect(try await DeliveryTests.differences(own, server, hosts: Self.names).isEmpty)
    let rows = try server.query(
      "SELECT count(load1) FROM system WHERE host='h1'", database: "range")
    #expect((rows.first?.last as? NSNumber)?.intValue == passes)
  }

  @Test(.enabled(if: InfluxServer.isInstalled, "needs Debian's influxdb"))
  func `a chain of two brings the hosts of the innermost segment out`() async throws {
    let server = try InfluxServer()
    let first = try Sshd()
    let second = try Sshd()
    let far = Self.inside("f[1:3]")
    // The middle: hosts of its own, and the spool of the monitor behind it.
    let middle = Range(
      hosts: """
        all:
          vars: {profile: little}
          hosts:
            "m[1:2]": {connection: local}
            inner2:
              {address: 127.0.0.1, port: \(second.port), key: \(second.key), user: \(NSUserName()),
               spool: {path: \(Self.spool(far)), hosts: far}}
          children:
            far: {hosts: {"f[1:3]": }}
        """, settings: Self.little)
    middle.scratch.write("inventory/known_hosts", second.scratch.read("known_hosts") ?? "")
    let centre = Range(
      hosts: """
        all:
          vars: {profile: little}
          hosts:
            inner1:
              {address: 127.0.0.1, port: \(first.port), key: \(first.key), user: \(NSUserName()),
               spool: {path: \(Self.spool(middle)), hosts: "seg,far"}}
          children:
            seg: {hosts: {"m[1:2]": , inner2: }}
            far: {hosts: {"f[1:3]": }}
        """, settings: Self.little + Self.influx(server))
    centre.scratch.write("inventory/known_hosts", first.scratch.read("known_hosts") ?? "")
    for round in 1...4 {
      try Self.pass(far)
      try Self.pass(far)
      if round % 2 == 0 {
        let pass = try Daemon(
          Scrape.program,
          [
            "run", "--inventory", middle.inventory, "--store", middle.store, "--spool",
            Self.spool(middle),
          ], log: "\(middle.scratch.path)/log")
        usleep(useconds_t(round * 60_000))
        pass.stop(SIGKILL)
      }
      #expect(try Self.pass(middle).status == 0)
      #expect(try centre.scrape("run").status == 0)
    }
    #expect(try Self.pass(middle).status == 0)
    let last = try centre.scrape("run")
    #expect(last.status == 0, "\(last)")
    #expect(try Self.files(far).isEmpty)
    let own = Store(path: centre.store)
    #expect(try await own.spoolLedgers().values.allSatisfy { $0.missing == 0 && $0.refused == 0 })
    let hosts = ["f1", "f2", "f3"]
    let differences = try await DeliveryTests.differences(
      Store(path: far.store), server, hosts: hosts)
    #expect(differences.isEmpty, "\(differences)")
    #expect(
      try await DeliveryTests.differences(own, server, hosts: hosts + ["m1", "m2"]).isEmpty)
    let rows = try server.query(
      "SELECT count(load1) FROM system WHERE host='f1'", database: "range")
    #expect((rows.first?.last as? NSNumber)?.intValue == 8)
    #expect(try centre.scrape("status").output.contains("7 of 7 hosts up"))
    // The innermost falls silent: the middle is heard, its hosts behind are stale.
    let states = try await own.states()
    #expect(states["f1"]?["spool"]?.severity == .ok)
  }

  // MARK: Missing is never silent

  @Test func `passes dropped at the limit are counted as missing`() async throws {
    let inner = Self.inside()
    let centre = Range(
      hosts: """
        all:
          hosts: {inner1: {spool: {hosts: seg}}}
          children: {seg: {hosts: {"h[1:4]": }}}
        """)
    var dropped = 0
    for _ in 1...8 {
      let pass = try Self.pass(inner, "--spool-size", "6KiB")
      if pass.errors.contains("dropped at its limit") { dropped += 1 }
    }
    let left = try Self.files(inner)
    #expect(left.count < 8 && dropped == 8 - left.count, "\(left.count) \(dropped)")
    let outcome = try centre.scrape("import", Self.spool(inner))
    #expect(outcome.status == 1, "\(outcome)")
    #expect(outcome.errors.contains("\(8 - left.count) passes are missing"), "\(outcome)")
    let store = Store(path: centre.store)
    #expect(try await store.spoolLedgers().values.first?.missing == Int64(8 - left.count))
    let series = try await store.series(
      host: "inner1", from: Timestamp(seconds: 0), to: Timestamp(nanoseconds: .max))
    #expect(
      series.contains {
        $0.measurement == "event" && $0.tags.contains(Metrics.Tag("source", "spool"))
      })
  }

  @Test func `a copy that was cut off is refused, and the good one counts later`() async throws {
    let inner = Self.inside()
    for _ in 1...3 { try Self.pass(inner) }
    let stick = Scratch()
    let folder = SpoolFolder(Self.spool(inner))
    let names = try folder.names()
    for (index, name) in names.enumerated() {
      let bytes = try folder.read(name)
      _ = FileManager.default.createFile(
        atPath: "\(stick.path)/\(name.text)",
        contents: Data(index == 1 ? Array(bytes.prefix(bytes.count / 2)) : bytes))
    }
    stick.write("\(names[0].text).new", "half")
    let centre = Range(
      hosts: """
        all:
          hosts: {inner1: {spool: {hosts: seg, prefix: blue1-}}}
          children: {seg: {hosts: {"blue1-h[1:4]": }}}
        """)
    let first = try centre.scrape("import", stick.path)
    #expect(first.status == 1, "\(first)")
    #expect(first.output.contains("2 files new"), "\(first)")
    #expect(first.output.contains("of 4 hosts), 0 there already, 1 refused"), "\(first)")
    #expect(first.errors.contains("\(names[1].text) refused: parse_error"), "\(first)")
    #expect(first.errors.contains("1 pass is missing"), "\(first)")
    let second = try centre.scrape("import", Self.spool(inner))
    #expect(second.status == 0, "\(second)")
    #expect(second.output.contains("1 file new") && second.output.contains("2 there already"))
    let store = Store(path: centre.store)
    #expect(try await store.spoolLedgers().values.first?.missing == 0)
    let values = try await store.history(
      host: "blue1-h1", measurement: "system", field: "load1", from: Timestamp(seconds: 0),
      to: Timestamp(nanoseconds: .max))
    #expect(values.count == 3 && Set(values.map(\.0)).count == 3)
  }

  @Test func `a machine that was reverted to a snapshot goes on, and says so`() async throws {
    let inner = Self.inside("h1")
    let centre = Range(
      hosts: """
        all:
          hosts: {inner1: {connection: local, spool: {path: \(Self.spool(inner)), hosts: h1}}, h1: }
        """, settings: Self.little)
    for _ in 1...2 { try Self.pass(inner) }
    try run("/bin/cp", ["-a", inner.scratch.path, "\(inner.scratch.path)-snapshot"])
    defer { try? FileManager.default.removeItem(atPath: "\(inner.scratch.path)-snapshot") }
    for _ in 1...2 { try Self.pass(inner) }
    try centre.scrape("run")
    try FileManager.default.removeItem(atPath: inner.scratch.path)
    try run("/bin/cp", ["-a", "\(inner.scratch.path)-snapshot", inner.scratch.path])
    for _ in 1...3 { try Self.pass(inner) }
    let after = try centre.scrape("run")
    #expect(after.errors.contains("reverted to a snapshot"), "\(after)")
    let values = try await Store(path: centre.store).history(
      host: "h1", measurement: "system", field: "load1", from: Timestamp(seconds: 0),
      to: Timestamp(nanoseconds: .max))
    // Two before the snapshot, two that the snapshot undid, three after it.
    #expect(values.count == 7 && Set(values.map(\.0)).count == 7)
  }

  // MARK: Hostile

  /// A file that claims much, with a right checksum.
  static func hostile(_ folder: String, number: Int64, _ hosts: [SpoolHost], at time: Timestamp)
    throws -> SpoolName
  {
    var writer = SpoolWriter(
      identity: "00000000000000000000000000000bad", number: number, time: time)
    for host in hosts { writer.append(host) }
    let file = writer.finish()[0]
    try SpoolFolder(folder).write(file.bytes, as: file.name)
    return file.name
  }

  @Test func `a spool writes only what the inventory allows`() async throws {
    let stick = Scratch()
    let now = Timestamp.now
    func host(_ name: String, _ points: [Point], at time: Timestamp = now) -> SpoolHost {
      var host = SpoolHost(name: name, seen: time)
      host.isWhole = true
      host.states = [
        "ssh": CheckState(.ok, at: time),
        "rule \u{1b}[31mred": CheckState(.critical, at: now.after(.seconds(86_400))),
      ]
      host.results = [
        HostResult(batch: PointBatch(host: name, tags: [], time: time, points: points))
      ]
      return host
    }
    func point(_ value: Int64, _ tags: [Metrics.Tag] = [], _ time: Timestamp? = nil) -> Point {
      var point = Point("probe", tags: tags, time: time)
      point.integer("v", value)
      return point
    }
    _ = try Self.hostile(
      stick.path, number: 1,
      [
        host(
          "h1",
          [
            point(
              1, [Metrics.Tag("host", "web1"), Metrics.Tag("group", "x"), Metrics.Tag("own", "y")])
          ]),
        host("web1", [point(2)]), host("nobody", [point(3)]), host("(all)", [point(4)]),
        host("(scraper)", [point(5)]),
        host(
          "h2",
          [
            point(6, [], now.after(.seconds(7200))),
            point(7, [], now.before(.seconds(90 * 86_400))),
            point(8, [], now.before(.seconds(3600))),
          ]),
        host("h3", [point(9)], at: now.before(.seconds(90 * 86_400))),
      ], at: now)
    let ahead = try Self.hostile(
      stick.path, number: 2, [host("h1", [point(10)])], at: now.after(.seconds(7200)))
    let centre = Range(
      hosts: """
        all:
          hosts: {inner1: {spool: {hosts: "h*"}}, "h[1:3]": , web1: , other: {spool: {hosts: web1}}}
        """, settings: "sinks: [{file: {path: out.lp}}]\n")
    let vague = try centre.scrape("import", stick.path)
    #expect(vague.status == 2 && vague.errors.contains("--from inner1 or --from other"), "\(vague)")
    let outcome = try centre.scrape("import", stick.path, "--from", "inner1")
    #expect(outcome.status == 1, "\(outcome)")
    #expect(outcome.errors.contains("\(ahead.text) refused: beyond_limit"), "\(outcome)")
    #expect(outcome.errors.contains("nobody") && outcome.errors.contains("web1"), "\(outcome)")
    #expect(outcome.errors.contains("3 points refused: older"), "\(outcome)")
    let store = Store(path: centre.store)
    func values(_ host: String) async throws -> [FieldValue] {
      try await store.history(
        host: host, measurement: "probe", field: "v", from: Timestamp(nanoseconds: .min),
        to: Timestamp(nanoseconds: .max)
      ).map(\.1)
    }
    #expect(try await values("h1") == [.integer(1)])
    #expect(try await values("h2") == [.integer(8)])
    for other in ["web1", "nobody", "(all)", "h3", "(scraper)"] {
      #expect(try await values(other) == [], "\(other)")
    }
    #expect(try await values("inner1") == [.integer(5)])
    let series = try await store.series(
      host: "h1", from: now.before(.seconds(60)), to: now.after(.seconds(60)))
    let tags = series.first { $0.measurement == "probe" }?.tags.filter { $0.name != "own" } ?? []
    #expect(
      tags.allSatisfy {
        $0 == Metrics.Tag("host", "h1") || $0 == Metrics.Tag("group", "ungrouped")
      }, "\(series)")
    let states = try await store.states()
    #expect(states["web1"]?["ssh"] == nil && states["nobody"] == nil)
    #expect(states["h1"]?.keys.contains { $0.contains("\u{1b}") } == false)
    #expect(states["h1"]?.values.allSatisfy { $0.since <= Timestamp.now } == true)
    // Its identity is now that of inner1.
    let stolen = try centre.scrape("import", stick.path, "--from", "other")
    #expect(stolen.status == 2 && stolen.errors.contains("of inner1 before"), "\(stolen)")
  }

  @Test func `damaged files over SSH are refused once, named, and do not stop the others`()
    async throws
  {
    let sshd = try Sshd()
    let inner = Self.inside("h[1:4]")
    for _ in 1...3 { try Self.pass(inner) }
    let bad = try Self.files(inner)[1]
    let path = "\(Self.spool(inner))/\(bad.text)"
    let good = try #require(FileManager.default.contents(atPath: path))
    _ = FileManager.default.createFile(atPath: path, contents: good.prefix(100))
    // A name that is none, and a folder with the name of a file.
    inner.scratch.write("spool/scrape-$(touch x).spool", "x")
    let folder = SpoolName(identity: bad.identity, number: 90, digest: 1).text
    try FileManager.default.createDirectory(
      atPath: "\(Self.spool(inner))/\(folder)", withIntermediateDirectories: true)
    let centre = Self.centre(inner, sshd)
    let outcome = try centre.scrape("run")
    #expect(outcome.errors.contains("\(bad.text) refused: parse_error"), "\(outcome)")
    let store = Store(path: centre.store)
    let ledger = try #require(try await store.spoolLedgers().values.first)
    #expect(ledger.last == 3 && ledger.missing == 1 && ledger.refused == 1, "\(ledger)")
    #expect(try await store.states()["inner1"]?["spool"]?.severity == .major)
    try FileManager.default.removeItem(atPath: "\(Self.spool(inner))/\(folder)")
    let next = try centre.scrape("run")
    #expect(!next.errors.contains(bad.text), "\(next)")
    #expect(next.errors.contains("1 file refused"), "\(next)")
    #expect(try Self.files(inner) == [bad])
    // Imported by hand, a good copy counts.
    _ = FileManager.default.createFile(atPath: path, contents: good)
    #expect(try centre.scrape("import", Self.spool(inner)).status == 0)
    #expect(try centre.scrape("run").status == 0)
    #expect(try Self.files(inner).isEmpty)
    #expect(try await store.spoolLedgers().values.first?.missing == 0)
  }

  // MARK: States

  @Test func `states come from inside, and a spool that falls silent is loud`() async throws {
    let sshd = try Sshd()
    let inner = Self.inside(settings: "rules: {hot: {when: system.load1, critical: \"> -1\"}}\n")
    let centre = Self.centre(inner, sshd, more: ", stale_after: 3s")
    let before = try centre.scrape("run")
    #expect(before.status == 1 && before.errors.contains("local_error: spool"), "\(before)")
    try Self.pass(inner)
    let fresh = try centre.scrape("run")
    #expect(!fresh.errors.contains("stale"), "\(fresh)")
    let status = try centre.scrape("status")
    #expect(status.output.contains("h[1-4]") && status.output.contains("rule hot"), "\(status)")
    let store = Store(path: centre.store)
    let changes = try await store.transitions(of: "h1")
    #expect(changes.contains { $0.transition.name == "rule hot" && $0.transition.to == .critical })
    usleep(3_200_000)
    let stale = try centre.scrape("run")
    #expect(stale.errors.contains("stale: the newest pass is of"), "\(stale)")
    #expect(stale.errors.contains("4 hosts not known since"), "\(stale)")
    let states = try await store.states()
    #expect(states["inner1"]?["spool"]?.severity == .critical)
    #expect(states["h1"]?["spool"]?.severity == .unknown)
    #expect(states["h1"]?["spool"]?.reason == .stale)
    let quiet = try centre.scrape("status")
    #expect(quiet.output.contains("spool") && quiet.output.contains("stale"), "\(quiet)")
    // The hosts are effects of the spool: one line.
    #expect(quiet.output.components(separatedBy: "stale:").count == 2, "\(quiet)")
    // Back, with the rule gone inside.
    inner.scratch.write("inventory/scrape.yml", Self.little)
    try Self.pass(inner)
    let back = try centre.scrape("run")
    #expect(back.status == 0, "\(back)")
    let after = try await store.states()
    #expect(after["h1"]?["spool"]?.severity == .ok && after["h1"]?["rule hot"] == nil)
    let ends = try await store.transitions(of: "h1").first { $0.transition.name == "rule hot" }
    #expect(ends?.transition.to == .ok)
    let host = try centre.scrape("host", "h1")
    #expect(host.status == 2 && host.errors.contains("through the spool of inner1"), "\(host)")
  }

  @Test(arguments: [
    ("inner1: {spool: {path: spool, hosts: h1}}", "no absolute path"),
    ("inner1: {spool: {path: /s}}", "hosts"),
    ("inner1: {spool: {path: /s, hosts: hh1}}", "no host or group is called"),
    ("inner1: {spool: {path: /s, hosts: h1, prefix: \"a b\"}}", "no beginning of a name"),
    ("inner1: {spool: {hosts: h1}}, inner2: {spool: {hosts: \"h*\"}}", "through the spools of"),
    ("inner1: {spool: {hosts: inner2}}, inner2: {spool: {hosts: h1}}", "add h1 to `hosts`"),
    ("inner1: {spool: {hosts: inner2}}, inner2: {spool: {hosts: inner1}}", "contain each other"),
    ("inner1: {spool: {hosts: h1, pth: /s}}", "did you mean \"path\""),
  ])
  func `lint names faults of spools`(hosts: String, words: String) throws {
    let range = Range(hosts: "all: {hosts: {\(hosts), h1: , h2: }}\n")
    let outcome = try run(Scrape.program, ["lint", "--inventory", range.inventory])
    #expect(outcome.status == 2 && outcome.errors.contains(words), "\(outcome)")
  }

  @Test(arguments: [
    "inner1: {spool: {path: /s, hosts: \"h*\"}}",
    "inner1: {spool: {hosts: \"inner1,h1\"}}, inner2: {spool: {hosts: h2}}",
    "inner1: {spool: {hosts: \"inner2,h1\"}}, inner2: {spool: {hosts: h1}}",
  ])
  func `lint accepts`(hosts: String) throws {
    let range = Range(hosts: "all: {hosts: {\(hosts), h1: , h2: }}\n")
    let outcome = try run(Scrape.program, ["lint", "--inventory", range.inventory])
    #expect(outcome.status == 0, "\(outcome)")
  }

  @Test func `lint says that rules of the centre do not reach through a spool`() throws {
    let range = Range(
      hosts: "all: {hosts: {inner1: {spool: {hosts: h1}}, h1: }}\n",
      settings: "rules: {hot: {when: system.load1, critical: \"> 9\", hosts: h1}}\n")
    let outcome = try run(Scrape.program, ["lint", "--inventory", range.inventory])
    #expect(outcome.status == 0 && outcome.errors.contains("come through a spool"), "\(outcome)")
  }

  @Test(arguments: [
    (["run", "--spool-size", "1GiB"], "needs --spool DIR"),
    (["run", "--spool", "d", "--spool-size", "1"], "at least 4KiB"),
    (["run", "--spool", ""], "takes a folder"), (["import"], "name one folder"),
    (["import", "/nowhere/at/all"], "No such file"),
  ])
  func `wrong options are named`(words: [String], text: String) throws {
    let range = Range(hosts: "all: {hosts: {h1: {connection: local}}}\n")
    let outcome = try run(
      Scrape.program, words + ["--inventory", range.inventory, "--store", range.store])
    #expect(outcome.status == 2 && outcome.errors.contains(text), "\(outcome)")
  }
}
