import Foundation
import Glibc
import Metrics
import Testing

@testable import Sinks
@testable import Store

struct StoreTests {
  @Test func `a new store knows no host`() async throws {
    try await withStore { store in
      #expect(try await store.load(["web1"]) == [:])
      #expect(try await store.passes() == [])
      #expect(try await store.status() == [])
      #expect(try await store.queues() == [])
      let latest = try await store.latest(host: "web1")
      #expect(latest == nil)
      #expect(await store.notes() == [])
    }
  }

  @Test func `file and folder are for the owner only`() async throws {
    try await withFolder { folder in
      let store = Store(path: folder + "/a/b/scrape.db")
      try await store.finish(pass(1), [])
      #expect(mode(folder + "/a") == 0o700)
      #expect(mode(folder + "/a/b") == 0o700)
      for file in ["scrape.db", "scrape.db-wal", "scrape.db-shm"] {
        #expect(mode(folder + "/a/b/" + file) == 0o600)
      }
    }
  }

  @Test func `closed incidents stay within their limit of bytes`() async throws {
    #expect(Store.Limits().incidents == 64 << 20)
    try await withStore(.init(incidents: 64 << 10)) { store in
      let body = JSON.string(String(repeating: "x", count: 10 << 10))
      for id in Int64(1)...9 {
        let incident = Store.KeptIncident(id: id, contact: "team", isOpen: id < 3, body: body)
        try await store.finish(pass(Int(id)), [], incidents: [incident])
      }
      #expect(try await store.incidents(all: 100).map(\.id) == [1, 2, 4, 5, 6, 7, 8, 9])
    }
  }

