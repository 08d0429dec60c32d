import Foundation
import Lab
import Metrics
import Testing

@testable import Collectors
@testable import Engine
@testable import Hosts
@testable import IPMI
@testable import Inventory
@testable import Probes

/// A collector whose script the test chooses.
enum Probe: Collector {
  static let name = "probe"
  static let summary = "what a test asks"
  static let measurements: [Metrics.Measurement] = []
  static func script(_ options: CollectorOptions) -> String? {
    options.strings("script", default: ["true"]).joined(separator: "\n")
  }
  static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError) {
    guard let output = host.output else { throw CollectorError(.commandFailed, "no output") }
    var point = Point("probe")
    point.string("output", String(decoding: output.standardOutput, as: UTF8.self))
    point.string("errors", String(decoding: output.standardError, as: UTF8.self))
    point.integer("status", Int64(output.status))
    sample.points.append(point)
  }

  static func batch(_ script: String) -> Batch {
    Batch([.init(self, CollectorOptions(["script": .strings([script])]))])
  }
}

enum Load: Collector {
  static let name = "load"
  static let summary = "a file"
  static let measurements: [Metrics.Measurement] = []
  static let files = ["/proc/loadavg", "/proc/does-not-exist", "/proc/version"]
  static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError) {
    for path in files where host.files[path] != nil {
      sample.facts[path] = "\(host.files[path]?.count ?? 0)"
    }
  }
}

extension Sshd {
  func target(
    credentials: Credentials, address: String = "127.0.0.1", user: String = NSUserName(),
    knownHosts: String? = nil
  ) -> HostTarget {
    var known = KnownHosts()
    known.add(Array((knownHosts ?? scratch.read("known_hosts") ?? "").utf8), file: "known_hosts")
    return HostTarget(
      name: "host", address: address, port: port, user: user, credentials: credentials,
      knownHosts: known)
  }

  func credentials(_ name: String = "user", passphrase: String? = nil) throws -> Credentials {
    let bytes = Array((scratch.read(name) ?? "").utf8)
    let key = try PrivateKey.parse(bytes, passphrase: passphrase, source: name)
    return Credentials(identities: [.key(key)])
  }
}

extension HostTarget {
  func ask(_ batch: Batch, within timeout: Duration = .seconds(20)) async -> HostAnswer {
    let reactor = Reactor()
    return await reactor.run { reactor in
      await ask([batch], on: reactor, by: .after(timeout))[0]
    }
  }
}

extension Reactor {
  func run<Value: Sendable>(_ body: @Sendable (isolated Reactor) async -> Value) async -> Value {
    await body(self)
  }
}

@Suite(.serialized) struct SSHTests {
  /// For tests that change nothing of it.
  private static let sshd = Result { try Sshd() }

  @Test func `a batch runs and its output, errors and status come apart`() async throws {
    let sshd = try Self.sshd.get()
    let batch = Probe.batch("echo out; echo err >&2; printf half; (exit 7)")
    let answer = await sshd.target(credentials: try sshd.credentials()).ask(batch)
    #expect(answer.failure == nil, "\(sshd.log)")
    let (sample, error) = answer.sample(batch.items[0], previous: nil)
    #expect(error == nil)
    let point = try #require(sample.points.first)
    #expect(point[field: "output"] == .string("out\nhalf"))
    #expect(point[field: "errors"] == .string("err\n"))
    #expect(point[field: "status"] == .integer(7))
    #expect(answer.session.address == "127.0.0.1")
    #expect(answer.bootID?.count == 36)
    #expect((answer.uptime ?? 0) > 0)
    #expect(answer.received > 1000)
  }

  @Test func `all files come from one process, and a missing one is missing`() async throws {
    let sshd = try Self.sshd.get()
    let batch = Batch([.init(Load.self)])
    let answer = await sshd.target(credentials: try sshd.credentials()).ask(batch)
    let (sample, _) = answer.sample(batch.items[0], previous: nil)
    #expect(Set(sample.facts.keys) == ["/proc/loadavg", "/proc/version"])
    let version = try Data(contentsOf: URL(fileURLWithPath: "/proc/version"))
    #expect(sample.facts["/proc/version"] == "\(version.count)")
  }

