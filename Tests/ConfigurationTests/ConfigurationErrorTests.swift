import Testing

@testable import Configuration

struct ConfigurationErrorTests {
  @Test func `an error is printed as compilers print theirs`() throws {
    let text =
      String(repeating: "\n", count: 13) + "      vars: {probes: [icmp, htpp:8080, https]}\n"
    let root = try YAML.read(Source("inventory/hosts.yml", text: text))
    let probe = try #require(root["vars"]?["probes"]?.items?[1])
    let error = ConfigurationError(
      "unknown probe \"htpp\"", at: probe, count: 4,
      hint: "did you mean \"http\"?  (scrape probe --list shows all)")
    #expect(
      error.description == """
        inventory/hosts.yml:14:29: unknown probe "htpp"
         14 |       vars: {probes: [icmp, htpp:8080, https]}
            |                             ^~~~
        did you mean "http"?  (scrape probe --list shows all)
        """)
    #expect(error.asWarning.description.hasPrefix("inventory/hosts.yml:14:29: warning: unknown"))
  }

  @Test func `a part of a quoted word is underlined where it stands`() throws {
    let node = try YAML.read(Source("a.yml", text: "\"tcp:113 colsed\""))
    let error = ConfigurationError("unknown word", at: node, from: 8, count: 6)
    #expect(
      error.description == """
        a.yml:1:10: unknown word
         1 | "tcp:113 colsed"
           |          ^~~~~~
        """)
  }

  @Test(
    arguments: [
      ("password: hunter2", "password: •••"),
      ("a: {password: hunter2, port: 5}", "a: {password: •••, port: 5}"),
      ("a: {\"api_token\": \"hun,ter2\", port: 5}", "a: {\"api_token\": •••, port: 5}"),
      ("ansible_ssh_pass: hunter, two # x", "ansible_ssh_pass: •••"),
      ("web1 ansible_password=hunter2 port=5", "web1 ansible_password=•••"),
      ("url: http://me:hunter2@host/db", "url: http://•••@host/db"),
      ("password: 'it''s hunter2' # x", "password: ••• # x"),
      ("password: \"a\\\"hunter2\" # x", "password: ••• # x"),
      ("w password='a'\"hunter2\"", "w password=•••"),
      ("a: {password: 'hunter2", "a: {password: •••"),
      ("password: ${PASSWORD}", "password: ${PASSWORD}"),
      ("a: {password: file:pw, port: 5}", "a: {password: file:pw, port: 5}"),
      ("token: credential:influx", "token: credential:influx"),
      ("port: 5", "port: 5"), ("key: ~/.ssh/id", "key: ~/.ssh/id"),
      ("a: \u{1b}[2J\u{202e}", "a: \\x1b[2J\\u{202e}"),
    ])
  func `secrets and control characters are not printed`(line: String, shown: String) {
    let source = Source("a.yml", text: line)
    let error = ConfigurationError("wrong", at: Mark(source: source, line: 1, column: 1))
    #expect(error.excerpt?.text == shown)
    #expect(!error.description.contains("hunter"))
  }

  @Test func `a secret on lines of its own is not printed`() {
    let source = Source("a.yml", text: "a:\n  password: |\n    hunter2\n    more\n  port: x\n")
    for line in 3...4 {
      let error = ConfigurationError("wrong", at: Mark(source: source, line: line, column: 5))
      #expect(error.excerpt?.text == "    •••")
      #expect(error.excerpt?.indent == 4)
    }
    let error = ConfigurationError("wrong", at: Mark(source: source, line: 5, column: 9))
    #expect(error.excerpt?.text == "  port: x")
  }

  @Test func `of a long line the part around the spot is shown`() throws {
    let source = Source(
      "a.yml",
      text: String(repeating: "x", count: 300) + "HERE" + String(repeating: "y", count: 300))
    let excerpt = try #require(
      ConfigurationError("wrong", at: Mark(source: source, line: 1, column: 301), length: 4).excerpt
    )
    #expect(excerpt.text.count == 102 && excerpt.width == 4)
    #expect(Array(excerpt.text)[excerpt.indent..<excerpt.indent + 4] == ["H", "E", "R", "E"])
  }

  @Test func `a place beyond the line does not trap`() {
    let source = Source("a.yml", text: "ab\n")
    for (line, column) in [(0, 0), (1, 99), (2, 1), (9, 9), (-1, -1)] {
      let error = ConfigurationError(
        "wrong", at: Mark(source: source, line: line, column: column), length: 50)
      #expect(error.description.contains("wrong"))
    }
  }

  @Test func `findings are kept once and in order`() {
    let source = Source("a.yml", text: "a\nb\n")
    var findings = Findings()
    for line in [2, 1, 2] {
      findings.add(ConfigurationError("wrong", at: Mark(source: source, line: line, column: 1)))
    }
    #expect(findings.errors.map(\.line) == [1, 2])
    let all = ConfigurationErrors(
      (0..<40).map { ConfigurationError("wrong \($0)", file: "x") })
    #expect(all.description.hasSuffix("x: wrong 29\n\nand 10 more"))
  }
}
