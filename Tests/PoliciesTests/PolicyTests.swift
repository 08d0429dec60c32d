import Configuration
import Testing

@testable import Policies

struct PolicyTests {
  /// Rules of the checks: F is found, N is not, I is invalid, P needs a permission, M is no rule.
  private static let rules: [Character: String] = [
    "F": "f:/b", "N": "f:/none", "I": "f:/none -> r:x", "P": "f:/etc/shadow -> r:x",
  ]

  private func policy(
    _ checks: String, head: String = "", dialect: Dialect = .four
  ) throws -> Policy {
    let text = """
      policy: {id: p, name: n, file: f.yml, description: d}
      \(head)
      checks:
      \(checks)
      """
    return try PolicyReader.read(Source("p.yml", text: text), dialect: dialect)
  }

  @Test(arguments: [
    ("all", "FF", "passed"), ("all", "FN", "failed"), ("all", "IN", "failed"),
    ("all", "FI", "not applicable"), ("any", "NF", "passed"), ("any", "IF", "passed"),
    ("any", "NN", "failed"), ("any", "NI", "not applicable"), ("none", "NN", "passed"),
    ("none", "NF", "failed"), ("none", "IF", "failed"), ("none", "NI", "not applicable"),
    // What could not be read decides nothing.
    ("all", "FP", "unknown"), ("all", "PN", "failed"), ("any", "PF", "passed"),
    ("any", "PN", "unknown"), ("none", "NP", "unknown"), ("none", "PF", "failed"),
    ("all", "IP", "unknown"),
  ])
  func `a condition decides a check`(_ condition: String, _ rules: String, _ wanted: String) throws
  {
    let list = rules.map { "\"\(Self.rules[$0] ?? "")\"" }.joined(separator: ", ")
    for dialect in Dialect.allCases {
      let policy = try policy(
        "  - {id: 1, title: t, condition: \(condition), rules: [\(list)]}", dialect: dialect)
      let result = policy.evaluate(PaperHost.example)
      #expect(result.checks[0].verdict.rawValue == wanted, "\(dialect) \(result.checks[0].why)")
      #expect(!result.checks[0].why.isEmpty)
    }
  }

  @Test func `the rule that decides is told, and later ones are not evaluated`() throws {
    let policy = try policy(
      "  - {id: 1, title: t, condition: any, rules: ['f:/none', 'f:/b -> r:B', 'f:/none']}")
    let check = policy.evaluate(PaperHost.example).checks[0]
    #expect(check.decidedBy == 1 && check.outcomes.count == 2)
    #expect(check.line?.text == Array("B".utf8))
  }

  @Test func `requirements that are not met leave every check not applicable`() throws {
    for (rule, wanted) in [("f:/b", CheckVerdict.passed), ("f:/none", .notApplicable)] {
      let policy = try policy(
        "  - {id: 1, title: t, condition: all, rules: ['f:/b']}",
        head:
          "requirements: {title: t, description: d, condition: all, rules: ['\(rule)']}")
      #expect(policy.evaluate(PaperHost.example).checks.map(\.verdict) == [wanted])
    }
    let hidden = try policy(
      "  - {id: 1, title: t, condition: all, rules: ['f:/b']}",
      head: "requirements: {title: t, description: d, condition: all, rules: ['f:/etc/shadow']}")
    #expect(hidden.evaluate(PaperHost.example).checks.map(\.verdict) == [.unknown])
  }