  @Test(
    arguments: [
      (["-t", "ed25519"], nil), (["-t", "ecdsa", "-b", "256"], nil),
      (["-t", "ecdsa", "-b", "384"], nil), (["-t", "ecdsa", "-b", "521"], nil),
      (["-t", "rsa", "-b", "2048"], nil), (["-t", "rsa", "-b", "2048", "-m", "PEM"], nil),
      (["-t", "ecdsa", "-m", "PEM"], nil), (["-t", "rsa", "-m", "PKCS8"], nil),
      (["-t", "ecdsa", "-m", "PKCS8"], nil),
      (["-t", "rsa", "-m", "PEM"], "sesame"), (["-t", "ecdsa", "-m", "PKCS8"], "sesame"),
    ] as [([String], String?)])
  func `a key of every kind and format logs in`(kind: [String], passphrase: String?) async throws {
    let sshd = try Sshd()
    let file = "\(sshd.scratch.path)/other"
    try run("/usr/bin/ssh-keygen", ["-q", "-N", passphrase ?? "", "-f", file] + kind)
    sshd.scratch.write("authorized_keys", sshd.scratch.read("other.pub") ?? "")
    let answer = await sshd.target(
      credentials: try sshd.credentials("other", passphrase: passphrase)
    ).ask(Probe.batch("true"))
    #expect(answer.failure == nil, "\(kind): \(sshd.log)")
  }

  @Test func `an Ed25519 key in PKCS#8 logs in`() async throws {
    let sshd = try Sshd()
    let file = "\(sshd.scratch.path)/other"
    try run("/usr/bin/openssl", ["genpkey", "-algorithm", "ed25519", "-out", file])
    let key = try PrivateKey.parse(
      Array((sshd.scratch.read("other") ?? "").utf8), passphrase: nil, source: "other")
    sshd.scratch.write("authorized_keys", HostKey(blob: key.publicBlob).text + "\n")
    let answer = await sshd.target(credentials: Credentials(identities: [.key(key)]))
      .ask(Probe.batch("true"))
    #expect(answer.failure == nil, "\(sshd.log)")
  }

