import Configuration
import Testing

@testable import Policies

struct LintTests {
  private func warnings(
    _ rules: String, condition: String = "all", dialect: Dialect = .four, extra: String = ""
  ) throws -> [ConfigurationError] {
    let text = """
      policy: {id: p, name: n, file: f.yml, description: d\(extra)}
      checks:
        - id: 7
          title: t
          condition: \(condition)
          rules: [\(rules)]
      """
    return try PolicyLint.read(Source("p.yml", text: text), dialect: dialect).warnings
  }

  /// A rule, its dialect, and what lint says of it; "" is nothing.
  @Test(arguments: [
    ("f:/a -> r:^x", 4, ""), ("c:sshd -T -> r:^permitrootlogin no", 4, ""),
    ("not f:/a -> r:^\\s*x && n:y=(\\d+) compare >= 5", 4, ""),
    ("d:/etc/cron.d -> r:\\.conf$ -> r:x", 4, ""), ("p:auditd", 4, ""),
    // An operator is missing.
    ("f:/a->r:x", 4, "an arrow without a space"), ("f:/a ->", 4, "an arrow without a space"),
    ("f:/a r:x", 4, "no \" -> \" before \"r:\""),
    ("f:/a -> ^x", 4, "an operator is missing"), ("f:/a -> x\\s*y", 4, "an operator is missing"),
    ("f:/a ->  r:x", 4, "a space or a \"!\" too many"),
    ("f:/a -> ! r:x", 4, "a space or a \"!\" too many"),
    ("f:/a -> r:x &&r:y", 4, "\"&&\" without a space"),
    ("f:/a -> n:(\\d+) compare 5", 4, "no operator to compare with"),
    ("f:/a -> n:(\\d+)", 4, "without \" compare \""),
    ("f:/a -> n:\\d+ compare > 5", 4, "without a group"),
    ("f:/a -> q && r:x", 5, "an operator is missing"), ("f:/a -> R:x", 5, "an operator is missing"),
    // An impossible comparison.
    ("f:/a -> n:(\\d+) compare < 0", 4, "an impossible comparison"),
    ("f:/a -> n:(\\d\\d) compare > 99", 4, "an impossible comparison"),
    ("f:/a -> n:a(\\d+) compare > 5 && n:a(\\d+) compare < 3", 4, "an impossible comparison"),
    ("f:/a -> n:(\\d+) compare >= 0", 4, "every number"),
    ("f:/a -> n:(\\d+) compare > -5", 4, "the sign of the number"),
    ("f:/a -> n:(\\d+) compare =< 5", 4, "is taken for \"==\""),
    ("f:/a -> n:(\\d+) compare = 5", 5, "is no operator"),
    ("f:/a -> n:(\\d+) compare >= x", 5, "is no number"),
    ("f:/a -> r:x && !r:x", 4, "cannot both hold"),
    // Patterns that are something else.
    ("f:/a -> r:(a|b)", 4, "does not compile"), ("f:/a -> r:(", 5, "does not compile"),
    ("f:/a -> r:a.*b", 4, "is plain text in OSRegex"),
    ("f:/a -> r:[a-z]", 4, "is plain text in OSRegex"), ("f:/a -> r:ab+", 4, "only escapes repeat"),
    ("f:/a -> r:x^y", 4, "\"^\" is plain text"), ("f:/a -> r:é", 4, "not ASCII"),
    ("f:/a -> n:x=(\\d+)\\s*$ compare > 1", 4, "captures nothing"),
    // A branch hidden by another.
    ("f:/a -> r:no|none", 4, "is hidden by \"no\""), ("f:/a -> r:^x|^xy", 4, "is hidden by \"^x\""),
    ("f:/a -> r:^\\s*no|^\\s*no\\s+x", 4, "is hidden by"), ("f:/a -> r:a\\d|a\\d+", 4, ""),
    ("f:/a -> r:x|", 4, "is empty and matches every line"), ("f:/a -> r:no|yes", 4, ""),
    ("f:/a -> r:^none|^no$", 4, ""),
    // Always, never.
    ("c:sshd -T", 4, "always found, and does not run"),
    ("c:sshd -T -> !r:x", 4, "the empty line behind the last line feed"),
    ("c:sshd -T -> r:^$", 4, "the empty line behind the last line feed"),
    ("f:/a -> !r:x", 4, "as soon as one line is another"), ("f:/a -> !r:x", 5, ""),
    ("p:/usr/sbin/auditd", 4, "at most 15 bytes"),
    // Places.
    ("f:a -> r:x", 4, "does not begin with \"/\""), ("f:/etc/*.conf", 4, "stand for themselves"),
    ("f:/a, /b", 4, "a space at an end"), ("f:/a,/b", 5, "knows no lists"),
    ("f:$x/a", 4, "no variable $x"),
    // What Wazuh 5 trims.
    ("f:/a -> r:^x ", 5, "removes the blank at the end"), ("f:/a -> x\t", 5, "removes the blank"),
    ("f:/a -> r:^x ", 4, ""), ("f:/a ", 5, ""),
    // Commands.
    ("c:sh -c \\\"rm x\\\" -> r:x", 4, "sh can run anything"),
    ("c:systemctl stop x -> r:x", 4, "systemctl is allowed with is-enabled"),
  ])
  func `lint says what is odd in a rule`(_ rule: String, _ dialect: Int, _ wanted: String) throws {
    let quoted = rule.contains("\\\"") ? rule.replacing("\\\"", with: "\"") : rule
    let all = try warnings("'\(quoted)'", dialect: dialect == 4 ? .four : .five)
    let told = all.map(\.oneLine).joined(separator: "\n")
    if wanted.isEmpty {
      #expect(all.isEmpty, "\(rule): \(told)")
    } else {
      #expect(told.contains(wanted), "\(rule): \(told)")
    }
  }

