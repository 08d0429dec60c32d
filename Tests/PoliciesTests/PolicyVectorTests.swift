import Configuration
import Foundation
import Testing

@testable import Policies

@Suite(.enabled(if: SharedVectors.areThere, "no ../shared/captures beside the checkout"))
struct PolicyVectorTests {
  /// Rows where this program does not copy the engine: docs/decisions/0081-policies.md.
  static let decided: Set<String> = [
    // A malformed rule leaves its check unknown; Wazuh 4 ends the scan, Wazuh 5 goes on without it.
    "1571", "1573", "1705", "1706", "1714", "1717",
    // A text of the wrong type: the check is shown; Wazuh 4 counts it and shows it nowhere.
    "1748", "1750",
    // The file is refused; it crashes Wazuh 4.
    "1738", "1739", "1741", "1745", "1747",
  ]

  /// A policy of one check, as JSON, which is YAML.
  private func policy(
    _ row: [String], _ section: String, condition: String, rules: [String]
  ) throws -> Source {
    let member: [String: Any] = [
      "id": 1, "title": "t", "name": "t", "description": "d", "condition": condition,
      "rules": rules,
    ]
    let check: [String: Any] = [
      "id": 1, "title": "t", "name": "t", "condition": "all", "rules": ["f:/y"],
    ]
    var whole: [String: Any] = [
      "policy": [
        "id": "p", "name": "n", "file": "f", "description": "d", "regex_type": row[3],
      ]
    ]
    whole["checks"] = section == "checks" ? [member] : [check]
    if section == "requirements" { whole["requirements"] = member }
    let data = try JSONSerialization.data(
      withJSONObject: whole, options: [.withoutEscapingSlashes, .sortedKeys])
    return Source("policy.yml", bytes: [UInt8](data))
  }

  private func evidence(_ inputs: VectorInputs, _ raw: String) throws -> (URL, OfflineEvidence) {
    let root = try inputs.makeRoot()
    return (root, try OfflineEvidence(root: root.path(), outputs: try inputs.outputs(raw)))
  }

  @Test(arguments: [Dialect.four, .five])
  func `every row of checks and requirements agrees, or is a decision`(_ dialect: Dialect) throws {
    let rows = try SharedVectors.rows("rules.tsv").filter { ["check", "req"].contains($0[2]) }
    #expect(rows.count > 100)
    var different: [String] = []
    for row in rows where !Self.decided.contains(row[0]) {
      // Wazuh 4 refuses the file of some rules that its evaluator knows: the column says so.
      let isRefused = dialect == .four && row[8] == "rejected" && row[2] == "check"
      let wanted = isRefused ? "refused" : dialect == .four ? row[7] : row[9]
      let inputs = try JSONDecoder().decode(VectorInputs.self, from: Data(row[6].utf8))
      let rules = try JSONDecoder().decode([String].self, from: Data(row[5].utf8))
      let section = row[2] == "req" ? "requirements" : "checks"
      let source = try policy(row, section, condition: row[4], rules: rules)
      let (root, evidence) = try evidence(inputs, row[6])
      defer { try? FileManager.default.removeItem(at: root) }
      let got: String
      if let policy = try? PolicyReader.read(source, dialect: dialect) {
        let result = policy.evaluate(evidence)
        if section == "requirements" {
          got = result.requirements == .met ? "met" : "notmet"
        } else {
          let check = try #require(result.checks.first)
          got =
            check.check.fault != nil
            ? dialect == .four ? "skipped" : "nocheck"
            : check.verdict == .notApplicable ? "na" : check.verdict.rawValue
        }
      } else {
        got = "refused"
      }
      if got != wanted {
        different.append("\(row[0]) \(row[4]) \(row[5]) wanted \(wanted), got \(got)")
      }
    }
    #expect(different.isEmpty, "\(different.count) differ:\n\(different.joined(separator: "\n"))")
  }

  @Test func `Wazuh 4's look at a rule when it loads a file is the same`() throws {
    var different: [String] = []
    for row in try SharedVectors.rows("rules.tsv") where ["rule", "check"].contains(row[2]) {
      let rules = try JSONDecoder().decode([String].self, from: Data(row[5].utf8))
      let source = try policy(row, "checks", condition: "all", rules: rules)
      let isRefused = (try? PolicyReader.read(source, dialect: .four)) == nil
      if isRefused != (row[8] == "rejected") { different.append("\(row[0]) \(row[5]) \(row[8])") }
    }
    #expect(different.isEmpty, "\(different.count) differ:\n\(different.joined(separator: "\n"))")
  }

  @Test func `every whole policy agrees, or is a decision`() throws {
    let root = FileManager.default.temporaryDirectory.appending(path: "sca-\(UUID())")
    let folder = root.appending(path: "dev/shm/sca-pol")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data("x\n".utf8).write(to: folder.appending(path: "y"))
    defer { try? FileManager.default.removeItem(at: root) }
    let evidence = try OfflineEvidence(root: root.path(), outputs: nil)
    var different: [String] = []
    let rows = try SharedVectors.rows("rules.tsv").filter { $0[2] == "policy" }
    #expect(rows.count > 80)
    for row in rows where !Self.decided.contains(row[0]) {
      struct Inputs: Decodable { var yaml: Data }
      let yaml = try JSONDecoder().decode(Inputs.self, from: Data(row[6].utf8)).yaml
      let got: String
      if let policy = try? PolicyReader.read(
        Source("policy.yml", bytes: [UInt8](yaml)), dialect: .four)
      {
        let result = policy.evaluate(evidence)
        if result.requirements == .met {
          let shown = result.checks.filter { $0.check.fault == nil }
          let checks = shown.map { "\($0.check.id)=\($0.verdict.rawValue)" }
          let counts =
            "p\(result.count(.passed)) f\(result.count(.failed)) "
            + "i\(result.count(.notApplicable))"
          got = (["accepted"] + checks + ["|", counts]).joined(separator: " ")
        } else {
          got = "requirements-not-met"
        }
      } else {
        got = "refused"
      }
      var wanted = row[7]
      if wanted.hasPrefix("rejected") || ["yamlerror", "nodoc"].contains(wanted) {
        wanted = "refused"
      }
      if got != wanted { different.append("\(row[0]) \(row[10]): wanted \(wanted), got \(got)") }
    }
    #expect(different.isEmpty, "\(different.count) differ:\n\(different.joined(separator: "\n"))")
  }

  @Test func `a malformed rule leaves the check unknown, and the others go on`() throws {
    for (id, wanted) in [
      ("1705", ["1=unknown"]), ("1717", ["1=passed", "2=unknown", "3=passed"]),
    ] {
      let row = try #require(try SharedVectors.rows("rules.tsv").first { $0[0] == id })
      struct Inputs: Decodable { var yaml: Data }
      let yaml = try JSONDecoder().decode(Inputs.self, from: Data(row[6].utf8)).yaml
      let root = FileManager.default.temporaryDirectory.appending(path: "sca-\(UUID())")
      let folder = root.appending(path: "dev/shm/sca-pol")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try Data("x\n".utf8).write(to: folder.appending(path: "y"))
      defer { try? FileManager.default.removeItem(at: root) }
      let policy = try PolicyReader.read(
        Source("policy.yml", bytes: [UInt8](yaml)), dialect: .four)
      let result = policy.evaluate(try OfflineEvidence(root: root.path(), outputs: nil))
      #expect(result.checks.map { "\($0.check.id)=\($0.verdict.rawValue)" } == wanted)
    }
  }
}
