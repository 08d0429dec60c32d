import Engine
import Foundation
import Lab
import Metrics
import Testing

@testable import IPMI
@testable import Inventory

/// Sessions with simulated BMCs that stay between polls.
@Suite struct KeptBMCTests {
  @Test func `polls within a minute share a session, and give the same`() async throws {
    let bmc = try BMC()
    let keeper = KeptBMCs()
    let reactor = Reactor()
    await keeper.serve(on: reactor) {
      var memory: [String: [UInt64]] = [:]
      for round in 0..<6 {
        guard let answer = try? await ask(bmc, remembering: memory, { $0.keeper = keeper }) else {
          Issue.record("no target")
          return
        }
        memory = answer.memory
        #expect(answer.failure == nil && answer.problems.isEmpty && answer.isOpen)
        #expect(answer.sensors.count == bmc.sensors.count { $0.isReadable })
        #expect(answer.chassis?.isOn == true && answer.power?.current == 292)
        #expect(answer.log?.count == bmc.logEntries.count && answer.log?.events.isEmpty == true)
        #expect((answer.identity != nil) == (round == 0))
        // The second poll within a minute shows that it is worth while.
        #expect(answer.steps[0].detail.hasPrefix("kept") == (round > 1))
        #expect(bmc.sessionsOpenedInAll == min(round + 1, 2))
        #expect(keeper.count == (round == 0 ? 0 : 1))
      }
      #expect(bmc.openSessions == 1 && keeper.reused == 4)
    }
    #expect(keeper.count == 0)
    #expect(eventually { bmc.openSessions == 0 })
    #expect(bmc.maxConcurrentSessions == 1)
  }

  @Test func `a session is closed when it is too old for another poll`() async throws {
    let bmc = try BMC()
    let keeper = KeptBMCs(age: .seconds(1))
    await keeper.serve(on: Reactor()) {
      for _ in 0..<3 { _ = try? await ask(bmc) { $0.keeper = keeper } }
      #expect(bmc.openSessions == 1)
      #expect(eventually { bmc.openSessions == 0 })
      #expect(keeper.count == 0)
      let answer = try? await ask(bmc) { $0.keeper = keeper }
      #expect(answer?.failure == nil && answer?.sensors.isEmpty == false)
    }
  }

  @Test func `a BMC that ends sessions early answers in the same poll, and keeps none then`()
    async throws
  {
    var configuration = BMC.Configuration()
    configuration.idleSeconds = 0.3
    let bmc = try BMC(configuration)
    let keeper = KeptBMCs()
    await keeper.serve(on: Reactor()) {
      for _ in 0..<2 { _ = try? await ask(bmc) { $0.keeper = keeper } }
      #expect(keeper.count == 1)
      try? await Task.sleep(for: .milliseconds(600))
      let answer = try? await ask(bmc) { $0.keeper = keeper }
      #expect(answer?.failure == nil && answer?.problems.isEmpty == true)
      #expect(answer?.sensors.count == bmc.sensors.count { $0.isReadable })
      #expect(bmc.sessionsOpenedInAll == 3)
      #expect(keeper.count == 0)
    }
  }

  @Test func `other secrets or settings are another session`() async throws {
    let bmc = try BMC()
    let keeper = KeptBMCs()
    await keeper.serve(on: Reactor()) {
      for _ in 0..<2 { _ = try? await ask(bmc) { $0.keeper = keeper } }
      #expect(keeper.count == 1)
      let wrong = try? await ask(bmc) {
        $0.keeper = keeper
        $0.password = Array("wrong".utf8)
      }
      #expect(wrong?.failure?.reason == .authFailed)
      #expect(keeper.count == 0)
      let other = try? await ask(bmc) {
        $0.keeper = keeper
        $0.settings.cipherSuite = 3
      }
      #expect(other?.failure == nil && other?.steps[0].detail.contains("suite 3") == true)
    }
  }

  @Test func `a silent BMC does not hold up the end`() async throws {
    let bmc = try BMC()
    let keeper = KeptBMCs()
    let start = Date()
    await keeper.serve(on: Reactor()) {
      for _ in 0..<2 { _ = try? await ask(bmc) { $0.keeper = keeper } }
      #expect(keeper.count == 1)
      bmc.stop()
    }
    #expect(Date().timeIntervalSince(start) < 20)
  }
}
