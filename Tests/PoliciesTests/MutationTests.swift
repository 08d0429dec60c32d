import Configuration
import Testing

@testable import Policies

/// Policies and files as a slip or an attacker changes them: nothing traps, hangs or grows.
struct MutationTests {
  struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 29)
    }
  }

  private func mutated(_ text: [UInt8], _ random: inout Generator) -> [UInt8] {
    var text = text
    let pieces: [[UInt8]] = [
      " -> ", " && ", "r:", "n:", "!", "not ", "\\", "(", ")", "|", "\\d+", "\\s*", "$", "^", "\0",
      "\n", "\r\n", ",", " compare ", ">= 5", "é", "\u{ff}", "*", "'", "\"", "%s", "{", "[",
    ].map { Array($0.utf8) }
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      guard !text.isEmpty else { break }
      let place = Int.random(in: 0..<text.count, using: &random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0: text.remove(at: place)
      case 1: text[place] = UInt8.random(in: 0...255, using: &random)
      case 2: text.insert(contentsOf: pieces.randomElement(using: &random) ?? [], at: place)
      default:
        let end = min(text.count, place + Int.random(in: 1...8, using: &random))
        text.removeSubrange(place..<end)
      }
    }
    return text
  }

  @Test func `mutated policies are read or refused`() {
    let good = Array(
      """
      policy: {id: p, name: n, file: f.yml, description: d}
      requirements: {title: t, description: d, condition: any, rules: ['f:/b', 'not f:$x']}
      variables: {$x: /etc/login.defs}
      checks:
        - id: 1
          title: t
          condition: all
          rules:
            - 'f:$x -> n:^PASS_MAX_DAYS\\s*\\t*(\\d+) compare <= 365 && !r:^#'
            - "not d:/etc/sudoers.d -> r:^a\\\\w+ -> r:NOPASSWD|ALL"
            - 'c:sshd -T -> !r:permitrootlogin yes'
            - 'p:r:sshd'
      """.utf8)
    var random = Generator(state: 16)
    var read = 0
    for _ in 0..<400 {
      let source = Source("p.yml", bytes: mutated(good, &random))
      for dialect in Dialect.allCases {
        guard let policy = try? PolicyLint.read(source, dialect: dialect).policy else { continue }
        read += 1
        let result = policy.evaluate(PaperHost.example)
        #expect(result.checks.count == policy.checks.count)
      }
    }
    #expect(read > 150)
  }

  @Test func `mutated rules have an answer`() {
    var random = Generator(state: 17)
    let rules = [
      "f:/etc/login.defs -> n:^PASS_MAX_DAYS\\s*(\\d+)\\s*$ compare <= 365 && !r:^#",
      "not d:/etc/sudoers.d -> r:\\w+|^a$ -> r:(NOPASSWD)\\.*", "c:sshd -T -> r:\\S+\\s\\p*\\d",
      "p:!r:^s\\w+d$",
    ]
    for _ in 0..<1500 {
      let rule = mutated(Array((rules.randomElement(using: &random) ?? "").utf8), &random)
      let content = mutated(Array("PASS_MAX_DAYS 90\n%admin NOPASSWD\n\\\n".utf8), &random)
      var host = PaperHost.example
      host.files["/etc/login.defs"] = String(decoding: content, as: UTF8.self)
      host.commands["sshd -T"] = .ran(output: content, status: 0)
      for dialect in Dialect.allCases {
        for type in [RegexType.osregex, .pcre2] {
          let outcome = Trial(
            String(decoding: rule, as: UTF8.self), dialect, regexType: type, policy: nil, host
          ).outcome
          #expect(!outcome.why.isEmpty)
        }
      }
    }
  }
}
