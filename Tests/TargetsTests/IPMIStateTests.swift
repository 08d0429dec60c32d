import Foundation
import Lab
import Metrics
import Testing

/// What is kept of a BMC from one turn to the next.
@Suite struct IPMIStateTests {
  let cache = Scratch()

  private func files(_ suffix: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: cache.path).filter {
      $0.hasSuffix(suffix)
    }
  }

  // MARK: Records of sensors

  @Test func `records are read once, and readings are the same with them`() async throws {
    let bmc = try BMC()
    let cold = try await ask(bmc, cache: cache.path)
    let read = bmc.count(.record)
    let warm = try await ask(bmc, remembering: cold.memory, cache: cache.path)
    #expect(read >= 28 && bmc.count(.record) == read)
    #expect(warm.sensors == cold.sensors && warm.unreadable == cold.unreadable)
    let mode =
      try FileManager.default.attributesOfItem(
        atPath: "\(cache.path)/\(try #require(try files(".sdr").first))")[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }

  @Test func `a changed repository is read anew`() async throws {
    let bmc = try BMC()
    _ = try await ask(bmc, cache: cache.path)
    bmc.changeSDR(removing: "CPU2 Temp")
    let answer = try await ask(bmc, cache: cache.path)
    #expect(!answer.sensors.contains { $0.name == "CPU2 Temp" } && answer.sensors.count == 21)
    #expect(answer.problems.isEmpty)
  }

  @Test func `another board with the same time stamps is noticed`() async throws {
    let bmc = try BMC()
    let before = try await ask(bmc, cache: cache.path)
    bmc.replaceBoard(serial: "SN42")
    let after = try await ask(bmc, remembering: before.memory, cache: cache.path)
    // Its first fan counts in other steps: with the old board's record it would read 4,800.
    let speed = after.sensors.first { $0.name == "FAN1" }?.value
    #expect(speed != before.sensors.first { $0.name == "FAN1" }?.value && speed != nil)
    #expect(after.identity?.serial == "SN42")
  }

  @Test(arguments: ["", "scrape sdr 1\n", "garbage of no kind", "flip", "cut", "link"])
  func `a spoiled file is read anew and mended`(how: String) async throws {
    let bmc = try BMC()
    let good = try await ask(bmc, cache: cache.path)
    let file = "\(cache.path)/\(try #require(try files(".sdr").first))"
    var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
    switch how {
    case "flip": bytes[bytes.count / 2] ^= 1
    case "cut": bytes.removeLast(40)
    case "link":
      try FileManager.default.removeItem(atPath: file)
      try FileManager.default.createSymbolicLink(
        atPath: file, withDestinationPath: "/dev/zero")
    default: bytes = Array(how.utf8)
    }
    if how != "link" { try Data(bytes).write(to: URL(fileURLWithPath: file)) }
    let read = bmc.count(.record)
    let again = try await ask(bmc, cache: cache.path)
    #expect(again.sensors == good.sensors && again.problems.isEmpty)
    #expect(bmc.count(.record) > read)
    let more = bmc.count(.record)
    _ = try await ask(bmc, cache: cache.path)
    #expect(bmc.count(.record) == more)
  }

  @Test func `a broken repository is not kept`() async throws {
    let bmc = try BMC()
    bmc.faults.repository = .losesRecords
    let part = try await ask(bmc, cache: cache.path)
    #expect(part.sensors.count < 22 && part.problems.map(\.part) == ["sensors"])
    #expect(try files(".sdr").isEmpty)
    bmc.faults.repository = .works
    #expect(try await ask(bmc, cache: cache.path).sensors.count == 22)
  }

  @Test func `records that are never marked as changed are kept for a day`() async throws {
    let bmc = try BMC()
    bmc.faults.repository = .markless
    _ = try await ask(bmc, cache: cache.path)
    let read = bmc.count(.record)
    _ = try await ask(bmc, cache: cache.path)
    #expect(bmc.count(.record) == read)
    let file = "\(cache.path)/\(try #require(try files(".sdr").first))"
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -90_000)], ofItemAtPath: file)
    _ = try await ask(bmc, cache: cache.path)
    #expect(bmc.count(.record) > read)
  }

  @Test func `a slow BMC's records are read over several turns, each once`() async throws {
    let bmc = try BMC()
    bmc.faults.slow = 20
    var turns = 0
    while bmc.count(.record) < 28, turns < 20 {
      let answer = try await ask(bmc, cache: cache.path) {
        $0.settings.deadline = .milliseconds(500)
      }
      #expect(answer.problems.first?.reason == .timeout && answer.chassis != nil)
      turns += 1
    }
    #expect(turns > 1)
    bmc.faults.slow = 0
    let answer = try await ask(bmc, cache: cache.path)
    #expect(answer.sensors.count == 22 && answer.problems.isEmpty)
    #expect(bmc.count(.record) <= 29)
  }

  @Test func `a folder that can't be written costs time only`() async throws {
    let bmc = try BMC()
    let answer = try await ask(bmc, cache: "/proc/nowhere")
    #expect(answer.failure == nil && answer.sensors.count == 22)
  }

  // MARK: The event log

  @Test func `only new events are reported, once, with their time and severity`() async throws {
    var configuration = BMC.Configuration()
    configuration.clockOffset = -7200
    let bmc = try BMC(configuration)
    let first = try await ask(bmc)
    bmc.addEvent("PSU2 Status", offset: 3)
    bmc.addEvent("CPU2 Temp", offset: 7)
    bmc.addEvent("PSU2 Status", offset: 3, asserted: false)
    let second = try await ask(bmc, remembering: first.memory)
    let events = try #require(second.log?.events)
    #expect(events.map(\.subject) == ["PSU2 Status", "CPU2 Temp", "PSU2 Status"])
    #expect(events.map(\.isOver) == [false, false, true])
    #expect(events[0].state == .critical && events[0].text.contains("input lost"))
    // The BMC's clock is two hours slow; the event's time is right all the same.
    let age = Double(second.time.nanoseconds - events[0].time.nanoseconds) / 1e9
    #expect(abs(age) < 3 && abs((second.log?.clockOffset ?? 0) + 7200) < 3)
    #expect(Set(events.map(\.time)).count == 3)
    let third = try await ask(bmc, remembering: second.memory)
    #expect(third.log?.events.isEmpty == true)
    let points = second.points.filter { $0.measurement == "event" }
    #expect(points.count == 3 && points[0][tag: "severity"] == "critical")
  }

  @Test func `a cleared log is recognised, and later events are reported`() async throws {
    let bmc = try BMC()
    let first = try await ask(bmc)
    bmc.clearSEL()
    let cleared = try await ask(bmc, remembering: first.memory)
    #expect(cleared.log?.wasCleared == true && cleared.log?.count == 0)
    bmc.addEvent("FAN3", offset: 2)
    let later = try await ask(bmc, remembering: cleared.memory)
    #expect(later.log?.events.map(\.subject) == ["FAN3"] && later.log?.wasCleared == false)
    // Cleared and filled again between two turns; a BMC's marks count seconds.
    try await Task.sleep(for: .milliseconds(1100))
    bmc.clearSEL()
    bmc.addEvent("Power Unit", offset: 0)
    let both = try await ask(bmc, remembering: later.memory)
    #expect(both.log?.wasCleared == true)
    #expect(both.log?.events.map(\.subject) == ["Power Unit"])
  }

  @Test func `a long absence is reported in pieces, and nothing is lost`() async throws {
    let bmc = try BMC()
    var memory = try await ask(bmc).memory
    for _ in 0..<450 { bmc.addEvent("Drive 0", offset: 1) }
    var records: [UInt16] = []
    for _ in 0..<3 {
      let answer = try await ask(bmc, remembering: memory)
      records += answer.log?.events.map(\.record) ?? []
      memory = answer.memory
    }
    #expect(records.count == 450 && Set(records).count == 450)
    #expect(try await ask(bmc, remembering: memory).log?.events.isEmpty == true)
  }

  @Test(arguments: [BMCFaults.Log.loops, .entryVanished])
  func `a broken log is reported and ends`(log: BMCFaults.Log) async throws {
    let bmc = try BMC()
    let first = try await ask(bmc)
    for _ in 0..<5 { bmc.addEvent("Drive 0", offset: 1) }
    bmc.faults.log = log
    let answer = try await ask(bmc, remembering: first.memory)
    #expect(answer.failure == nil)
    #expect((answer.log?.events.count ?? 0) <= 200 && bmc.count(.logEntry) < 30)
  }

  @Test(arguments: [BMCFaults.Log.endsInZero, .loops, .wantsReservation, .wantsLength])
  func `each event is reported once, whatever the log's end and manners`(log: BMCFaults.Log)
    async throws
  {
    let bmc = try BMC()
    bmc.faults.log = log
    var memory = try await ask(bmc).memory
    for subject in ["Drive 0", "FAN3"] {
      bmc.addEvent(subject, offset: 1)
      let answer = try await ask(bmc, remembering: memory)
      #expect(answer.log?.events.map(\.subject) == [subject], "\(answer.problems)")
      memory = answer.memory
      let again = try await ask(bmc, remembering: memory)
      #expect(again.log?.events.isEmpty == true && again.problems.isEmpty)
      memory = again.memory
    }
  }

  @Test func `a slow BMC gives its events over several passes`() async throws {
    let bmc = try BMC()
    var memory = try await ask(bmc, cache: cache.path).memory
    for _ in 0..<40 { bmc.addEvent("Drive 0", offset: 1) }
    bmc.faults.slow = 25
    var records: [UInt16] = []
    var turns = 0
    while records.count < 40, turns < 6 {
      let answer = try await ask(bmc, remembering: memory, cache: cache.path) {
        $0.settings.deadline = .milliseconds(1500)
      }
      #expect(answer.failure == nil)
      records += answer.log?.events.map(\.record) ?? []
      memory = answer.memory
      turns += 1
    }
    #expect(records.count == 40 && Set(records).count == 40 && turns > 1)
  }

  @Test func `a maker's own entry is reported as such`() async throws {
    let bmc = try BMC()
    let first = try await ask(bmc)
    bmc.addEntry(type: 0xe0, fields: Array(1...13))
    bmc.addEntry(type: 0xc1, fields: Array(1...13))
    let events = try #require(try await ask(bmc, remembering: first.memory).log?.events)
    #expect(events.map(\.subject) == ["OEM", "OEM"] && events.allSatisfy { !$0.text.isEmpty })
  }
}
