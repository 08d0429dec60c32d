import Configuration
import Foundation
import Testing

@testable import Policies

/// The policies of the folder `policies`, on hosts of paper: healthy ones, and ones with a planted
/// violation of each check.
struct OwnPolicyTests {
  private static let names = ["baseline", "sshd", "range"]

  private static let here = URL(filePath: #filePath).deletingLastPathComponent()

  private static func source(_ name: String) throws -> Source {
    let file = here.appending(path: "../../policies/\(name).yml").standardized
    let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
    return Source("\(name).yml", text: text)
  }

  /// `Fixtures/own-policies.json`.
  private struct Fixtures: Decodable {
    var hosts: [String: Host]
    var plants: [Plant]
  }

  /// A healthy host. `outputs` maps commands to what they print.
  private struct Host: Decodable {
    var files: [String: String]
    var folders: [String]
    var outputs: [String: String]
    var processes: [String]
  }

  /// A change of any host that one check must find.
  private struct Plant: Decodable {
    var policy: String
    var check: String
    /// Content, or null where the file is removed.
    var files: [String: String?]?
    /// Folders to make; behind "-" one to leave out.
    var folders: [String]?
    var outputs: [String: String]?
    var processes: [String]?
    /// Processes that do not run.
    var without: [String]?
    /// Further checks that find it: "POLICY ID".
    var also: [String]?

    var key: String { "\(policy) \(check)" }
  }

  private static func fixtures() throws -> Fixtures {
    try JSONDecoder().decode(
      Fixtures.self, from: Data(contentsOf: here.appending(path: "Fixtures/own-policies.json")))
  }

  /// The host with a change.
  private static func planted(_ host: Host, _ plant: Plant) -> Host {
    var host = host
    for (path, content) in plant.files ?? [:] { host.files[path] = content }
    let folders = plant.folders ?? []
    host.folders.removeAll { folders.contains("-\($0)") }
    host.folders += folders.filter { !$0.hasPrefix("-") }
    host.outputs.merge(plant.outputs ?? [:]) { $1 }
    host.processes.removeAll { plant.without?.contains($0) ?? false }
    host.processes += plant.processes ?? []
    return host
  }

  /// The results by "POLICY ID".
  private static func results(
    _ evidence: some Evidence, _ policies: [(name: String, policy: Policy)]
  ) -> [String: CheckResult] {
    var results: [String: CheckResult] = [:]
    for (name, policy) in policies {
      for result in policy.evaluate(evidence).checks {
        results["\(name) \(result.check.id)"] = result
      }
    }
    return results
  }

  private static func paper(_ host: Host) -> PaperHost {
    var files = host.files
    for folder in host.folders { files["\(folder)/.keep"] = "" }
    return PaperHost(
      files: files,
      commands: host.outputs.mapValues { .ran(output: Array($0.utf8), status: 0) },
      processes: .known(host.processes.map { ProcessEntry(name: Array($0.utf8)) }))
  }

  /// Writes the host to a folder of its own for a while.
  private static func withRoot(_ host: Host, _ body: (OfflineEvidence) throws -> Void) throws {
    let manager = FileManager.default
    let root = manager.temporaryDirectory.appending(path: "own-policies-\(UUID())")
    defer { try? manager.removeItem(at: root) }
    let parents = host.files.keys.map {
      $0.split(separator: "/").dropLast().joined(separator: "/")
    }
    for folder in Set(host.folders + parents) {
      try manager.createDirectory(
        at: root.appending(path: folder), withIntermediateDirectories: true)
    }
    for (path, content) in host.files {
      try Data(content.utf8).write(to: root.appending(path: path))
    }
    var outputs: [String: Any] = host.outputs.mapValues {
      ["output": $0, "status": 0] as [String: Any]
    }
    outputs["processes"] = host.processes
    let text = try JSONSerialization.data(withJSONObject: outputs)
    try body(
      OfflineEvidence(
        root: root.path(),
        outputs: Source("outputs.json", text: String(decoding: text, as: UTF8.self))))
  }

  private static func policies() throws -> [(name: String, policy: Policy)] {
    try names.map { ($0, try PolicyReader.read(source($0))) }
  }

  @Test(arguments: names)
  func `lint finds nothing in our policies, and each check says why and what to do`(
    _ name: String
  ) throws {
    let (policy, warnings) = try PolicyLint.read(Self.source(name))
    #expect(warnings.isEmpty, "\(warnings.map(\.oneLine))")
    #expect(policy.id == name && policy.dialect == .five)
    #expect(Set(policy.checks.map(\.id)).count == policy.checks.count)
    #expect(Set(policy.checks.map(\.title)).count == policy.checks.count)
    for check in policy.checks {
      let texts = [check.title, check.description, check.rationale, check.remediation]
      #expect(texts.allSatisfy { !($0 ?? "").isEmpty }, "\(check.id)")
    }
  }

  @Test func `the folder holds these policies and no other`() throws {
    let folder = Self.here.appending(path: "../../policies").standardized
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path())
    #expect(files.sorted() == Self.names.map { "\($0).yml" }.sorted())
  }

  @Test(arguments: ["debian", "rhel", "alpine"])
  func `a healthy host passes, and each planted violation is found, and no other`(
    _ name: String
  ) throws {
    let fixtures = try Self.fixtures()
    let policies = try Self.policies()
    let host = try #require(fixtures.hosts[name])
    let healthy = Self.results(Self.paper(host), policies)
    try Self.withRoot(host) { evidence in
      let results = Self.results(evidence, policies)
      #expect(results.mapValues(\.verdict) == healthy.mapValues(\.verdict))
    }
    for (key, result) in healthy {
      #expect(
        result.verdict == .passed || result.verdict == .notApplicable, "\(key): \(result.why)")
    }
    var found: Set<String> = []
    for plant in fixtures.plants {
      let results = Self.results(Self.paper(Self.planted(host, plant)), policies)
      for (key, result) in results {
        if key == plant.key {
          #expect(result.verdict == .failed, "\(key): \(result.why)")
          if result.verdict == .failed { found.insert(key) }
        } else if !(plant.also ?? []).contains(key) {
          #expect(
            result.verdict == .passed || result.verdict == .notApplicable,
            "\(plant.key) planted, \(key): \(result.why)")
        }
      }
    }
    #expect(Set(healthy.keys).subtracting(found).isEmpty, "without a plant")
  }

  /// What an ordinary account may not read decides nothing.
  @Test func `without sshd -T the file decides, and what it does not say is unknown`() throws {
    let policies = try Self.policies().filter { $0.name == "sshd" }
    let policy = try #require(policies.first).policy
    for (line, wanted) in [
      ("PasswordAuthentication no", CheckVerdict.passed), ("UsePAM yes", .unknown),
    ] {
      let evidence = PaperHost(
        files: ["/etc/ssh/sshd_config": line + "\n"], commands: ["sshd -T": .denied("needs root")])
      let results = policy.evaluate(evidence).checks
      #expect(results.first { $0.check.id == "19" }?.verdict == wanted)
      #expect(results.first { $0.check.id == "23" }?.verdict == .unknown)
      #expect(results.first { $0.check.id == "1" }?.verdict == .passed)
    }
  }
}
