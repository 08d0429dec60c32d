import Foundation
import Lab
import Metrics
import Testing

@testable import Collectors
@testable import Engine
@testable import Hosts
@testable import Inventory

/// Hosts behind jump hosts, all of them real servers on loopback.
@Suite(.serialized) struct JumpTests {
  /// Servers that share one key of the user.
  final class Tree: Sendable {
    let reactor = Reactor()
    let pool: JumpPool
    let credentials: Credentials
    /// Kept: one that nobody names any more ends, in a release build at once.
    let servers: [Sshd]

    init(_ servers: [Sshd]) throws {
      self.servers = servers
      pool = JumpPool(on: reactor)
      credentials = try servers[0].credentials()
      for server in servers.dropFirst() {
        server.scratch.write("authorized_keys", servers[0].scratch.read("user.pub") ?? "")
      }
    }

    func target(
      _ sshd: Sshd, named name: String, address: String = "127.0.0.1",
      through hop: HostTarget? = nil
    ) -> HostTarget {
      var known = KnownHosts()
      known.add(Array((sshd.scratch.read("known_hosts") ?? "").utf8), file: "known_hosts")
      var target = HostTarget(
        name: name, address: address, port: sshd.port, user: NSUserName(),
        credentials: credentials, knownHosts: known)
      target.tunnel = hop.map { Tunnel($0, pool) }
      return target
    }

    func ask(
      _ targets: [HostTarget], _ script: String = "echo here", within limit: Duration = .seconds(20)
    ) async -> [HostAnswer] {
      let batch = Probe.batch(script)
      return await pool.serve {
        await withTaskGroup(of: (Int, HostAnswer).self) { group in
          for (index, target) in targets.enumerated() {
            group.addTask { [reactor] in
              await reactor.run { reactor in
                (index, await target.ask([batch], on: reactor, by: .after(limit))[0])
              }
            }
          }
          var answers = targets.map { _ in HostAnswer(time: .now) }
          for await (index, answer) in group { answers[index] = answer }
          return answers
        }
      }
    }
  }

  private func logIns(_ sshd: Sshd) -> Int {
    sshd.log.components(separatedBy: "Accepted publickey").count - 1
  }

