import Foundation
import Lab
import Metrics
import Testing

@testable import Hosts
@testable import IPMI
@testable import Inventory

/// BMCs that are read on their host; ipmitool asks a simulated BMC in place of `/dev/ipmi0`.
@Suite(.serialized, .enabled(if: LocalIPMITool.isPossible), .timeLimit(.minutes(2)))
struct HostBMCTests {
  private func ask(
    _ tools: Scratch?, remembering memory: [String: [UInt64]] = [:]
  ) throws -> BMCAnswer {
    let path = tools.map { "\($0.path):/usr/bin:/bin" } ?? "/nonexistent"
    let outcome = try run(
      "/bin/sh", ["-c", HostBMC.script(remembering: memory)], environment: ["PATH": path])
    return HostBMC.answer(
      output: Array(outcome.output.utf8), status: Int(outcome.status), isCut: false,
      remembering: memory, at: .now)
  }

  @Test func `the points are those of a session over the network`() async throws {
    let bmc = try BMC()
    bmc.set("FAN2", raw: 5)
    let tools = LocalIPMITool.folder(for: bmc)
    let direct = try await TargetsTests.ask(bmc)
    let inBand = try ask(tools)
    #expect(inBand.failure == nil && inBand.isOpen && inBand.problems.isEmpty, "\(inBand)")
    #expect(inBand.chassis == direct.chassis && inBand.power == direct.power)
    #expect(inBand.unreadable.sorted() == direct.unreadable.sorted())
    #expect(inBand.sensors.map(\.name) == direct.sensors.map(\.name))
    for (near, far) in zip(inBand.sensors, direct.sensors) {
      #expect(near.unit == far.unit && near.entity == far.entity, "\(near) \(far)")
      if let value = far.value {
        // ipmitool shows two or three digits.
        #expect(abs((near.value ?? .infinity) - value) < 0.006, "\(near) \(far)")
        #expect(near.code == far.code && near.state == far.state, "\(near) \(far)")
        #expect(near.events == far.events, "\(near) \(far)")
      } else {
        #expect(near.value == nil, "\(near)")
        // No rule is better than a wrong one.
        #expect(near.state == far.state || near.state == nil, "\(near) \(far)")
      }
    }
    let judged = inBand.sensors.filter { $0.value == nil && $0.state != nil }
    #expect(judged.count >= 4, "\(inBand.sensors)")
    #expect(judged.contains { $0.state == .critical })
    #expect(inBand.log?.count == direct.log?.count)
    #expect(inBand.points.allSatisfy { $0[tag: "server"] == nil })
  }

  @Test func `new records of the event log are reported once, as over the network`() async throws {
    let bmc = try BMC()
    let tools = LocalIPMITool.folder(for: bmc)
    let before = try await TargetsTests.ask(bmc)
    var near = try ask(tools)
    #expect(near.log?.events.isEmpty == true && near.memory["sel"]?.count == 5)
    bmc.addEvent("PSU1 Status", offset: 3)
    bmc.addEvent("CPU2 Temp", offset: 9)
    let far = try await TargetsTests.ask(bmc, remembering: before.memory)
    near = try ask(tools, remembering: near.memory)
    let events = near.log?.events ?? []
    #expect(events.count == 2, "\(near)")
    #expect(events.map(\.text) == far.log?.events.map(\.text))
    #expect(events.map(\.subject) == far.log?.events.map(\.subject))
    #expect(events.map(\.state) == far.log?.events.map(\.state))
    near = try ask(tools, remembering: near.memory)
    #expect(near.log?.events.isEmpty == true && near.problems.isEmpty, "\(near)")
    // More than one reading takes.
    for _ in 0..<30 { bmc.addEvent("PSU1 Status", offset: 1) }
    near = try ask(tools, remembering: near.memory)
    #expect(near.log?.events.count == 20 && !near.problems.isEmpty, "\(near.problems)")
    near = try ask(tools, remembering: near.memory)
    #expect(near.log?.events.count == 10 && near.problems.isEmpty, "\(near.problems)")
  }

  @Test func `a host without the tool or the device has its reason`() throws {
    let none = try ask(nil)
    #expect(none.failure?.reason == .notSupported, "\(none)")
    let folder = Scratch()
    folder.write(
      "ipmitool", "#!/bin/sh\necho 'Could not open device at /dev/ipmi0' >&2; exit 1\n", mode: 0o755
    )
    let closed = try ask(folder)
    #expect(
      closed.failure?.reason == .notSupported || closed.failure?.reason == .permission,
      "\(closed)")
    #expect(!closed.isOpen && closed.points.isEmpty)
    folder.write("ipmitool", "#!/bin/sh\necho nothing\n", mode: 0o755)
    #expect(try ask(folder).failure?.reason == .protocolError)
    let garbage = HostBMC.answer(
      output: Array("? 0x06 0x01\n 20 01\n".utf8), status: 0, isCut: false, remembering: [:],
      at: .now)
    #expect(garbage.failure != nil && garbage.points.isEmpty)
  }

  @Test func `what came before the script was cut is kept`() throws {
    let bmc = try BMC()
    let tools = LocalIPMITool.folder(for: bmc)
    let outcome = try run(
      "/bin/sh", ["-c", HostBMC.script(remembering: [:])],
      environment: ["PATH": "\(tools.path):/usr/bin:/bin"])
    let whole = Array(outcome.output.utf8)
    for end in stride(from: 0, to: whole.count, by: 61) {
      let answer = HostBMC.answer(
        output: Array(whole[..<end]), status: nil, isCut: true,
        remembering: ["sel": [1, 2, 3, 4, 5]],
        at: .now)
      #expect(answer.sensors.count <= 22)
      // The events are left for the next reading.
      #expect(answer.memory["sel"] == [1, 2, 3, 4, 5] && answer.log == nil)
      #expect(answer.failure != nil || answer.problems.contains { $0.part == "events" })
    }
  }
}
