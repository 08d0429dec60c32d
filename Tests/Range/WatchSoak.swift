import Foundation
import Lab

/// `scrape watch` over real sshds, each of one host, for some minutes at 2 s: no host that is not stopped
/// loses a scrape. One sshd is killed and started again, then all of them, and the inventory is edited.
struct WatchSoak {
  var program: String
  var hosts = 50
  var seconds = 600.0
  private static let every = 2

  func run() throws -> Int32 {
    let scratch = Scratch()
    let servers = try (0..<hosts).map { _ in try Sshd() }
    defer { for server in servers { server.stop() } }
    func inventory(_ more: String = "") -> String {
      var text =
        "all:\n  vars: {user: \(NSUserName()), address: 127.0.0.1, every: \(Self.every)s}\n  hosts:\n"
      for (index, server) in servers.enumerated() {
        text += "    h\(index): {port: \(server.port), key: \(server.key), "
        text += "known_hosts: \(server.knownHosts)}\n"
      }
      return text + more
    }
    scratch.write("inventory/hosts.yml", inventory())
    let points = "\(scratch.path)/points.lp"
    scratch.write(
      "inventory/scrape.yml",
      """
      watch: {every: 5s}
      self: off
      store: {path: \(scratch.path)/state/scrape.db}
      sinks: [{file: {path: \(points), format: influx, rotate: off, sync: no}}]

      """)
    let watch = try Daemon(
      program, ["watch", "--inventory", "\(scratch.path)/inventory"],
      environment: ["SSH_AUTH_SOCK": ""], log: "\(scratch.path)/log")
    defer { watch.stop() }
    var file = PointFile(points)
    var times: [String: [Double]] = [:]
    var figures: [(cpu: Double, memory: Double, missed: Double, skipped: Double)] = []
    func read() {
      for line in file.news() {
        if line.measurement == "scrape", line.fields["up"] == "1i", let host = line.tags["host"] {
          times[host, default: []].append(Double(line.time) / 1e9)
        }
        guard line.measurement == "scrape_watch" else { continue }
        func value(_ name: String) -> Double {
          Double((line.fields[name] ?? "").trimmingCharacters(in: ["i"])) ?? 0
        }
        figures.append(
          (value("cpu_percent"), value("memory_bytes"), value("missed"), value("skipped")))
      }
    }
    let start = Date()
    func wait(until share: Double) {
      while Date().timeIntervalSince(start) < seconds * share, watch.isRunning {
        Thread.sleep(forTimeInterval: 1)
        read()
      }
    }
    wait(until: 0.3)
    servers[0].killSessions()
    servers[0].stop()
    wait(until: 0.4)
    try servers[0].restart()
    wait(until: 0.5)
    scratch.write("inventory/hosts.yml", inventory("    wrong: {probes: [htpp]}\n"))
    wait(until: 0.55)
    scratch.write("inventory/hosts.yml", inventory("    me: {connection: local}\n"))
    wait(until: 0.7)
    let all = Date().timeIntervalSince1970
    for server in servers {
      server.killSessions()
      server.stop()
    }
    Thread.sleep(forTimeInterval: 5)
    for server in servers { try server.restart() }
    let back = Date().timeIntervalSince1970
    wait(until: 1)
    guard watch.isRunning else {
      say("the watch ended: \(scratch.read("log") ?? "")")
      return 1
    }
    kill(watch.identifier, SIGTERM)
    let ended = Date()
    _ = eventually(within: 6) { !watch.isRunning }
    let took = Date().timeIntervalSince(ended)
    read()
    // A gap is longer than two intervals; those of the times at which servers were down do not count.
    var lost = 0
    var scrapes = 0
    var longest = 0.0
    for (host, own) in times where host != "h0" && host != "me" {
      let own = own.sorted()
      scrapes += own.count
      for (one, other) in zip(own, own.dropFirst()) {
        if one < back + 3, other > all - 3 { continue }
        longest = max(longest, other - one)
        lost += max(0, Int((other - one) / Double(Self.every) + 0.5) - 1)
      }
    }
    let cpu = figures.map(\.cpu).reduce(0, +) / Double(max(1, figures.count))
    let later = figures.dropFirst(figures.count / 3)
    say(
      """
      \(hosts) hosts at \(Self.every) s for \(Int(seconds)) s: \(scrapes) scrapes, \(lost) lost, longest gap \
      \(String(format: "%.2f s", longest)); missed \(Int(figures.map(\.missed).reduce(0, +))), skipped \
      \(Int(figures.map(\.skipped).reduce(0, +)))
      CPU \(String(format: "%.1f", cpu)) % of a core; memory \
      \(Int((later.first?.memory ?? 0) / 1e6)) MB after a third, \(Int((figures.last?.memory ?? 0) / 1e6)) MB at the end; \
      SIGTERM took \(String(format: "%.1f s", took))
      """)
    let isWhole = Set(times.keys).count == hosts + 1
    if !isWhole { say("hosts that were scraped: \(times.count) of \(hosts + 1)") }
    return lost == 0 && isWhole && took < 5 ? 0 : 1
  }

  private func say(_ text: String) { print(text) }
}
