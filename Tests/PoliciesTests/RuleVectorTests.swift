import Configuration
import Foundation
import Testing

@testable import Policies

/// What a row of `rules.tsv` gives to the engine.
struct VectorInputs: Decodable {
  struct Command: Decodable {
    var cmd: String
    var out: String
    var exit: Int
    var fate: String
  }

  var files: [String: String]?
  var links: [String: String]?
  var dirs: [String]?
  var fifos: [String]?
  var modes: [String: String]?
  var uid: Int?
  var vars: [String: String]?
  var commands: [Command]?
  var remote: Bool?
  var remote_commands: Bool?
  var check_regex_type: String?

  /// A folder with the files, made anew.
  func makeRoot() throws -> URL {
    let root = FileManager.default.temporaryDirectory.appending(path: "sca-\(UUID())")
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    func place(_ path: String) throws -> String {
      let full = root.path() + path
      try FileManager.default.createDirectory(
        atPath: (full as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      return full
    }
    for path in dirs ?? [] {
      try FileManager.default.createDirectory(
        atPath: root.path() + path, withIntermediateDirectories: true)
    }
    for (path, content) in (files ?? [:]).sorted(by: { $0.key < $1.key }) {
      let bytes = try #require(Data(base64Encoded: content))
      try bytes.write(to: URL(filePath: try place(path)))
    }
    for (path, target) in links ?? [:] {
      try FileManager.default.createSymbolicLink(
        atPath: try place(path), withDestinationPath: target)
    }
    for path in fifos ?? [] { mkfifo(try place(path), 0o644) }
    for (path, mode) in modes ?? [:] {
      chmod(root.path() + path, mode_t(mode, radix: 8) ?? 0)
    }
    return root
  }

  /// The JSON of `--outputs`.
  func outputs(_ raw: String) throws -> Source {
    var members: [String: Any] = [:]
    for command in commands ?? [] {
      let output = String(decoding: try #require(Data(base64Encoded: command.out)), as: UTF8.self)
      switch command.fate {
      case "ok": members[command.cmd] = ["output": output, "status": command.exit]
      case "timeout": members[command.cmd] = ["timeout": true]
      default: break
      }
    }
    let whole = try #require(
      try JSONSerialization.jsonObject(with: Data(raw.utf8)) as? [String: Any])
    if let processes = whole["processes"] { members["processes"] = processes }
    if remote == true, let remote_commands { members["remote_commands"] = remote_commands }
    let data = try JSONSerialization.data(withJSONObject: members)
    return Source("outputs.json", bytes: [UInt8](data))
  }
}

// One after the other: some rows run as another user.
@Suite(
  .enabled(if: SharedVectors.areThere, "no ../shared/captures beside the checkout"), .serialized)
struct RuleVectorTests {
  private func verdict(
    _ row: [String], _ dialect: Dialect, _ roots: inout [String: URL]
  ) throws -> String {
    let inputs = try JSONDecoder().decode(VectorInputs.self, from: Data(row[6].utf8))
    let rules = try JSONDecoder().decode([String].self, from: Data(row[5].utf8))
    let pairs = (inputs.vars ?? [:]).map { (name: Array($0.key.utf8), value: Array($0.value.utf8)) }
    if dialect == .four, pairs.contains(where: { $0.name.first != 0x24 }) { return "badvars" }
    let type = RegexType(word: inputs.check_regex_type ?? row[3])
    let rule: Rule
    do throws(Rule.Fault) {
      rule = try Rule(
        Array(rules[0].utf8), dialect, regexType: type, variables: Variables(pairs))
    } catch {
      return dialect == .four ? "abort" : error.dropsCheck ? "nocheck" : "norule"
    }
    let root = try roots[row[6]] ?? inputs.makeRoot()
    roots[row[6]] = root
    if let uid = inputs.uid { seteuid(uid_t(uid)) }
    defer { if inputs.uid != nil { seteuid(0) } }
    let evidence = try OfflineEvidence(root: root.path(), outputs: try inputs.outputs(row[6]))
    return rule.evaluate(evidence).verdict.rawValue
  }

  @Test(arguments: [Dialect.four, .five])
  func `every row of single rules agrees with the engine`(_ dialect: Dialect) throws {
    let rows = try SharedVectors.rows("rules.tsv").filter { $0[2] == "rule" }
    #expect(rows.count > 900)
    var different: [String] = []
    var roots: [String: URL] = [:]
    defer {
      for root in roots.values { try? FileManager.default.removeItem(at: root) }
    }
    for row in rows {
      let wanted = dialect == .four ? row[7] : row[9]
      guard wanted != "-" else { continue }
      let got = try verdict(row, dialect, &roots)
      if got != wanted {
        different.append(
          "\(row[0]) \(row[3]) \(row[5]) wanted \(wanted), got \(got): \(row[6]) \(row[10])")
      }
    }
    #expect(
      different.isEmpty,
      "\(different.count) differ:\n\(different.prefix(40).joined(separator: "\n"))")
  }

  @Test func `command texts and output are split as the engine splits them`() throws {
    for row in try SharedVectors.rows("rules.tsv") {
      switch row[2] {
      case "argv":
        let text = try JSONDecoder().decode([String].self, from: Data(row[5].utf8))[0]
        let wanted = try JSONDecoder().decode([String].self, from: Data(row[7].utf8))
        #expect(Lines.words(text.utf8).map { String(decoding: $0, as: UTF8.self) } == wanted)
      case "lines":
        struct Output: Decodable { var out: Data }
        let output = try JSONDecoder().decode(Output.self, from: Data(row[6].utf8)).out
        let wanted = try JSONDecoder().decode([Data].self, from: Data(row[7].utf8))
        #expect(Lines.ofOutput(output).map { Data($0) } == wanted, "row \(row[0])")
      default: break
      }
    }
  }
}
