import Foundation
import Lab
import Testing

/// `scrape policy`, as authors of policies use it.
@Suite(.timeLimit(.minutes(2))) struct PolicyCommandTests {
  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "policy-\(UUID())")
    try FileManager.default.createDirectory(
      at: folder.appending(path: "root/etc"), withIntermediateDirectories: true)
    try write("root/etc/login.defs", "PASS_MAX_DAYS 90\n")
    try write(
      "outputs.json",
      #"{"sshd -T": {"output": "permitrootlogin no\n", "status": 0}, "processes": ["init"]}"#)
    try write(
      "policy.yml",
      """
      policy: {id: p, name: n, file: f.yml, description: d}
      variables: {$defs: /etc/login.defs}
      checks:
        - {id: 1, title: Days, condition: all, rules: ['f:$defs -> n:^PASS_MAX_DAYS\\s*(\\d+) compare <= 90']}
        - {id: 2, title: Root, condition: none, rules: ['c:sshd -T -> r:^permitrootlogin no']}
        - {id: 3, title: Gone, condition: all, rules: ['f:/etc/gone -> r:x']}
        - {id: 4, title: Processes, condition: all, rules: ['p:r:init']}
      """)
  }

  private func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: folder.appending(path: name))
  }

  private func policy(_ words: String...) throws -> Outcome {
    defer { try? FileManager.default.removeItem(at: folder) }
    return try run(
      Scrape.program,
      ["policy"]
        + words.map { $0.replacingOccurrences(of: "@", with: folder.path() + "/") })
  }

  @Test(arguments: [
    ("f:/etc/login.defs -> r:^PASS", "4", "found\n  /etc/login.defs:1: PASS_MAX_DAYS 90\n"),
    ("not f:/etc/login.defs -> r:^PASS", "5", "notfound\n"),
    ("f:/etc/gone -> r:x", "4", "invalid\n  /etc/gone: no such file or folder\n"),
    ("c:sshd -T -> r:rootlogin no$", "4", "found\n"), ("c:id -> r:x", "4", "invalid\n"),
    ("p:init", "5", "found\n"), ("x:/a", "4", "invalid\n"),
  ])
  func `try tells the answer of a rule and why`(
    _ rule: String, _ dialect: String, _ begins: String
  ) throws {
    let outcome = try policy(
      "try", "--dialect", dialect, "--root", "@root", "--outputs", "@outputs.json", rule)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.hasPrefix(begins), "\(outcome.output)")
  }

  @Test func `try tells the result of each check of a policy`() throws {
    let outcome = try policy(
      "try", "--policy", "@policy.yml", "--root", "@root", "--outputs", "@outputs.json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    for words in [
      "1  passed          Days\n    /etc/login.defs:1: PASS_MAX_DAYS 90\n    rule: f:$defs -> n:",
      "2  failed          Root\n", "3  not applicable  Gone\n", "4  passed          Processes\n",
      "passed 2, failed 1, unknown 0, not applicable 1; score 66 %\n",
    ] {
      #expect(outcome.output.contains(words), "\(outcome.output)")
    }
  }

  @Test func `a rule is tried with the variables of a policy`() throws {
    let outcome = try policy(
      "try", "--policy", "@policy.yml", "--root", "@root", "f:$defs -> r:PASS")
    #expect(outcome.output.hasPrefix("found\n"), "\(outcome.output)")
  }

  @Test func `every member of the JSON is on its page`() throws {
    let page = try String(
      contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../docs/json.md"), encoding: .utf8)
    let section = try #require(
      page.components(separatedBy: "\n## ").first { $0.contains("scrape policy try --json") })
    let outcome = try policy("try", "--policy", "@policy.yml", "--root", "@root", "--json")
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 4)
    for line in lines {
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      for name in object.keys { #expect(section.contains("`\(name)`"), "\(name)") }
    }
  }

  @Test func `lint tells faults with their place, and warnings`() throws {
    try write("policy.yml", "policy: {id: 1}\nchecks: [{id: 1, title: t, condition: all}]\n")
    let outcome = try policy("lint", "@policy.yml")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("policy.yml:1:14: \"id\" is a text, not a number"))
    #expect(outcome.errors.contains("policy.yml:2:10: check 1 without a list of rules"))
  }

  @Test func `lint of a policy that Wazuh takes is status 0`() throws {
    try write(
      "policy.yml",
      """
      policy: {id: p, name: n, file: f.yml, description: d}
      checks:
        - {id: 1, title: t, condition: all, rules: ['c:sshd -T -> !r:x']}
      """)
    let outcome = try policy("lint", "@policy.yml")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("policy.yml:3:"))
    #expect(outcome.errors.contains("always found"))
    #expect(outcome.output.contains("no fault found, 2 warnings"), "\(outcome.output)")
  }

  @Test func `lint takes files and folders, and one fault is enough`() throws {
    try FileManager.default.createDirectory(
      at: folder.appending(path: "more"), withIntermediateDirectories: true)
    let good = try String(contentsOf: folder.appending(path: "policy.yml"), encoding: .utf8)
    try write("more/a.yml", good.replacingOccurrences(of: "id: p,", with: "id: a,"))
    try write("more/b.yaml", good)
    try write("more/notes.txt", "nothing")
    let path = folder.path() + "/"
    let fine = try run(Scrape.program, ["policy", "lint", "\(path)policy.yml", "\(path)more"])
    #expect(fine.status == 0, "\(fine)")
    #expect(fine.output.occurrences(of: "no fault found") == 3, "\(fine.output)")
    #expect(
      fine.errors.contains("b.yaml: the policy p is in \(path)policy.yml, too"), "\(fine.errors)")
    try write("more/c.yml", "checks: []\n")
    let bad = try policy("lint", "@more")
    #expect(bad.status == 2 && bad.errors.contains("c.yml:1:"), "\(bad)")
    #expect(bad.output.occurrences(of: "no fault found") == 2, "\(bad.output)")
  }

  @Test(
    arguments: [
      (["tyr"], "did you mean \"try\""), (["a", "b"], "one PATTERN, or one of try, lint"),
      (["remedy"], "name one host"), (["replay"], "name one file"),
      (["try"], "give a rule in quotes"),
      (["try", "--dialect", "6", "f:/a"], "--dialect takes 4 or 5"),
      (["try", "--root", "/none", "f:/a"], "cannot be opened"),
      (["try", "--regex-type", "x", "f:/a"], "osregex or pcre2"),
      (["lint"], "name files or folders"),
    ] as [([String], String)])
  func `a wrong command line is refused`(_ words: [String], _ says: String) throws {
    try? FileManager.default.removeItem(at: folder)
    let outcome = try run(Scrape.program, ["policy"] + words)
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains(says), "\(outcome.errors)")
  }
}
