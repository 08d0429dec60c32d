import Configuration
import Glibc
import Metrics
import Passes
import Store

/// Measures what pages cost; `bench/pages` calls it.
///
///     pages FOLDER HOSTS PASSES ROUNDS FOLDERS
///
/// FOLDER is an inventory of HOSTS hosts with five services each, whose scrape.yml names FOLDERS folders of pages. A
/// store of PASSES passes, 15 s apart, is made beside it. Then ROUNDS more are stored, and after each the pages are
/// written as at the end of a pass.
///
/// Prints: the folders, the least and the median of the CPU ms of a pass, pages of hosts that waited, ms of
/// `scrape page` a host.
@main
struct Main {
  static func main() async throws {
    let words = Array(CommandLine.arguments.dropFirst())
    let numbers = words.dropFirst().compactMap { Int($0) }
    guard words.count == 5, numbers.count == 4 else {
      print("usage: pages FOLDER HOSTS PASSES ROUNDS FOLDERS")
      exit(2)
    }
    let (hosts, passes, rounds, folders) = (numbers[0], numbers[1], numbers[2], numbers[3])
    var findings = Findings()
    let site = Site(
      inventory: words[0], config: nil, store: "\(words[0])/db", checkingKeys: false, &findings)
    try findings.finish()
    let store = site.store()
    let start = Timestamp.now.before(.seconds(15 * Int64(passes + rounds)))
    for pass in 0..<passes {
      try await Planted(hosts: hosts, pass: pass, at: start).store(in: store)
    }
    var costs: [Double] = []
    var waiting = 0
    for round in 0..<rounds {
      let planted = Planted(hosts: hosts, pass: passes + round, at: start)
      try await planted.store(in: store)
      let before = cpu
      let results = await PageWriter(site, store).write(at: planted.time)
      costs.append(cpu - before)
      waiting = max(waiting, results.map(\.waiting).max() ?? 0)
      if let failure = results.compactMap(\.failure).first {
        print(failure)
        exit(1)
      }
    }
    let before = cpu
    let whole = await PageWriter(site, store)
      .write(to: "\(words[0])/whole", title: "range-a", at: .now)
    let all = cpu - before
    if let failure = whole.failure {
      print(failure)
      exit(1)
    }
    costs.sort()
    print(folders, costs[0], costs[costs.count / 2], waiting, all / Double(hosts))
  }

  /// User and system time of this process in ms.
  private static var cpu: Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
    let microseconds = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
    return Double(seconds) * 1000 + Double(microseconds) / 1000
  }
}

/// One pass over hosts of the profile `linux`.
struct Planted {
  let hosts: Int
  let pass: Int
  let start: Timestamp

  init(hosts: Int, pass: Int, at start: Timestamp) {
    self.hosts = hosts
    self.pass = pass
    self.start = start
  }

  var time: Timestamp { start.after(.seconds(15 * Int64(pass))) }
  private static let services = ["icmp", "ssh", "http", "https", "dns"]

  func store(in store: Store) async throws {
    let results = (0..<hosts).map { result($0) }
    _ = try await store.finish(
      PassSummary(
        start: time, end: time.after(.seconds(2)), hosts: hosts, up: hosts, failed: 0,
        points: results.reduce(0) { $0 + $1.batch.points.count }), results, policies: policies)
  }

  private func name(_ index: Int) -> String { "web\(1000 + index)" }
  private func wave(_ index: Int, _ top: Double) -> Double {
    let value = Double((index * 37 + pass * 11) % 100) / 100 * top
    return (value * 100).rounded() / 100
  }

  /// Each host once an hour.
  private var policies: [Store.PolicyRecord] {
    stride(from: pass % 240, to: hosts, by: 240).flatMap { index in
      ["baseline", "sshd"].map { policy in
        var counts = Store.PolicyCounts()
        counts.passed = 60
        counts.failed = (index + pass) % 5
        return Store.PolicyRecord(
          host: name(index), policy: policy, time: time, body: Array("{}".utf8), counts: counts,
          findings: (0..<counts.failed).map {
            Store.PolicyFinding(
              id: "\($0)", title: "a check that fails", verdict: "failed",
              why: "no line of /etc/ssh/sshd_config matches")
          })
      }
    }
  }

