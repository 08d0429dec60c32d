import Engine
import Glibc
import Metrics
import Sinks
import Store

/// Measures the store and the way to a database; `bench/deliver` calls it.
///
/// PASS is a file of line protocol, as `scrape run --stdout` prints it: what one host tells in one
/// pass. It is told of many hosts, and the passes follow one another again and again.
///
///     delivery write FILE HOSTS PASSES PASS…    bytes, and milliseconds of CPU and clock, per pass
///     delivery read FILE PASSES PASS…           milliseconds to read one field of 1 h, 6 h, 48 h
///     delivery fill FILE POINTS PASS…           µs of CPU to encode a point and to pack it
///     delivery dump FILE FOLDER                 writes what waits as files
///     delivery drain FILE URL DATABASE          points, seconds of clock, of CPU, MiB at the peak
@main
struct Main {
  static let start: Int64 = 1_767_268_800

  static func main() async throws {
    let words = Array(CommandLine.arguments.dropFirst())
    func passes(from index: Int) -> [[Point]] { words.dropFirst(index).map { points(in: $0) } }
    switch (words.first, words.count) {
    case ("write", 5...):
      try await write(
        words[1], hosts: Int(words[2]) ?? 0, count: Int(words[3]) ?? 0, passes(from: 4))
    case ("read", 4...): try await read(words[1], count: Int(words[2]) ?? 0, passes(from: 3))
    case ("fill", 4...): try await fill(words[1], wanted: Int(words[2]) ?? 0, passes(from: 3))
    case ("dump", 3): try await dump(words[1], into: words[2])
    case ("drain", 4): try await drain(words[1], url: words[2], database: words[3])
    default:
      print("usage: see the top of bench/Sources/delivery/Main.swift")
      exit(2)
    }
  }

  static func time(_ pass: Int) -> Timestamp { Timestamp(seconds: start + Int64(pass) * 15) }

  static func batches(_ hosts: Int, _ pass: Int, _ points: [Point]) -> [PointBatch] {
    (0..<hosts).map { number in
      PointBatch(
        host: "web\(number)", tags: [Tag("host", "web\(number)"), Tag("group", "web")],
        time: time(pass), points: points)
    }
  }

  static func finish(
    _ store: Store, _ hosts: Int, _ pass: Int, _ points: [Point]
  ) async throws {
    let results = batches(hosts, pass, points).map {
      HostResult(
        batch: $0, bootID: "b", ran: ["cpu"],
        outcomes: [TargetOutcome(target: "ssh", up: true, milliseconds: 12, bytes: 20_000)])
    }
    try await store.finish(
      PassSummary(
        start: time(pass), end: time(pass), hosts: hosts, up: hosts, failed: 0,
        points: points.count * hosts), results)
  }

  /// The growth is taken between two moments at which as much is folded, so that what the latest
  /// passes take is told apart.
  static func write(_ path: String, hosts: Int, count: Int, _ passes: [[Point]]) async throws {
    let store = Store(path: path, limits: Store.Limits(size: 1 << 40))
    var middle = 0
    var (cpu, clock) = (cpuSeconds(), wallSeconds())
    var worst = 0.0
    for pass in 0..<count {
      if pass == count / 2 {
        await store.close()
        middle = fileSize(path)
        (cpu, clock) = (cpuSeconds(), wallSeconds())
      }
      let begun = wallSeconds()
      try await finish(store, hosts, pass, passes[pass % passes.count])
      worst = max(worst, wallSeconds() - begun)
    }
    let half = Double(count - count / 2)
    let used = ((cpuSeconds() - cpu) / half, (wallSeconds() - clock) / half)
    await store.close()
    let growth = Double(fileSize(path) - middle) / half / Double(hosts)
    let fixed = Double(fileSize(path)) / Double(hosts) - growth * Double(count)
    let mean = Double(passes.reduce(0) { $0 + $1.count }) / Double(passes.count)
    print(
      rounded(growth), rounded(fixed), rounded(used.0 * 1e3), rounded(used.1 * 1e3),
      rounded(worst * 1e3), rounded(mean))
  }

  static func read(_ path: String, count: Int, _ passes: [[Point]]) async throws {
    let store = Store(path: path, limits: Store.Limits(size: 1 << 40))
    for pass in 0..<count { try await finish(store, 2, pass, passes[pass % passes.count]) }
    await store.close()
    for hours in [1, 6, 48] {
      let clock = wallSeconds()
      let values = try await store.history(
        host: "web1", measurement: "mem", field: "available",
        from: Timestamp(seconds: time(count - 1).seconds - Int64(hours) * 3600),
        to: time(count))
      print(values.count, rounded((wallSeconds() - clock) * 1e3), terminator: " ")
    }
    print()
  }

