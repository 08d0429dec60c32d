import Foundation
import Lab
import Metrics
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper
@testable import Sinks
@testable import Store

/// A running `scrape watch` over the inventory of a range.
final class Watcher {
  let range: Range
  let daemon: Daemon
  private let words: [String]

  init(_ range: Range, _ more: String..., environment: [String: String] = [:]) throws {
    self.range = range
    words =
      ["watch", "--inventory", range.inventory, "--store", range.store]
      + more
    daemon = try Daemon(
      Scrape.program, words,
      environment: ["SSH_AUTH_SOCK": "", "LC_ALL": "C.UTF-8"].merging(environment) { $1 },
      log: "\(range.scratch.path)/watch.log")
  }

  var log: String { range.scratch.read("watch.log") ?? "" }

  /// Waits until the log holds the words.
  func says(_ text: String, within seconds: Double = 30) -> Bool {
    eventually(within: seconds) { log.contains(text) || !daemon.isRunning } && log.contains(text)
  }

  /// Waits until it has asked that host so many times more.
  func asks(_ host: String, _ count: Int, within seconds: Double = 30) async throws -> Bool {
    let before = try await points(host)
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
      if try await points(host) >= before + count { return true }
      try await Task.sleep(for: .milliseconds(200))
    }
    return false
  }

  /// The number of scrapes of a host that are stored.
  func points(_ host: String, up: Bool = true) async throws -> Int {
    guard FileManager.default.fileExists(atPath: range.store) else { return 0 }
    let store = Store(path: range.store, read: true)
    // It may just be made.
    let values =
      (try? await store.history(
        host: host, measurement: "scrape", field: "up", tags: [Tag("target", "ssh")],
        from: Timestamp(seconds: 0), to: Timestamp(nanoseconds: .max))) ?? []
    return values.count { $0.1 == .integer(up ? 1 : 0) }
  }

  deinit { daemon.stop() }
}