  @Test func `variables are replaced, the longest name first`() throws {
    let policy = try policy(
      """
        - {id: 1, title: t, condition: all, rules: ['f:$bb']}
        - {id: 2, title: t, condition: all, rules: ['f:$b']}
      """, head: "variables: {$b: /b, $bb: /none}")
    #expect(
      policy.evaluate(PaperHost.example).checks.map(\.verdict.rawValue) == ["failed", "passed"])
  }

  @Test(arguments: [
    (53, 47, 52), (59, 41, 58), (1, 1, 50), (0, 3, 0), (3, 0, 100), (2, 1, 66),
  ])
  func `the score is that of Wazuh`(_ passed: Int, _ failed: Int, _ wanted: Int) {
    #expect(PolicyResult.score(passed: passed, failed: failed) == wanted)
  }

  @Test func `the score differs from exact division at 53 and 59 percent only`() {
    var different: Set<Int> = []
    var count = 0
    for passed in 0...300 {
      for failed in 0...300 where passed + failed > 0 {
        let exact = 100 * passed / (passed + failed)
        if PolicyResult.score(passed: passed, failed: failed) != exact {
          count += 1
          different.insert(exact)
        }
      }
    }
    #expect(count == 10 && different == [53, 59])
    #expect(PolicyResult.score(passed: 0, failed: 0) == nil)
  }

  /// A fault of dialect 4: its line and column, and its words.
  @Test(arguments: [
    ("policy: {id: 1, name: n, file: f, description: d}\nchecks: []", 1, 14, "\"id\" is a text"),
    ("policy: {id: p, name: n, file: f}\nchecks: []", 1, 9, "without \"description\""),
    ("checks: []", 1, 1, "no section \"policy\""),
    ("policy: {id: p, name: n, file: f, description: d}", 1, 1, "no section \"checks\""),
    (head + "  - {title: t}", 3, 5, "a check without an id"),
    (head + "  - {id: \"1\", title: t}", 3, 10, "is a number, not a text"),
    (head + "  - {id: 1, title: t, condition: all}", 3, 5, "without a list of rules"),
    (head + "  - {id: 1, title: t, condition: all, rules: [x]}", 3, 47, "begins with f:, d:"),
    (head + "  - {id: 1, title: t, condition: all, rules: ['f:/a', 5]}", 3, 55, "not a number"),
    (
      head + "  - {id: 1, rules: ['f:/a']}\n  - {id: 1.5, rules: ['f:/a']}", 4, 5,
      "the id 1 stands twice; the first is on line 3"
    ),
    ("variables: {a: b}\n" + head, 1, 13, "begins with \"$\""),
    ("a: [", 1, 5, "did not find expected node"),
  ])
  func `a fault has its line and column`(
    _ text: String, _ line: Int, _ column: Int, _ words: String
  ) throws {
    let errors = try #require(throws: ConfigurationErrors.self) {
      _ = try PolicyReader.read(Source("p.yml", text: text), dialect: .four)
    }
    let error = try #require(
      errors.errors.first { $0.problem.contains(words) }, "\(errors.description)")
    #expect((error.line, error.column) == (line, column), "\(error)")
  }

  static let head = "policy: {id: p, name: n, file: f, description: d}\nchecks:\n"

  @Test(arguments: [
    (head + "  - {id: 1, title: t, condition: all, rules: ['f:/a']}", Dialect.four),
    (head + "  - {id: 1, name: t, condition: all, rules: ['f:/a']}", .five),
    ("dialect: 5\n" + head + "  - {id: 1, title: t, condition: all, rules: ['f:/a']}", .five),
    ("dialect: 4.14\n" + head + "  - {id: 1, title: t, condition: all, rules: ['f:/a']}", .four),
  ])
  func `the dialect is told from the file`(_ text: String, _ wanted: Dialect) throws {
    #expect(try PolicyReader.read(Source("p.yml", text: text)).dialect == wanted)
  }

  @Test func `another dialect is refused`() {
    #expect(throws: ConfigurationErrors.self) {
      _ = try PolicyReader.read(Source("p.yml", text: "dialect: 6\n" + Self.head))
    }
  }

  @Test func `version 5 takes ids of text and replaces variables everywhere`() throws {
    let text = """
      policy: {id: p, name: n}
      variables: {$what: B}
      checks:
        - {id: one, name: Has $what, condition: all, rules: ['f:/b -> r:^$what$']}
        - {id: 2, name: t, condition: all, rules: ['f:']}
      """
    let policy = try PolicyReader.read(Source("p.yml", text: text))
    #expect(policy.checks.map(\.id) == ["one", "2"])
    #expect(policy.checks[0].title == "Has B")
    #expect(
      policy.evaluate(PaperHost.example).checks.map(\.verdict) == [.passed, .unknown])
  }
}
