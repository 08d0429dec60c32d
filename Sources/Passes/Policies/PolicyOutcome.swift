public import Metrics
public import Policies
public import Store

/// The result of a policy on a host: what the store keeps and people see.
public struct PolicyOutcome: Sendable, Equatable {
  /// The result of one check.
  public struct Check: Sendable, Equatable {
    public var id: String
    public var title: String
    public var verdict: CheckVerdict
    /// The reason in one line. May hold the host's words.
    public var why: String
    /// The rule that decided; nil if all or none of them did.
    public var rule: String?
    /// Where the line that decided stands, and the line.
    public var source: String?
    public var line: Int?
    public var text: String?
  }

  public var host: String
  /// The name in scrape.yml.
  public var policy: String
  public var time: Timestamp
  /// Why it does not apply, or cannot be evaluated; nil where its requirements are met.
  public var requirements: String?
  public var checks: [Check]

  public func count(_ verdict: CheckVerdict) -> Int { checks.count { $0.verdict == verdict } }

  public var score: Int? {
    PolicyResult.score(passed: count(.passed), failed: count(.failed))
  }

  /// Takes a result; lines of files that hold secrets are not shown.
  init(_ result: PolicyResult, of policy: String, on host: String, at time: Timestamp) {
    self.host = host
    self.policy = policy
    self.time = time
    switch result.requirements {
    case .met: requirements = nil
    case .notMet(let why): requirements = "not met: \(why)"
    case .unknown(let why): requirements = "unknown: \(why)"
    }
    checks = result.checks.map { result in
      let rule = result.decidedBy.flatMap {
        result.check.rules.indices.contains($0) ? result.check.rules[$0].shown : nil
      }
      let line = result.line
      let isSecret = line.map { HostCollection.isSecret($0.source) } ?? false
      return Check(
        id: result.check.id, title: result.check.title, verdict: result.verdict,
        why: isSecret ? "a line that is not shown decides" : result.why, rule: rule,
        source: line.map { Self.text($0.source) }, line: line?.number,
        text: line.map { isSecret ? "(not shown)" : Self.text($0.text) })
    }
  }

  /// At most that many bytes of a line are kept.
  private static let lineLimit = 400

