import Charts
import Configuration
import Foundation
import Lab
import Metrics
import Notifiers
import Sinks
@testable import Store
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper

/// Reports and alerts' charts, from a store that passes have filled.
@Suite struct ReportTests {
  /// 2026-11-20 14:05:12 UTC; the zone of the tests is set to that.
  private static let now = Timestamp(seconds: 1_795_183_512)
  private static let hosts = """
    all:
      children:
        peers: {hosts: {"peer[1:6]": {}}}
        disks: {hosts: {db1: {}}}

    """

  init() {
    setenv("TZ", "UTC", 1)
    tzset()
  }

  private static func ago(_ minutes: Int) -> Timestamp {
    Timestamp(seconds: 1_795_183_500 - 60 * Int64(minutes))
  }

  private static func ping(_ milliseconds: Double) -> Point {
    var point = Point("ping", tags: [Tag("url", "192.0.2.\(Int(milliseconds) % 250)")])
    point.float("average_response_ms", milliseconds)
    return point
  }

  private static func disk(_ path: String, _ percent: Double) -> Point {
    var point = Point("disk", tags: [Tag("path", path), Tag("device", "vda\(path.count)")])
    point.float("used_percent", percent)
    point.integer("free", Int64((100 - percent) * 1e9))
    return point
  }

  /// An hour of passes, one a minute. peer5 and peer6 never answer, peer4 not in the last 20 minutes.
  private static func fill(_ store: Store) async throws {
    for minute in (0...60).reversed() {
      let time = ago(minute)
      var results: [HostResult] = []
      func add(_ host: String, _ points: [Point]) {
        let tags = [Tag("host", host), Tag("group", host == "db1" ? "disks" : "peers")]
        results.append(
          HostResult(batch: PointBatch(host: host, tags: tags, time: time, points: points)))
      }
      for number in 1...3 {
        add("peer\(number)", [ping(Double(10 * number) + Double(minute % 5) / 10)])
      }
      if minute >= 20 { add("peer4", [ping(400)]) }
      add("peer5", [])
      var service = Point("service", tags: [Tag("service", "https"), Tag("probe", "https")])
      if minute > 10 { service.float("latency_ms", 20 + Double(minute)) }
      add(
        "db1",
        [
          disk("/", 95 - Double(minute) / 4), disk("/srv", 20), service,
        ])
      let pass = PassSummary(
        start: time, end: time, hosts: 6, up: 5, failed: 1, points: 9, warnings: [])
      try await store.finish(pass, results)
    }
  }

  private func site(_ range: Range) throws -> Site {
    try Site(
      Arguments(["--inventory", range.inventory, "--store", range.store], options: Site.options))
  }

  private func range(_ reports: String, rules: String = "") -> Range {
    Range(hosts: Self.hosts, settings: "contacts:\n  ops:\n    reports:\n\(reports)\n\(rules)")
  }

  /// Makes a report of the entry as it is at 14:05.
  private func notice(_ entry: String) async throws -> Notice {
    let range = range("      - \(entry)")
    let site = try site(range)
    let store = site.store()
    try await Self.fill(store)
    let slot = site.reports.all[0].schedule.last(until: Self.now)
    return await ReportText(site.reports.all[0], until: slot, in: store).notice
  }

  // MARK: What it says

