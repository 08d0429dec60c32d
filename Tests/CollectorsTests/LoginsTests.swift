import Metrics
import Parsers
import Testing

@testable import Collectors

@Suite struct LoginsTests {
  /// 2026-11-20 13:00 UTC.
  static let now: Int64 = 1_795_179_600

  static func turn(_ output: String, after memory: [String: [UInt64]]?, at time: Int64 = now)
    throws -> Sample
  {
    let timestamp = Timestamp(seconds: time)
    let host = HostView(
      output: CommandOutput(standardOutput: Array(output.utf8)[...]), time: timestamp,
      previous: memory.map { Memory(time: timestamp, values: $0) },
      session: OwnSession(user: "monitor", address: "10.8.0.1"))
    var sample = Sample()
    try LoginsCollector.collect(from: host, into: &sample)
    return sample
  }

  static func line(
    _ user: String, _ time: String, from: String = "h", end: String = "still logged in"
  )
    -> String
  {
    "\(user) pts/0 \(from) Fri Nov 20 \(time) 2026   \(end)\n"
  }

  static func users(_ sample: Sample) -> [String] {
    sample.points.filter { $0.measurement == "login" }.map {
      "\($0[tag: "action"] ?? "") \($0[field: "user"].map { "\($0)" } ?? "")"
    }
  }

  @Test func `the same log twice gives no event the second time`() throws {
    let log = "# last\n" + Self.line("alice", "09:10:11") + Self.line("bob", "09:10:11")
    let first = try Self.turn(log, after: nil)
    #expect(first.points == [])
    let second = try Self.turn(log, after: first.memory)
    #expect(Self.users(second) == [])
    #expect(second.points.map(\.measurement) == ["logins"])
    #expect(second.points.first?[field: "accepted"] == .integer(0))
    #expect(second.points.first?[field: "failed"] == nil)
    #expect(second.memory == first.memory)
  }