  @Test func `an encrypted OpenSSH key logs in by the slow path`() async throws {
    let sshd = try Sshd()
    let file = "\(sshd.scratch.path)/other"
    try run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "sesame", "-f", file])
    sshd.scratch.write("authorized_keys", sshd.scratch.read("other.pub") ?? "")
    let bytes = Array((sshd.scratch.read("other") ?? "").utf8)
    #expect(throws: PrivateKey.Failure.encryptedOpenSSH) {
      try PrivateKey.parse(bytes, passphrase: "sesame", source: "other")
    }
    let slow = Credentials(identities: [
      .slow(file: bytes, passphrase: "sesame", source: "other")
    ])
    let answer = await sshd.target(credentials: slow).ask(Probe.batch("true"))
    #expect(answer.failure == nil, "\(sshd.log)")
  }

  @Test(arguments: ["ed25519", "rsa", "ecdsa"])
  func `an agent signs`(type: String) async throws {
    let sshd = try Sshd()
    let file = "\(sshd.scratch.path)/other"
    let path = "\(sshd.scratch.path)/agent"
    let daemon = try Daemon("/usr/bin/ssh-agent", ["-D", "-a", path], log: "\(path).log")
    defer { daemon.stop() }
    #expect(eventually { FileManager.default.fileExists(atPath: path) })
    try run("/usr/bin/ssh-keygen", ["-q", "-t", type, "-N", "", "-f", file])
    try run("/usr/bin/ssh-add", ["-q", file], environment: ["SSH_AUTH_SOCK": path])
    sshd.scratch.write("authorized_keys", sshd.scratch.read("other.pub") ?? "")
    let agent = Agent(path: path)
    let reactor = Reactor()
    let identities = await reactor.run { reactor in
      (try? await agent.identities(on: reactor, by: .after(.seconds(3)))) ?? []
    }
    #expect(identities.count == 1)
    let answer = await sshd.target(
      credentials: Credentials(identities: identities.map { .agent(agent, $0) })
    ).ask(Probe.batch("true"))
    #expect(answer.failure == nil, "\(sshd.log)")
  }

  @Test func `a host whose key changed gets no credential`() async throws {
    let sshd = try Sshd()
    let other = try Sshd()
    let wrong = other.knownHostsLines().replacingOccurrences(
      of: "]:\(other.port)", with: "]:\(sshd.port)")
    let answer = await sshd.target(credentials: try sshd.credentials(), knownHosts: wrong)
      .ask(Probe.batch("true"))
    #expect(answer.failure?.reason == .hostKeyChanged)
    #expect(answer.failure?.detail.contains("SHA256:") == true)
    #expect(!sshd.log.contains("Accepted") && !sshd.log.contains("Postponed"))
  }

  @Test func `an unknown host key is refused with its fingerprint`() async throws {
    let sshd = try Self.sshd.get()
    let answer = await sshd.target(credentials: try sshd.credentials(), knownHosts: "")
      .ask(Probe.batch("true"))
    #expect(answer.failure?.reason == .hostKeyUnknown)
    #expect(answer.failure?.detail.contains("scrape trust host") == true)
  }

  @Test(arguments: ["ed25519", "ecdsa"])
  func `the host is asked for the kind of key that is known`(type: String) async throws {
    let sshd = try Sshd(hostKeys: ["ed25519", "ecdsa"])
    let lines = sshd.knownHostsLines().split(separator: "\n").filter { $0.contains(type) }
    let answer = await sshd.target(
      credentials: try sshd.credentials(), knownHosts: lines.joined() + "\n"
    ).ask(Probe.batch("true"))
    #expect(answer.failure == nil)
    #expect(answer.hostKey?.type.contains(type) == true)
  }

  @Test func `a host that lost its key of the known kind has changed its key`() async throws {
    let sshd = try Sshd()
    let other = try Sshd(hostKeys: ["ecdsa"])
    let known = other.knownHostsLines().replacingOccurrences(
      of: "]:\(other.port)", with: "]:\(sshd.port)")
    let target = sshd.target(credentials: try sshd.credentials(), knownHosts: known)
    #expect(await target.ask(Probe.batch("true")).failure?.reason == .hostKeyChanged)
    #expect(!sshd.log.contains("Accepted"))
    let reactor = Reactor()
    let key = await reactor.run { reactor in
      try? await target.hostKey(on: reactor, by: .after(.seconds(10)))
    }
    #expect(key?.type == "ssh-ed25519")
  }

  @Test(arguments: ["-99999999999999999999 1", "1e400 1", "99999999999999999999999 1", "nan", ""])
  func `an impossible uptime is none`(text: String) {
    var answer = HostAnswer(time: Timestamp(seconds: 0))
    answer.files[Batch.uptimeFile] = Array(text.utf8)[...]
    #expect(answer.uptime == nil)
  }

  @Test func `a wrong key is an authentication failure that names what was tried`() async throws {
    let sshd = try Sshd()
    sshd.scratch.write("authorized_keys", "")
    let answer = await sshd.target(credentials: try sshd.credentials()).ask(Probe.batch("true"))
    #expect(answer.failure?.reason == .authFailed)
    #expect(answer.failure?.detail.contains("tried user") == true)
    #expect(answer.failure?.detail.contains("publickey") == true)
  }

  @Test func `a rejected key comes with the command that installs it`() async throws {
    let sshd = try Sshd()
    sshd.scratch.write("authorized_keys", "")
    let answer = await sshd.target(credentials: try sshd.credentials()).ask(Probe.batch("true"))
    let detail = answer.failure?.detail ?? ""
    #expect(
      detail.contains("`ssh-copy-id -i user.pub -p \(sshd.port) \(NSUserName())@127.0.0.1`"),
      "\(detail)")
    // Nothing to try is another thing, with another cure.
    let bare = await sshd.target(credentials: Credentials()).ask(Probe.batch("true"))
    #expect(bare.failure?.detail.contains("give `key:` in the inventory") == true)
    #expect(bare.failure?.detail.contains("ssh-copy-id") == false)
  }

  @Test(arguments: [
    ["MACs hmac-sha2-256-etm@openssh.com", "Ciphers aes128-ctr"],
    ["Ciphers chacha20-poly1305@openssh.com"],
  ])
  func `a server without a common algorithm has a reason of its own`(options: [String]) async throws
  {
    let sshd = try Sshd(options: options)
    let answer = await sshd.target(credentials: try sshd.credentials()).ask(Probe.batch("true"))
    #expect(answer.failure?.reason == .noCommonAlgorithm)
    #expect(answer.failure?.detail.contains("this libssh2") == true, "\(answer.failure as Any)")
  }

  @Test func `a server with an RSA key only names both lists or is reached`() async throws {
    let sshd = try Sshd(hostKeys: ["rsa"])
    let answer = await sshd.target(credentials: try sshd.credentials()).ask(Probe.batch("true"))
    #expect(
      answer.failure == nil || answer.failure?.reason == .noCommonAlgorithm,
      "\(answer.failure as Any)")
  }

  @Test func `a command that never ends costs its own section`() async throws {
    let sshd = try Self.sshd.get()
    var target = sshd.target(credentials: try sshd.credentials())
    target.timeouts.batch = .seconds(1)
    let batch = Batch([
      .init(Load.self), .init(Probe.self, .init(["script": .strings(["sleep 60"])])),
    ])
    let start = Deadline.now
    let answer = await target.ask(batch)
    #expect(Deadline.now.since(start) < .seconds(5))
    #expect(answer.failure?.reason == .timeout)
    #expect(answer.sample(batch.items[0], previous: nil).error == nil)
    #expect(answer.sample(batch.items[1], previous: nil).error?.reason == .timeout)
  }

  @Test func `endless output is cut off`() async throws {
    let sshd = try Self.sshd.get()
    let batch = Probe.batch("yes")
    let answer = await sshd.target(credentials: try sshd.credentials()).ask(batch)
    #expect(answer.failure?.reason == .outputTooLarge)
    #expect(answer.sample(batch.items[0], previous: nil).error?.reason == .outputTooLarge)
  }

  @Test func `a section too large costs itself, and the next ones come`() async throws {
    let sshd = try Self.sshd.get()
    let batch = Probe.batch("head -c 400000 /dev/zero; head -c 400000 /dev/zero | tr '\\0' '\\n'")
    let answer = await sshd.target(credentials: try sshd.credentials()).ask(batch)
    #expect(answer.failure == nil)
    #expect(answer.sample(batch.items[0], previous: nil).error?.reason == .outputTooLarge)
  }

  @Test func `a command that reads standard input does not eat the batch`() async throws {
    let sshd = try Self.sshd.get()
    let batch = Probe.batch("cat; echo after")
    let answer = await sshd.target(credentials: try sshd.credentials()).ask(batch)
    #expect(answer.failure == nil)
    let (sample, _) = answer.sample(batch.items[0], previous: nil)
    #expect(sample.points.first?[field: "output"] == .string("after\n"))
  }

  @Test func `two batches run over one session`() async throws {
    let sshd = try Sshd()
    let target = sshd.target(credentials: try sshd.credentials())
    let batch = Probe.batch("echo hello")
    let reactor = Reactor()
    let answers = await reactor.run { reactor in
      await target.ask([batch, batch], on: reactor, by: .after(.seconds(20)))
    }
    #expect(answers.count == 2)
    for answer in answers {
      #expect(answer.failure == nil)
      let (sample, _) = answer.sample(batch.items[0], previous: nil)
      #expect(sample.points.first?[field: "output"] == .string("hello\n"))
    }
    #expect(sshd.log.components(separatedBy: "Accepted publickey").count == 2)
  }

  @Test(arguments: [
    ("/usr/sbin/nologin", Reason.noShell), ("/bin/false", .noShell),
  ])
  func `an account without a shell has a reason of its own`(
    shell: String, reason: Reason
  ) async throws {
    let sshd = try Sshd(options: ["ForceCommand \(shell)"])
    let answer = await sshd.target(credentials: try sshd.credentials()).ask(Probe.batch("true"))
    #expect(answer.failure?.reason == reason, "\(answer.failure as Any)")
  }

  @Test func `a banner and noisy start-up files do not disturb the frames`() async throws {
    let sshd = try Sshd(options: ["ForceCommand echo Welcome; echo 'm s e z'; sh"])
    let batch = Probe.batch("echo hello")
    let answer = await sshd.target(credentials: try sshd.credentials()).ask(batch)
    let (sample, _) = answer.sample(batch.items[0], previous: nil)
    #expect(sample.points.first?[field: "output"] == .string("hello\n"))
  }

  @Test(.enabled(if: Sshd.canHaveAccounts, "needs root and a mount namespace of its own"))
  func `a password and prompts log in`() async throws {
    for (method, options) in [
      ("password", ["PasswordAuthentication yes", "KbdInteractiveAuthentication no"]),
      ("keyboard-interactive", ["PasswordAuthentication no", "KbdInteractiveAuthentication yes"]),
    ] {
      let scratch = Scratch()
      let hash = try run("/usr/bin/openssl", ["passwd", "-6", "open sesame"]).output
        .trimmingCharacters(in: .whitespacesAndNewlines)
      scratch.write(
        "passwd", "root:x:0:0:root:/root:/bin/sh\nsshd:x:101:65534::/run/sshd:/bin/false\n")
      scratch.write("shadow", "root:\(hash):19000:0:99999:7:::\nsshd:*:19000::::::\n")
      let pam = method == "keyboard-interactive"
      let sshd = try Sshd(
        options: options + (pam ? ["UsePAM yes"] : []),
        wrapper: """
          mount --bind \(scratch.path)/passwd /etc/passwd
          mount --bind \(scratch.path)/shadow /etc/shadow
          """)
      let target = sshd.target(credentials: Credentials(password: "open sesame"), user: "root")
      let answer = await target.ask(Probe.batch("true"))
      #expect(answer.failure == nil, "\(method): \(answer.failure as Any) \(sshd.log)")
      #expect(answer.steps.contains { $0.detail.hasSuffix("by \(method)") })
      let wrong = await sshd.target(credentials: Credentials(password: "wrong"), user: "root")
        .ask(Probe.batch("true"))
      #expect(wrong.failure?.reason == .authFailed)
      #expect(wrong.failure?.detail.contains("wrong") == false)
    }
  }

  private static let ill: [(name: String, acts: [FakeServer.Act], reason: String, words: String)] =
    [
      ("closed", [.finish], "connection_lost", "closed the connection before"),
      ("reset", [.reset], "connection_lost", "before"),
      ("frozen", [.silence], "timeout", "exchanging keys"),
      (
        "frozen after its banner", [.send("SSH-2.0-x\r\n"), .silence], "timeout", "exchanging keys"
      ),
      (
        "dripping",
        [
          .drip(
            Array("SSH-2.0-".utf8) + [UInt8](repeating: 0x78, count: 200), microseconds: 200_000)
        ],
        "timeout", "exchanging keys"
      ),
      (
        "busy", [.send("Exceeded MaxStartups\r\n"), .close], "refused_by_protection", "MaxStartups"
      ),
      (
        "penalty", [.send("Not allowed at this time\r\n"), .close], "refused_by_protection",
        "PerSourcePenalties"
      ),
    ]

  /// All at the same time: each takes seconds, and little else.
  @Test
  func `a server that is ill costs 6 s at most, and a protection is named by its words alone`()
    async throws
  {
    await withTaskGroup(of: Void.self) { group in
      for (name, acts, reason, words) in Self.ill {
        group.addTask {
          let server = FakeServer(acts)
          let target = HostTarget(
            name: "h", address: "127.0.0.1", port: server.port, user: "u",
            credentials: Credentials(password: "x"), knownHosts: KnownHosts())
          let reactor = Reactor()
          let start = Date()
          let failure = await reactor.run { reactor in
            await target.ask([Probe.batch("true")], on: reactor, by: .after(.seconds(60)))[0]
              .failure
          }
          let took = Date().timeIntervalSince(start)
          #expect(failure?.reason.rawValue == reason, "\(name): \(failure?.description ?? "-")")
          #expect(failure?.detail.contains(words) == true, "\(failure?.detail ?? "-")")
          #expect(took < 6.5, "\(name): \(took) s")
          if reason != "refused_by_protection" {
            #expect(failure?.detail.contains("PerSource") == false)
            #expect(failure?.detail.contains("MaxStartups") == false)
          }
        }
      }
    }
  }

  @Test func `log-ins that MaxStartups drops are tried again until there is room`() async throws {
    let sshd = try Sshd(options: ["MaxStartups 2:100:2"])
    let target = sshd.target(credentials: try sshd.credentials())
    let batch = Probe.batch("true")
    let reactor = Reactor()
    let failures = await withTaskGroup(of: TargetError?.self) { group in
      for _ in 0..<12 {
        group.addTask {
          await reactor.run { reactor in
            await target.ask([batch], on: reactor, by: .after(.seconds(30)))[0].failure
          }
        }
      }
      return await group.reduce(into: [TargetError]()) { if let error = $1 { $0.append(error) } }
    }
    #expect(failures.isEmpty)
    #expect(sshd.log.contains("MaxStartups"), "nothing was dropped")
  }
}