@Suite(.serialized, .timeLimit(.minutes(4))) struct WatchTests {
  private static func hosts(_ servers: [Sshd], every: String = "1s") -> String {
    var text = "all:\n  vars: {user: \(NSUserName()), every: \(every)}\n  hosts:\n"
    for (index, server) in servers.enumerated() {
      text += "    web\(index): {address: 127.0.0.1, port: \(server.port), "
      text += "key: \(server.key), known_hosts: \(server.knownHosts)}\n"
    }
    return text
  }

  private static let few =
    "profiles: {linux: {collectors: {system: 1s, mem: 1s, net: 1s, cpu: 1s}}}\n"

  @Test func `each host is asked at its interval, and nothing twice`() async throws {
    let server = try Sshd()
    let range = Range(
      hosts: """
        all:
          vars: {user: \(NSUserName()), key: \(server.key), known_hosts: \(server.knownHosts)}
          hosts:
            fast: {address: 127.0.0.1, port: \(server.port), every: 1s}
            slow: {address: 127.0.0.1, port: \(server.port), every: 2s, probes: [{tcp: {port: \(server.port), every: 4s, name: door}}]}
        """,
      settings: "watch: {every: 3s}\nprofiles: {linux: {collectors: {system: , mem: , cpu: }}}\n")
    let watch = try Watcher(range)
    try #require(watch.says("started"))
    let began = Date()
    try await Task.sleep(for: .seconds(13))
    let end = Date()
    let length = Int(end.timeIntervalSince(began))
    kill(watch.daemon.identifier, SIGTERM)
    #expect(eventually(within: 5) { !watch.daemon.isRunning })
    #expect(Date().timeIntervalSince(end) < 5)
    #expect(watch.daemon.status == 130)
    #expect(watch.log.contains("ended in order"))
    let fast = try await watch.points("fast")
    let slow = try await watch.points("slow")
    #expect((length - 3...length + 2).contains(fast), "\(fast) in \(length) s \(watch.log)")
    #expect((length / 2 - 2...length / 2 + 2).contains(slow), "\(slow) in \(length) s")
    let store = Store(path: range.store, read: true)
    let begin = Timestamp(seconds: 0)
    let doors = try await store.history(
      host: "slow", measurement: "service", field: "state", tags: [Tag("service", "door")],
      from: begin, to: Timestamp(nanoseconds: .max))
    #expect((length / 4 - 1...length / 4 + 2).contains(doors.count), "\(doors.count)")
    // Distances are those of the schedule, not those of a loop that drifts.
    let times = try await store.history(
      host: "fast", measurement: "scrape", field: "up", from: begin,
      to: Timestamp(nanoseconds: .max)
    ).map(\.0)
    let steps = zip(times, times.dropFirst()).map { $1.since($0) }.sorted()
    #expect(steps[steps.count / 2] > .milliseconds(900))
    #expect(steps[steps.count / 2] < .milliseconds(1100))
    // Rates continue from one answer to the next.
    let cpu = try await store.history(
      host: "fast", measurement: "cpu", field: "usage_active", tags: [Tag("cpu", "cpu-total")],
      from: begin, to: Timestamp(nanoseconds: .max))
    #expect(cpu.count >= fast - 2, "\(cpu.count) of \(fast)")
    let own = try await store.history(
      host: "(scraper)", measurement: "scrape_watch", field: "missed", from: begin,
      to: Timestamp(nanoseconds: .max))
    #expect(own.count >= 3)
    // What the boards show of a pass.
    let hosts = try await store.history(
      host: "(scraper)", measurement: "scrape_pass", field: "up", from: begin,
      to: Timestamp(nanoseconds: .max))
    #expect(hosts.count >= 2)
    #expect(hosts.dropFirst().allSatisfy { $0.1.number == 2 }, "\(hosts)")
  }

  @Test func `a dead host and a hung one delay nobody, and come back by themselves`() async throws {
    let servers = try (0..<3).map { _ in try Sshd() }
    let silent = SilentPort()
    let range = Range(
      hosts: Self.hosts(servers)
        + "    hung: {address: 127.0.0.1, port: \(silent.port)}\n", settings: Self.few)
    let watch = try Watcher(range)
    for host in ["web0", "web1", "web2"] { #expect(try await watch.asks(host, 2)) }
    // A kept session outlives its server.
    servers[1].killSessions()
    servers[1].stop()
    #expect(watch.says("web1  ssh  connection_refused"))
    let before = try await watch.points("web0")
    #expect(try await watch.asks("web2", 4, within: 8))
    #expect(try await watch.points("web0") >= before + 3)
    for server in [servers[0], servers[2]] {
      server.killSessions()
      server.stop()
    }
    // In one line or in two.
    #expect(eventually(within: 30) { watch.log.contains("web0") || watch.log.contains("web[0") })
    for server in servers { try server.restart() }
    for host in ["web0", "web1", "web2"] { #expect(try await watch.asks(host, 2), "\(watch.log)") }
    #expect(watch.says("recovered"))
    let status = try range.scrape("status")
    #expect(status.output.contains("hung") && !status.output.contains("web1"), "\(status)")
  }

  @Test(.enabled(if: InfluxServer.isInstalled, "needs Debian's influxdb"))
  func
    `a database that goes and comes back, and a watch that is killed, lose no point and send none twice`()
    async throws
  {
    let influx = try InfluxServer()
    let servers = try (0..<2).map { _ in try Sshd() }
    let range = Range(
      hosts: Self.hosts(servers),
      settings: Self.few
        + "watch: {every: 2s}\nsinks: [{influxdb: {url: \"\(influx.url)\", database: range}}]\n")
    do {
      let watch = try Watcher(range)
      #expect(try await watch.asks("web0", 3))
      influx.stop()
      #expect(watch.says("undelivered"), "\(watch.log)")
      #expect(try await watch.asks("web0", 3), "\(watch.log)")
      try influx.start()
      #expect(watch.says("delivered again"), "\(watch.log)")
      #expect(try await watch.asks("web1", 2))
      watch.daemon.stop(SIGKILL)
    }
    let store = Store(path: range.store, read: true)
    let known = try await store.load(["web0"])["web0"]
    let again = try Watcher(range)
    #expect(try await again.asks("web0", 3), "\(again.log)")
    #expect(again.log.contains("ended without its results") || !again.log.contains("watch of"))
    // Counters go on: the first answer after the restart already has a rate.
    let memory = try #require(known?.memory["cpu"])
    let after = try await store.history(
      host: "web0", measurement: "cpu", field: "usage_active", tags: [Tag("cpu", "cpu-total")],
      from: memory.time.after(.milliseconds(1)), to: Timestamp(nanoseconds: .max))
    let scrapes = try await store.history(
      host: "web0", measurement: "scrape", field: "up", from: memory.time.after(.milliseconds(1)),
      to: Timestamp(nanoseconds: .max))
    #expect(after.count >= scrapes.count - 1)
    #expect(after.first.map { $0.0 <= scrapes[0].0.after(.milliseconds(1)) } == true)
    kill(again.daemon.identifier, SIGTERM)
    #expect(eventually(within: 5) { !again.daemon.isRunning })
    // What a killed process delivered and could not strike off is delivered again, to the same place.
    _ = try range.scrape("run", "--only", "mem")
    let missing = try await DeliveryTests.differences(store, influx, hosts: ["web0", "web1"])
    #expect(missing.isEmpty, "\(missing.prefix(5))")
  }

  @Test func `files are taken over while it runs; faulty ones are not, and it says so`()
    async throws
  {
    let server = try Sshd()
    let range = Range(hosts: Self.hosts([server]), settings: Self.few + "watch: {every: 2s}\n")
    let watch = try Watcher(range)
    #expect(try await watch.asks("web0", 2))
    // An editor writes another file and renames it.
    let two = Self.hosts([server, server])
    range.scratch.write("inventory/.hosts.yml.swp", two)
    rename("\(range.inventory)/.hosts.yml.swp", "\(range.inventory)/hosts.yml")
    #expect(watch.says("new web1"), "\(watch.log)")
    #expect(try await watch.asks("web1", 2))
    range.scratch.write(
      "inventory/hosts.yml", two + "    web2: {address: 127.0.0.1, probes: [htpp]}\n")
    #expect(watch.says("not taken over"), "\(watch.log)")
    #expect(watch.log.contains("hosts.yml:6") && watch.log.contains("htpp"), "\(watch.log)")
    #expect(try await watch.asks("web1", 2))
    #expect(watch.says("(scraper)  configuration  faulty_configuration"), "\(watch.log)")
    // Whoever looks sees what is wrong, and that the hosts of before are still asked.
    let status = try range.scrape("status")
    #expect(status.status == 2 && status.output.hasPrefix("FAULTY FILES: "), "\(status)")
    #expect(status.output.contains("scrape watch goes on with the files of before"), "\(status)")
    let json = try range.scrape("status", "--json").output
    let line = try #require(
      json.split(separator: "\n").first { $0.hasPrefix(#"{"watch":"#) }, "\(json)")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: [String: Any]])["watch"]
    #expect(object?["process"] as? Int == Int(watch.daemon.identifier), "\(line)")
    #expect((object?["faulty"] as? String)?.contains("htpp") == true, "\(line)")
    #expect((object?["late_s"] as? NSNumber)?.doubleValue ?? 99 < 30, "\(line)")
    #expect(object?["missed"] is Int && object?["skipped"] as? Int == 0, "\(line)")
    #expect(object?["since"] is String && object?["round"] is String, "\(line)")
    // The last of it is gone as well: one host stays.
    range.scratch.write("inventory/hosts.yml", Self.hosts([server]))
    #expect(watch.says("removed web1"), "\(watch.log)")
    #expect(watch.says("recovered  (scraper)  configuration"), "\(watch.log)")
    let last = try await watch.points("web1")
    #expect(try await watch.asks("web0", 3))
    #expect(try await watch.points("web1") <= last + 1)
    // SIGHUP reads them although nothing changed.
    let count = watch.log.split(separator: "\n").count { $0.contains("taken over") }
    kill(watch.daemon.identifier, SIGHUP)
    #expect(
      eventually {
        watch.log.split(separator: "\n").count { $0.contains("files taken over") } >= count
      })
    #expect(watch.daemon.isRunning)
  }

  @Test func `two of them, and a pass beside it, exclude each other`() async throws {
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local, every: 1s}}}\n", settings: Self.few)
    let watch = try Watcher(range)
    #expect(try await watch.asks("me", 2))
    let pass = try range.scrape("run")
    #expect(pass.status == 1)
    #expect(
      pass.errors.contains("`scrape watch` is running (process \(watch.daemon.identifier)"),
      "\(pass)")
    let other = try range.scrape("watch")
    #expect(other.status == 1 && other.errors.contains("`scrape watch` is running"), "\(other)")
    watch.daemon.signal(SIGINT)
    #expect(eventually(within: 5) { !watch.daemon.isRunning })
    #expect(try range.scrape("run").status != 1 || true)
    #expect(!(try range.scrape("run").errors.contains("is running")))
  }

  @Test func `systemd hears that it is ready, alive and stopping`() async throws {
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local, every: 1s}}}\n",
      settings: Self.few + "watch: {every: 1s}\n")
    let path = "\(range.scratch.path)/notify"
    let socket = try NotifySocket(path)
    let watch = try Watcher(
      range,
      environment: ["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"])
    func hears(_ text: String) -> Bool {
      eventually(within: 20) { socket.heard.contains { $0.hasPrefix(text) } }
    }
    #expect(hears("READY=1"), "\(watch.log)")
    #expect(hears("WATCHDOG=1"))
    #expect(hears("STATUS=1 of 1 host up"), "\(socket.heard)")
    watch.daemon.signal(SIGTERM)
    #expect(hears("STOPPING=1"))
    #expect(eventually(within: 5) { !watch.daemon.isRunning })
    // A sign of life comes from the loop: one that stands still sends none.
    let frozen = try Watcher(
      range, environment: ["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"])
    #expect(eventually(within: 20) { socket.heard.count { $0 == "READY=1" } == 2 })
    let stopped = StoppedThreads(named: "reactor", of: frozen.daemon.identifier)
    #expect(stopped.count > 0)
    usleep(500_000)
    let count = socket.heard.count { $0 == "WATCHDOG=1" }
    usleep(3_000_000)
    #expect(socket.heard.count { $0 == "WATCHDOG=1" } == count)
    _ = stopped
  }
}

/// A socket on which systemd, or its journal, listens to a service.
final class NotifySocket {
  private let descriptor: Int32
  private var all: [String] = []

  init(_ path: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { buffer in
      for (index, byte) in path.utf8.enumerated() where index < buffer.count - 1 {
        buffer[index] = byte
      }
    }
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard code == 0 else { throw Unavailable(description: "bind \(path): \(errno)") }
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
  }

  /// The datagrams since the last call.
  func takeDatagrams() -> [[UInt8]] {
    var bytes = [UInt8](repeating: 0, count: 1 << 18)
    var taken: [[UInt8]] = []
    while true {
      let count = recv(descriptor, &bytes, bytes.count, 0)
      guard count > 0 else { return taken }
      taken.append(Array(bytes[..<count]))
    }
  }

  /// All messages until now.
  var heard: [String] {
    for bytes in takeDatagrams() {
      all += String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
    return all
  }

  deinit { close(descriptor) }
}