  @Test func `two log-ins of one second are two points, each time the same`() throws {
    let start = try Self.turn("# last\n", after: nil)
    let log = "# last\n" + Self.line("x", "09:10:11") + Self.line("x", "09:10:11")
    let later = try Self.turn(log, after: start.memory)
    #expect(
      later.points.compactMap { $0.time?.nanoseconds } == [
        1_795_165_811_000_000_000, 1_795_165_811_000_000_001,
      ])
    let third = try Self.turn(
      "# last\n" + Self.line("x", "09:10:11") + log.dropFirst(7), after: later.memory)
    #expect(third.points.first?.time?.nanoseconds == 1_795_165_811_000_000_002)
    #expect(Self.users(third).count == 1)
  }

  @Test func `a log-in that ends is a log-out with its length`() throws {
    let first = try Self.turn("# last\n" + Self.line("alice", "09:10:11"), after: nil)
    let ended = Self.line("alice", "09:10:11", end: "- Fri Nov 20 09:10:41 2026  (00:00)")
    let second = try Self.turn("# last\n" + ended, after: first.memory)
    #expect(second.points.first?[tag: "action"] == "logout")
    #expect(second.points.first?[field: "duration_s"] == .integer(30))
    #expect(second.points.last?[field: "accepted"] == .integer(0))
  }

  @Test(arguments: [
    ("monitor", "10.8.0.1", 0), ("monitor", "::ffff:10.8.0.1", 0), ("monitor", "10.8.0.2", 1),
    ("alice", "10.8.0.1", 1), ("monitor", "0.0.0.0", 1),
  ])
  func `only the monitor's own log-in is left out`(_ user: String, _ from: String, _ count: Int)
    throws
  {
    let start = try Self.turn("# last\n", after: nil)
    let later = try Self.turn(
      "# last\n" + Self.line(user, "09:10:11", from: from), after: start.memory)
    #expect(Self.users(later).count == count)
    #expect(later.points.last?[field: "accepted"] == .integer(Int64(count)))
    #expect((later.facts["last_logins"] != nil) == (count == 1))
  }

  @Test func `more events than the bound are dropped and counted, the latest stay`() throws {
    let start = try Self.turn("# lastb\n# last\n", after: nil)
    func clock(_ second: Int) -> String {
      let two = { (value: Int) in value < 10 ? "0\(value)" : "\(value)" }
      return "09:\(two(second / 60)):\(two(second % 60))"
    }
    var log = "# lastb\n"
    for second in (0..<150).reversed() { log += Self.line("root", clock(second)) }
    log += "# last\n"
    for second in (0..<150).reversed() {
      log += Self.line(
        "alice", clock(second), end: "- Fri Nov 20 \(clock(second + 1)) 2026  (00:00)")
    }
    let later = try Self.turn(log, after: start.memory)
    #expect(Self.users(later).count == LoginsCollector.mostEvents)
    #expect(later.points.last?[field: "dropped"] == .integer(100))
    #expect(later.points.last?[field: "accepted"] == .integer(100))
    #expect(later.memory.values.reduce(0) { $0 + $1.count } <= 310)
  }

  @Test func `an impossible time is dropped`() throws {
    let start = try Self.turn("# last\n", after: nil)
    let log = "# last\nalice pts/0 h Fri Nov 20 09:10:11 9999 still logged in\n"
    let later = try Self.turn(log, after: start.memory)
    #expect(Self.users(later) == [])
    _ = try Self.turn(log, after: start.memory, at: .max / 1_000_000_000)
  }

  @Test func `what cannot be read is remembered as it was`() throws {
    let first = try Self.turn("# last\n" + Self.line("alice", "09:10:11"), after: nil)
    var sample = Sample()
    let host = HostView(
      output: CommandOutput(standardOutput: []), time: Timestamp(seconds: Self.now),
      previous: Memory(time: Timestamp(seconds: Self.now), values: first.memory))
    #expect(throws: CollectorError.self) { try LoginsCollector.collect(from: host, into: &sample) }
    #expect(sample.memory == first.memory)
  }

  @Test(
    arguments: [
      (768, [384, 384], 1, 384), (384, [384, 384], 0, 384), (384, [38_400, 384], 1, 384),
      (800, [400, 400], 1, 400), (9600, [9200, 400], 1, 400), (1_000, [0, 384], 2, 384),
      (.max, [0, 384], 48_038_396_025_285_290, 384), (0, [.max, 384], 0, 384),
      (0, [0, 384], 0, 384), (0, [0, 0], nil, 0), (384, [0, 0], 1, 384), (0, [], nil, 0),
      (384, [], nil, 384),
    ] as [(UInt64, [UInt64], Int?, UInt64)])
  func `btmp's growth is a number of records`(
    _ size: UInt64, _ kept: [UInt64], _ failed: Int?, _ record: UInt64
  ) {
    let (count, memory) = LoginsCollector.grown(to: size, since: kept)
    #expect(count == failed)
    #expect(memory == [size, record])
  }

  @Test func `memory of another shape does no harm`() throws {
    let shapes: [[String: [UInt64]]] = [
      ["logins": []], ["logins": [.max]], ["btmp": []], ["btmp": [1, 2, 3]], [:],
    ]
    for memory in shapes {
      let later = try Self.turn("# btmp 384\n# last\n" + Self.line("a", "09:10:11"), after: memory)
      #expect(Self.users(later).count <= 1)
    }
  }
}

@Suite struct GPUMemoryTests {
  @Test func `names of processes that become tags are bounded until the host reboots`() throws {
    func output(_ names: [String]) -> String {
      let processes = names.map {
        "<process_info><pid>1</pid><type>C</type><process_name>\($0)</process_name></process_info>"
      }
      return "<nvidia_smi_log><gpu><uuid>1</uuid><fan_speed>1 %</fan_speed><processes>"
        + processes.joined() + "</processes></gpu></nvidia_smi_log>"
    }
    var memory: [String: [UInt64]] = [:]
    var names: Set<String> = []
    for turn in 0..<40 {
      let text = output((0..<10).map { "p\(turn)-\($0)" })
      let host = HostView(
        output: CommandOutput(standardOutput: Array(text.utf8)[...]),
        time: Timestamp(seconds: Int64(turn)),
        previous: Memory(time: Timestamp(seconds: 0), values: memory))
      var sample = Sample()
      try GPUCollector.collect(from: host, into: &sample)
      memory = sample.memory
      names.formUnion(
        sample.points.filter { $0.measurement == "nvidia_smi_process" }
          .compactMap { $0[tag: "name"] })
    }
    #expect(names.count == GPUCollector.mostNames + 1)
    #expect(names.contains("other"))
  }
}
