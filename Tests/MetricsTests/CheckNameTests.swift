import Metrics
import Testing

/// Names of checks, and the patterns by which people choose them.
@Suite struct CheckNameTests {
  @Test(
    arguments: [
      ("ssh", .ssh), ("bmc", .bmc), ("service https", .service("https")),
      ("rule disk full", .rule("disk full", series: "")),
      ("rule disk full{path=/}", .rule("disk full", series: "path=/")),
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
}
