import Configuration
import Foundation
import Testing

@testable import Policies

/// A host of a table: files by path, output by command.
struct PaperHost: Evidence {
  var files: [String: String] = [:]
  var denied: Set<String> = []
  var commands: [String: CommandResult] = [:]
  var processes = ProcessList.known([])

  func kind(of path: [UInt8]) -> Result<PathKind, PathFailure> {
    let path = String(decoding: path, as: UTF8.self)
    if denied.contains(path) { return .failure(.denied) }
    if files[path] != nil { return .success(.regular) }
    return files.keys.contains { $0.hasPrefix(path + "/") }
      ? .success(.directory) : .failure(.missing)
  }

  func read(_ path: [UInt8], _ budget: Budget) -> Result<FileText, PathFailure> {
    let path = String(decoding: path, as: UTF8.self)
    guard let text = files[path] else { return .failure(.missing) }
    let bytes = Array(text.utf8)
    return .success(
      FileText(
        bytes: Array(bytes.prefix(budget.bytesLeft)), isCut: bytes.count > budget.bytesLeft))
  }

  func list(_ path: [UInt8], _ budget: Budget) -> Result<[FolderEntry], PathFailure> {
    let path = String(decoding: path, as: UTF8.self)
    if denied.contains(path) { return .failure(.denied) }
    if files[path] != nil { return .failure(.notDirectory) }
    let names = Set(
      files.keys.filter { $0.hasPrefix(path + "/") }.compactMap {
        $0.dropFirst(path.count + 1).split(separator: "/").first.map(String.init)
      })
    guard !names.isEmpty else { return .failure(.missing) }
    return .success(
      names.sorted().map {
        FolderEntry(
          name: Array($0.utf8), kind: files["\(path)/\($0)"] == nil ? .directory : .regular)
      })
  }

  func run(_ command: [UInt8]) -> CommandResult {
    commands[String(decoding: command, as: UTF8.self)] ?? .absent
  }

  static let example = PaperHost(
    files: [
      "/etc/login.defs": "# days\nPASS_MAX_DAYS\t365\nPASS_MIN_DAYS 7\r\n",
      "/etc/empty": "",
      "/etc/sudoers.d/admin": "%admin ALL=(ALL) NOPASSWD: ALL\n",
      "/etc/sudoers.d/old/web": "web ALL=(ALL) ALL\n",
      "/b": "B\n",
    ],
    denied: ["/etc/shadow", "/root"],
    commands: [
      "sshd -T": .ran(output: Array("permitrootlogin no\nmaxauthtries 4\n".utf8), status: 0),
      "gone": .ran(output: Array("x\n".utf8), status: 127),
      "slow": .timedOut, "secret": .denied("secret: permission denied"),
    ],
    processes: .known([
      ProcessEntry(name: Array("sshd".utf8), commandLine: Array("/usr/sbin/sshd -D".utf8)),
      ProcessEntry(name: Array("init".utf8)),
    ]))
}

struct RuleTests {
  /// A rule, and its answer under Wazuh 4 and 5.
  @Test(arguments: [
    // Files.
    ("f:/etc/login.defs", "found", "found"),
    ("f:/none", "notfound", "notfound"),
    ("f:/etc", "invalid", "notfound"),
    ("f:/none,/b", "found", "notfound"),
    ("f:/none -> r:x", "invalid", "invalid"),
    ("not f:/none -> r:x", "invalid", "invalid"),
    ("f:/etc/login.defs -> r:^PASS_MAX_DAYS", "found", "found"),
    ("f:/etc/login.defs -> r:^pass_max", "found", "found"),
    ("f:/etc/login.defs -> r:days && !r:^#", "found", "found"),
    ("f:/etc/login.defs -> !r:PASS", "found", "notfound"),
    ("f:/etc/empty -> !r:PASS", "notfound", "notfound"),
    ("f:/etc/login.defs -> PASS_MIN_DAYS 7", "found", "notfound"),
    ("f:/etc/login.defs -> # DAYS", "found", "notfound"),
    ("f:/b -> B", "found", "found"),
    ("f:/b -> b", "found", "notfound"),
    // Numbers.
    ("f:/etc/login.defs -> n:^PASS_MAX_DAYS\\s*\\t*(\\d+) compare <= 365", "found", "found"),
    ("f:/etc/login.defs -> n:^PASS_MAX_DAYS\\s*\\t*(\\d+) compare < 365", "notfound", "notfound"),
    ("f:/etc/login.defs -> n:^PASS_MIN_DAYS\\s(\\d+) compare = 7", "found", "invalid"),
    ("f:/etc/login.defs -> n:^PASS_MIN_DAYS\\s\\d compare == 7", "invalid", "invalid"),
    ("f:/etc/login.defs -> n:^PASS_MIN_DAYS", "invalid", "invalid"),
    // Folders.
    ("d:/etc/sudoers.d", "found", "found"),
    ("d:/none", "notfound", "notfound"),
    ("d:/b", "invalid", "notfound"),
    ("d:/etc/sudoers.d -> r:^admin$", "found", "found"),
    ("d:/etc/sudoers.d -> dmi", "found", "notfound"),
    ("d:/etc/sudoers.d -> web", "found", "found"),
    ("d:/etc/sudoers.d -> r:. -> r:NOPASSWD", "notfound", "found"),
    ("d:/etc/sudoers.d -> r:\\w+ -> r:^web", "found", "found"),
    ("d:/none -> r:x", "invalid", "invalid"),
    // Commands.
    ("c:sshd -T -> r:^permitrootlogin no", "found", "found"),
    ("c:sshd -T -> !r:maxauth", "found", "notfound"),
    ("not c:sshd -T -> r:^permitrootlogin yes", "found", "found"),
    ("c:sshd -T -> n:^maxauthtries (\\d+) compare <= 4", "found", "found"),
    ("c:none", "found", "invalid"),
    ("c:none -> r:x", "invalid", "invalid"),
    ("c:gone -> r:x", "invalid", "invalid"),
    ("c:slow -> r:x", "invalid", "notrun"),
    // Processes.
    ("p:sshd", "found", "found"),
    ("p:/usr/sbin/sshd -D", "notfound", "found"),
    ("p:r:^ss", "found", "notfound"),
    ("not p:telnetd", "found", "found"),
    // No permission.
    ("f:/etc/shadow", "invalid", "invalid"),
    ("f:/etc/shadow -> r:x", "invalid", "notfound"),
    ("not f:/etc/shadow -> r:x", "invalid", "found"),
    // No rules.
    ("x:/etc", "malformed", "malformed"),
    ("Not f:/b", "malformed", "malformed"),
    ("NOT f:/b", "notfound", "malformed"),
    (" f:/b", "malformed", "found"),
    ("f:", "notfound", "malformed"),
    ("r:HKLM", "notfound", "malformed"),
  ])
  func `a rule has the answer of its dialect`(
    _ rule: String, _ four: String, _ five: String
  ) throws {
    for (dialect, wanted) in [(Dialect.four, four), (.five, five)] {
      let trial = Trial(rule, dialect, regexType: nil, policy: nil, PaperHost.example)
      let got =
        trial.outcome.trouble == .malformed ? "malformed" : trial.outcome.verdict.rawValue
      #expect(got == wanted, "\(rule) of dialect \(dialect.rawValue): \(trial.outcome.why)")
      #expect(!trial.outcome.why.isEmpty)
    }
  }

