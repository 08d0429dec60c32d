import Configuration
import Foundation
import Lab
import Metrics
import Testing

@testable import Hosts
@testable import Passes
@testable import Policies

/// The script that reads what policies need, in the shells of hosts, on a folder made to hurt.
@Suite(.timeLimit(.minutes(3))) struct PolicyCollectionTests {
  /// A shell as an account uses it.
  struct Shell: Sendable, CustomTestStringConvertible {
    var name: String
    var words: [String]
    /// Whether the host has no timeout(1).
    var isBare = false
    /// Whether an ordinary account runs it.
    var isOrdinary = false
    /// Whether all programs are busybox's.
    var isAlone = false

    var testDescription: String {
      name + (isBare ? " without timeout" : "") + (isOrdinary ? ", no root" : "")
        + (isAlone ? " alone" : "")
    }

    /// Those of root, and one that is not.
    static var some: [Shell] { all.filter { !$0.isOrdinary || $0.name == "dash" } }

    static let all: [Shell] =
      ["/bin/dash", "/bin/bash", "/bin/busybox"].flatMap { path in
        let words = path == "/bin/busybox" ? [path, "sh"] : [path]
        let name = (path as NSString).lastPathComponent
        return [
          Shell(name: name, words: words), Shell(name: name, words: words, isBare: true),
          Shell(name: name, words: words, isOrdinary: true),
        ]
      } + [
        Shell(name: "busybox", words: ["/bin/busybox", "sh"], isAlone: true),
        Shell(name: "busybox", words: ["/bin/busybox", "sh"], isOrdinary: true, isAlone: true),
      ]

    /// A folder with all programs of busybox.
    static let applets: String = {
      let path = "\(folder.path)/applets"
      _ = try? run("/bin/sh", ["-c", "mkdir -p \(path) && /bin/busybox --install -s \(path)"])
      return path
    }()
  }

  private static let folder: Scratch = {
    let scratch = Scratch()
    let path = scratch.path
    chmod(path, 0o755)
    scratch.write("etc/plain.conf", "one\n  two = 2\nthree", mode: 0o644)
    scratch.write("etc/empty", "", mode: 0o644)
    scratch.write("etc/nul", "a\0b\nc\n", mode: 0o644)
    scratch.write("etc/quote's \"and\" $HOME `x`", "strange\n", mode: 0o644)
    scratch.write("etc/secret", "hidden\n", mode: 0o600)
    scratch.write(
      "etc/big", String(repeating: "filler filler\n", count: 40_000) + "needle\n", mode: 0o644)
    scratch.write("etc/d/a.conf", "alpha\n", mode: 0o644)
    scratch.write("etc/d/b.conf", "beta\n", mode: 0o644)
    scratch.write("etc/d/sub/c.conf", "gamma\n", mode: 0o644)
    scratch.write("etc/odd/new\nline.conf", "delta\n", mode: 0o644)
    scratch.write("etc/odd/other.conf", "other\n", mode: 0o644)
    scratch.write("etc/closed/x.conf", "inner\n", mode: 0o644)
    scratch.write("etc/mixed/open.conf", "open\n", mode: 0o644)
    scratch.write("etc/mixed/shut/x.conf", "inner\n", mode: 0o644)
    chmod("\(path)/etc/closed", 0o700)
    chmod("\(path)/etc/mixed/shut", 0o700)
    mkfifo("\(path)/etc/fifo", 0o644)
    mkfifo("\(path)/etc/d/fifo.conf", 0o644)
    symlink("plain.conf", "\(path)/etc/link")
    symlink("nowhere", "\(path)/etc/dangling")
    symlink("loop2", "\(path)/etc/loop1")
    symlink("loop1", "\(path)/etc/loop2")
    symlink("..", "\(path)/etc/d/sub/up")
    symlink("/dev/zero", "\(path)/etc/endless")
    symlink("d", "\(path)/etc/dlink")
    return scratch
  }()

  /// The answer of a shell to what a policy needs.
  private func collect(
    _ policy: Policy, _ shell: Shell, become: Become = .none, before: String = ""
  ) throws -> HostCollection {
    try answer(policy, shell, become: become, before: before).collection
  }

  private func answer(
    _ policy: Policy, _ shell: Shell, become: Become = .none, before: String = ""
  ) throws -> (collection: HostCollection, text: String) {
    let needs = Needs([(policy, AllowedCommands(extra: ["sh", "yes", "sleep"]))])
    let script = CollectionScript(needs, become: become).text(within: 20)
      .replacingOccurrences(of: "T=10", with: "T=1")
    let batch = Batch(
      [],
      extras: [.init(name: PolicyReading.name, script: script, byteLimit: CollectionScript.limit)])
    let nonce = Batch.nonce()
    var text = String(decoding: batch.script(nonce: nonce, last: true), as: UTF8.self)
    text = before + text
    if shell.isAlone { text = "PATH=\(Shell.applets):$PATH; export PATH\n" + text }
    if shell.isBare { text = "timeout() { return 127; }\n" + text }
    let file = Self.folder.write("script-\(UUID())", text)
    var words = ["/bin/sh", "-c", "exec \"$@\" <\"$0\"", file] + shell.words
    if shell.isOrdinary {
      chmod(file, 0o644)
      words =
        ["/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] + words
    }
    let outcome = try run(words[0], Array(words.dropFirst()), timeout: 60)
    var answer = HostAnswer(
      output: Array(outcome.output.utf8), of: batch, nonce: nonce, time: .now)
    answer.failure = nil
    return (try #require(answer.collected(needs), "\(outcome)"), outcome.output)
  }

  private func policy(_ rules: [String], dialect: Int) throws -> Policy {
    var text = "dialect: \(dialect)\npolicy: {id: p, name: n, file: f, description: d}\nchecks:\n"
    for (index, rule) in rules.enumerated() {
      let quoted = JSON.string(rule).text
      text +=
        "  - {id: \(index + 1), \(dialect == 4 ? "title" : "name"): t, condition: all, rules: [\(quoted)]}\n"
    }
    return try PolicyReader.read(Source("p.yml", text: text))
  }

  private static var files: [String] {
    let etc = "\(folder.path)/etc"
    return [
      "f:@/plain.conf", "f:@/plain.conf -> r:two", "f:@/plain.conf -> r:three$", "f:@/empty",
      "f:@/empty -> r:x", "f:@/nul -> r:^c$", "f:@/quote's \"and\" $HOME `x` -> r:strange",
      "f:@/gone", "f:@/gone -> r:x", "f:@/plain.conf/below", "f:@/gone/below/more", "f:@/fifo",
      "f:@/fifo -> r:x", "f:@/endless -> r:x", "f:@/link -> r:two", "f:@/dangling",
      "f:@/dangling -> r:x", "f:@/loop1", "f:@/loop1 -> r:x", "f:@/d",
      "f:@/d/../plain.conf -> r:one",
      "not f:@/plain.conf -> r:nothing", "f:@/dlink/a.conf -> r:alpha",
      "d:@/d", "d:@/gone", "d:@/plain.conf", "d:@/dlink", "d:@/fifo", "d:@/d -> r:conf$",
      "d:@/d -> r:none$", "d:@/d -> r:a.conf -> r:alpha", "d:@/d -> r:conf -> r:gamma",
      "d:@/d -> r:conf -> r:nothing", "d:@/dlink -> r:conf -> r:beta", "d:@/gone -> r:x",
      "d:@/loop1 -> r:x", "d:@/odd -> r:line.conf$", "d:@/odd -> r:conf -> r:other",
      "d:@/mixed -> r:open -> r:open", "d:@/mixed/ -> r:open -> r:open",
    ].map { $0.replacingOccurrences(of: "@", with: etc) }
  }

  @Test(.enabled(if: geteuid() == 0), arguments: Shell.all)
  func `what a shell reads gives the answers of the files themselves`(_ shell: Shell) throws {
    for dialect in [4, 5] {
      let policy = try policy(Self.files, dialect: dialect)
      let collection = try collect(policy, shell)
      #expect(collection.user == (shell.isOrdinary ? 65534 : 0))
      let got = policy.evaluate(collection, allowed: AllowedCommands())
      let wanted = policy.evaluate(try OfflineEvidence(root: "/", outputs: nil))
      for (index, rule) in Self.files.enumerated() {
        let (one, other) = (got.checks[index], wanted.checks[index])
        #expect(
          one.outcomes.map(\.verdict) == other.outcomes.map(\.verdict)
            && one.outcomes.map(\.trouble) == other.outcomes.map(\.trouble),
          "\(dialect) \(rule): \(one.why); the files: \(other.why)")
      }
    }
  }

  @Test(.enabled(if: geteuid() == 0), arguments: Shell.all)
  func `what may not be read or is too much decides nothing`(_ shell: Shell) throws {
    let etc = "\(Self.folder.path)/etc"
    let rules = [
      ("f:@/secret -> r:hidden", "permission", "passed"),
      ("not f:@/secret -> r:hidden", "permission", "failed"),
      ("f:@/closed/x.conf", "permission", "passed"),
      ("d:@/closed", "permission", "passed"),
      ("d:@/closed -> r:x -> r:inner", "permission", "passed"),
      ("d:@/mixed -> r:x -> r:inner", "permission", "passed"),
      // A name with a line feed is known; what is in such a file is not read.
      ("d:@/odd -> r:conf -> r:delta", "not collected", "unknown"),
      ("f:@/big -> r:filler", nil, "passed"), ("f:@/big -> r:needle", "limit", "unknown"),
      ("not f:@/big -> r:needle", "limit", "unknown"),
    ].map { ($0.0.replacingOccurrences(of: "@", with: etc), $0.1, $0.2) }
    let policy = try policy(rules.map(\.0), dialect: 4)
    let result = policy.evaluate(try collect(policy, shell), allowed: AllowedCommands())
    for ((rule, trouble, verdict), check) in zip(rules, result.checks) {
      let isDenied = shell.isOrdinary && trouble == "permission"
      let wanted = isDenied ? "unknown" : verdict
      #expect(check.verdict.rawValue == wanted, "\(rule): \(check.why)")
      if wanted == "unknown" {
        #expect(check.why.hasPrefix("\(trouble ?? ""): "), "\(rule): \(check.why)")
      }
    }
  }

  @Test(.enabled(if: geteuid() == 0), arguments: Shell.some)
  func `commands run without a shell, bounded, and say how they ended`(_ shell: Shell) throws {
    let rules: [(String, String)] = [
      ("c:echo $HOME \"a  b\" 'c; id -> r:^\\$HOME a  b 'c; id$", "passed"),
      ("c:stat -c %U /etc/passwd -> r:^root$", "passed"),
      ("c:getenforce-of-nowhere -> r:x", "not applicable"),
      ("c:cat /no/such/file -> r:No such file", "passed"),
      ("c:yes -> r:^y$", "passed"), ("c:yes -> r:^z$", "unknown"),
      ("c:sleep 30 -> r:x", "unknown"), ("sh:echo a; echo b >&2; exit 3 -> r:^b$", "passed"),
      ("sh:echo $((1 + 2)) -> r:^3$", "passed"),
      ("p:r:^\(shell.words.count > 1 ? "busybox" : shell.name)$", "passed"),
      ("p:no-such-process-at-all", "failed"),
    ]
    let policy = try policy(rules.map(\.0), dialect: 4)
    let allowed = AllowedCommands(extra: ["sh", "yes", "sleep", "getenforce-of-nowhere"])
    let needs = Needs([(policy, allowed)])
    #expect(needs.items.count == 9)
    let begin = Date()
    let collection = try collect(policy, shell)
    #expect(Date().timeIntervalSince(begin) < 15)
    let result = policy.evaluate(collection, allowed: allowed)
    for ((rule, verdict), check) in zip(rules, result.checks) where !rule.contains("of-nowhere") {
      #expect(check.verdict.rawValue == verdict, "\(rule): \(check.why)")
    }
    #expect(result.checks[5].why.hasPrefix("limit: "), "\(result.checks[5].why)")
    #expect(result.checks[6].why.hasPrefix("timeout: "), "\(result.checks[6].why)")
  }

  @Test(
    .enabled(if: geteuid() == 0),
    arguments: Shell.all.filter(\.isOrdinary)
      + ["dash", "busybox"].map {
        Shell(
          name: $0, words: $0 == "dash" ? ["/bin/dash"] : ["/bin/busybox", "sh"], isBare: true,
          isOrdinary: true)
      })
  func `with sudo what needs root is read or refused, and has its time`(_ shell: Shell) throws {
    let etc = "\(Self.folder.path)/etc"
    let policy = try policy(
      [
        "f:\(etc)/secret -> r:^hidden$", "f:\(etc)/plain.conf -> r:two", "c:auditctl -l -> r:rule",
        "c:iptables -S -> r:x", shell.isBare ? "c:nft list tables -> r:x" : "c:nft list -> r:x",
        "c:stat -c %n /etc/passwd -> r:passwd",
      ], dialect: 4)
    // A host's sudo, as far as its answers go.
    let sudo = """
      sudo() {
      case $* in
      *secret) printf 'hidden\\n' ;;
      *auditctl*) echo rule ;;
      *nft*list) sleep 4 ;;
      *) echo 'sudo: a password is required'; return 1 ;;
      esac
      }

      """
    let collection = try collect(policy, shell, become: .sudo, before: sudo)
    let result = policy.evaluate(collection, allowed: AllowedCommands())
    let verdicts = result.checks.map(\.verdict)
    let whys = result.checks.map(\.why)
    #expect(verdicts[0] == .passed && verdicts[1] == .passed && verdicts[5] == .passed, "\(whys)")
    #expect(verdicts[2] == .passed, "\(whys)")
    #expect(verdicts[3] == .unknown && whys[3].hasPrefix("permission: "), "\(whys)")
    let late = shell.isBare ? "permission: " : "timeout: "
    #expect(verdicts[4] == .unknown && whys[4].hasPrefix(late), "\(whys)")
  }

  @Test(.enabled(if: geteuid() == 0), arguments: Shell.all)
  func `files that the pattern of names leaves out do not leave the host`(_ shell: Shell) throws {
    let etc = "\(Self.folder.path)/etc/ssh"
    for (name, mode) in [
      ("a.conf", 0o644), ("ssh_host_rsa_key", 0o600), ("b.conf", 0o600), ("notes", 0o644),
    ] {
      Self.folder.write("etc/ssh/\(name)", "PRIVATE \(name)\n", mode: mode)
    }
    let policy = try policy(
      [
        "d:\(etc) -> r:\\.conf$ -> r:PRIVATE a", "d:\(etc) -> r:\\.conf$ -> r:PRIVATE b",
        "d:\(etc) -> r:\\.conf$ -> r:nothing",
      ], dialect: 5)
    // A sudo that permits all.
    let sudo = "sudo() { shift; for last; do :; done; echo \"PRIVATE ${last##*/}\"; }\n"
    let (collection, text) = try answer(policy, shell, become: .sudo, before: sudo)
    #expect(text.contains("PRIVATE a.conf") && text.contains("PRIVATE b.conf"), "\(text)")
    #expect(!text.contains("PRIVATE ssh_host") && !text.contains("PRIVATE notes"), "\(text)")
    let result = policy.evaluate(collection, allowed: AllowedCommands())
    #expect(result.checks.map(\.verdict) == [.passed, .passed, .failed], "\(result.checks)")
  }
}
