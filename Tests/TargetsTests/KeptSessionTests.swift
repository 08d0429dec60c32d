import Foundation
import Lab
import Metrics
import Testing

@testable import Collectors
@testable import Engine
@testable import Hosts
@testable import Inventory

/// Sessions that stay between scrapes, with real servers on loopback.
@Suite struct KeptSessionTests {
  /// A server, and who keeps the session with it.
  struct Bench: Sendable {
    let sshd: Sshd
    let reactor = Reactor()
    let keeper: KeptSessions
    var target: HostTarget
    /// Files that the server uses.
    var scratch: Scratch?

    init(
      options: [String] = [], sshd given: Sshd? = nil,
      _ change: (inout KeptSessions.Rules) -> Void = { _ in }
    ) throws {
      sshd = try given ?? Sshd(options: options)
      var rules = KeptSessions.Rules()
      rules.pause = .milliseconds(50)
      rules.longestPause = .milliseconds(200)
      change(&rules)
      keeper = KeptSessions(on: reactor, rules: rules)
      target = sshd.target(credentials: try sshd.credentials())
      target.keeper = keeper
    }

    func ask(_ batch: Batch, within limit: Duration = .seconds(20)) async -> HostAnswer {
      await reactor.run { [target] reactor in
        await target.ask([batch], on: reactor, by: .after(limit))[0]
      }
    }

    func ask(_ script: String, within limit: Duration = .seconds(20)) async -> HostAnswer {
      await ask(Probe.batch(script), within: limit)
    }

    var status: KeptSessions.Status {
      get async { await reactor.run { [keeper] reactor in keeper.status(on: reactor) } }
    }

    var logIns: Int { sshd.log.components(separatedBy: "Accepted publickey").count - 1 }

    func wait(_ time: Duration) async {
      await reactor.run { reactor in try? await reactor.sleep(until: .after(time)) }
    }

    /// Waits until something is so, for a few seconds.
    func eventually(_ condition: () async -> Bool) async -> Bool {
      for _ in 0..<500 {
        if await condition() { return true }
        await wait(.milliseconds(10))
      }
      return false
    }
  }

  private func output(_ answer: HostAnswer) -> String? {
    answer.sections[Probe.name].map { String(decoding: $0.output, as: UTF8.self) }
  }

  // MARK: Answers

  @Test func `answers are those of one-shot, whatever is due`() async throws {
    let bench = try Bench()
    var once = bench.target
    once.keeper = nil
    let plans: [Batch] = [
      Probe.batch("echo out; echo err >&2; printf half; (exit 7)"),
      Batch([.init(Load.self)]),
      Batch(
        [.init(Load.self), .init(Probe.self)],
        extras: [.init(name: "probe-0", script: "echo $limit; cat; exit 3", byteLimit: 100)]),
      Batch([]),
    ]
    for round in 0..<3 {
      for (index, plan) in plans.enumerated() {
        let kept = await bench.ask(plan)
        let fresh = await once.ask(plan)
        #expect(kept.failure == nil, "\(bench.sshd.log)")
        #expect(kept.isKept == (round + index > 0) && !fresh.isKept)
        #expect(Set(kept.files.keys) == Set(fresh.files.keys))
        #expect(kept.bootID == fresh.bootID && kept.bootID != nil)
        #expect(kept.hostKey == fresh.hostKey && kept.hostKey != nil)
        #expect(kept.session.address == "127.0.0.1" && kept.session.user == NSUserName())
        for (name, section) in fresh.sections where name != Batch.fileSection {
          #expect(kept.sections[name] == section)
        }
      }
    }
    let status = await bench.status
    #expect(status.opened == 1 && status.reused == 11 && status.sessions == 1)
    #expect(bench.keeper.holds("host") && !bench.keeper.holds("other"))
    // Of two batches of one visit the second comes over the same session, too.
    let two = await bench.reactor.run { [target = bench.target] reactor in
      await target.ask(
        [plans[0], plans[0]], pause: .milliseconds(1), on: reactor, by: .after(.seconds(9)))
    }
    #expect(two.map(\.failure) == [nil, nil] && two.map(output) == ["out\nhalf", "out\nhalf"])
    #expect(two[0].received < 3000 && two[1].received < 3000)
    await bench.reactor.run { [keeper = bench.keeper] reactor in keeper.close(on: reactor) }
    #expect(await bench.status.sessions == 0)
    #expect(!bench.keeper.holds("host"))
    #expect(await bench.ask(plans[0]).failure == nil)
    #expect(await bench.status.sessions == 0)
  }