  @Test func `each peer's average of the past minutes is shown, and who has none`() async throws {
    let notice = try await notice(
      "{name: ping, every: 5m, metric: ping.average_response_ms, hosts: peers}")
    #expect(
      notice.text.plain == """
        ping
        average of ping.average_response_ms
        during the past 5 minutes (14:00–14:05)
        10.17 ms  peer1
        20.17 ms  peer2
        30.17 ms  peer3
               –  peer[4-6]
        """)
    #expect(notice.text.lines[3].map(\.style) == [.code])
    #expect(notice.kind == .report && notice.isSilent && notice.chart == nil)
    #expect(notice.contact == "ops" && notice.opened == Self.ago(0))
    #expect(!notice.subject.contains("\n") && notice.subject.contains("14:00–14:05"))
  }

  @Test(arguments: [
    ("function: max", "30.40 ms  peer3"), ("function: min", "30 ms  peer3"),
    ("function: last", "30 ms  peer3"), ("function: count", "6  peer3"),
    ("function: sum", "181 ms  peer3"),
    // Windows of their own; the hour begins with a pass that lies in it.
    ("over: 1h, function: count", "41  peer4"), ("over: 1h, function: max", "400.0 ms  peer4"),
  ])
  func `a report shows the format asked for`(_ settings: String, _ line: String) async throws {
    let notice = try await notice(
      "{name: a, every: 5m, metric: ping.average_response_ms, hosts: peers, \(settings)}")
    let lines = notice.text.plain.split(separator: "\n").map {
      $0.drop { $0 == " " }
    }
    #expect(lines.contains { $0 == line }, "\(notice.text.plain)")
  }

  @Test func `the worst come first where that is wanted, up to a limit`() async throws {
    let notice = try await notice(
      "{name: a, every: 1h, metric: ping.average_response_ms, hosts: peers, top: 2}")
    #expect(
      Array(notice.text.plain.split(separator: "\n").dropFirst(2)) == [
        "during the past hour (13:00–14:00)", "400.0 ms  peer4", " 30.2 ms  peer3",
        "and 2 more", "       –  peer[5-6]",
      ])
  }

  @Test func `each series of a host is shown`() async throws {
    let notice = try await notice(
      "{name: disks, at: \"08:00\", every: 1d, over: 7d, function: last, hosts: disks, metric: disk.free}"
    )
    #expect(notice.text.plain.contains("–  db1"))
    #expect(notice.text.plain.contains("(2026-11-13 08:00 – 2026-11-20 08:00)"))
    let now = try await self.notice(
      "{name: disks, every: 1m, function: last, hosts: disks, metric: disk.free}")
    #expect(
      now.text.plain.hasSuffix(
        "\n 4.7 GiB  db1 /\n74.5 GiB  db1 /srv"))
  }

  @Test func `as a chart each host is a line, and those without values are named`() async throws {
    let notice = try await notice(
      "{name: ping, every: 30m, metric: ping.average_response_ms, hosts: peers, as: chart}")
    let chart = try #require(notice.chart)
    #expect(chart.unit == "ms" && chart.title == "ping")
    #expect(chart.series.map(\.name) == (1...6).map { "peer\($0)" })
    #expect(chart.series.map(\.values.count) == [31, 31, 31, 16, 0, 0])
    #expect(chart.to == Self.ago(5) && chart.from == Self.ago(35))
    #expect(notice.text.plain.hasSuffix("\n–  peer[5-6]"))
    #expect(try chart.png(.dark).count > 10_000)
    // With nothing to draw the report has words only.
    let empty = try await self.notice(
      "{name: a, every: 5m, metric: mem.used_percent, hosts: peers, as: chart}")
    #expect(empty.chart == nil && empty.text.plain.hasSuffix("\n–  peer[1-6]"))
  }

  // MARK: When it comes

  @Test func `a report comes once at its time, also after one that failed`() async throws {
    let range = range("      - {name: ping, every: 5m, metric: ping.average_response_ms}")
    let site = try site(range)
    let store = site.store()
    try await Self.fill(store)
    func due(_ seconds: Int64) async -> [Reports.Due] {
      await site.reports.due(at: Timestamp(seconds: Self.now.seconds + seconds), in: store)
    }
    // It is new.
    #expect(await due(0).isEmpty)
    #expect(await due(60).isEmpty)
    let first = await due(300)
    #expect(first.map(\.notice.incident) == ["report ops/ping 1795183800"])
    // It was not sent; the next one has the values of its own time.
    #expect(await due(400).map(\.slot) == first.map(\.slot))
    let second = await due(650)
    #expect(second[0].slot.seconds == first[0].slot.seconds + 300)
    await site.reports.remember(second[0], in: store)
    #expect(await due(660).isEmpty)
    // Another process knows it, too.
    let other = site.store()
    #expect(
      await site.reports.due(at: Timestamp(seconds: Self.now.seconds + 700), in: other).isEmpty)
    #expect(await due(900).count == 1)
    // After the clock was set back it does not wait for the old time.
    #expect(await due(-86_400).count == 1)
  }

  @Test(arguments: [
    ("5m", nil, "2026-11-20T14:05:12Z", "2026-11-20T14:05:00Z"),
    ("1h", nil, "2026-11-20T14:59:59Z", "2026-11-20T14:00:00Z"),
    ("1d", nil, "2026-11-20T22:59:59Z", "2026-11-19T23:00:00Z"),
    ("1d", 480, "2026-11-20T07:00:00Z", "2026-11-20T07:00:00Z"),
    ("1d", 480, "2026-11-20T06:59:59Z", "2026-11-19T07:00:00Z"),
    // Summer time ends on the 25th of October, 03:00.
    ("1d", 480, "2026-10-25T12:00:00Z", "2026-10-25T07:00:00Z"),
    ("1d", 480, "2026-10-25T06:00:00Z", "2026-10-24T06:00:00Z"),
  ])
  func `times are round on the local clock`(
    _ every: String, _ at: Int?, _ now: String, _ last: String
  ) throws {
    // The zone is the process's: no other test may see it.
    setenv("TZ", "Europe/Berlin", 1)
    tzset()
    defer {
      setenv("TZ", "UTC", 1)
      tzset()
    }
    func seconds(_ text: String) throws -> Int64 {
      Int64(try #require(ISO8601DateFormatter().date(from: text)).timeIntervalSince1970)
    }
    let schedule = ReportSchedule(every: try #require(Duration(text: every)), at: at)
    let found = schedule.last(until: Timestamp(seconds: try seconds(now)))
    #expect(found.seconds == (try seconds(last)))
  }

  // MARK: What is wrong with it

  @Test(arguments: [
    ("{every: 5m, metric: ping.ttl}", "has no name"),
    ("{name: a, metric: ping.ttl}", "has no schedule"),
    ("{name: a, every: 5m}", "has no metric"),
    ("{name: a, every: 0, metric: ping.ttl}", "every must be from 1s to 366d"),
    ("{name: a, every: 5m, at: \"08:00\", metric: ping.ttl}", "both `every:` and `at:`"),
    ("{name: a, at: \"8 am\", metric: ping.ttl}", "at must be a time of day"),
    ("{name: a, every: 5m, metric: png.ttl}", "did you mean \"ping\"?"),
    ("{name: a, every: 5m, metric: ping.tll}", "did you mean \"ttl\"?"),
    ("{name: a, every: 5m, metric: users.list}", "is a text"),
    ("{name: a, every: 5m, metric: ping.ttl, hosts: pears}", "hosts of a report"),
    ("{name: a, every: 5m, metric: ping.ttl, function: agv}", "did you mean \"avg\"?"),
    ("{name: a, every: 5m, metric: ping.ttl, as: charts}", "did you mean \"chart\"?"),
    ("{name: a, every: 5m, metric: ping.ttl, sort: size}", "possible: name, value"),
    ("{name: a, every: 5m, metric: ping.ttl, top: 0}", "top must be"),
    ("{name: a, evry: 5m, metric: ping.ttl}", "did you mean \"every\"?"),
    ("[]", "must be a mapping"),
  ])
  func `a fault is reported with its place`(_ entry: String, _ words: String) throws {
    let outcome = try range("      - \(entry)").scrape("lint")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains(words), "\(outcome.errors)")
    #expect(outcome.errors.contains("scrape.yml:4:"), "\(outcome.errors)")
  }

  @Test func `two reports of one name are one too many`() throws {
    let entry = "      - {name: a, every: 5m, metric: ping.ttl}"
    let outcome = try range("\(entry)\n\(entry)").scrape("lint")
    #expect(outcome.status == 2 && outcome.errors.contains("has two reports \"a\""))
  }

  // MARK: The command

  @Test func `scrape report prints a report as it is now`() async throws {
    let range = range(
      """
            - {name: ping, every: 5m, metric: ping.average_response_ms, hosts: peers}
            - {name: disk, every: 1d, metric: "disk.used_percent{path=/}", hosts: disks}
      """)
    let site = try site(range)
    try await Self.fill(site.store())
    let one = try range.scrape("report", "ops", "ping")
    #expect(one.status == 0)
    #expect(one.output.hasPrefix("ping\naverage of ping.average_response_ms\nduring the past 5"))
    #expect(try range.scrape("report", "ops").output.contains("\n\ndisk\n"))
    let unknown = try range.scrape("report", "opps")
    #expect(unknown.status == 2 && unknown.errors.contains("did you mean \"ops\"?"))
    let none = try range.scrape("report", "ops", "pong")
    #expect(none.status == 2 && none.errors.contains("did you mean \"ping\"?"))
    let nowhere = try range.scrape("report", "ops", "ping", "--send")
    #expect(nowhere.status == 1 && nowhere.errors.contains("no place to send to"))
  }

  @Test func `of many hosts the extremes have a curve each, and the rest their median`() {
    var rows: [ReportCurves.Row] = []
    for number in 0..<100 {
      var values: [SeriesHistory.Value] = []
      for minute in 0..<60 {
        values.append((time: Self.ago(59 - minute), value: Double(number + minute % 2)))
      }
      rows.append(ReportCurves.Row(name: "h\(number)", figure: Double(number), values: values))
    }
    let curves = ReportCurves.chosen(rows.shuffled(), from: Self.ago(60), to: Self.ago(0))
    #expect(curves.count == 8)
    #expect(
      Set(curves.dropLast().map(\.name)) == ["h0", "h1", "h2", "h96", "h97", "h98", "h99"])
    let median = curves[7]
    // Of h3 to h95, each of which goes up and down by one.
    #expect(median.name == "median of 93 others" && median.values.count == 30)
    #expect(median.values.allSatisfy { (49...50).contains($0.value) }, "\(median.values)")
    // Of eight all are drawn, in their order; hosts without values take no curve from others.
    let few = Array(rows.prefix(8))
    #expect(
      ReportCurves.chosen(few, from: Self.ago(60), to: Self.ago(0)).map(\.name) == few.map(\.name))
    let empty = ReportCurves.Row(name: "gone", figure: nil, values: [])
    let some = ReportCurves.chosen(few + [empty], from: Self.ago(60), to: Self.ago(0))
    #expect(some.map(\.name) == few.map(\.name))
    // One reading each is a median of one moment.
    var single: [ReportCurves.Row] = []
    for number in 0..<9 {
      single.append(
        ReportCurves.Row(
          name: "h\(number)", figure: 1, values: [(time: Self.ago(0), value: 1)]))
    }
    let last = ReportCurves.chosen(single, from: Self.ago(60), to: Self.ago(0)).last
    #expect(last?.name == "median of 2 others" && last?.values.map(\.value) == [1])
  }

  // MARK: Charts of alerts

  private func chart(_ rule: String, _ check: String, host: String = "db1") async throws -> Chart? {
    let range = range("      []", rules: "rules: {\(rule)}\n")
    let site = try site(range)
    let store = site.store()
    try await Self.fill(store)
    let tags = site.inventory.hosts.first { $0.name == host }?.pointTags ?? []
    return await AlertChart.make(
      for: check, host: host, tags: tags, rules: site.rules.rules(for: host), in: store,
      now: Self.now)
  }

  @Test func `an alert's chart has the series that crossed its line, and the lines`() async throws {
    let chart = try #require(
      try await chart(
        "disk full: {when: disk.used_percent, minor: \"> 80\", critical: \"10:90\"}",
        "rule disk full{path=/}"))
    #expect(chart.title == "db1: disk full /" && chart.unit == "%")
    #expect(chart.series.map(\.name) == ["disk.used_percent"])
    #expect(chart.series[0].values.map(\.value) == (0...60).map { 80 + Double($0) / 4 })
    #expect(
      chart.thresholds == [
        .init(10, .critical, .below), .init(90, .critical, .above), .init(80, .minor),
      ])
    #expect(chart.to == Self.now && chart.from == Self.ago(60))
  }

  @Test(
    arguments: [
      (
        "window: \"avg 10m\", critical: \"> 90\"", ["disk.used_percent", "avg over 10m"], "%",
        [90.0],
        [95, 93.75]
      ),
      (
        "window: \"delta 10m\", critical: \"> 2\"", ["delta over 10m of disk.used_percent"], "%",
        [2],
        [2.5]
      ),
      (
        "window: \"rate 10m\", critical: \"> 2\"", ["rate over 10m of disk.used_percent"], "%/s",
        [2],
        [0.25 / 60]
      ),
      (
        "window: \"count 10m\", minor: \"< 5\"", ["count over 10m of disk.used_percent"], "", [5],
        [11]
      ),
      ("window: \"time_to_full 30m\", major: \"< 6h\"", ["disk.used_percent"], "%", [100], [95]),
    ] as [(String, [String], String, [Double], [Double])])
  func `a window's value is drawn as the rule had it`(
    _ rule: String, _ names: [String], _ unit: String, _ lines: [Double], _ last: [Double]
  ) async throws {
    let chart = try #require(
      try await chart("r: {when: \"disk.used_percent{path=/}\", \(rule)}", "rule r"))
    #expect(chart.series.map(\.name) == names)
    #expect(chart.unit == unit)
    #expect(chart.thresholds.map(\.value) == lines)
    for (series, wanted) in zip(chart.series, last) {
      let found = try #require(series.values.last?.value)
      #expect(abs(found - wanted) < 1e-9)
    }
  }

  @Test func `a service's chart has the time that it took to answer, and a gap where it did not`()
    async throws
  {
    let chart = try #require(try await chart("", "service https"))
    #expect(chart.unit == "ms" && chart.title == "db1: https")
    #expect(chart.series[0].values.count == 50)
    #expect(chart.series[0].values.last?.time == Self.ago(11))
  }

  @Test(arguments: [
    ("rule disk full{path=/other}", "db1"), ("rule other", "db1"), ("ssh", "db1"),
    ("rule disk full", "db1"), ("service http", "db1"), ("rule disk full{path=/}", "peer1"),
    ("rule disk full{path=/}", "no such host"),
  ])
  func `what has no numbers has no chart`(_ check: String, _ host: String) async throws {
    let chart = try await chart(
      "disk full: {when: disk.used_percent, minor: \"> 80\"}", check, host: host)
    #expect(chart == nil)
  }

  @Test(arguments: [
    ("ipmi_sensor.value", "degrees_c", "°C"), ("ipmi_sensor.value", "rpm", "RPM"),
    ("ipmi_sensor.value", "odd_things", "odd things"), ("ipmi_sensor.state", "volts", ""),
    ("nagios.value", "us", "µs"), ("nagios.value", "MB", "MB"), ("cpu.usage_active", "", "%"),
    ("disk.used_percent", "", "%"), ("disk.free", "", "B"), ("disk.inodes_free", "", ""),
    ("ping.average_response_ms", "", "ms"), ("ping.percent_packet_loss", "", "%"),
    ("http_response.response_time", "", "s"), ("net.recv_rate", "", "B/s"),
    ("mem.available", "", "B"),
    ("mem.huge_pages_free", "", ""), ("nvidia_smi.temperature_gpu", "", "°C"),
    ("nvidia_smi.memory_used", "", "MiB"), ("nvidia_smi.power_draw", "", "W"),
    ("ipmi_power.watts", "", "W"), ("pressure.avg60", "", "%"), ("x509_cert.expiry", "", "s"),
    ("system.load1", "", ""), ("swap.used_percent", "", "%"), ("diskio.io_util", "", "%"),
    ("filestat.size_bytes", "", "B"), ("filestat.age_s", "", "s"), ("no.such_field", "", ""),
  ])
  func `fields have the unit that is declared`(
    _ metric: String, _ tag: String, _ unit: String
  ) {
    let parts = metric.split(separator: ".").map(String.init)
    let tags = tag.isEmpty ? [] : [Tag("unit", tag)]
    let declared = Catalog.all.field(parts[1], of: parts[0])?.unit
    #expect(declared?.sign(tags) ?? "" == unit)
  }
}
