import Collectors
import Configuration
import Foundation
import Metrics
import Testing

@testable import Inventory

private enum FakeCPU: Collector {
  static let name = "cpu"
  static let summary = ""
  static let measurements: [Metrics.Measurement] = []
  static let options = [
    CollectorOption("percpu", .boolean, default: "", ""),
    CollectorOption("top", .integer, default: "", ""),
    CollectorOption("only", .strings, default: "", ""),
  ]
  static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError) {}
}
private enum FakeDisk: Collector {
  static let name = "disk"
  static let summary = ""
  static let measurements: [Metrics.Measurement] = []
  static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError) {}
}
private enum FakeLogins: Collector {
  static let name = "logins"
  static let summary = ""
  static let measurements: [Metrics.Measurement] = []
  static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError) {}
}
private enum FakeProcesses: Collector {
  static let name = "processes"
  static let summary = ""
  static let measurements: [Metrics.Measurement] = []
  static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError) {}
}
private enum FakeGPU: Collector {
  static let name = "gpu"
  static let summary = ""
  static let measurements: [Metrics.Measurement] = []
  static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError) {}
}

/// Collectors to read profiles against, while the real ones change.
let fakes: [any Collector.Type] = [
  FakeCPU.self, FakeDisk.self, FakeLogins.self, FakeProcesses.self, FakeGPU.self,
]

struct SettingsTests {
  private func settings(_ text: String) throws(ConfigurationErrors) -> Settings {
    let source = Source("scrape.yml", text: text)
    let root: Node
    do throws(ConfigurationError) { root = try YAML.read(source) } catch {
      throw ConfigurationErrors(error)
    }
    return try Settings(root, collectors: fakes)
  }

  private func tasks(_ settings: Settings, _ profile: String) -> [String] {
    (settings.profiles[profile]?.tasks ?? []).map { "\($0.collector) \($0.every.text)" }
  }

  @Test func `an empty file has the defaults`() throws {
    let settings = try settings("")
    #expect(settings.fanout == 100 && settings.deadline == .seconds(60))
    #expect(settings.store == Settings.Store(path: nil, keep: .seconds(604_800), size: 1 << 30))
    #expect(settings.sinks == nil && settings.sections.isEmpty)
    #expect(tasks(settings, "linux") == ["cpu 0s", "disk 1m", "logins 1m", "processes 1m"])
    #expect(tasks(settings, "gpu") == ["cpu 0s", "disk 1m", "logins 1m", "processes 1m", "gpu 0s"])
  }