  @Test(arguments: ["dash", "bash", "bash --posix", "busybox sh", "busybox ash"])
  func `a shell of any kind is kept, behind a noisy log-in`(shell: String) async throws {
    let bench = try Bench(options: ["ForceCommand echo Welcome; echo '_p0 m s e z'; exec \(shell)"])
    for round in 0..<3 {
      let answer = await bench.ask("echo hello \(round % 2)")
      #expect(answer.failure == nil)
      #expect(output(answer) == "hello \(round % 2)\n")
    }
    #expect(bench.logIns == 1)
  }

  @Test func `two thousand scrapes leave nothing behind`() async throws {
    let bench = try Bench()
    let batches = [Batch([]), Batch([.init(Load.self)])]
    /// What the library holds, and the memory of the shell there, in pages.
    func size() async -> (held: Int, shell: Int) {
      let text = output(await bench.ask("cat /proc/$PPID/statm /proc/$$/statm")) ?? ""
      let lines = text.split(separator: "\n")
      let pages = lines.last?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
      let held = await bench.reactor.run { [keeper = bench.keeper] reactor in
        keeper.memory(on: reactor)
      }
      return (held, pages)
    }
    for round in 0..<20 { _ = await bench.ask(batches[round % 2]) }
    let before = await size()
    let failures = await bench.reactor.run { [target = bench.target] reactor in
      var failures = 0
      for round in 0..<2000 {
        let answer = await target.ask(
          [batches[round % 2]], on: reactor, by: .after(.seconds(20)))[0]
        if answer.failure != nil || answer.bootID == nil { failures += 1 }
      }
      return failures
    }
    #expect(failures == 0)
    let after = await size()
    #expect(before.held > 0 && after.held <= before.held, "\(before) \(after)")
    #expect(after.shell <= before.shell + 64, "\(before) \(after)")
    #expect(bench.logIns == 1)
  }

  @Test func `new keys in the middle disturb nothing`() async throws {
    let bench = try Bench(options: ["RekeyLimit 64K"])
    for round in 0..<40 {
      let answer = await bench.ask("head -c 30000 /dev/zero | tr '\\0' '\(round % 10)'")
      #expect(answer.failure == nil)
      #expect(output(answer)?.count == 30000 && output(answer)?.first == "\(round % 10)".first)
    }
    #expect(bench.logIns == 1)
  }

  @Test func `two scrapes at once have a session each`() async throws {
    let bench = try Bench()
    for _ in 0..<2 {
      async let one = bench.ask("sleep 0.3; echo one")
      async let two = bench.ask("sleep 0.3; echo two")
      let answers = await [one, two]
      #expect(answers.map(output) == ["one\n", "two\n"])
    }
    #expect(bench.logIns == 2)
    #expect(await bench.status.sessions == 2)
  }

  // MARK: Ends

