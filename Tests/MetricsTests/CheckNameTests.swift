import Glibc
import Metrics
import Testing

/// Names of checks, and the patterns by which people choose them.
@Suite struct CheckNameTests {
  @Test(
    arguments: [
      ("ssh", .ssh), ("bmc", .bmc), ("service https", .service("https")),
      ("rule disk full", .rule("disk full", series: "")),
      ("rule disk full{path=/}", .rule("disk full", series: "path=/")),
      ("paths tcp:80", .paths("tcp:80")),
      ("rule a{name=x{1}}", .rule("a", series: "name=x{1}")), ("gateway", .own("gateway")),
    ] as [(String, CheckName)])
  func `the text of the store is read and written alike`(text: String, name: CheckName) {
    #expect(CheckName(text) == name)
    #expect(name.text == text)
  }

  @Test(
    arguments: [
      ("service https", "https", true), ("service https", "service *", true),
      ("service https", "ssh", false), ("rule disk full{path=/}", "disk*", true),
      ("rule disk full{path=/}", "rule disk full{*", true), ("ssh", "[hs]*", true),
      ("service https", "[hs]*", true), ("bmc", "[!b]*", false),
    ])
  func `a pattern is that of the whole name or of its own part`(
    text: String, pattern: String, holds: Bool
  ) {
    #expect(CheckName(text).matches(pattern) == holds)
  }

  @Test(
    arguments: [
      ("web3", "web[1-4]", true), ("web5", "web[1-4]", false), ("web5", "web[!1-4]", true),
      ("a]", "a[]]", true), ("a-", "a[x-]", true), ("a[b", "a[b", true), ("a*", "a\\*", true),
      ("ab", "a\\*", false), ("abc", "a?c", true), ("ac", "a?c", false), ("aXbXc", "a*b*c", true),
      ("", "*", true), ("", "?", false), ("abc", "*[c]", true),
    ])
  func `a glob reads brackets and escapes as fnmatch does`(
    name: String, pattern: String, holds: Bool
  ) {
    #expect(matches(name, anyOf: [pattern]) == holds)
  }

  @Test func `a glob agrees with fnmatch`() {
    let bytes = Array("ab-[]!^\\*?".utf8)
    var random = SystemRandomNumberGenerator()
    func text(_ length: Int) -> String {
      let picked = (0..<length).map { _ in bytes.randomElement(using: &random) ?? 0 }
      return String(decoding: picked, as: UTF8.self)
    }
    for _ in 0..<200_000 {
      let (name, pattern) = (text(.random(in: 0...4)), text(.random(in: 0...8)))
      // In an unclosed bracket that ends so, glibc matches nothing instead of the bracket itself.
      if pattern.hasSuffix("-") { continue }
      let wanted = fnmatch(pattern, name, 0) == 0
      #expect(Glob(pattern).matches(name) == wanted, "\(name) \(pattern)")
    }
    for name in ["alpha", "digit", "space", "punct", "xdigit", "cntrl", "upper"] {
      for byte in UInt8(1)..<128 {
        let text = String(decoding: [byte], as: UTF8.self)
        let pattern = "[x[:\(name):]_]"
        #expect(
          Glob(pattern).matches(text) == (fnmatch(pattern, text, 0) == 0), "\(pattern) \(byte)")
      }
    }
  }
}