  @Test func `what a host is remembered by is merged collector by collector`() async throws {
    try await withStore { store in
      let cpu = Memory(time: time(1), uptime: 12.5, values: ["cpu0": [0, 1, .max], "": []])
      let net = Memory(time: time(1), values: ["eth0": [7]])
      try await store.finish(
        pass(1),
        [
          result(
            1, bootID: "b1", memory: ["cpu": cpu, "net": net], due: ["cpu": time(15)],
            facts: ["os": "Debian 12", "kernel": "6.1"])
        ])
      let later = Memory(time: time(2), uptime: 27.5, values: ["cpu0": [5, 6, 7]])
      try await store.finish(
        pass(2),
        [
          result(
            2, bootID: "b1", memory: ["cpu": later], due: ["disk": Timestamp(nanoseconds: -5)],
            facts: ["kernel": "6.12"])
        ])
      // The host was down: nothing of it changes.
      try await store.finish(pass(3), [result(3)])
      let state = try await store.load(["web1", "web2"])
      #expect(
        state == [
          "web1": HostState(
            bootID: "b1", memory: ["cpu": later, "net": net],
            due: ["cpu": time(15), "disk": Timestamp(nanoseconds: -5)],
            facts: ["os": "Debian 12", "kernel": "6.12"])
        ])
    }
  }

  @Test func `what a BMC is remembered by is of no boot`() async throws {
    try await withStore { store in
      let memory = Memory(time: time(1), values: ["a": [1]])
      try await store.finish(pass(1), [result(1, bootID: "b1", memory: ["cpu": memory])])
      var bmc = result(2, memory: ["bmc": memory])
      bmc.isOfBoot = false
      // The host is down, then it is up again; the BMC answers all the while.
      try await store.finish(pass(2), [result(2), bmc])
      try await store.finish(pass(3), [result(3, bootID: "b1"), bmc])
      let state = try await store.load(["web1"])["web1"]
      #expect(state?.bootID == "b1" && state?.memory == ["cpu": memory, "bmc": memory])
    }
  }

  @Test(arguments: ["b2", nil]) func `another boot takes the memory with it`(
    boot: String?
  ) async throws {
    try await withStore { store in
      let memory = Memory(time: time(1), values: ["a": [1]])
      try await store.finish(
        pass(1), [result(1, bootID: "b1", memory: ["cpu": memory, "net": memory])])
      try await store.finish(pass(2), [result(2, bootID: boot, memory: ["cpu": memory])])
      let state = try await store.load(["web1"])["web1"]
      #expect(state?.bootID == boot)
      #expect(state?.memory == ["cpu": memory])
    }
  }

  @Test func `a target's status says since when and when it was last up`() async throws {
    try await withStore { store in
      let states = [false, true, true, false, false]
      for (index, up) in states.enumerated() {
        let outcome = TargetOutcome(
          target: "ssh", up: up, reason: up ? nil : .timeout, message: up ? nil : "no answer",
          milliseconds: 1.5, bytes: Int64(index))
        try await store.finish(pass(index), [result(index, outcomes: [outcome])])
        let status = try await store.status()
        #expect(status.count == 1)
        #expect(status.first?.outcome == outcome)
        #expect(status.first?.time == time(index))
        #expect(status.first?.since == time([0, 1, 1, 3, 3][index]))
        #expect(status.first?.lastUp == [nil, time(1), time(2), time(2), time(2)][index])
      }
    }
  }

  @Test func `problems stay until the collector's next run`() async throws {
    try await withStore { store in
      let disk = CollectorProblem(collector: "disk", reason: .timeout, detail: "df \u{1b}[0m")
      let gpu = CollectorProblem(collector: "gpu", reason: .missingTool, detail: "")
      try await store.finish(pass(1), [result(1, ran: ["disk", "gpu"], problems: [disk, gpu])])
      try await store.finish(pass(2), [result(2, ran: ["cpu"])])
      #expect(try await store.problems() == ["web1": [disk, gpu]])
      try await store.finish(pass(3), [result(3, ran: ["disk", "gpu"], problems: [gpu])])
      #expect(try await store.problems() == ["web1": [gpu]])
    }
  }

  @Test func `the last thousand passes are remembered`() async throws {
    try await withStore { store in
      for number in 0..<1010 {
        try await store.finish(pass(number, warnings: number == 1009 ? ["a", "", "b\n"] : []), [])
      }
      let passes = try await store.passes(2000)
      #expect(passes.count == 1000)
      #expect(passes.first == pass(1009, warnings: ["a", "", "b\n"]))
      #expect(passes.last?.start == time(10))
    }
  }

  @Test func `a queue is bounded by size and age, and what is dropped is counted`() async throws {
    let bounds = ["a": QueueBounds(size: 1000, keep: .seconds(100))]
    try await withStore { store in
      let payload = Payload(body: Array(repeating: 1, count: 300), lines: 10)
      for number in 0..<5 {
        try await store.finish(pass(number), [], queue: ["a": [payload], "b": []], bounds: bounds)
      }
      var queue = try await store.queues()
      #expect(queue.map(\.sink) == ["a"])
      #expect((queue[0].payloads, queue[0].lines, queue[0].dropped) == (3, 30, 20))
      #expect(queue[0].oldest == time(2))
      try await store.finish(pass(200), [], queue: ["a": [payload]], bounds: bounds)
      queue = try await store.queues()
      #expect((queue[0].payloads, queue[0].lines, queue[0].dropped) == (1, 10, 50))
      let next = try await store.next(for: "a")
      #expect(next?.payload == payload)
      try await store.delivered([next?.id ?? 0])
      #expect(try await store.next(for: "a") == nil)
    }
  }

  @Test func `how many changes are kept, in all and of one host, can be set`() async throws {
    try await withStore(.init(changes: 120, changesOfHost: 50)) { store in
      for number in 0..<4 {
        var one = result(number)
        one.batch.host = "web\(number)"
        one.transitions = (0..<80).map {
          CheckTransition(
            "rule \($0)", from: .ok, to: .minor, time: time(number), since: nil, message: "")
        }
        try await store.finish(pass(number), [one])
      }
      let all = try await store.transitions(limit: 5000)
      #expect(all.count { $0.host == "web3" } == 50 && all.count == 90)
    }
  }

  @Test func `a host that changes all the time leaves the others their transitions`() async throws {
    try await withStore { store in
      func changed(_ host: String, _ count: Int) -> HostResult {
        var one = result(0)
        one.batch.host = host
        one.transitions = (0..<count).map {
          CheckTransition(
            "rule \($0)", from: .ok, to: .minor, time: time(0), since: nil, message: "")
        }
        return one
      }
      try await store.finish(pass(0), [changed("quiet", 1), changed("loud", 1500)])
      let all = try await store.transitions(limit: 5000)
      #expect(all.count { $0.host == "quiet" } == 1)
      #expect(all.count { $0.host == "loud" } == 1000)
      #expect(all.first?.transition.name == "rule 1499")
    }
  }

  @Test func `a check that is gone leaves neither state nor status`() async throws {
    try await withStore { store in
      var one = result(0)
      one.outcomes = [TargetOutcome(target: "bmc", up: false)]
      one.states = ["bmc": CheckState(.major, at: time(0))]
      try await store.finish(pass(0), [one])
      #expect(try await store.status().count == 1)
      var next = result(15)
      next.gone = ["bmc"]
      try await store.finish(pass(1), [next])
      #expect(try await store.status().isEmpty)
      #expect(try await store.states().isEmpty)
    }
  }

  @Test func `two processes write at once and lose nothing`() async throws {
    try await withFolder { folder in
      let path = folder + "/scrape.db"
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<2 {
          group.addTask {
            let store = Store(path: path)
            for number in 0..<40 {
              var point = Point("writer\(writer)")
              point.integer("field\(number % 7)", Int64(number))
              let batch = PointBatch(
                host: "host\(writer)", tags: [], time: time(number), points: [point])
              try await store.finish(pass(number), [HostResult(batch: batch)])
            }
          }
        }
        try await group.waitForAll()
      }
      let store = Store(path: path)
      #expect(try await store.passes(1000).count == 80)
      for writer in 0..<2 {
        var count = 0
        for field in 0..<7 {
          count += try await store.history(
            host: "host\(writer)", measurement: "writer\(writer)", field: "field\(field)",
            from: time(0), to: time(100)
          ).count
        }
        #expect(count == 40)
      }
    }
  }
}

func time(_ seconds: Int) -> Timestamp { Timestamp(seconds: 1_767_268_800 + Int64(seconds)) }

func pass(_ number: Int, warnings: [String] = []) -> PassSummary {
  PassSummary(
    start: time(number), end: time(number), hosts: 1, up: 1, failed: 0, points: 0,
    warnings: warnings)
}

func result(
  _ number: Int, bootID: String? = nil, ran: [String] = [], memory: [String: Memory] = [:],
  due: [String: Timestamp] = [:], facts: [String: String] = [:], outcomes: [TargetOutcome] = [],
  problems: [CollectorProblem] = [], points: [Point] = []
) -> HostResult {
  HostResult(
    batch: PointBatch(
      host: "web1", tags: [Tag("host", "web1")], time: time(number), points: points),
    bootID: bootID, ran: ran, memory: memory, due: due, facts: facts, outcomes: outcomes,
    problems: problems)
}

func withStore(
  _ limits: Store.Limits = .init(), _ body: (Store) async throws -> Void
) async throws {
  try await withFolder { folder in
    try await body(Store(path: folder + "/scrape.db", limits: limits))
  }
}

func mode(_ path: String) -> mode_t {
  var status = stat()
  return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
}
