import Configuration
import Metrics
import Testing

@testable import Rules
@testable import Passes

private func read(_ text: String) throws -> Node { try YAML.read(Source("scrape.yml", text: text)) }

private func rules(_ text: String) throws -> [Rule] {
  var findings = Findings()
  let rules = Rule.all(from: try read(text), in: .all, &findings)
  try findings.finish()
  return rules
}

@Suite struct RuleTests {
  @Test(arguments: [
    ("cpu.usage_active", nil as String?), ("cpu.usage_active{cpu=cpu-total}", nil),
    ("ipmi_sensor.value{name=~\"fan.*\",unit!=rpm}", nil),
    ("cpu", "is no metric"), ("cpo.usage_active", "unknown measurement \"cpo\""),
    ("cpu.usage_activ", "unknown field \"usage_activ\""), ("scrape.reason", "is a text"),
    ("cpu.usage_active{cpu", "do not end in"), ("cpu.usage_active{cpu}", "compares no tag"),
    ("cpu.usage_active{cpu=~(}", "is no regular expression"),
  ])
  func `a selector is read, or refused with the reason`(text: String, problem: String?) throws {
    let node = try read("\"\(text.replacing("\"", with: "\\\""))\"")
    do {
      _ = try Selector(node, in: .all)
      #expect(problem == nil)
    } catch {
      #expect(problem.map { error.description.contains($0) } == true, "\(error)")
    }
  }

  @Test func `a selector finds its series and names them`() throws {
    let selector = try Selector(
      read("\"disk.used_percent{fstype=ext4,path!~/(boot|run).*}\""), in: .all)
    var point = Point("disk", tags: [Tag("path", "/"), Tag("fstype", "ext4")])
    point.float("used_percent", 93)
    #expect(selector.value(of: point, tags: []) == 93)
    #expect(selector.instance(of: point) == "path=/")
    point.tags[0] = Tag("path", "/boot/efi")
    #expect(selector.value(of: point, tags: []) == nil)
    point.tags = [Tag("path", "/")]
    #expect(selector.value(of: point, tags: [Tag("fstype", "ext4")]) == 93)
  }

  struct Case: Sendable {
    var text: String
    var bad: [Double] = []
    var good: [Double] = []
  }

  static let cases = [
    Case(text: "> 90", bad: [90.1], good: [90]), Case(text: ">= 90", bad: [90]),
    Case(text: "< 5GiB", bad: [5e9]), Case(text: "<= 5", bad: [5], good: [5.1]),
    Case(text: "!= 0", bad: [1], good: [0]), Case(text: "== 3", bad: [3]),
    Case(text: "10", bad: [-0.1, 10.1], good: [0, 10]), Case(text: "10:", bad: [9.9], good: [1e9]),
    Case(text: "~:10", bad: [11], good: [-1e9]), Case(text: "10:20", bad: [9, 21], good: [15]),
    Case(text: "@10:20", bad: [10, 20], good: [9, 21]), Case(text: "< 4h", bad: [14_399]),
    Case(text: "> 95%", bad: [96]),
  ]

  @Test(arguments: cases)
  func `thresholds are comparisons or Nagios's ranges`(row: Case) throws {
    let threshold = try Threshold(read("\"\(row.text)\""), "minor")
    for value in row.bad { #expect(threshold.isCrossed(by: value), "\(value)") }
    for value in row.good { #expect(!threshold.isCrossed(by: value), "\(value)") }
  }

  @Test(
    arguments: [
      ("> 90", [90], [true]), ("<= 5GiB", [5_368_709_120], [false]), ("!= 0", [], []),
      ("10:20", [10, 20], [false, true]), ("@10:20", [10, 20], [true, false]), ("10", [10], [true]),
      ("10:", [10], [false]), ("~:10", [10], [true]), ("0:40", [0, 40], [false, true]),
    ] as [(String, [Double], [Bool])])
  func `a chart has a line where a value becomes bad`(
    _ text: String, _ values: [Double], _ areBadAbove: [Bool]
  ) throws {
    let lines = try Threshold(read("\"\(text)\""), "minor").lines
    #expect(lines.map(\.value) == values)
    #expect(lines.map(\.isBadAbove) == areBadAbove)
  }

  @Test(arguments: ["", ">", "> x", "20:10", "a:b", "> nan", "1:2:3"])
  func `what is no threshold is refused`(text: String) throws {
    let node = try read("\"\(text)\"")
    #expect(throws: ConfigurationError.self) { try Threshold(node, "minor") }
  }

  @Test func `a value that is hardly better is as bad as before`() throws {
    let rule = try #require(
      try rules("hot: {when: cpu.usage_active, minor: \"> 80\", critical: \"> 95\", clear: 5}")
        .first)
    #expect(rule.severity(of: 96, now: .ok) == .critical)
    #expect(rule.severity(of: 92, now: .critical) == .critical)
    #expect(rule.severity(of: 90, now: .critical) == .minor)
    #expect(rule.severity(of: 78, now: .minor) == .minor)
    #expect(rule.severity(of: 75, now: .minor) == .ok)
    #expect(rule.severity(of: 78, now: .ok) == .ok)
  }

  @Test(arguments: [
    ("a: {minor: \"> 1\"}", "looks at nothing"), ("a: {when: mem.used}", "has no threshold"),
    ("a: {when: mem.used, minr: 1}", "unknown key \"minr\""),
    ("a: {when: mem.used, minor: 1, for: 0}", "for must be"),
    ("a: {when: mem.used, minor: 1, window: avg}", "window must be"),
    ("a: {when: mem.used, minor: 1, window: mean 5m}", "unknown figure \"mean\""),
    ("a: {when: mem.used, minor: 1, clear: -1}", "clear must be"),
    ("[{a: {when: mem.used, minor: 1}}, {a: {when: mem.used, minor: 1}}]", "two rules \"a\""),
    ("\"full {path=/}\": {when: mem.used, minor: 1}", "contains {"),
  ])
  func `faults of rules are reported`(text: String, problem: String) throws {
    do {
      _ = try rules(text)
      Issue.record("\(text) was taken")
    } catch let errors as ConfigurationErrors {
      #expect(errors.description.contains(problem), "\(errors)")
    }
  }

  @Test func `Nagios's word for minor is taken`() throws {
    let rule = try #require(try rules("a: {when: mem.used_percent, warning: 80}").first)
    #expect(rule.severity(of: 81, now: .ok) == .minor)
  }

  @Test func `windows give figures of what was`() throws {
    func figure(_ text: String, _ values: [Double]) throws -> Double? {
      let window = try Window(read("\"\(text) 1h\""))
      return window.figure(
        values.enumerated().map {
          (Timestamp(nanoseconds: Int64($0) * 60_000_000_000), $1)
        })
    }
    #expect(try figure("avg", [1, 2, 6]) == 3 && figure("min", [3, 1]) == 1)
    #expect(try figure("max", [3, 1]) == 3 && figure("delta", [3, 1, 10]) == 7)
    #expect(try figure("rate", [0, 60, 120]) == 1 && figure("count", [5, 5]) == 2)
    // One percent a minute from 50 to 54: 46 minutes are left.
    let left = try #require(try figure("time_to_full", [50, 51, 52, 53, 54]))
    #expect(abs(left - 46 * 60) < 1e-6)
    // What does not rise is never full, which ends the trouble; of too few values nothing is known.
    #expect(try figure("time_to_full", [54, 53, 52]) == .infinity)
    #expect(try figure("time_to_full", [54, 54, 54]) == .infinity)
    #expect(try figure("time_to_full", [50, 60]) == nil)
    #expect(try figure("avg", []) == nil && figure("rate", [1]) == nil)
    #expect(try figure("time_to_full", [99, 100, 101]) == 0)
  }
}