  @Test func `everything set is understood`() throws {
    let settings = try settings(
      """
      fanout: 20
      deadline: 30
      connect_timeout: 500ms
      lateness: 2m
      delivery_timeout: 3s
      series: 500
      bytes: 1MiB
      store: {path: /var/lib/x.db, keep: 2d, size: 64MiB}
      sinks: [{stdout: }]
      rules: [a]
      """)
    #expect(settings.fanout == 20 && settings.deadline == .seconds(30))
    #expect(settings.connectTimeout == .milliseconds(500) && settings.lateness == .seconds(120))
    #expect(settings.deliveryTimeout == .seconds(3))
    #expect(settings.series == 500 && settings.bytes == 1 << 20)
    #expect(
      settings.store
        == Settings.Store(path: "/var/lib/x.db", keep: .seconds(172_800), size: 64 << 20))
    #expect(settings.sinks?.items?.count == 1 && settings.sections["rules"]?.items?.count == 1)
  }

  @Test(
    arguments: [
      (
        "linux: {collectors: {cpu: {every: 15s, percpu: no}, disk: 5m}}", "linux",
        ["cpu 15s", "disk 5m", "logins 1m", "processes 1m"]
      ),
      (
        "p: {extends: gpu, collectors: {logins: off, processes: false}}", "p",
        ["cpu 0s", "disk 1m", "gpu 0s"]
      ),
      ("p: {collectors: {disk: , cpu: on}}", "p", ["cpu 0s", "disk 1m"]),
      ("p: {collectors: [disk, cpu]}", "p", ["cpu 0s", "disk 1m"]),
      ("q: {extends: p}\n  p: {collectors: [gpu]}", "q", ["gpu 0s"]),
      (
        "linux: {collectors: {disk: 5m}}\n  p: {extends: linux}", "p",
        ["cpu 0s", "disk 5m", "logins 1m", "processes 1m"]
      ),
      (
        "p: {extends: linux}\n  linux: {collectors: {disk: off}}", "p",
        ["cpu 0s", "logins 1m", "processes 1m"]
      ),
      (
        "linux: {extends: linux, collectors: {disk: off}}", "linux",
        ["cpu 0s", "logins 1m", "processes 1m"]
      ),
    ] as [(String, String, [String])])
  func `profiles build on each other`(text: String, name: String, expected: [String]) throws {
    #expect(tasks(try settings("profiles:\n  \(text)\n"), name) == expected)
  }

  @Test func `options have their types`() throws {
    let profile = try settings(
      "profiles: {p: {deadline: 9s, collectors: {cpu: {percpu: no, top: 5, only: [a, b]}}}}"
    ).profiles["p"]
    let options = try #require(profile?["cpu"]?.options)
    #expect(options.boolean("percpu", default: true) == false)
    #expect(options.integer("top", default: 1) == 5)
    #expect(options.strings("only", default: []) == ["a", "b"])
    #expect(profile?.deadline == .seconds(9))
  }

  @Test(
    arguments: [
      ("fanuot: 3", "unknown key \"fanuot\" in scrape.yml", "did you mean \"fanout\"?"),
      ("fanout: 0", "fanout must be a whole number from 1 to 10000", nil),
      (
        "deadline: 1x", "deadline must be a length of time, found text",
        "write it as 500ms, 15s, 1m, 2h or 1d"
      ),
      ("store: {keep: 1s}", "keep must be from 1m to 3660d", nil),
      ("store: {sise: 1}", "unknown key \"sise\" in store", "did you mean \"size\"?"),
      ("store: 5", "store must be a mapping of names to values, found text", nil),
      (
        "profiles: {p: {collectors: {cqu: }}}", "unknown collector \"cqu\"", "did you mean \"cpu\"?"
      ),
      (
        "profiles: {p: {collectors: {cpu: {prcpu: 1}}}}",
        "unknown option \"prcpu\" in collector \"cpu\"", "did you mean \"percpu\"?"
      ),
      (
        "profiles: {p: {collectors: {cpu: {top: many}}}}",
        "top must be a whole number from 0 to 2147483647, found text", nil
      ),
      ("profiles: {p: {extends: linus}}", "unknown profile \"linus\"", "did you mean \"linux\"?"),
      ("profiles: {p: {extends: q}, q: {extends: p}}", "profile \"q\" extends itself", "p → q → p"),
      ("profiles: {p: {extends: p}}", "profile \"p\" extends itself", nil),
      ("[1]", "scrape.yml must be a mapping of names to values, found a list", nil),
    ] as [(String, String, String?)])
  func `a wrong setting is an error that helps`(text: String, problem: String, hint: String?) throws
  {
    let errors = try #require(throws: ConfigurationErrors.self) { try settings(text) }
    #expect(errors.errors.first?.problem == problem)
    #expect(errors.errors.first?.hint == hint)
  }

  /// Before, a host's began at a second, and a collector's short form went to ten years.
  @Test(arguments: [("0", nil), ("366d", nil), ("367d", "0s to 366d")] as [(String, String?)])
  func `every takes the same range for hosts, collectors and BMCs`(text: String, range: String?)
    throws
  {
    func problem(_ body: () throws -> Void) -> String? {
      do { try body() } catch { return (error as? ConfigurationErrors)?.errors.first?.problem }
      return nil
    }
    let faults = [
      problem { _ = try settings("profiles: {p: {collectors: {cpu: \(text)}}}") },
      problem { _ = try settings("profiles: {p: {collectors: {cpu: {every: \(text)}}}}") },
      problem { _ = try InventoryFolder.inventory("g: {hosts: {a: {every: \(text)}}}") },
      problem {
        _ = try InventoryFolder.inventory(
          "g: {hosts: {a: {bmc: {address: 10.0.0.1, every: \(text)}}}}")
      },
    ]
    for fault in faults {
      if let range {
        #expect(fault?.hasSuffix("must be from \(range)") == true, "\(fault ?? "nothing")")
      } else {
        #expect(fault == nil)
      }
    }
  }

  @Test func `an unknown profile of a host is an error`() throws {
    let inventory = try InventoryFolder.inventory("g: {hosts: {a: {profile: gqu}, b: }}")
    var findings = Findings()
    try settings("").checkProfiles(of: inventory, &findings)
    #expect(findings.errors.map(\.problem) == ["unknown profile \"gqu\""])
    #expect(findings.errors.first?.hint == "did you mean \"gpu\"?")
  }

  @Test(
    .enabled(if: !collectors.isEmpty), arguments: Profile.builtIn.flatMap(\.collectors))
  func `a built-in profile names only collectors that are there`(name: String) {
    #expect(collectors.contains { $0.name == name })
  }
}
