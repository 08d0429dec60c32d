import Foundation
import Lab

/// `scrape watch` over real sshds for some minutes at 2 s, and what it may meet: one sshd is killed, a cable is
/// cut, InfluxDB stops, the inventory is edited badly and well, the watch itself is killed, all sshds are.
///
/// No host that is up loses a scrape, counters continue, and no point and no notification is lost or sent
/// twice.
struct WatchSoak {
  var program: String
  var hosts = 50
  var seconds = 600.0
  /// Scrapes that may be lost: on a machine that does other work beside.
  var mayLose = 0

  /// What was tried, and whether it went as it should.
  private struct Verdict {
    var name: String
    var isGood: Bool
    var text: String
  }

  func run() throws -> Int32 {
    let range = try WatchRange(hosts: hosts, lifetime: Int(seconds) + 600)
    defer { for host in range.hosts { host.server.stop() } }
    let watch = try Daemon(
      program, ["watch", "--inventory", range.inventory], environment: ["SSH_AUTH_SOCK": ""],
      log: "\(range.scratch.path)/log")
    defer { watch.stop() }
    let trial = Trial(range, watch, seconds: seconds)
    try trial.run()
    guard watch.isRunning else {
      say("the watch ended: \(range.log.suffix(2000))")
      return 1
    }
    kill(watch.identifier, SIGTERM)
    let ended = Date()
    _ = eventually(within: 10) { !watch.isRunning }
    let took = Date().timeIntervalSince(ended)
    trial.record.read()
    var verdicts = verdicts(trial)
    verdicts.append(
      Verdict(
        name: "SIGTERM", isGood: took < 5 && watch.status == 130,
        text: String(format: "%.1f s", took)))
    if let influx = range.influx { verdicts.append(try delivered(trial, influx)) }
    show(trial, verdicts)
    return verdicts.allSatisfy(\.isGood) ? 0 : 1
  }

  // MARK: What happens

  /// The faults, one after the other.
  private final class Trial {
    let range: WatchRange
    let watch: Daemon
    let seconds: Double
    var record: WatchRecord
    /// How many points InfluxDB took, as it counts them.
    private(set) var taken = 0
    private(set) var missing: [String] = []
    private(set) var refusedFile = false
    private(set) var newHost = false

    init(_ range: WatchRange, _ watch: Daemon, seconds: Double) {
      self.range = range
      self.watch = watch
      self.seconds = seconds
      record = WatchRecord(range.points)
    }

    private var now: Double { Date().timeIntervalSince1970 }
    private var all: Set<String> { Set(range.hosts.map(\.name)) }

    private func wait(_ share: Double, atLeast least: Double = 0) {
      let end = now + max(seconds * share, least)
      while now < end, watch.isRunning {
        Thread.sleep(forTimeInterval: min(1, max(0.05, end - now)))
        record.read()
      }
    }

    private func outage(_ name: String, _ hosts: Set<String>, _ body: () throws -> Void) rethrows {
      let begin = now
      try body()
      record.outages.append(
        WatchRecord.Outage(name: name, hosts: hosts, from: begin, to: now))
    }

    func run() throws {
      guard eventually(within: 30, { range.log.contains("started") }) else { return }
      wait(0.1)
      let first = range.hosts[0]
      try outage("one sshd killed", [first.name]) {
        range.kill(first)
        wait(0.1)
        try first.server.restart()
      }
      wait(0.06)
      if let cable = range.cable {
        try outage("cable cut", Set(range.remote.map(\.name))) {
          try cable.cut()
          wait(0.12, atLeast: 5)
          try cable.mend()
        }
      } else {
        missing.append("cable cut: needs root and network namespaces")
      }
      wait(0.08)
      if let influx = range.influx {
        taken += try points(influx)
        influx.stop()
        wait(0.08)
        try influx.start()
      } else {
        missing.append("InfluxDB stopped: needs influxd")
      }
      wait(0.06)
      range.write("    wrong: {probes: [htpp]}\n")
      refusedFile = eventually(within: 15) { range.log.contains("not taken over") }
      _ = eventually(within: 15) {
        record.read()
        return record.events.contains { $0.text == "(scraper) configuration major" }
      }
      wait(0.04)
      range.write("    me: {connection: local}\n")
      newHost = eventually(within: 15) { range.log.contains("new me") }
      wait(0.06)
      try outage("scrape killed", all.union(["me"])) {
        watch.stop(SIGKILL)
        Thread.sleep(forTimeInterval: 1)
        try watch.restart()
      }
      wait(0.1)
      try outage("all sshds killed", all) {
        for host in range.hosts { range.kill(host) }
        wait(0.03, atLeast: 3)
        for host in range.hosts { try host.server.restart() }
      }
      wait(0.17, atLeast: 8)
      for outage in record.outages {
        let end = outage.to + outage.patience
        while now < end, record.recovery(from: outage) == nil {
          Thread.sleep(forTimeInterval: 0.5)
          record.read()
        }
      }
    }

    /// How many points it has written since its start, the same one twice where it was sent twice.
    func points(_ influx: InfluxServer) throws -> Int {
      let (_, data) = try influx.get("/debug/vars")
      let all = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
      return all.values.compactMap { $0 as? [String: Any] }.filter {
        $0["name"] as? String == "httpd"
      }
      .compactMap { ($0["values"] as? [String: Any])?["pointsWrittenOK"] as? NSNumber }
      .reduce(0) { $0 + $1.intValue }
    }

    /// All points that InfluxDB took.
    func allTaken(_ influx: InfluxServer) throws -> Int { taken + (try points(influx)) }
  }

