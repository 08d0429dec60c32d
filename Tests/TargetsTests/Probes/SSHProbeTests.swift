import Engine
import Lab
import Metrics
import Testing

@testable import Hosts
@testable import Inventory
@testable import Probes

struct SSHProbeTests {
  @Test func `a real sshd shows its banner and algorithms, and logs no error`() async throws {
    let server = try Sshd()
    let answer = try await ask("{ssh: {port: \(server.port), expect: OpenSSH}}")
    #expect(answer.summary == "ok - up" && answer.isSound, "\(answer.verdict.message)")
    #expect(answer.verdict.message.contains("OpenSSH_"))
    let wrong = try await ask("{ssh: {port: \(server.port), expect: dropbear}}")
    #expect(wrong.summary == "critical wrong_answer up")
    #expect(eventually { server.log.contains("11: done") }, "\(server.log)")
    #expect(!server.log.contains("error:"), "\(server.log)")
  }

  @Test func `weak algorithms that a real sshd offers are seen from outside`() async throws {
    let good = try Sshd()
    #expect(try await ask("{ssh: {port: \(good.port), strong: yes}}").summary == "ok - up")
    let weak = try Sshd(options: [
      "Ciphers aes128-ctr,aes128-cbc", "MACs hmac-sha2-256,hmac-md5",
      "KexAlgorithms curve25519-sha256,diffie-hellman-group14-sha1",
    ])
    let answer = try await ask("{ssh: {port: \(weak.port), strong: yes}}")
    #expect(answer.summary == "minor wrong_answer up", "\(answer.verdict.message)")
    #expect(
      answer.verdict.message.hasSuffix(
        "weak algorithms: diffie-hellman-group14-sha1, aes128-cbc, hmac-md5"),
      "\(answer.verdict.message)")
    #expect(try await ask("{ssh: {port: \(weak.port)}}").summary == "ok - up")
  }

  @Test(
    arguments: [
      ("Exceeded MaxStartups\r\n", "minor refused_by_protection up"),
      ("Not allowed at this time\r\n", "minor refused_by_protection up"),
      ("SSH-1.5-old\r\n", "critical protocol_error down"),
      ("220 mail\r\n", "critical connection_lost down"),
    ])
  func `a server that turns us away is up, another protocol is not`(
    greeting: String, summary: String
  )
    async throws
  {
    let server = FakeServer([.send(greeting), .close])
    let answer = try await ask("ssh:\(server.port)")
    #expect(answer.summary == summary, "\(answer.verdict.message)")
  }

  @Test func `the session of the collectors is the answer, and no contact is made`() async throws {
    let port = freePort()
    let good = SSHOutcome(port: port, failure: nil, latency: .milliseconds(12))
    #expect(try await ask("ssh:\(port)", ssh: good).summary == "ok - up")
    for (reason, summary) in [
      (Reason.authFailed, "critical auth_failed up"),
      (.hostKeyChanged, "critical host_key_changed up"), (.timeout, "critical timeout down"),
      (.refusedByProtection, "minor refused_by_protection up"),
      (.noCommonAlgorithm, "major wrong_answer up"),
      (.localError, "unknown local_error ?"),
    ] {
      let bad = SSHOutcome(port: port, failure: TargetError(reason, "x"), latency: nil)
      #expect(try await ask("ssh:\(port)", ssh: bad).summary == summary)
    }
  }

  @Test func `a server is contacted once in a pass, however many ask`() async throws {
    let server = try Sshd()
    var plans: [ProbePlan] = []
    for index in 0..<20 {
      let entry = "{ssh: {port: \(server.port), name: s\(index)}}"
      plans.append(try #require(try read(entry).0))
    }
    let context = ProbeContext(host: "lab", address: "127.0.0.1", kit: ProbeKit(reserved: []))
    let results = await Reactor().askAll(plans, context, by: .after(.seconds(10)))
    #expect(results.allSatisfy { $0.summary == "ok - up" })
    // The other is the lab's, which saw that it listens.
    #expect(server.log.occurrences(of: "Connection from") == 2, "\(server.log)")
  }

  @Test func `keys are exchanged and compared where the pass says whom to believe`() async throws {
    let server = try Sshd()
    let (plan, _) = try read("ssh:\(server.port)")
    let known = try #require(server.scratch.read("host_ed25519.pub"))
    for (line, summary) in [
      ("[127.0.0.1]:\(server.port) " + known, "ok - up"), ("", "critical host_key_unknown up"),
    ] {
      var accepted = KnownHosts()
      accepted.add(Array(line.utf8), file: "known_hosts")
      var context = ProbeContext(host: "lab", address: "127.0.0.1", kit: ProbeKit(reserved: []))
      context.target = HostTarget(
        name: "lab", address: "127.0.0.1", port: server.port, user: "root",
        credentials: Credentials(), knownHosts: accepted)
      let results = await Reactor().askAll([try #require(plan)], context, by: .after(.seconds(10)))
      #expect(results[0].summary == summary, "\(results[0].verdict.message)")
    }
  }
}
