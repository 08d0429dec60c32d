import Engine
import Foundation
import Lab
import Metrics
import Testing

@testable import Hosts
@testable import IPMI
@testable import Inventory

/// BMCs behind a real jump host.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct JumpBMCTests {
  /// Asks BMCs at the same time, all through one jump host.
  private func ask(
    _ bmcs: [(address: String, port: UInt16)], through jump: Sshd, cache: String? = nil,
    _ change: (inout BMCTarget) -> Void = { _ in }
  ) async throws -> [BMCAnswer] {
    let tree = try JumpTests.Tree([jump])
    let tunnel = Tunnel(tree.target(jump, named: "jp1"), tree.pool)
    let targets = try bmcs.map { bmc in
      var settings = BMCSettings(address: bmc.address)
      settings.port = Int(bmc.port)
      settings.user = "admin"
      settings.timeout = .milliseconds(800)
      settings.retransmit = .milliseconds(200)
      var target = try BMCTarget(settings, of: "host", cache: cache)
      target.password = Array("secret".utf8)
      target.tunnel = tunnel
      change(&target)
      return target
    }
    return await tree.pool.serve { [reactor = tree.reactor] in
      await withTaskGroup(of: (Int, BMCAnswer).self) { group in
        for (index, target) in targets.enumerated() {
          group.addTask {
            await reactor.run { reactor in
              (index, await target.ask(remembering: [:], on: reactor, by: .after(.seconds(40))))
            }
          }
        }
        var answers = targets.map { _ in BMCAnswer(time: .now) }
        for await (index, answer) in group { answers[index] = answer }
        return answers
      }
    }
  }

  private func ask(
    _ bmc: BMC, through jump: Sshd, cache: String? = nil,
    _ change: (inout BMCTarget) -> Void = { _ in }
  ) async throws -> BMCAnswer {
    try await ask([(bmc.address, bmc.port)], through: jump, cache: cache, change)[0]
  }

  @Test(arguments: DatagramBridgeTests.tools)
  func `a BMC gives what it gives directly`(tool: DatagramBridgeTests.Tool) async throws {
    let bmc = try BMC()
    let box = try tool.box()
    let jump = try Sshd(options: [box.option])
    let direct = try await TargetsTests.ask(bmc)
    let answer = try await ask(bmc, through: jump)
    #expect(answer.failure == nil && answer.problems.isEmpty, "\(answer.steps)")
    #expect(answer.sensors == direct.sensors && answer.sensors.count > 12)
    #expect(answer.power?.current == direct.power?.current)
    #expect(answer.identity?.serial == direct.identity?.serial)
    #expect(answer.commands == direct.commands)
    #expect(bmc.openSessions == 0)
    let steps = answer.steps.map(\.detail)
    #expect(steps.contains { $0.hasPrefix("jp1, \(tool.name), ") }, "\(steps)")
    #expect(steps.contains { $0.contains("port \(bmc.port)/udp via jp1") }, "\(steps)")
    #expect(eventually(within: 10) { box.processes.isEmpty })
  }

  /// A jump host that records all that reaches it.
  private func recording(_ scratch: Scratch) throws -> Sshd {
    let script = scratch.write(
      "record",
      """
      #!/bin/sh
      printf '%s\\n' "$SSH_ORIGINAL_COMMAND" >> \(scratch.path)/command
      tee -a \(scratch.path)/in | /bin/sh -c "$SSH_ORIGINAL_COMMAND" | tee -a \(scratch.path)/out
      """, mode: 0o755)
    return try Sshd(options: ["ForceCommand \(script)"])
  }

  /// What reached the jump host: the text, and the datagrams in it.
  private func record(_ scratch: Scratch) -> [UInt8] {
    var all: [UInt8] = []
    for name in ["command", "in", "out"] {
      let text = scratch.read(name) ?? ""
      all += Array(text.utf8)
      for line in text.split(separator: "\n") {
        if line.hasPrefix("\\0") {
          all += line.components(separatedBy: "\\0").dropFirst().compactMap { UInt8($0, radix: 8) }
        } else if line.hasPrefix("=") {
          all += BridgeScript.bytes(line.utf8.dropFirst()) ?? []
        }
      }
    }
    return all
  }

  @Test(.enabled(if: IPMISim.isInstalled))
  func `no password and no key reaches the jump host`() async throws {
    let password = "s3cr3t-of-bmc!"
    let key = "0123456789abcdefghij"
    var configuration = BMC.Configuration()
    configuration.users = [.init("admin", password)]
    configuration.groupKey = Array(key.utf8)
    let bmc = try BMC(configuration)
    let scratch = Scratch()
    let jump = try recording(scratch)
    for suite in [UInt8(17), 3] {
      let answer = try await ask(bmc, through: jump) {
        $0.password = Array(password.utf8)
        $0.key = Array(key.utf8)
        $0.settings.cipherSuite = suite
      }
      #expect(answer.failure == nil, "\(answer.steps)")
    }
    // IPMI 1.5 has no key, and proves the password with MD5.
    let simulator = try IPMISim()
    let old = try await ask([(simulator.address, simulator.port)], through: jump) {
      $0.settings.driver = .lan
    }[0]
    #expect(old.failure == nil, "\(old.steps)")
    let seen = record(scratch)
    #expect(seen.count > 20_000)
    // The record is whole: it has the user's name of each session, and the serial number of no secret.
    #expect(seen.firstRange(of: Array("admin".utf8)) != nil)
    for secret in [password, key, "secret"] {
      for form in [
        secret, Data(secret.utf8).base64EncodedString(),
        secret.utf8.map { String($0, radix: 16) }.joined(),
      ] {
        #expect(seen.firstRange(of: Array(form.utf8)) == nil, "\(form)")
      }
    }
  }

  @Test func `a wrong password, a dead BMC and a closed port are told apart, and hold up no other`()
    async throws
  {
    let jump = try Sshd()
    let bmcs = try (0..<4).map { _ in try BMC() }
    bmcs[0].faults.silent = true
    bmcs[1].faults.silent = true
    let closed = freePort()
    let all = bmcs.map { ($0.address, $0.port) } + [("127.0.0.1", closed)]
    let answers = try await ask(all, through: jump)
    #expect(answers[0].failure?.reason == .timeout && answers[1].failure?.reason == .timeout)
    #expect(answers[0].failure?.detail.contains("/udp via jp1") == true)
    #expect(answers[2].failure == nil && answers[3].failure == nil)
    #expect(answers[2].sensors.count > 12)
    #expect(answers[4].failure?.reason == .timeout)
    #expect(
      answers[4].failure?.detail.contains("nothing takes datagrams on that port there") == true)
    let wrong = try await ask(bmcs[2], through: jump) { $0.password = Array("wrong".utf8) }
    #expect(wrong.failure?.reason == .authFailed, "\(wrong.steps)")
    let nowhere = try await ask([("no-such-name.invalid", 623)], through: jump)[0]
    #expect(nowhere.failure?.reason == .nameUnknown, "\(nowhere.steps)")
    let box = try Toolbox(["sh"])
    let bare = try await ask(bmcs[2], through: Sshd(options: [box.option]))
    #expect(bare.failure?.reason == .notSupported, "\(bare.steps)")
  }

  @Test func `lost datagrams are sent again, and a slow BMC is waited for`() async throws {
    let jump = try Sshd()
    let bmc = try BMC()
    bmc.faults.drop = 0.1
    let lossy = try await ask(bmc, through: jump) {
      $0.settings.timeout = .seconds(5)
    }
    #expect(lossy.failure == nil && lossy.sensors.count > 12, "\(lossy.steps)")
    // Slower than the interval of its settings, by less than what the way adds to that.
    let slow = try BMC()
    slow.faults.slow = 260
    let late = try await ask(slow, through: jump)
    #expect(late.isOpen && late.chassis != nil, "\(late.steps)")
    #expect(slow.requests <= late.commands * 2 + 12, "\(slow.requests) for \(late.commands)")
  }

  @Test func `a jump host that dies in the middle is the reason`() async throws {
    let jump = try Sshd()
    let bmc = try BMC()
    bmc.faults.slow = 150
    async let asked = ask(bmc, through: jump)
    #expect(eventually(within: 15) { bmc.requests > 10 })
    jump.killSessions()
    let answer = try await asked
    #expect(answer.failure?.reason == .unreachable, "\(answer.failure as Any)")
    #expect(answer.failure?.detail.hasPrefix("via jp1: ") == true, "\(answer.failure as Any)")
    #expect(answer.failure?.isOfJumpHost == true)
  }

  @Test func `the loopback port takes datagrams of this process only`() async throws {
    let jump = try Sshd()
    let echo = FakeDatagrams { [$0] }
    let tree = try JumpTests.Tree([jump])
    let tunnel = Tunnel(tree.target(jump, named: "jp1"), tree.pool)
    let result = await tree.pool.serve {
      await tree.reactor.run { reactor -> (Int, [UInt8]) in
        guard
          let bridge = try? await DatagramBridge.open(
            to: "127.0.0.1", port: echo.port, through: tunnel, on: reactor,
            by: .after(.seconds(20))), let relay = try? BMCRelay(bridge)
        else { return (-1, []) }
        let task = Task { [reactor = reactor as Reactor] in
          await reactor.open { reactor in await relay.run(on: reactor) {} }
        }
        let port = relay.door.port
        // Another process is first, and comes again.
        func stranger() {
          _ = try? run("/bin/bash", ["-c", "printf stranger > /dev/udp/127.0.0.1/\(port)"])
        }
        stranger()
        let own = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(own) }
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = port.bigEndian
        place.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        withUnsafePointer(to: &place) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            _ = connect(own, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
          }
        }
        _ = send(own, "ours", 4, 0)
        stranger()
        _ = try? await reactor.wait(own, for: .read, by: .after(.seconds(10)))
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = recv(own, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        try? await reactor.sleep(until: .after(.milliseconds(200)))
        task.cancel()
        await task.value
        return (relay.foreign, Array(buffer.prefix(max(0, count))))
      }
    }
    #expect(result.0 == 2)
    #expect(result.1 == Array("ours".utf8))
    #expect(echo.visits == 1)
  }

  @Test func `BMCs of two segments with one address have records of their own`() throws {
    let jump = try Sshd()
    let tree = try JumpTests.Tree([jump])
    var target = try BMCTarget(BMCSettings(address: "10.0.7.1"), of: "h", cache: nil)
    var names = [target.fileName("10.0.7.1")]
    for name in ["jp1", "jp2"] {
      target.tunnel = Tunnel(tree.target(jump, named: name), tree.pool)
      names.append(target.fileName("10.0.7.1"))
    }
    #expect(names == ["10.0.7.1_623", "jp1_10.0.7.1_623", "jp2_10.0.7.1_623"])
  }

  @Test func `twenty BMCs are read in turns of eight, within a small part of a pass`() async throws
  {
    let jump = try Sshd()
    let bmcs = try (0..<20).map { _ in try BMC() }
    let scratch = Scratch()
    func read() async throws -> Duration {
      let start = Deadline.now
      let answers = try await ask(
        bmcs.map { ($0.address, $0.port) }, through: jump, cache: scratch.path)
      #expect(answers.allSatisfy { $0.failure == nil }, "\(answers.compactMap(\.failure))")
      return Deadline.now.since(start)
    }
    let cold = try await read()
    let warm = try await read()
    #expect(cold < .seconds(30) && warm < .seconds(20), "\(cold) \(warm)")
    #expect(bmcs.allSatisfy { $0.maxConcurrentSessions == 1 && $0.openSessions == 0 })
  }

  /// Prints the time of a reading, directly and through one jump host, for decision 82.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["SCRAPE_MEASURE"] != nil))
  func `a reading through one hop takes little more than a direct one`() async throws {
    let jump = try Sshd()
    let bmc = try BMC()
    let scratch = Scratch()
    var times: [String: [Double]] = [:]
    for _ in 0..<10 {
      let start = Deadline.now
      let direct = try await TargetsTests.ask(bmc, cache: scratch.path)
      times["direct", default: []].append(Deadline.now.since(start).milliseconds)
      let second = Deadline.now
      let behind = try await ask(bmc, through: jump, cache: scratch.path)
      times["with log-in", default: []].append(Deadline.now.since(second).milliseconds)
      #expect(direct.failure == nil && behind.failure == nil)
      let own = behind.steps.filter { !["connect", "key exchange", "log-in"].contains($0.name) }
      times["reading", default: []].append(own.reduce(.zero) { $0 + $1.took }.milliseconds)
      times["commands", default: []].append(Double(behind.commands))
      // What a kept session would save: the bridge's start, and the session's.
      for step in behind.steps where ["via", "open"].contains(step.name) {
        times["\(step.name) behind", default: []].append(step.took.milliseconds)
      }
    }
    for (name, all) in times.sorted(by: { $0.key < $1.key }) {
      let sorted = all.dropFirst().sorted()
      print("MEASURED \(name): median \(sorted[sorted.count / 2]), least \(sorted[0])")
    }
  }
}