  private static func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.prefix(lineLimit), as: UTF8.self).visible
  }

  // MARK: Points

  public static let measurements = [
    Measurement(
      "policy", "Result of evaluating a policy on the host, each time it is evaluated.",
      source: "what the policy's rules read: files, folders, processes, commands", isOurs: true,
      tags: ["policy": "name in `scrape.yml`"],
      fields: [
        .integer("passed", "failed", means: "Checks with that result"),
        .integer(
          "not_applicable",
          means: "Checks that do not apply to the host: no rule decides them, and one is invalid"),
        .integer(
          "unknown",
          means: "Checks that could not be decided: no permission, a limit, not allowed here"),
        .integer(
          "score", unit: .percent,
          means: "passed / (passed + failed), cut to a whole number; absent if both are 0"),
      ]),
    Measurement(
      "policy_check", "A check of a policy whose result changed, at the time of its evaluation.",
      source: "the monitor itself", isOurs: true,
      tags: ["policy": "name in `scrape.yml`", "check": "id of the check"],
      fields: [
        .string("result", means: "`passed`, `failed`, `not applicable`, `unknown`"),
        .string("previous", means: "The result before; absent for a check that is new"),
        .string("title", means: "Title of the check"),
      ]),
  ]

  /// The point of the policy.
  var point: Point {
    var point = Point("policy", tags: [Tag("policy", policy)])
    point.integer("passed", Int64(count(.passed)))
    point.integer("failed", Int64(count(.failed)))
    point.integer("not_applicable", Int64(count(.notApplicable)))
    point.integer("unknown", Int64(count(.unknown)))
    point.integer("score", score.map(Int64.init))
    return point
  }

  /// A point for each check whose result differs from the earlier one. Without an earlier outcome
  /// there is none: nothing changed.
  func changes(from earlier: PolicyOutcome?) -> [Point] {
    guard let earlier else { return [] }
    let before = Dictionary(
      earlier.checks.map { ($0.id, $0.verdict) }, uniquingKeysWith: { first, _ in first })
    return checks.compactMap { check in
      guard before[check.id] != check.verdict else { return nil }
      var point = Point("policy_check", tags: [Tag("policy", policy)])
      point.tag("check", check.id)
      point.string("result", check.verdict.rawValue)
      point.string("previous", before[check.id]?.rawValue)
      point.string("title", check.title)
      return point
    }
  }

  /// The state of the host's check `policy NAME`.
  func target(_ severity: Severity) -> TargetOutcome {
    let failed = checks.filter { $0.verdict == .failed }
    let unknown = checks.filter { $0.verdict == .unknown }
    var outcome = TargetOutcome(
      target: CheckName.policy(policy).text, up: failed.isEmpty && unknown.isEmpty, severity: .ok)
    func list(_ some: [Check]) -> String {
      some.prefix(8).map(\.id).joined(separator: ", ") + (some.count > 8 ? ", …" : "")
    }
    if !failed.isEmpty {
      outcome.severity = severity
      outcome.reason = .policyFailed
      let score = score.map { "; score \($0) %" } ?? ""
      outcome.message =
        "\(failed.count) of \(Format.count(checks.count, "check")) failed: \(list(failed))\(score)"
    } else if !unknown.isEmpty {
      outcome.severity = .unknown
      outcome.message =
        "\(unknown.count) of \(Format.count(checks.count, "check")) unknown: \(list(unknown)): "
        + (unknown.first?.why ?? "")
    }
    return outcome
  }

  // MARK: The store

  var record: Store.PolicyRecord {
    Store.PolicyRecord(
      host: host, policy: policy, time: time, body: json.bytes, counts: counts,
      findings: checks.filter { $0.verdict == .failed || $0.verdict == .unknown }.map { check in
        Store.PolicyFinding(
          id: check.id, title: check.title, verdict: check.verdict.rawValue, why: check.why)
      })
  }

  private var counts: Store.PolicyCounts {
    var counts = Store.PolicyCounts()
    counts.passed = count(.passed)
    counts.failed = count(.failed)
    counts.unknown = count(.unknown)
    counts.notApplicable = count(.notApplicable)
    return counts
  }

  /// All of it.
  public var json: JSON {
    .object([
      ("host", .string(host)), ("policy", .string(policy)), ("time", .time(time)),
      ("passed", .integer(Int64(count(.passed)))), ("failed", .integer(Int64(count(.failed)))),
      ("not_applicable", .integer(Int64(count(.notApplicable)))),
      ("unknown", .integer(Int64(count(.unknown)))),
      ("score", score.map { .integer(Int64($0)) } ?? .null),
      ("requirements", requirements.map { .string($0) } ?? .null),
      ("checks", .array(checks.map(\.json))),
    ])
  }

  /// Reads a record; nil if it is damaged.
  public init?(_ record: Store.PolicyRecord) {
    guard let json = JSON(reading: record.body) else { return nil }
    host = record.host
    policy = record.policy
    time = record.time
    requirements = json["requirements"]?.string
    checks = (json["checks"]?.elements ?? []).compactMap(Check.init)
  }
}

extension PolicyOutcome.Check {
  /// The check, with its empty parts left out.
  public var json: JSON {
    var members: [(String, JSON)] = [
      ("id", .string(id)), ("title", .string(title)), ("result", .string(verdict.rawValue)),
      ("why", .string(why)),
    ]
    if let rule { members.append(("rule", .string(rule))) }
    if let source { members.append(("source", .string(source))) }
    if let line { members.append(("line", .integer(Int64(line)))) }
    if let text { members.append(("text", .string(text))) }
    return .object(members)
  }

  fileprivate init?(_ json: JSON) {
    guard let id = json["id"]?.string, let title = json["title"]?.string,
      let verdict = json["result"]?.string.flatMap(CheckVerdict.init(rawValue:))
    else { return nil }
    self.id = id
    self.title = title
    self.verdict = verdict
    why = json["why"]?.string ?? ""
    rule = json["rule"]?.string
    source = json["source"]?.string
    line = json["line"]?.integer.map { Int($0) }
    text = json["text"]?.string
  }
}