  @Test func `a host behind two jump hosts is asked, with a step for each`() async throws {
    let servers = try (0..<3).map { _ in try Sshd() }
    let tree = try Tree(servers)
    let first = tree.target(servers[0], named: "jp1")
    let second = tree.target(servers[1], named: "jp2", through: first)
    let host = tree.target(servers[2], named: "host", through: second)
    #expect(host.tunnel?.names == ["jp1", "jp2"])
    let answer = await tree.ask([host])[0]
    #expect(answer.failure == nil, "\(servers.map(\.log))")
    let sample = answer.sample(Probe.batch("").items[0], previous: nil).sample
    #expect(sample.points.first?[field: "output"] == .string("here\n"))
    #expect(
      answer.steps.map(\.name)
        == ["via jp1", "via jp2", "connect", "key exchange", "log-in", "batch"])
    #expect(answer.steps[0].detail.contains("port \(servers[0].port)"))
    #expect(answer.steps[2].detail == "127.0.0.1 port \(servers[2].port) from jp2")
    #expect(servers.map(logIns) == [1, 1, 1])
  }

  @Test func `sixty hosts behind two levels share one session with each jump host`() async throws {
    let first = try Sshd()
    let seconds = try (0..<2).map { _ in try Sshd() }
    let ends = try (0..<4).map { index in
      try Sshd(addresses: (1...15).map { "127.0.\(40 + index).\($0)" })
    }
    let tree = try Tree([first] + seconds + ends)
    let outer = tree.target(first, named: "jp1")
    let inner = seconds.enumerated().map {
      tree.target($1, named: "jp\($0 + 2)", through: outer)
    }
    let targets = ends.enumerated().flatMap { index, sshd in
      sshd.addresses.map {
        tree.target(sshd, named: $0, address: $0, through: inner[index % 2])
      }
    }
    #expect(targets.count == 60)
    let answers = await tree.ask(targets, "head -c 200000 /dev/zero", within: .seconds(60))
    #expect(answers.compactMap(\.failure) == [])
    #expect(answers.allSatisfy { $0.received > 200_000 })
    // Further sessions are opened while a connection stays unanswered, as on a machine with much to do.
    #expect((1...JumpPool.sessionLimit).contains(logIns(first)), "\(logIns(first))")
    #expect(seconds.allSatisfy { (1...JumpPool.sessionLimit).contains(logIns($0)) })
    #expect(ends.map(logIns) == [15, 15, 15, 15])
  }

  @Test func `what the jump host says of a connection is the reason`() async throws {
    let jump = try Sshd()
    let tree = try Tree([jump])
    let hop = tree.target(jump, named: "jp1")
    var closed = tree.target(jump, named: "closed", through: hop)
    closed.port = freePort()
    var nameless = tree.target(jump, named: "nameless", through: hop)
    nameless.address = "no-such-host.invalid"
    nameless.timeouts.connect = .seconds(15)
    var nowhere = tree.target(jump, named: "nowhere", through: hop)
    nowhere.address = "224.0.0.1"
    let answers = await tree.ask([closed, nameless, nowhere])
    #expect(answers[0].failure?.reason == .connectionRefused)
    let words = answers[0].failure?.detail ?? ""
    #expect(
      words.hasPrefix("jp1 could not connect to 127.0.0.1:\(closed.port) (Connection refused)"))
    #expect(answers[1].failure?.reason == .nameUnknown, "\(answers[1].failure as Any)")
    #expect(answers[2].failure?.reason == .unreachable, "\(answers[2].failure as Any)")
    #expect(logIns(jump) == 1)
  }

  @Test(arguments: ["AllowTcpForwarding no", "PermitOpen 127.0.0.1:1", "DisableForwarding yes"])
  func `a jump host that does not forward is named with the line to change`(
    option: String
  ) async throws {
    let jump = try Sshd(options: [option])
    let end = try Sshd()
    let tree = try Tree([jump, end])
    let host = tree.target(end, named: "host", through: tree.target(jump, named: "jp1"))
    let failure = await tree.ask([host])[0].failure
    #expect(failure?.reason == .forwardingRefused, "\(failure as Any)")
    #expect(
      failure?.detail.hasPrefix(
        "jp1 refuses to forward to 127.0.0.1:\(end.port): set `AllowTcpForwarding local` and "
          + "`PermitOpen 127.0.0.1:\(end.port)`") == true)
    #expect(logIns(end) == 0)
  }

  @Test func `nothing is sent to a jump host whose key changed, nor beyond it`() async throws {
    let servers = try (0..<3).map { _ in try Sshd() }
    let tree = try Tree(servers)
    let second = tree.target(
      servers[1], named: "jp2", through: tree.target(servers[0], named: "jp1"))
    let hosts = (0..<5).map { tree.target(servers[2], named: "h\($0)", through: second) }
    try servers[1].restart(stranger: true)
    let answers = await tree.ask(hosts)
    for answer in answers {
      #expect(answer.failure?.reason == .unreachable)
      let words = answer.failure?.detail ?? ""
      #expect(words.hasPrefix("via jp2: host_key_changed: it shows ssh-ed25519"), "\(words)")
      #expect(answer.failure?.isOfJumpHost == true)
    }
    #expect(!servers[1].log.contains("publickey"))
    #expect(logIns(servers[0]) == 1 && logIns(servers[2]) == 0)
    // One attempt for all five.
    #expect(eventually { servers[1].log.components(separatedBy: "[preauth]").count == 2 })
  }

  @Test func `a jump host that does not answer fails all behind it in one attempt`() async throws {
    let end = try Sshd()
    let silent = FakeServer([.silence])
    let tree = try Tree([end])
    var hop = tree.target(end, named: "jp1")
    hop.port = silent.port
    hop.timeouts.connect = .seconds(1)
    let hosts = (0..<20).map { tree.target(end, named: "h\($0)", through: hop) }
    let start = Deadline.now
    let answers = await tree.ask(hosts)
    #expect(answers.allSatisfy { $0.failure?.reason == .unreachable })
    #expect(answers[19].failure?.detail.hasPrefix("via jp1: timeout: ") == true)
    #expect(Deadline.now.since(start) < .seconds(6))
    #expect(silent.visits == 1)
  }

  @Test func `a jump host that is killed fails what is under way, at once`() async throws {
    let servers = try (0..<3).map { _ in try Sshd() }
    let tree = try Tree(servers)
    let second = tree.target(
      servers[1], named: "jp2", through: tree.target(servers[0], named: "jp1"))
    let hosts = (0..<4).map { tree.target(servers[2], named: "h\($0)", through: second) }
    let start = Deadline.now
    async let asked = tree.ask(hosts, "sleep 30", within: .seconds(40))
    #expect(eventually { logIns(servers[2]) == 4 })
    servers[0].killSessions()
    for answer in await asked {
      #expect(answer.failure?.reason == .unreachable, "\(answer.failure as Any)")
      #expect(answer.failure?.detail.hasPrefix("via jp1: ") == true, "\(answer.failure as Any)")
    }
    #expect(Deadline.now.since(start) < .seconds(20))
    // Back: the next pass is whole.
    let again = try Tree(servers)
    let back = again.target(
      servers[2], named: "h", through: again.target(servers[0], named: "jp1"))
    let returned = await again.ask([back])[0]
    #expect(returned.failure == nil, "\(returned.failure as Any)")
  }

  @Test func `a target that does not answer its SYN holds up no other`() async throws {
    let jump = try Sshd()
    let end = try Sshd()
    let full = try FullPort()
    let tree = try Tree([jump, end])
    let hop = tree.target(jump, named: "jp1")
    var dead = tree.target(end, named: "dead", through: hop)
    dead.port = full.port
    dead.timeouts.connect = .seconds(4)
    let dark = dead
    let targets =
      (0..<3).map { _ in dark }
      + (0..<10).map { tree.target(end, named: "h\($0)", through: hop) }
    let start = Deadline.now
    let took = await withTaskGroup(of: (Bool, Duration, TargetError?).self) { group in
      for (index, target) in targets.enumerated() {
        group.addTask { [reactor = tree.reactor] in
          await reactor.run { reactor in
            let answer = await target.ask(
              [Probe.batch("true")], on: reactor, by: .after(.seconds(20)))[0]
            return (index < 3, Deadline.now.since(start), answer.failure)
          }
        }
      }
      var all: [(Bool, Duration, TargetError?)] = []
      for await one in group { all.append(one) }
      return all
    }
    for (isDead, time, failure) in took {
      if isDead {
        #expect(failure?.reason == .timeout, "\(failure as Any)")
        #expect(failure?.detail.contains("jp1 connects to 127.0.0.1:\(full.port)") == true)
      } else {
        #expect(failure == nil)
        #expect(time < .seconds(4), "\(time)")
      }
    }
    // The session on which an opening was given up is still good.
    let after = await tree.ask([tree.target(end, named: "later", through: hop)])[0]
    #expect(after.failure == nil, "\(after.failure as Any)")
  }

  @Test func `a task that is cancelled leaves the session to the others`() async throws {
    let jump = try Sshd()
    let end = try Sshd()
    let tree = try Tree([jump, end])
    let hop = tree.target(jump, named: "jp1")
    let hosts = (0..<6).map { tree.target(end, named: "h\($0)", through: hop) }
    let reactor = tree.reactor
    let answers = await tree.pool.serve {
      await withTaskGroup(of: (Int, HostAnswer).self) { group in
        for (index, host) in hosts.enumerated() {
          group.addTask {
            let task = Task {
              await reactor.run { reactor in
                await host.ask(
                  [Probe.batch("sleep 2; echo end")], on: reactor, by: .after(.seconds(20)))[0]
              }
            }
            // The first one, too, which has logged in and waits for the socket.
            if index % 2 == 0 {
              try? await Task.sleep(for: .milliseconds(100 + 200 * index))
              task.cancel()
            }
            return (index, await task.value)
          }
        }
        var all: [(Int, HostAnswer)] = []
        for await one in group { all.append(one) }
        return all.sorted { $0.0 < $1.0 }.map(\.1)
      }
    }
    for (index, answer) in answers.enumerated() {
      if index % 2 == 0 {
        #expect(answer.failure?.reason == .cancelled, "\(index) \(answer.failure as Any)")
      } else {
        #expect(answer.failure == nil, "\(index) \(answer.failure as Any)")
      }
    }
  }

  @Test func `a jump host that freezes is noticed in ten seconds`() async throws {
    let jump = try Sshd()
    let end = try Sshd()
    let tree = try Tree([jump, end])
    let hosts = (0..<3).map {
      tree.target(end, named: "h\($0)", through: tree.target(jump, named: "jp1"))
    }
    async let asked = tree.ask(hosts, "sleep 40", within: .seconds(45))
    #expect(eventually { logIns(end) == 3 })
    let start = Deadline.now
    jump.signalSessions(SIGSTOP)
    defer { jump.signalSessions(SIGKILL) }
    for answer in await asked {
      #expect(answer.failure?.reason == .unreachable, "\(answer.failure as Any)")
      #expect(answer.failure?.detail.hasPrefix("via jp1: ") == true, "\(answer.failure as Any)")
    }
    #expect(Deadline.now.since(start) < .seconds(14))
  }

  @Test func `a silence of the targets is none of the jump host`() async throws {
    let jump = try Sshd()
    let end = try Sshd()
    let tree = try Tree([jump, end])
    let hosts = (0..<3).map {
      tree.target(end, named: "h\($0)", through: tree.target(jump, named: "jp1"))
    }
    let start = Deadline.now
    for answer in await tree.ask(hosts, "sleep 14; echo late", within: .seconds(30)) {
      #expect(answer.failure == nil, "\(answer.failure as Any)")
    }
    // Those that do not read for all the others are woken as well.
    #expect(Deadline.now.since(start) < .seconds(20))
  }

  @Test func `between two passes idle sessions end and failures are forgotten`() async throws {
    let jump = try Sshd()
    let end = try Sshd()
    let tree = try Tree([jump, end])
    let host = tree.target(end, named: "h", through: tree.target(jump, named: "jp1"))
    let reactor = tree.reactor
    func ask() async -> TargetError? {
      await reactor.run { reactor in
        await host.ask([Probe.batch("true")], on: reactor, by: .after(.seconds(10)))[0].failure
      }
    }
    #expect(await ask() == nil)
    await reactor.run { reactor in tree.pool.closeIdle(for: .seconds(60), on: reactor) }
    #expect(await ask() == nil)
    #expect(logIns(jump) == 1)
    await reactor.run { reactor in tree.pool.closeIdle(for: .zero, on: reactor) }
    jump.stop()
    #expect(await ask()?.reason == .unreachable)
    try jump.restart()
    #expect(await ask()?.reason == .unreachable)
    await reactor.run { reactor in tree.pool.closeIdle(for: .zero, on: reactor) }
    #expect(await ask() == nil)
  }

  @Test func `commands and sockets go through a jump host`() async throws {
    let jump = try Sshd()
    let tree = try Tree([jump])
    let tunnel = Tunnel(tree.target(jump, named: "jp1"), tree.pool)
    let echo = FakeServer([.answer { $0 }, .answer { $0 }, .close])
    let result = await tree.pool.serve {
      await tree.reactor.run { reactor -> (String, Int32?, String) in
        do {
          let stream = try await tunnel.run(
            "cat; echo nothing >&2; exit 3", on: reactor, by: .after(.seconds(10)))
          try await stream.write(
            Array("words".utf8), while: "sending", on: reactor, by: .after(.seconds(5)))
          stream.finish()
          var output: [UInt8] = []
          while true {
            let bytes = try await stream.read(
              while: "reading", on: reactor, by: .after(.seconds(5)))
            if bytes.isEmpty { break }
            output += bytes
          }
          let status = try await stream.exitStatus(on: reactor, by: .after(.seconds(5)))
          let socket = try await tunnel.socket(
            to: "127.0.0.1", port: echo.port, on: reactor, by: .after(.seconds(10)))
          _ = Glibc.send(socket.number, "ping", 4, 0)
          try await reactor.wait(socket.number, for: .read, by: .after(.seconds(5)))
          var buffer = [UInt8](repeating: 0, count: 16)
          let count = recv(socket.number, &buffer, 16, 0)
          return (
            String(decoding: output, as: UTF8.self), status,
            String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
          )
        } catch {
          return ("\(error)", nil, "")
        }
      }
    }
    #expect(result.0 == "words")
    #expect(result.1 == 3)
    #expect(result.2 == "ping")
    #expect(logIns(jump) == 1)
  }
}

/// A port of loopback whose queue is full: the kernel drops what wants to connect.
final class FullPort {
  let port = freePort()
  private var sockets: [Int32] = []

  init() throws {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
    for index in 0..<4 {
      let number = socket(
        AF_INET, Int32(SOCK_STREAM.rawValue | (index > 0 ? SOCK_NONBLOCK.rawValue : 0)), 0)
      sockets.append(number)
      withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          let size = socklen_t(MemoryLayout<sockaddr_in>.size)
          if index == 0 {
            _ = bind(number, $0, size)
            listen(number, 0)
          } else {
            _ = connect(number, $0, size)
          }
        }
      }
    }
  }

  deinit { for socket in sockets { close(socket) } }
}