  // MARK: What came of it

  private func verdicts(_ trial: Trial) -> [Verdict] {
    let record = trial.record
    var verdicts: [Verdict] = []
    let lost = record.lost
    let whole = Set(record.ups.keys).isSuperset(of: trial.range.hosts.map(\.name))
    var words = "\(lost.count) lost of \(record.scrapes), longest gap "
    words += String(format: "%.2f s", lost.longest)
    if !lost.examples.isEmpty { words += ": \(lost.examples.prefix(3).joined(separator: ", "))" }
    if !whole { words += "; hosts that were scraped: \(record.ups.count)" }
    verdicts.append(Verdict(name: "scrapes", isGood: lost.count <= mayLose && whole, text: words))
    for outage in record.outages {
      let recovery = record.recovery(from: outage)
      var text = String(format: "%.1f s; ", outage.to - outage.from)
      text +=
        recovery.map { String(format: "all scraped again after %.1f s", $0) } ?? "not all came back"
      var isGood = recovery.map { $0 < outage.patience } ?? false
      if outage.name != "scrape killed" {
        let reasons = record.failures(of: outage)
        let silent = outage.hosts.filter { host in
          !record.events.contains { $0.text == "\(host) ssh critical" && $0.time > outage.from - 1 }
        }
        text +=
          "; "
          + reasons.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
          .joined(separator: ", ")
        // Nobody may be down without a word about it.
        if !silent.isEmpty {
          text += "; without a word: \(silent.sorted().joined(separator: ", "))"
        }
        isGood = isGood && silent.isEmpty
      }
      verdicts.append(Verdict(name: outage.name, isGood: isGood, text: text))
    }
    let rates = record.withoutRates
    verdicts.append(
      Verdict(
        name: "counters", isGood: rates.isEmpty,
        text: rates.isEmpty
          ? "each scrape after the first has rates"
          : "scrapes without: \(rates.sorted { $0.key < $1.key }.prefix(5).map { "\($0.key) \($0.value)" })"
      ))
    let events = record.events.filter { $0.text.hasPrefix("(scraper) configuration") }.map(\.text)
    verdicts.append(
      Verdict(
        name: "files",
        isGood: trial.refusedFile && trial.newHost && record.ups["me"] != nil
          && events.contains { $0.hasSuffix("major") } && events.contains { $0.hasSuffix("ok") },
        text: "bad one \(trial.refusedFile ? "refused" : "not refused"), good one "
          + "\(trial.newHost ? "taken over" : "not taken over"), events: \(events.count)"))
    verdicts.append(notified(trial))
    return verdicts
  }

  /// Each incident begins and ends once; what comes again between has another cause.
  private func notified(_ trial: Trial) -> Verdict {
    var counts: [String: Int] = [:]
    for line in trial.range.notifications {
      let words = line.split(separator: " ")
      guard words.count == 3, ["first", "end"].contains(words[1]) else { continue }
      counts["\(words[0]) \(words[1])", default: 0] += 1
    }
    let twice = counts.filter { $0.value > 1 }
    let first = counts.keys.count { $0.hasSuffix("first") }
    return Verdict(
      name: "notifications", isGood: twice.isEmpty && first >= 2,
      text:
        "\(first) incidents, \(counts.keys.count { $0.hasSuffix("end") }) ended, \(twice.count) sent twice"
    )
  }

  /// Whether each point is in InfluxDB, and how many were sent more than once.
  private func delivered(_ trial: Trial, _ influx: InfluxServer) throws -> Verdict {
    var lost: (count: Int, examples: [String]) = (0, [])
    // What still waits is brought by passes; after an outage InfluxDB is left alone for half a minute at most.
    for _ in 0..<40 {
      lost = try trial.record.delivery.lost(
        from: influx, database: WatchRange.database, file: trial.range.points)
      if lost.count == 0 { break }
      _ = try Lab.run(
        program, ["run", "--only", "mem", "--inventory", trial.range.inventory],
        environment: ["SSH_AUTH_SOCK": ""])
      trial.record.read()
      Thread.sleep(forTimeInterval: 1)
    }
    let sent = try trial.allTaken(influx)
    let distinct = trial.record.delivery.count
    let again = sent - distinct
    // A process that is killed with a delivery under way sends that one again.
    let most = max(5_000, distinct / 50)
    var text = "\(distinct) points, \(lost.count) lost, \(max(0, again)) sent again"
    if let example = lost.examples.first { text += ": \(example)" }
    return Verdict(name: "InfluxDB", isGood: lost.count == 0 && again <= most, text: text)
  }

  private func show(_ trial: Trial, _ verdicts: [Verdict]) {
    let figures = trial.record.figures
    let cpu = figures.map(\.cpu).reduce(0, +) / Double(max(1, figures.count))
    let later = figures.dropFirst(figures.count / 3)
    say(
      """
      \(hosts) hosts at \(Int(WatchRange.every)) s for \(Int(seconds)) s; missed \
      \(Int(figures.map(\.missed).reduce(0, +))), skipped \(Int(figures.map(\.skipped).reduce(0, +)))
      CPU \(String(format: "%.1f", cpu)) % of a core; memory \(Int((later.first?.memory ?? 0) / 1e6)) MB \
      after a third, \(Int((figures.last?.memory ?? 0) / 1e6)) MB at the end
      """)
    for words in trial.missing { say("skipped     \(words)") }
    for verdict in verdicts {
      let name = verdict.name.padding(toLength: 18, withPad: " ", startingAt: 0)
      say("\(verdict.isGood ? "ok  " : "BAD ")  \(name)  \(verdict.text)")
    }
  }
}
