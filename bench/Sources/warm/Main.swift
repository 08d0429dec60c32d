import Collectors
import Engine
import Glibc
import Hosts
import Inventory
import Metrics

/// Measures scrapes over sessions that stay; `bench/run` calls it with addresses on standard input.
///
///     warm WITHOUT PORT USER KEY HOST_KEY.pub ROUNDS AT_ONCE
///
/// WITHOUT is a collector of the profile `linux` that is left out. It opens a session with each address,
/// and scrapes all of them in so many rounds, AT_ONCE at a time.
///
/// Prints: hosts, failures, ms of CPU to open a session and scrape once, bytes a session, bytes held by
/// libssh2 of those; then µs of CPU a scrape, of the session only and with its points in line protocol,
/// and ms of a round: the least of all rounds.
///
/// With no rounds it scrapes all once, one-shot, and prints hosts, failures and the growth of the peak of
/// memory in bytes a host: with AT_ONCE as many as there are, and a server that answers late, that of a
/// session in use.
@main
struct Main {
  static func main() async throws {
    let words = Array(CommandLine.arguments.dropFirst())
    guard words.count == 7, let port = UInt16(words[1]), let rounds = Int(words[5]),
      let atOnce = Int(words[6]), let tasks = Settings().profiles["linux"]?.tasks
    else {
      print("usage: warm WITHOUT PORT USER KEY HOST_KEY.pub ROUNDS AT_ONCE <ADDRESSES")
      exit(2)
    }
    let batch = Batch(
      tasks.filter { $0.collector != words[0] }.compactMap { task in
        collectors.first { $0.name == task.collector }.map { Batch.Item($0, task.options) }
      })
    FileDescriptor.raiseLimit()
    let reactor = Reactor()
    let keeper = KeptSessions(on: reactor)
    let hosts = try await targets(
      port: port, user: words[2], key: words[3], hostKey: words[4], keeper)
    // What is made once, and the memory that passes through: not part of a session.
    let others = hosts.prefix(10).map { host in
      var host = host
      host.keeper = nil
      return host
    }
    let first = Work(batch: batch, reactor: reactor, hosts: others, atOnce: atOnce)
    _ = await first.round(encodes: true)
    let work = Work(
      batch: batch, reactor: reactor, hosts: hosts, atOnce: atOnce, previous: await first.memory)
    if rounds == 0 {
      let once = hosts.map { host in
        var host = host
        host.keeper = nil
        return host
      }
      let before = peak
      let failures = await Work(batch: batch, reactor: reactor, hosts: once, atOnce: atOnce)
        .round(encodes: true)
      print(hosts.count, failures, (peak - before) / hosts.count)
      return
    }
    let memory = resident
    var cpu = cpuSeconds
    var failures = await work.round(encodes: false)
    let opening = (cpuSeconds - cpu) / Double(hosts.count) * 1e3
    for _ in 0..<3 { failures += await work.round(encodes: false) }
    let grown = (resident - memory) / hosts.count
    let held = await reactor.open { keeper.memory(on: $0) } / hosts.count
    var least = [Double.infinity, .infinity, .infinity]
    for round in 0..<rounds * 2 {
      cpu = cpuSeconds
      let start = Deadline.now
      failures += await work.round(encodes: round % 2 == 1)
      let used = (cpuSeconds - cpu) / Double(hosts.count) * 1e6
      least[round % 2] = min(least[round % 2], used)
      if round % 2 == 1 {
        least[2] = min(least[2], Double(Deadline.now.since(start).components.attoseconds) / 1e15)
      }
    }
    let status = await reactor.open { keeper.status(on: $0) }
    if status.opened != hosts.count { failures += abs(status.opened - hosts.count) }
    print(hosts.count, failures, rounded(opening * 100) / 100, grown, held, least.map(rounded))
    await reactor.open { keeper.close(on: $0) }
  }

  static func targets(
    port: UInt16, user: String, key: String, hostKey: String, _ keeper: KeptSessions
  ) async throws -> [HostTarget] {
    let line = String(decoding: try SmallFile.read(hostKey, limit: 4096), as: UTF8.self)
    var keyring = await keeper.reactor.open { reactor in await Keyring(home: "/", on: reactor) }
    let credentials = keyring.credentials(
      keys: [key], takingAgentKeys: false, passphrase: nil, password: nil)
    var hosts: [HostTarget] = []
    while let address = readLine() {
      var known = KnownHosts()
      let name = KnownHosts.name(address, port: port)
      let words = line.split(separator: " ").prefix(2).joined(separator: " ")
      known.add(Array("\(name) \(words)\n".utf8), file: hostKey)
      var host = HostTarget(
        name: address, address: address, port: port, user: user, credentials: credentials,
        knownHosts: known)
      host.keeper = keeper
      hosts.append(host)
    }
    return hosts
  }

  /// Memory of this process, in bytes; see proc(5).
  static var resident: Int {
    let bytes = (try? SmallFile.read("/proc/self/statm", limit: 4096)) ?? []
    let pages = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    return (pages.count > 1 ? Int(pages[1]) ?? 0 : 0) * Int(getpagesize())
  }

  /// The highest so far, in bytes; see getrusage(2).
  static var peak: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss << 10
  }

  static func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }

  static var cpuSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// The scrapes of all hosts.
final class Work: Sendable {
  let batch: Batch
  let reactor: Reactor
  let hosts: [HostTarget]
  let atOnce: Int
  /// Of an earlier scrape, for rates.
  let previous: [String: Memory]

  init(
    batch: Batch, reactor: Reactor, hosts: [HostTarget], atOnce: Int,
    previous: [String: Memory] = [:]
  ) {
    self.previous = previous
    self.batch = batch
    self.reactor = reactor
    self.hosts = hosts
    self.atOnce = atOnce
  }

  /// What the collectors remember of the first host.
  var memory: [String: Memory] {
    get async {
      guard let host = hosts.first else { return [:] }
      return await reactor.open { [self] reactor in
        let answer = await host.ask([batch], on: reactor, by: .after(.seconds(30)))[0]
        return answer.collect(batch).reduce(into: [:]) {
          $0[$1.name] = Memory(time: answer.time, uptime: answer.uptime, values: $1.sample.memory)
        }
      }
    }
  }

  /// Scrapes each once; how many failed.
  func round(encodes: Bool) async -> Int {
    await withTaskGroup(of: Bool.self) { group in
      var failures = 0
      for (index, host) in hosts.enumerated() {
        if index >= atOnce, let isWhole = await group.next(), !isWhole { failures += 1 }
        group.addTask(executorPreference: reactor.executor) { [self] in
          await reactor.open { reactor in await scrape(host, encodes: encodes, on: reactor) }
        }
      }
      while let isWhole = await group.next() { if !isWhole { failures += 1 } }
      return failures
    }
  }

  private func scrape(
    _ host: HostTarget, encodes: Bool, on reactor: isolated Reactor
  ) async -> Bool {
    let answer = await host.ask([batch], on: reactor, by: .after(.seconds(30)))[0]
    guard answer.failure == nil, encodes else { return answer.failure == nil }
    var points = PointBatch(
      host: host.name, tags: [Tag("host", host.name), Tag("group", "web"), Tag("site", "range-a")],
      time: answer.time)
    for part in answer.collect(batch, previous: { previous[$0.name] }) {
      points.points += part.sample.points
    }
    var text = LineProtocol()
    text.append(points)
    return text.count > 0
  }
}