  @Test(arguments: [
    ("any", "'c:ls'", "cannot fail"), ("none", "'f:/a -> r:('", "cannot fail"),
    ("all", "'f:/a', 'f:/b -> r:('", "cannot pass"), ("all", "'f:/a', 'not f:/a'", "cannot pass"),
    ("any", "'f:/a', 'not f:/a'", "cannot fail"), ("none", "'c:ls -> !r:x'", "cannot pass"),
  ])
  func `a check that cannot fail or pass is told`(
    _ condition: String, _ rules: String, _ wanted: String
  ) throws {
    let told = try warnings(rules, condition: condition).map(\.problem)
    #expect(told.contains("check 7 \(wanted) as it is written"), "\(told)")
  }

  @Test(arguments: [
    ("any", "'f:/a -> r:^no', 'f:/a -> r:^no\\s*x'", true),
    ("any", "'f:/a -> r:^no && r:y', 'f:/a -> r:y && r:^no && !r:z'", true),
    ("any", "'f:/a -> r:^no', 'f:/b -> r:^no\\s*x'", false),
    ("any", "'f:/a -> r:^no$', 'f:/a -> r:^no\\s*x'", false),
    ("all", "'f:/a -> r:^no', 'f:/a -> r:^no\\s*x'", false),
  ])
  func `a rule that another one hides is told`(
    _ condition: String, _ rules: String, _ isHidden: Bool
  ) throws {
    let told = try warnings(rules, condition: condition).map(\.problem)
    #expect(told.contains { $0.hasPrefix("met only where rule 1 is") } == isHidden, "\(told)")
  }

  @Test func `a text over several lines and an equal rule are told`() throws {
    let text = """
      policy: {id: p, name: n, file: f.yml, description: d}
      checks:
        - id: 7
          title: t
          condition: all
          rules:
            - >
              f:/a -> x
            - 'f:/b'
            - 'f:/b'
      """
    let told = try PolicyLint.read(Source("p.yml", text: text)).warnings
    #expect(told.contains { $0.problem.contains("spans a line") && $0.line == 7 })
    #expect(told.contains { $0.problem.contains("the same rule as rule 2") && $0.line == 10 })
  }

  @Test func `unknown and repeated keys are told with the nearest word`() throws {
    let text = """
      policy: {id: p, name: n, file: f.yml, description: d}
      checks:
        - {id: 1, title: t, condition: all, rules: ['f:/a'], remidiation: x, title: u}
      extra: 1
      """
    let told = try PolicyLint.read(Source("p.yml", text: text)).warnings.map(\.oneLine)
    #expect(told.contains { $0.hasPrefix("p.yml:3:56: unknown key") && $0.contains("remediation") })
    #expect(told.contains { $0.contains("\"title\" stands twice") })
    #expect(told.contains { $0.hasPrefix("p.yml:4:1: unknown key \"extra\"") })
  }

  @Test func `the place of a part of a rule is told`() throws {
    let all = try warnings("'f:/a -> r:x && r:no|none'")
    let place = try #require(all.first { $0.problem.contains("hidden") })
    #expect(place.line == 6)
    #expect(place.column == 31)
  }

  @Test(arguments: [
    ("sshd -T", true), ("/usr/sbin/sshd -T", true), ("sshd", false), ("/tmp/sshd -T", false),
    ("sysctl net.ipv4.ip_forward", true), ("sysctl -w net.ipv4.ip_forward=0", false),
    ("sysctl net.ipv4.ip_forward=0", false), ("mount", true), ("mount /dev/sda1 /mnt", false),
    ("systemctl is-enabled auditd", true), ("systemctl disable auditd", false),
    ("iptables -nvL", true), ("iptables -L INPUT -v -n", true), ("iptables -F", false),
    ("iptables -L -Z", false), ("auditctl -l", true), ("auditctl -s -e 0", false),
    ("auditctl -D", false), ("find /etc -name x", true), ("find / -delete", false),
    ("find / -exec rm {} ;", false), ("rpm -qa", true), ("rpm -q audit", true),
    ("rpm -e audit", false), ("rpm -qa --pipe x", false), ("rpm --eval %(id)", false),
    ("dpkg -s x", true), ("dpkg -i x", false), ("dpkg-query -W x", true), ("useradd -D", true),
    ("useradd -D -s /bin/x", false), ("useradd x", false), ("passwd -S root", true),
    ("passwd -l root", false), ("modprobe -n -v cramfs", true), ("modprobe cramfs", false),
    ("nft list ruleset", true), ("nft flush ruleset", false), ("nft -f x list ruleset", false),
    ("sh -c ls", false), ("sudo ls", false), ("curl x", false), ("rm x", false),
    ("nginx", false), ("nginx -v", true), ("crontab -l -u root", true), ("crontab -r", false),
    ("ip addr show", true), ("ip link set eth0 down", false), ("ip a", true),
    ("tail -5f x", false), ("tail -n 5 x", true), ("ss -D x", false), ("ss -tln", true),
    ("firewall-cmd --state", true), ("firewall-cmd --add-port 1/tcp", false),
    ("service iptables save", false), ("journalctl -u x", true), ("dmesg -C", false),
  ])
  func `commands that only read are allowed`(_ command: String, _ isAllowed: Bool) {
    let refusal = AllowedCommands().refusal(of: Array(command.utf8))
    #expect((refusal == nil) == isAllowed, "\(command): \(refusal ?? "allowed")")
  }

  @Test func `the operator allows more`() {
    #expect(AllowedCommands(extra: ["oscap"]).refusal(of: Array("oscap info x".utf8)) == nil)
    #expect(AllowedCommands().refusal(of: Array("oscap info x".utf8)) != nil)
  }
}
