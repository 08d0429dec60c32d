import Engine
import Lab
import Metrics
import Testing

@testable import Targets

/// Asks a simulated BMC as the pass does.
func ask(
  _ bmc: BMC, remembering memory: [String: [UInt64]] = [:], cache: String? = nil,
  deadline: Duration = .seconds(20), _ change: (inout BMCTarget) -> Void = { _ in }
) async throws -> BMCAnswer {
  var settings = BMCSettings(address: bmc.address)
  settings.port = Int(bmc.port)
  settings.user = "admin"
  // A simulated BMC on loopback is silent for long when it is silent at all.
  settings.timeout = .milliseconds(800)
  settings.retransmit = .milliseconds(200)
  var target = try BMCTarget(settings, of: "host", cache: cache)
  target.password = Array("secret".utf8)
  change(&target)
  let reactor = Reactor()
  return await reactor.run { [target] reactor in
    await target.ask(remembering: memory, on: reactor, by: .after(deadline))
  }
}

@Suite struct BMCTests {
  @Test func `a healthy BMC tells everything`() async throws {
    let bmc = try BMC()
    let answer = try await ask(bmc)
    for step in answer.steps { print(step.name, step.took, step.detail) }
    print(answer.failure as Any, answer.problems, answer.commands)
    for sensor in answer.sensors { print(sensor) }
    print(answer.power as Any, answer.chassis as Any, answer.log as Any, answer.identity as Any)
    print(answer.unreadable, answer.memory)
    bmc.addEvent("PSU2 Status", offset: 3)
    let next = try await ask(bmc, remembering: answer.memory)
    print(next.log as Any)
    for step in next.steps { print(step.name, step.took, step.detail) }
    for point in next.points { print(point) }
    #expect(answer.failure == nil)
  }
}