  static func fill(_ path: String, wanted: Int, _ passes: [[Point]]) async throws {
    let store = Store(path: path)
    let sink = sink(url: "http://127.0.0.1:1", database: "x")
    var points = 0
    var pass = 0
    var (plain, packed) = (0.0, 0.0)
    while points < wanted {
      var made = batches(400, pass, passes[pass % passes.count])
      for host in made.indices {
        for point in made[host].points.indices { made[host].points[point].vary(host) }
      }
      let begun = cpuSeconds()
      var text = LineProtocol()
      for batch in made { text.append(batch) }
      let encoded = cpuSeconds()
      let payloads = sink.payloads(made)
      let ended = cpuSeconds()
      plain += encoded - begun
      packed += ended - encoded
      points += payloads.reduce(0) { $0 + $1.lines }
      try await store.finish(
        PassSummary(start: time(pass), end: time(pass), hosts: 0, up: 0, failed: 0, points: 0), [],
        queue: [sink.name: payloads],
        bounds: [sink.name: QueueBounds(size: 1 << 40, keep: .seconds(100_000_000))])
      pass += 1
    }
    await store.close()
    print(
      points, rounded(plain / Double(points) * 1e6),
      rounded((packed - plain) / Double(points) * 1e6))
  }

  static func sink(url: String, database: String) -> InfluxDB {
    var configuration = InfluxDB.Configuration(url: url, database: database)
    configuration.options.name = "bench"
    return InfluxDB(configuration)
  }

  static func dump(_ path: String, into folder: String) async throws {
    let store = Store(path: path)
    var last: Int64 = 0
    var number = 0
    while let waiting = try await store.next(for: "bench", after: last) {
      last = waiting.id
      let file = open("\(folder)/\(number)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
      var rest = waiting.payload.body[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        guard count > 0 else { exit(1) }
        rest = rest.dropFirst(count)
      }
      close(file)
      number += 1
    }
    print(number)
  }

  static func drain(_ path: String, url: String, database: String) async throws {
    let store = Store(path: path)
    let sink = sink(url: url, database: database)
    let (cpu, clock) = (cpuSeconds(), wallSeconds())
    let reactor = Reactor()
    let delivery = await deliver(sink, store, on: reactor)
    if let error = delivery.error { print(error) }
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    print(
      delivery.receipt.taken, rounded((wallSeconds() - clock) * 1e3) / 1e3,
      rounded((cpuSeconds() - cpu) * 1e3) / 1e3, rounded(Double(usage.ru_maxrss) / 1024))
  }

  static func deliver(
    _ sink: InfluxDB, _ store: Store, on reactor: isolated Reactor
  ) async -> Delivery {
    await sink.drain(store, on: reactor, by: .after(.seconds(300)))
  }

  /// The points of a file of line protocol, without the tags that the pass adds.
  static func points(in path: String) -> [Point] {
    guard let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    return bytes.split(separator: UInt8(ascii: "\n")).map { Point(line: Array($0)) }
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

extension Point {
  /// The same of another host: what is equal on all of them would be packed too well.
  mutating func vary(_ host: Int) {
    for index in fields.indices {
      switch fields[index].value {
      case .integer(let value) where value > 1000:
        fields[index].value = .integer(value &+ Int64(host &* 7919))
      case .float(let value) where value > 0:
        fields[index].value = .float(((value + Double(host) * 0.37) * 100).rounded() / 100)
      default: break
      }
    }
  }

  /// Reads one line as `LineProtocol` writes it; its time is left out.
  init(line: [UInt8]) {
    /// The parts between the separators that are neither escaped nor in quotes.
    func parts(_ bytes: ArraySlice<UInt8>, at separator: Unicode.Scalar) -> [ArraySlice<UInt8>] {
      var parts: [ArraySlice<UInt8>] = []
      var (start, index, quoted) = (bytes.startIndex, bytes.startIndex, false)
      while index < bytes.endIndex {
        if bytes[index] == UInt8(ascii: "\\") {
          index += 1
        } else if bytes[index] == UInt8(ascii: "\"") {
          quoted.toggle()
        } else if bytes[index] == UInt8(ascii: separator), !quoted {
          parts.append(bytes[start..<index])
          start = index + 1
        }
        index += 1
      }
      return parts + [bytes[start...]]
    }
    func text(_ bytes: ArraySlice<UInt8>) -> String {
      String(decoding: bytes.filter { $0 != UInt8(ascii: "\\") }, as: UTF8.self)
    }
    let sections = parts(line[...], at: " ")
    let head = parts(sections[0], at: ",")
    self.init(text(head[0]))
    for tag in head.dropFirst() {
      let pair = parts(tag, at: "=")
      if !["host", "group", "site"].contains(text(pair[0])) {
        self.tag(text(pair[0]), text(pair[1]))
      }
    }
    for field in parts(sections[1], at: ",") {
      let pair = parts(field, at: "=")
      let (name, value) = (text(pair[0]), text(pair[1]))
      if value.hasPrefix("\"") {
        string(name, String(value.dropFirst().dropLast()))
      } else if value.hasSuffix("i") {
        integer(name, Int64(value.dropLast()))
      } else if let number = Double(value) {
        float(name, number)
      } else {
        boolean(name, value == "true")
      }
    }
  }
}
