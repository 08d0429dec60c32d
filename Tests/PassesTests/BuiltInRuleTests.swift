import Configuration
import Metrics
import Testing

@testable import Rules
@testable import Passes

private func rules(_ text: String?) throws -> [Rule] {
  var findings = Findings()
  let node = try text.map { try YAML.read(Source("scrape.yml", text: $0)) }
  let rules = Rule.all(from: node, in: .all, &findings)
  try findings.finish()
  return rules
}

@Suite struct BuiltInRuleTests {
  @Test func `the built-in rules are read without a fault, and look at fields that are written`()
    throws
  {
    let all = try rules(nil)
    #expect(all.count == BuiltInRules.pairs().count && all.count >= 20)
    #expect(all.allSatisfy { $0.origin == .builtIn })
    for rule in all {
      let type = Catalog.all.field(rule.selector.field, of: rule.selector.measurement)?.type
      #expect(type == .integer || type == .float, "\(rule.name)")
    }
    // What the issue asks for, each by the measurement it is of.
    for wanted in [
      "disk.used_percent", "disk.inodes_used_percent", "disk.turned_read_only",
      "mem.available_percent", "system.load5_per_cpu", "scrape.clock_offset_s",
      "scrape.since_reboot_s", "mdstat.DisksDown", "nvidia_smi.temperature_gpu",
      "nvidia_smi.ecc_errors_volatile_dram_uncorrectable", "gpu_health.lost", "ipmi_sensor.state",
      "ipmi_chassis.power_fault", "x509_cert.expiry",
    ] {
      let metrics = all.map { "\($0.selector.measurement).\($0.selector.field)" }
      #expect(metrics.contains(wanted), "\(wanted)")
    }
  }

  @Test(arguments: BuiltInRules.pairs().map(\.name))
  func `each built-in rule can be switched off`(_ name: String) throws {
    let all = try rules("{\(name): off}")
    #expect(all.filter { $0.origin == .off }.map(\.name) == [name])
    #expect(all.count == BuiltInRules.pairs().count)
  }

  @Test func `all can be switched off, and single ones left on`() throws {
    let all = try rules("{built_in: off, disk full: on, mine: {when: mem.used, minor: \"> 1\"}}")
    #expect(all.filter { $0.origin != .off }.map(\.name) == ["mine", "disk full"])
  }

  @Test func `a built-in rule can be changed key by key`() throws {
    let all = try rules("disk full: {warning: \"> 80\", major: off, hosts: web*}")
    let rule = try #require(all.first { $0.name == "disk full" })
    #expect(rule.origin == .changed && rule.hosts == "web*")
    #expect(rule.severity(of: 81, now: .ok) == .minor && rule.severity(of: 96, now: .ok) == .minor)
    #expect(rule.severity(of: 97.5, now: .ok) == .critical)
    #expect(rule.clear == 1)
  }

  @Test func `a rule of the same name takes its place`() throws {
    let all = try rules("disk full: {when: \"disk.used_percent{path=/}\", critical: \"> 50\"}")
    let named = all.filter { $0.name == "disk full" }
    #expect(named.count == 1 && named[0].origin == .file && named[0].thresholds.count == 1)
  }

  @Test(arguments: [
    ("disk ful: off", "did you mean \"disk full\""), ("disk full: 90", "must be a mapping, or off"),
    ("built_in: perhaps", "built_in must be true or false"),
    ("disk full: {minor: off, major: off, critical: off}", "has no threshold"),
    ("a: {when: event.over, minor: \"> 0\"}", "an event happens once, and has no state"),
    ("a: {when: scrape_doctor.canary, minor: \"> 0\"}", "`scrape doctor` writes it, never a pass"),
    ("a: {when: service_summary.score, minor: \"< 90\", hosts: web*}", "is of no host"),
    ("a: {when: service_summary.score, minor: \"< 90\", profile: linux}", "is of no host"),
  ])
  func `faults are named`(text: String, problem: String) throws {
    let errors = try #require(throws: ConfigurationErrors.self) { try rules(text) }
    #expect(errors.description.contains(problem), "\(errors)")
  }

  @Test(arguments: [
    ("service_summary.score", ["all"]), ("service_summary.score{type=https}", ["type=https"]),
    ("service_summary.score{type=~.*}", ["type=https", "type=ssh"]),
    ("service_summary.score{group=web}", ["group=web"]),
    ("service_summary.score{group=~.*,type=https}", ["group=web type=https"]),
    ("service_summary.score{team=blue}", ["team=blue"]),
    ("service_summary.score{scope=group_type}", ["group=web type=https"]),
  ])
  func `a score is that of the scope whose tags are named`(text: String, wanted: [String]) throws {
    let selector = try Selector(
      YAML.read(Source("scrape.yml", text: "\"\(text)\"")), in: .all)
    let scopes: [(String, [Metrics.Tag])] = [
      ("all", []), ("type", [Tag("type", "https")]), ("type", [Tag("type", "ssh")]),
      ("group", [Tag("group", "web")]),
      ("group_type", [Tag("group", "web"), Tag("type", "https")]),
      ("tag_team", [Tag("team", "blue")]),
    ]
    var found: [String] = []
    for (scope, tags) in scopes {
      var point = Point("service_summary", tags: [Tag("scope", scope)] + tags)
      point.float("score", 50)
      guard selector.value(of: point, tags: []) != nil else { continue }
      let words = tags.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
      found.append(words.isEmpty ? scope : words)
    }
    #expect(found == wanted)
  }

  @Test(arguments: [
    ("nvidia_smi", ["index": "0", "pstate": "P8"], ["index": "0", "pstate": "P0"]),
    ("disk", ["path": "/", "mode": "rw"], ["path": "/", "mode": "ro"]),
    (
      "ipmi_sensor", ["name": "fan", "status_code": "ok"], ["name": "fan", "status_code": "cr"]
    ),
    (
      "mdstat", ["Name": "md0", "ActivityState": "active"],
      ["Name": "md0", "ActivityState": "recovering"]
    ),
    ("http_response", ["server": "u", "result": "success"], ["server": "u", "result": "timeout"]),
  ])
  func `a series keeps its name when its state changes`(
    measurement: String, before: [String: String], after: [String: String]
  ) throws {
    let field = Catalog.all.fields(of: measurement)?.first {
      Catalog.all.field($0, of: measurement)?.type != .string
    }
    let selector = try Selector(
      YAML.read(Source("scrape.yml", text: "\"\(measurement).\(field ?? "")\"")), in: .all)
    func name(_ tags: [String: String]) -> String {
      selector.instance(of: Point(measurement, tags: tags.map { Tag($0.key, $0.value) }))
    }
    #expect(name(before) == name(after) && !name(before).isEmpty)
  }
}