  private func result(_ index: Int) -> HostResult {
    var batch = PointBatch(host: name(index), tags: [Tag("host", name(index))], time: time)
    func add(_ measurement: String, _ tags: [Tag] = [], _ fields: (String, Double)...) {
      var point = Point(measurement, tags: tags)
      for (name, value) in fields { point.float(name, value) }
      batch.points.append(point)
    }
    for cpu in ["cpu-total", "cpu0", "cpu1", "cpu2", "cpu3"] {
      add(
        "cpu", [Tag("cpu", cpu)], ("usage_active", wave(index, 100)),
        ("usage_user", wave(index, 70)),
        ("usage_system", wave(index, 20)), ("usage_iowait", wave(index, 10)))
    }
    add("system", [], ("load1", wave(index, 4)), ("load5", wave(index, 3)), ("n_cpus", 4))
    add("mem", [], ("used_percent", wave(index, 60)), ("used", wave(index, 8e9)), ("total", 16e9))
    add("swap", [], ("used_percent", 0), ("total", 4e9))
    for (place, path) in ["/", "/var", "/home"].enumerated() {
      add("disk", [Tag("path", path)], ("used_percent", 40 + Double(place)), ("total", 1e11))
    }
    for name in ["sda", "sdb"] {
      add(
        "diskio", [Tag("name", name)], ("io_util", wave(index, 60)),
        ("read_bytes", Double(pass * 100_000)), ("write_bytes", Double(pass * 50_000)))
    }
    for name in ["eth0", "eth1", "all"] {
      add(
        "net", [Tag("interface", name)], ("recv_rate", wave(index, 1e6)),
        ("sent_rate", wave(index, 1e5)))
    }
    if pass.isMultiple(of: 4) {
      add("netstat", [], ("tcp_established", wave(index, 40)), ("tcp_time_wait", wave(index, 20)))
      for rank in 1...5 {
        for by in ["cpu", "memory"] {
          var point = Point("procstat", tags: [Tag("by", by), Tag("rank", "\(rank)")])
          point.string("process", "process\(rank)")
          point.float("cpu_usage", wave(index + rank, 50))
          point.float("memory_rss", wave(index + rank, 1e9))
          batch.points.append(point)
        }
      }
      var users = Point("users")
      users.string("list", "alice pts/0 from 10.8.0.12 since 09:12")
      batch.points.append(users)
    }
    if pass % 40 == index % 40 {
      var login = Point("login", tags: [Tag("action", "login")], time: time)
      login.string("user", "alice")
      login.string("from", "10.8.0.12")
      batch.points.append(login)
    }
    var result = HostResult(batch: batch)
    for service in Self.services {
      var point = Point("service", tags: [Tag("service", service)])
      point.float("latency_ms", wave(index, 10))
      point.integer("state", Int64(0))
      result.batch.points.append(point)
    }
    addStates(to: &result, index)
    return result
  }

  /// Outcomes and states; some services come and go.
  private func addStates(to result: inout HostResult, _ index: Int) {
    for name in ["ssh"] + Self.services.map({ "service \($0)" }) {
      let isBad = name == "service https" && (index + pass) % 60 < 2
      result.outcomes.append(
        TargetOutcome(
          target: name, up: !isBad, severity: isBad ? .critical : .ok,
          reason: isBad ? .timeout : nil, message: isBad ? "no answer for 5 s" : nil,
          milliseconds: 3))
      let wasBad = name == "service https" && pass > 0 && (index + pass - 1) % 60 < 2
      guard pass == 0 || isBad != wasBad else { continue }
      result.states[name] = CheckState(isBad ? .critical : .ok, at: time)
      if pass > 0 {
        result.transitions.append(
          CheckTransition(
            name, from: wasBad ? .critical : .ok, to: isBad ? .critical : .ok, time: time,
            since: time.before(.seconds(60)), isFlapping: false, reason: isBad ? .timeout : nil,
            message: isBad ? "no answer for 5 s" : ""))
      }
    }
  }
}
