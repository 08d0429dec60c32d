import Collectors
import Engine
import Glibc
import Hosts
import Inventory
import Metrics
import Sinks
import Store

/// Measures single rooms of the house without a network; `bench/run` calls it.
///
/// All speak of the batch of the profile `linux`; `--without NAME` leaves one collector out of it.
///
///     rooms collectors              names the collectors
///     rooms script NONCE            prints the script
///     rooms opening NONCE           prints what a kept shell is sent first
///     rooms parse CAPTURE CAPTURE   µs to parse a batch into points and encode them
///     rooms store FILE CAPTURE…     time and growth of the store, one pass for each capture
@main
struct Main {
  static func main() async throws {
    var words = Array(CommandLine.arguments.dropFirst())
    guard var tasks = Settings().profiles["linux"]?.tasks else {
      return complain("no profile linux")
    }
    if words.first == "--without", words.count > 1 {
      tasks.removeAll { $0.collector == words[1] }
      words.removeFirst(2)
    }
    let batch = Batch(
      tasks.compactMap { task in
        collectors.first { $0.name == task.collector }.map { Batch.Item($0, task.options) }
      })
    switch words.first {
    case "collectors" where words.count == 1:
      say(Array(tasks.map { "\($0.collector)\n" }.joined().utf8), to: 1)
    case "script" where words.count == 2:
      say(batch.script(nonce: words[1], last: true), to: 1)
    case "opening" where words.count == 2:
      say(batch.opening(nonce: words[1]), to: 1)
    case "parse" where words.count == 3:
      try parse(batch, before: read(words[1]), now: read(words[2]))
    case "store" where words.count > 2:
      try await store(batch, path: words[1], captures: words.dropFirst(2).map { try read($0) })
    default:
      complain(
        "usage: rooms [--without COLLECTOR] collectors | script NONCE | opening NONCE | parse CAPTURE CAPTURE | store FILE CAPTURE..."
      )
    }
  }

  /// Captures bear this in the place of the nonce.
  static let nonce = "@NONCE@"

  static func read(_ path: String) throws -> [UInt8] {
    try SmallFile.read(path, limit: 1 << 20)
  }

  static func complain(_ text: String) {
    say(Array("\(text)\n".utf8), to: 2)
    exit(2)
  }

  static func say(_ bytes: [UInt8], to descriptor: Int32) {
    _ = write(descriptor, bytes, bytes.count)
  }

  /// What a pass makes of one host's answer: points, and what the collectors remember.
  static func points(
    _ capture: [UInt8], of batch: Batch, at time: Timestamp, previous: [String: Memory]
  ) -> (points: [Point], memory: [String: Memory], failures: [String]) {
    let answer = HostAnswer(output: capture, of: batch, nonce: nonce, time: time)
    var points: [Point] = []
    var memory: [String: Memory] = [:]
    var failures: [String] = []
    for item in batch.items {
      let name = item.collector.name
      let (sample, error) = answer.sample(item, previous: previous[name])
      points += sample.points
      memory[name] = Memory(time: time, uptime: answer.uptime, values: sample.memory)
      if let error { failures.append("\(name): \(error)") }
    }
    return (points, memory, failures)
  }

  static func parse(_ batch: Batch, before: [UInt8], now: [UInt8]) {
    let tags = [Tag("host", "web01"), Tag("group", "web"), Tag("site", "range-a")]
    let start = Timestamp(seconds: 1_767_268_800)
    let next = Timestamp(seconds: 1_767_268_801)
    let previous = points(before, of: batch, at: start, previous: [:]).memory
    let rounds = 100
    var least = Double.infinity
    var leastEncoding = Double.infinity
    var lines = 0
    var bytes = 0
    var failures: [String] = []
    for _ in 0..<20 {
      var batches: [PointBatch] = []
      let began = cpuSeconds()
      for _ in 0..<rounds {
        let result = points(now, of: batch, at: next, previous: previous)
        batches.append(PointBatch(host: "web01", tags: tags, time: next, points: result.points))
        failures = result.failures
      }
      let parsed = cpuSeconds()
      var text = LineProtocol()
      for one in batches {
        text.removeAll()
        text.append(one)
      }
      let ended = cpuSeconds()
      least = min(least, parsed - began)
      leastEncoding = min(leastEncoding, ended - parsed)
      lines = text.count
      bytes = text.bytes.count
    }
    for failure in failures { say(Array("  not measured: \(failure)\n".utf8), to: 2) }
    let parsing = least / Double(rounds) * 1e6
    let encoding = leastEncoding / Double(rounds) * 1e6
    print(
      "\(now.count) \(lines) \(bytes) \(rounded(parsing)) \(rounded(encoding))")
  }

  static func store(_ batch: Batch, path: String, captures: [[UInt8]]) async throws {
    let hosts = 400
    let store = Store(path: path)
    var memory: [String: Memory] = [:]
    var writing = 0.0
    var waiting = 0.0
    var count = 0
    for (pass, capture) in captures.enumerated() {
      let time = Timestamp(seconds: 1_767_268_800 + Int64(pass) * 15)
      let made = points(capture, of: batch, at: time, previous: memory)
      memory = made.memory
      let results = (0..<hosts).map { number in
        let name = "web\(number)"
        return HostResult(
          batch: PointBatch(
            host: name, tags: [Tag("host", name), Tag("group", "web")], time: time,
            points: made.points.map { shifted($0, by: number) }),
          bootID: "b", ran: batch.items.map { $0.collector.name }, memory: memory,
          outcomes: [TargetOutcome(target: "ssh", up: true, milliseconds: 12, bytes: 20_000)])
      }
      count = made.points.count * hosts
      let summary = PassSummary(
        start: time, end: time, hosts: hosts, up: hosts, failed: 0, points: count)
      let cpu = cpuSeconds()
      let clock = wallSeconds()
      try await store.finish(summary, results)
      writing += cpuSeconds() - cpu
      waiting += wallSeconds() - clock
    }
    await store.close()
    let passes = Double(captures.count)
    let size = ["", "-wal"].reduce(0) { $0 + fileSize(path + $1) }
    print(
      "\(hosts) \(captures.count) \(count) \(rounded(writing / passes * 1e3))",
      "\(rounded(waiting / passes * 1e3)) \(size)")
  }

  /// The same point of another host: equal numbers on all hosts would compress too well.
  static func shifted(_ point: Point, by number: Int) -> Point {
    var point = point
    for index in point.fields.indices {
      if case .integer(let value) = point.fields[index].value, value > 1000 {
        point.fields[index].value = .integer(value &+ Int64(number &* 7919))
      }
    }
    return point
  }

  static func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }

  static func cpuSeconds() -> Double { seconds(CLOCK_PROCESS_CPUTIME_ID) }
  static func wallSeconds() -> Double { seconds(CLOCK_MONOTONIC) }

  static func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  static func fileSize(_ path: String) -> Int {
    var status = stat()
    return lstat(path, &status) == 0 ? Int(status.st_size) : 0
  }
}