  @Test func `the line that decides is told with its number`() {
    let trial = Trial(
      "f:/etc/login.defs -> r:MIN", .four, regexType: nil, policy: nil, PaperHost.example)
    #expect(trial.outcome.line?.number == 3)
    #expect(trial.outcome.line?.text == Array("PASS_MIN_DAYS 7".utf8))
    #expect(trial.outcome.why == "/etc/login.defs:3: PASS_MIN_DAYS 7")
  }

  @Test(arguments: [RegexType.osregex, .pcre2])
  func `regex_type selects the engine`(_ type: RegexType) {
    let trial = Trial(
      "f:/b -> r:^b$", .four, regexType: type, policy: nil, PaperHost.example)
    #expect(trial.outcome.verdict == (type == .osregex ? .found : .notfound))
  }

  /// Rows of our own for OSRegex: pattern, subject, captures; nil is no match.
  @Test(arguments: [
    ("^a|c$", "abc", []), ("\\d+", "a12", []), ("k\\w+(\\d+)", "k1967", ["967"]),
    ("(\\d+)\\.*", "12", ["1"]), ("\\.*(\\d+)", "abc", []), ("a+", "aa", nil), ("a+", "a+", []),
    ("^\\s*\\t*$", "\t ", nil), ("$", "", []), ("$", "a", nil), ("é", "é", nil), ("A.B", "a.b", []),
  ])
  func `OSRegex answers as the original`(
    _ pattern: String, _ subject: String, _ captures: [String]?
  ) throws {
    let regex = try OSRegex(pattern.utf8)
    let got = try regex.match(Array(subject.utf8)[...])
    #expect(got?.map { String(decoding: $0, as: UTF8.self) } == captures)
  }

  @Test(arguments: ["\\n", "\\", "(", ")", "((a))", "(a|b)", "\\["])
  func `OSRegex refuses what the original refuses`(_ pattern: String) {
    #expect(throws: OSRegex.Fault.self) { try OSRegex(pattern.utf8) }
  }

  @Test func `catastrophic patterns end`() throws {
    let start = ContinuousClock.now
    let host = PaperHost(files: [
      "/a": String(repeating: "a", count: 2000) + "!\n" + String(repeating: "b", count: 1_000_000)
    ])
    for (rule, dialect, type) in [
      ("f:/a -> r:^(a+)+$", Dialect.five, RegexType.pcre2),
      ("f:/a -> r:^(a|aa)+$", .four, .pcre2), ("f:/a -> n:^(a|aa)+$ compare > 1", .five, .pcre2),
    ] {
      let outcome = Trial(rule, dialect, regexType: type, policy: nil, host).outcome
      #expect(outcome.verdict == .invalid && outcome.trouble == .limit, "\(rule): \(outcome.why)")
    }
    // The machine of OSRegex has no such patterns: four places to return to are the most it keeps.
    let regex = try OSRegex("\\w+a\\w+a\\w+a\\w+a\\w+b".utf8)
    _ = try? regex.match(Array(repeating: UInt8(ascii: "a"), count: 100_000)[...])
    #expect(ContinuousClock.now - start < .seconds(20))
  }

  @Test func `a file over the limit decides only by what was read`() {
    let budget = { Budget(bytes: 100) }
    let host = PaperHost(files: ["/a": "first\n" + String(repeating: "x\n", count: 100)])
    for (text, dialect, verdict, trouble) in [
      ("f:/a -> r:first", Dialect.four, RuleVerdict.found, Trouble?.none),
      ("f:/a -> r:none", .four, .invalid, .limit), ("not f:/a -> r:none", .four, .invalid, .limit),
      ("f:/a -> !r:none", .five, .invalid, .limit), ("f:/a -> !r:first", .five, .notfound, nil),
      ("f:/a -> none", .five, .invalid, .limit),
    ] {
      let rule = try? Rule(Array(text.utf8), dialect)
      let outcome = rule?.evaluate(host, budget())
      #expect(outcome?.verdict == verdict, "\(text)")
      #expect(outcome?.trouble == trouble, "\(text)")
    }
  }
}