  @Test func `a session lives only so long, and for so many scrapes`() async throws {
    let bench = try Bench { $0.scrapes = 3 }
    for _ in 0..<7 { #expect(await bench.ask("true").failure == nil) }
    #expect(bench.logIns == 3)
    #expect(await bench.status.sessions == 1)
    let short = try Bench(sshd: bench.sshd) { $0.age = .milliseconds(300) }
    let before = short.logIns
    _ = await short.ask("true")
    #expect(await short.ask("true").isKept)
    await short.wait(.milliseconds(400))
    #expect(await !short.ask("true").isKept)
    #expect(short.logIns == before + 2)
    #expect(await short.status.ended == 0)
  }

  @Test func `another account, key or address is another session`() async throws {
    var bench = try Bench()
    _ = await bench.ask("true")
    #expect(await bench.ask("true").isKept)
    bench.target.loginMark += 1
    #expect(await !bench.ask("true").isKept)
    // What is accepted no more is not used any more.
    bench.target.accepted.revoked = bench.target.accepted.plain
    #expect(await bench.ask("true").failure?.reason == .hostKeyRevoked)
    #expect(await bench.status.sessions == 0)
  }

  @Test func `a session that is killed in a scrape fails it, and the next one logs in`()
    async throws
  {
    let bench = try Bench()
    #expect(await bench.ask("echo first").failure == nil)
    let sshd = bench.sshd
    let killer = Task.detached {
      _ = Lab.eventually { sshd.scratch.read("mark") != nil }
      sshd.killSessions()
    }
    let answer = await bench.ask("echo half; echo >\(sshd.scratch.path)/mark; sleep 15")
    await killer.value
    #expect(answer.failure?.reason == .connectionLost)
    #expect(answer.sections[Probe.name]?.status == nil)
    let next = await bench.ask("echo next")
    #expect(next.failure == nil && output(next) == "next\n" && !next.isKept)
    #expect(bench.logIns == 2)
  }

  @Test func `a server that was killed is reached again within the longest pause`() async throws {
    let bench = try Bench()
    #expect(await bench.ask("true").failure == nil)
    bench.sshd.killSessions()
    bench.sshd.stop()
    #expect(
      await bench.eventually { await bench.ask("true").failure?.reason == .connectionRefused })
    for _ in 0..<20 { #expect(await bench.ask("true").failure?.reason == .connectionRefused) }
    try bench.sshd.restart()
    #expect(await bench.eventually { await bench.ask("true").failure == nil })
    #expect(await bench.ask("true").isKept)
  }

  @Test func `what comes after a scrape timed out is never read`() async throws {
    var bench = try Bench()
    bench.target.timeouts.batch = .milliseconds(400)
    #expect(await bench.ask("echo first").failure == nil)
    for _ in 0..<3 {
      let late = await bench.ask("sleep 0.6; echo late")
      #expect(late.failure?.reason == .timeout)
      bench.target.timeouts.batch = .seconds(10)
      let next = await bench.ask("echo next")
      #expect(next.failure == nil && output(next) == "next\n" && !next.isKept)
      bench.target.timeouts.batch = .milliseconds(400)
    }
    #expect(bench.logIns == 4)
    #expect(await bench.status.sessions == 1)
  }

  @Test func `a cancelled scrape takes its session with it`() async throws {
    let bench = try Bench()
    #expect(await bench.ask("true").failure == nil)
    let task = Task { await bench.ask("sleep 0.5; echo late") }
    await bench.wait(.milliseconds(100))
    task.cancel()
    #expect(await task.value.failure?.reason == .cancelled)
    #expect(await bench.status.sessions == 0)
    #expect(await output(bench.ask("echo next")) == "next\n")
  }

  @Test func `a session that says no word is replaced in the same scrape`() async throws {
    var bench = try Bench()
    #expect(await bench.ask("true").failure == nil)
    bench.sshd.signalSessions(SIGSTOP)
    bench.target.timeouts.connect = .seconds(1)
    let answer = await bench.ask("echo here")
    #expect(answer.failure == nil && output(answer) == "here\n" && !answer.isKept)
    #expect(bench.logIns == 2)
    #expect(await bench.status.sessions == 1)
    bench.sshd.signalSessions(SIGCONT)
  }

  @Test func `a server that asks for signs of life gets them`() async throws {
    let bench = try Bench(options: ["ClientAliveInterval 1", "ClientAliveCountMax 1"]) {
      $0.tending = .milliseconds(300)
    }
    await bench.keeper.serve {
      #expect(await bench.ask("true").failure == nil)
      await bench.wait(.milliseconds(3500))
      #expect(await bench.ask("true").isKept)
    }
    #expect(await bench.status.sessions == 0)
    #expect(bench.logIns == 1)
    #expect(bench.sshd.log.contains("Accepted"))
  }

  @Test(arguments: [true, false])
  func `a host that ends idle sessions is asked one-shot, and it is said`(
    tended: Bool
  ) async throws {
    let bench = try Bench(options: ["ChannelTimeout session:*=2"]) {
      $0.tending = .milliseconds(100)
      $0.idleEnds = 2
    }
    @Sendable func visit() async {
      // Used in time it stays.
      for _ in 0..<3 { #expect(await bench.ask("true").failure == nil) }
      #expect(await bench.status.opened == 1)
      await bench.wait(.milliseconds(2600))
      let second = await bench.ask("true")
      #expect(second.failure == nil && !second.isKept)
      #expect(await bench.status.ended == 1)
      await bench.wait(.milliseconds(2600))
      let answer = await bench.ask("echo here")
      #expect(answer.failure == nil && !answer.isKept && output(answer) == "here\n")
      let status = await bench.status
      #expect(status.ended == 2 && status.oneShot == ["host"])
      let once = await bench.ask("true")
      #expect(once.failure == nil && !once.isKept)
      #expect(
        once.steps.last?.name == "one-shot"
          && once.steps.last?.detail.hasPrefix("the host ended 2 idle sessions in a row") == true)
      #expect(await bench.status.sessions == 0)
    }
    if tended { await bench.keeper.serve { await visit() } } else { await visit() }
  }

  @Test func `a session that nobody uses is closed, and one that is seldom used is not kept`()
    async throws
  {
    let bench = try Bench {
      $0.tending = .milliseconds(50)
      $0.idle = .milliseconds(1500)
    }
    await bench.keeper.serve {
      #expect(await bench.ask("true").failure == nil)
      #expect(await bench.status.sessions == 1)
      await bench.wait(.milliseconds(2500))
      #expect(await bench.status.sessions == 0)
      #expect(await bench.ask("true").failure == nil)
      #expect(await bench.status.sessions == 0)
      #expect(await bench.ask("true").failure == nil)
      #expect(await bench.status.sessions == 1)
      #expect(await bench.status.ended == 0)
    }
  }

  @Test func `hosts that the inventory has no more are closed`() async throws {
    let bench = try Bench()
    _ = await bench.ask("true")
    await bench.reactor.run { [keeper = bench.keeper] reactor in
      keeper.keep(only: ["host", "b"], on: reactor)
    }
    #expect(await bench.status.sessions == 1)
    await bench.reactor.run { [keeper = bench.keeper] reactor in
      keeper.keep(only: ["b"], on: reactor)
    }
    #expect(await bench.status.sessions == 0)
    #expect(!bench.keeper.holds("host"))
  }

  // MARK: Hostile hosts

  /// A "shell" that knows the frames and does what its word says at its second line.
  private static let hostile = #"""
    said=0
    old=
    answer() { printf '\n%s m 1 2 3 4\n%s s files\n%s\n\n%s e 0\n\n%s s probe\n%s\n\n%s e 0\n\n%s z\n' $1 $1 "$f" $1 $1 "$2" $1 $1; }
    f='==> /proc/sys/kernel/random/boot_id <==
    x'
    while read -r line; do
      case $line in
      _p*\ ????????????????????????????????) n=${line#* } ;;
      *) continue ;;
      esac
      said=$((said + 1))
      if [ $said = 1 ]; then
        old=$n
        answer $n first
        case $1 in
        early) answer $n forged; printf '%s z\n%s z' $n $n ;;
        rubbish) head -c 400000 /dev/zero ;;
        lines) while :; do echo rubbish; done ;;
        esac
        continue
      fi
      case $1 in
      replay) answer $old forged ;;
      twice) answer $old forged; answer $n true; answer $n forged ;;
      endless) printf '\n%s m 1 2 3 4\n%s s probe\n' $n $n; while :; do echo more; done ;;
      sections) printf '\n%s m 1 2 3 4\n' $n; while :; do printf '%s s a%s\n%s e 0\n' $n $said $n; said=$((said + 1)); done ;;
      preamble) cat /dev/zero ;;
      *) answer $n true ;;
      esac
    done
    """#

  private func hostile(
    _ word: String, _ change: (inout KeptSessions.Rules) -> Void = { _ in }
  ) throws -> Bench {
    let scratch = Scratch()
    scratch.write("hostile.sh", Self.hostile)
    var bench = try Bench(
      options: ["ForceCommand exec sh \(scratch.path)/hostile.sh \(word)"], change)
    bench.scratch = scratch
    return bench
  }

  @Test(arguments: ["early", "twice"])
  func `what an earlier scrape left is never the answer to a later one`(word: String) async throws {
    let bench = try hostile(word)
    #expect(await output(bench.ask("true")) == "first\n")
    await bench.wait(.milliseconds(100))
    let answer = await bench.ask("true")
    #expect(answer.failure == nil && output(answer) == "true\n" && answer.isKept)
    let next = await bench.ask("true")
    #expect(next.failure == nil && output(next) == "true\n" && next.isKept)
  }

  @Test func `frames of an earlier scrape are no frames`() async throws {
    var bench = try hostile("replay")
    #expect(await output(bench.ask("true")) == "first\n")
    bench.target.timeouts.connect = .seconds(1)
    // It says no word with the new nonce, is replaced, and then answers the first line.
    let answer = await bench.ask("true")
    #expect(!answer.isKept && output(answer) == "first\n")
    #expect(await bench.status.opened == 2)
  }

  @Test(arguments: ["endless", "sections", "preamble"])
  func `endless output ends the session, with bounded memory`(word: String) async throws {
    var bench = try hostile(word)
    bench.target.timeouts.batch = .seconds(4)
    #expect(await output(bench.ask("true")) == "first\n")
    let answer = await bench.ask("true")
    #expect(answer.failure != nil || !answer.isKept)
    #expect(answer.sections.count <= 2)
    #expect(answer.sections.values.allSatisfy { $0.output.count <= 256 << 10 })
    #expect(await bench.status.ended == 0)
  }

  @Test(arguments: ["rubbish", "lines"])
  func `a shell that prints what nobody asked for is ended`(word: String) async throws {
    let bench = try hostile(word) { $0.tending = .milliseconds(50) }
    await bench.keeper.serve {
      #expect(await output(bench.ask("true")) == "first\n")
      #expect(await bench.eventually { await bench.status.ended == 1 })
      #expect(await bench.status.sessions == 0)
    }
  }

  @Test func `a connection may end at any byte`() async throws {
    let sshd = try Sshd()
    let whole = try Relay(to: sshd.port)
    func visit(_ relay: Relay) async throws -> [HostAnswer] {
      var bench = try Bench(sshd: sshd)
      bench.target.port = relay.port
      bench.target.timeouts.exchange = .milliseconds(600)
      var answers: [HostAnswer] = []
      for _ in 0..<3 {
        answers.append(await bench.ask("echo one; echo two >&2", within: .seconds(5)))
        // Without another connection.
        if answers.last?.failure != nil { break }
      }
      return answers
    }
    #expect(try await visit(whole).allSatisfy { $0.failure == nil })
    let total = whole.passed
    #expect(total > 3000)
    var complete = 0
    for limit in stride(from: 1500, to: total, by: max(1, (total - 1500) / 60)) {
      let relay = try Relay(to: sshd.port, limit: limit, then: .close)
      for answer in try await visit(relay) {
        if answer.failure == nil {
          complete += 1
          #expect(output(answer) == "one\n")
          #expect(answer.sections[Probe.name]?.errors == Array("two\n".utf8))
        } else if let section = answer.sections[Probe.name], section.status != nil {
          #expect(section.output == Array("one\n".utf8), "at byte \(limit)")
        }
      }
      relay.stop()
    }
    #expect(complete > 0)
  }

  // MARK: Jump hosts and this machine

  @Test func `hosts behind jump hosts are kept, with the sessions on their way`() async throws {
    let servers = try (0..<3).map { _ in try Sshd() }
    let credentials = try servers[0].credentials()
    for server in servers {
      server.scratch.write("authorized_keys", servers[0].scratch.read("user.pub") ?? "")
    }
    let reactor = Reactor()
    var staying = JumpPool.Staying()
    staying.pause = .milliseconds(50)
    staying.longestPause = .milliseconds(100)
    staying.tending = .milliseconds(100)
    let pool = JumpPool(on: reactor, staying: staying)
    let keeper = KeptSessions(on: reactor)
    func target(_ index: Int, _ name: String, through hop: HostTarget? = nil) -> HostTarget {
      var target = servers[index].target(credentials: credentials)
      target.name = name
      target.tunnel = hop.map { Tunnel($0, pool) }
      return target
    }
    let first = target(0, "jp1")
    let second = target(1, "jp2", through: first)
    var host = target(2, "host", through: second)
    host.keeper = keeper
    let kept = host
    @Sendable func ask(_ script: String) async -> HostAnswer {
      await reactor.run { reactor in
        await kept.ask([Probe.batch(script)], on: reactor, by: .after(.seconds(15)))[0]
      }
    }
    func logIns() -> [Int] {
      servers.map { $0.log.components(separatedBy: "Accepted publickey").count - 1 }
    }
    await pool.serve {
      await keeper.serve {
        for round in 0..<20 {
          let answer = await ask("echo \(round % 3)")
          #expect(answer.failure == nil && output(answer) == "\(round % 3)\n")
          #expect(answer.isKept == (round > 0))
        }
        #expect(logIns() == [1, 1, 1])
        // A jump host that ends all its sessions is logged in to again.
        servers[1].killSessions()
        let answer = await ask("echo again")
        #expect(answer.failure == nil && output(answer) == "again\n", "\(answer.failure as Any)")
        #expect(logIns() == [1, 2, 2])
        // One that is down is the cause, and counts against nobody else.
        servers[0].killSessions()
        servers[0].stop()
        var failure: TargetError?
        for _ in 0..<100 {
          failure = await ask("true").failure
          if failure != nil { break }
          await reactor.run { try? await $0.sleep(until: .after(.milliseconds(20))) }
        }
        #expect(failure?.isOfJumpHost == true, "\(failure as Any)")
        #expect((try? servers[0].restart()) != nil)
        var isBack = false
        for _ in 0..<200 where !isBack {
          isBack = await ask("true").failure == nil
          await reactor.run { try? await $0.sleep(until: .after(.milliseconds(20))) }
        }
        #expect(isBack)
        let status = await reactor.run { keeper.status(on: $0) }
        #expect(status.oneShot.isEmpty && status.ended == 0)
      }
    }
  }

  @Test(.enabled(if: Sshd.canHaveAccounts, "needs root and a mount namespace of its own"))
  func `a jump host without room keeps some, and all are asked`() async throws {
    // Each forwarded connection takes a descriptor of the session's process.
    let jump = try Sshd(wrapper: "ulimit -n 17")
    let end = try Sshd()
    end.scratch.write("authorized_keys", jump.scratch.read("user.pub") ?? "")
    let credentials = try jump.credentials()
    let reactor = Reactor()
    let pool = JumpPool(on: reactor, staying: JumpPool.Staying())
    let keeper = KeptSessions(on: reactor)
    let hop = jump.target(credentials: credentials)
    let targets = (0..<20).map { number in
      var target = end.target(credentials: credentials)
      target.name = "host\(number)"
      target.tunnel = Tunnel(hop, pool)
      target.keeper = keeper
      return target
    }
    await pool.serve {
      await keeper.serve {
        var kept = 0
        for round in 0..<3 {
          for target in targets {
            let answer = await reactor.run { reactor in
              await target.ask([Probe.batch("true")], on: reactor, by: .after(.seconds(20)))[0]
            }
            #expect(answer.failure == nil, "\(round) \(target.name)")
            kept += answer.isKept ? 1 : 0
          }
        }
        #expect((2..<40).contains(kept), "\(kept)")
        let status = await reactor.run { keeper.status(on: $0) }
        #expect((1..<20).contains(status.sessions))
      }
    }
  }

  @Test func `this machine keeps its shell`() async throws {
    let reactor = Reactor()
    let keeper = KeptSessions(on: reactor)
    let target = LocalTarget(timeout: .milliseconds(700), keeper: keeper)
    func ask(_ script: String) async -> HostAnswer {
      await reactor.run { reactor in
        await target.ask([Probe.batch(script)], on: reactor, by: .after(.seconds(9)))[0]
      }
    }
    let shells = Set(
      await [ask("echo $$"), ask("true; echo $$"), ask("echo $$")].map { output($0) ?? "" })
    #expect(shells.count == 1 && shells.first != "")
    #expect(await ask("exec 3>&-; echo $$").failure == nil)
    #expect(await ask("sleep 2; echo late").failure?.reason == .timeout)
    let next = await ask("echo next")
    #expect(next.failure == nil && output(next) == "next\n" && next.session.address == nil)
    #expect(await reactor.run { keeper.status(on: $0) }.opened == 2)
    await reactor.run { keeper.close(on: $0) }
  }
}
