import Engine
import Foundation
import Lab
import Synchronization
import Testing

@testable import Hosts
@testable import Inventory

/// Datagrams through a real jump host, with each tool that it may have.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct DatagramBridgeTests {
  /// The programs of a jump host with which the tool is the only one.
  struct Tool: Sendable, CustomStringConvertible {
    var name: String
    var file: String
    /// Whether datagrams that come at the same moment stay apart.
    var keepsLimits = true
    var description: String { file }

    func box() throws -> Toolbox {
      let isScript = name == "python3" || name == "perl"
      return try Toolbox(
        ["sh"] + (isScript ? [] : ["dd", "od", "getent"]), links: [name: file])
    }
  }

  static let tools: [Tool] = [
    Tool(name: "bash", file: "/bin/bash"), Tool(name: "socat", file: "/usr/bin/socat"),
    Tool(name: "nc", file: "/bin/nc.openbsd", keepsLimits: false),
    Tool(name: "nc", file: "/bin/nc.traditional", keepsLimits: false),
    Tool(name: "python3", file: "/usr/bin/python3"), Tool(name: "perl", file: "/usr/bin/perl"),
  ].filter { FileManager.default.isExecutableFile(atPath: $0.file) }

  private func through<Value: Sendable>(
    _ sshd: Sshd,
    _ body: @Sendable @escaping (Tunnel, isolated Reactor) async throws -> Value
  ) async throws -> Value {
    let tree = try JumpTests.Tree([sshd])
    let tunnel = Tunnel(tree.target(sshd, named: "jp1"), tree.pool)
    let result = await tree.pool.serve {
      await tree.reactor.run { reactor -> Result<Value, any Error> in
        do { return .success(try await body(tunnel, reactor)) } catch { return .failure(error) }
      }
    }
    return try result.get()
  }

  private func open(
    _ address: String, _ port: UInt16, _ tunnel: Tunnel, _ reactor: isolated Reactor
  ) async throws -> DatagramBridge {
    try await DatagramBridge.open(
      to: address, port: port, through: tunnel, on: reactor, by: .after(.seconds(20)))
  }

  @Test(arguments: tools) func `all bytes and lengths go there and back`(tool: Tool) async throws {
    let box = try tool.box()
    let echo = FakeDatagrams { [$0] }
    let jump = try Sshd(options: [box.option])
    try await through(jump) { tunnel, reactor in
      let bridge = try await open("127.0.0.1", echo.port, tunnel, reactor)
      #expect(bridge.tool == tool.name)
      let time = try await bridge.roundTrip(on: reactor, by: .after(.seconds(10)))
      #expect(time > .zero && time < .seconds(5))
      var datagrams: [[UInt8]] = [[0], [10], Array(0...255), Array((0...255).reversed())]
      datagrams += [1, 512, 513, 1400, 4095, 4096].map { count in
        (0..<count).map { _ in .random(in: 0...255) }
      }
      datagrams += [Array(repeating: 10, count: 300), Array(repeating: 0, count: 300)]
      for datagram in datagrams {
        try await bridge.send(datagram, on: reactor, by: .after(.seconds(5)))
        let answer = try await bridge.receive(on: reactor, by: .after(.seconds(10)))
        #expect(answer == .datagram(datagram), "\(datagram.count) bytes")
      }
      let named = try await open("localhost", echo.port, tunnel, reactor)
      try await named.send([1], on: reactor, by: .after(.seconds(5)))
      #expect(try await named.receive(on: reactor, by: .after(.seconds(10))) == .datagram([1]))
    }
    #expect(eventually(within: 10) { box.processes.isEmpty }, "left behind on the jump host")
  }

  @Test(arguments: tools.filter(\.keepsLimits))
  func `datagrams that come at the same moment stay apart`(tool: Tool) async throws {
    let box = try tool.box()
    let twice = FakeDatagrams { [$0, [1] + $0, [2] + $0] }
    let jump = try Sshd(options: [box.option])
    try await through(jump) { tunnel, reactor in
      let bridge = try await open("127.0.0.1", twice.port, tunnel, reactor)
      for byte in UInt8(0)..<4 {
        try await bridge.send([9, byte], on: reactor, by: .after(.seconds(5)))
      }
      var seen: Set<[UInt8]> = []
      for _ in 0..<12 {
        if case .datagram(let bytes)? = try await bridge.receive(
          on: reactor, by: .after(.seconds(10)))
        {
          seen.insert(bytes)
        }
      }
      #expect(seen.count == 12, "\(seen)")
    }
  }

  @Test(arguments: tools)
  func `silence costs its time, and a late answer is the answer to its own question`(
    tool: Tool
  ) async throws {
    let box = try tool.box()
    // The first is lost, the answer to the second comes late.
    let count = Gauge()
    let server = FakeDatagrams { request in
      switch count.change(1) {
      case 1: return []
      case 2: usleep(1_200_000)
      default: break
      }
      return [request]
    }
    let jump = try Sshd(options: [box.option])
    try await through(jump) { tunnel, reactor in
      let bridge = try await open("127.0.0.1", server.port, tunnel, reactor)
      let start = Deadline.now
      for byte in UInt8(1)...2 {
        try await bridge.send([byte], on: reactor, by: .after(.seconds(5)))
        #expect(try await bridge.receive(on: reactor, by: .after(.milliseconds(300))) == nil)
      }
      #expect(Deadline.now.since(start) < .seconds(5))
      // Another question has another port: it never sees the late answer.
      let other = try await open("127.0.0.1", server.port, tunnel, reactor)
      try await other.send([3], on: reactor, by: .after(.seconds(5)))
      #expect(try await other.receive(on: reactor, by: .after(.seconds(10))) == .datagram([3]))
      #expect(try await bridge.receive(on: reactor, by: .after(.seconds(10))) == .datagram([2]))
    }
  }

  @Test(arguments: tools) func `closed ports and unknown names are reported`(tool: Tool)
    async throws
  {
    let box = try tool.box()
    let port = freePort()
    let jump = try Sshd(options: [box.option])
    try await through(jump) { tunnel, reactor in
      let closed = try await open("127.0.0.1", port, tunnel, reactor)
      try await closed.send([1], on: reactor, by: .after(.seconds(5)))
      #expect(try await closed.receive(on: reactor, by: .after(.seconds(10))) == .refused)
      do {
        _ = try await open("no-such-name.invalid", port, tunnel, reactor)
        Issue.record("a name that does not exist")
      } catch let error as TargetError {
        #expect(error.reason == .nameUnknown, "\(error)")
        #expect(error.detail.hasPrefix("jp1 does not know no-such-name.invalid"), "\(error)")
      }
    }
  }

  @Test
  func `a jump host without a tool, or without a shell, is not_supported with what was tried`()
    async throws
  {
    let box = try Toolbox(["sh", "bash", "dd"])
    for (options, words) in [
      ([box.option], "it has no bash with /dev/udp, socat, nc with -u, python3 or perl"),
      (["ForceCommand /bin/false"], "runs no commands of the shell for this account"),
      (["ForceCommand echo Welcome"], "answers a command with \"Welcome\""),
      (["MaxSessions 0"], "MaxSessions"),
    ] {
      let jump = try Sshd(options: options)
      do {
        try await through(jump) { tunnel, reactor in
          _ = try await open("127.0.0.1", 9, tunnel, reactor)
        }
        Issue.record("\(options): it opened")
      } catch let error as TargetError {
        #expect(error.reason == .notSupported, "\(error)")
        #expect(error.detail.contains(words) && error.detail.contains("jp1"), "\(error)")
      }
    }
  }

  @Test func `an address never becomes part of the script`() async throws {
    let jump = try Sshd()
    let scratch = Scratch()
    for address in [
      "$(touch \(scratch.path)/a)", "'; touch \(scratch.path)/a; '", "a b", "`id`", "-h", "",
      "a\nb", "x\"y", String(repeating: "a", count: 300),
    ] {
      #expect(BridgeScript.text(address, 9) == nil, "\(address)")
      do {
        try await through(jump) { tunnel, reactor in
          _ = try await open(address, 9, tunnel, reactor)
        }
        Issue.record("\(address): it opened")
      } catch let error as TargetError {
        #expect(error.reason == .nameUnknown, "\(error)")
      }
    }
    #expect(scratch.read("a") == nil)
    #expect(!jump.log.contains("Starting session"))
    for address in ["10.0.0.1", "fe80::1%eth0", "a-b.lab_x", "2001:db8::5"] {
      #expect(BridgeScript.text(address, 9) != nil)
    }
  }

  @Test(arguments: [10, 3])
  func `more bridges than sessions are allowed wait for their turn`(sessions: Int) async throws {
    let jump = try Sshd(options: ["MaxSessions \(sessions)"])
    let echo = FakeDatagrams { [$0] }
    let tree = try JumpTests.Tree([jump])
    let tunnel = Tunnel(tree.target(jump, named: "jp1"), tree.pool)
    let open = Gauge()
    let answers = await tree.pool.serve {
      await withTaskGroup(of: String.self) { group in
        for number in UInt8(0)..<20 {
          group.addTask { [reactor = tree.reactor] in
            await reactor.run { reactor in
              do {
                let bridge = try await DatagramBridge.open(
                  to: "127.0.0.1", port: echo.port, through: tunnel, on: reactor,
                  by: .after(.seconds(60)))
                open.change(1)
                defer { open.change(-1) }
                try await reactor.sleep(until: .after(.milliseconds(200)))
                try await bridge.send([number], on: reactor, by: .after(.seconds(5)))
                let answer = try await bridge.receive(on: reactor, by: .after(.seconds(20)))
                return answer == .datagram([number]) ? "good" : "\(String(describing: answer))"
              } catch {
                return "\(error)"
              }
            }
          }
        }
        var all: [String] = []
        for await one in group { all.append(one) }
        return all
      }
    }
    #expect(answers.count == 20 && answers.allSatisfy { $0 == "good" }, "\(answers)")
    #expect(open.most <= min(8, sessions) && open.most > 1, "\(open.most)")
  }
}

/// A number that several threads change, and the most that it was.
private final class Gauge: Sendable {
  private let values = Mutex((now: 0, most: 0))

  var most: Int { values.withLock { $0.most } }

  @discardableResult func change(_ by: Int) -> Int {
    values.withLock {
      $0.now += by
      $0.most = max($0.most, $0.now)
      return $0.now
    }
  }
}
