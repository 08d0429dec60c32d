/// What a pass said of each check, and what it should have said.
struct Verdicts {
  /// The findings of the newest pass.
  private(set) var findings: [Check: Finding] = [:]
  /// Changes of state that the pass wrote down, and to which severity.
  private(set) var changes: [(check: Check, severity: String)] = []

  private static let severities = ["ok", "minor", "major", "critical", "unknown"]

  /// Reads the points of one pass. Findings of older ones, that were delivered late, are left out.
  init(_ points: [PointLine], since start: Int64) {
    for point in points where point.time >= start || point.measurement == "event" {
      let host = point.tags["host"] ?? ""
      switch point.measurement {
      case "service":
        let state = (point.fields["state"]?.dropLast()).flatMap { Int($0) } ?? 4
        findings[Check(host: host, name: "service \(point.tags["service"] ?? "")")] = Finding(
          severity: Self.severities[min(max(state, 0), 4)], reason: point.fields["reason"])
      case "scrape":
        let problems = (point.fields["problems"]?.dropLast()).flatMap { Int($0) } ?? 0
        var finding = Finding.ok
        if point.fields["up"] != "1i" {
          finding = .down(point.tags["target"] ?? "", point.fields["reason"] ?? "?")
        } else if problems > 0 {
          finding = .problems(problems)
        }
        findings[Check(host: host, name: point.tags["target"] ?? "")] = finding
      case "event" where point.tags["source"] == "check":
        changes.append(
          (
            Check(host: host, name: point.fields["subject"] ?? ""), point.tags["severity"] ?? ""
          ))
      default: break
      }
    }
  }

  /// A check of which a pass said something else than it should.
  struct Wrong: CustomStringConvertible {
    var check: Check
    var expected: [Finding]
    var got: String

    var description: String {
      let right = expected.map(\.description).joined(separator: " or ")
      return "\(check): expected \(right.isEmpty ? "nothing" : right), got \(got)"
    }
  }

  /// All checks whose finding is not one of those expected, also where there is none, or one too many.
  func wrong(_ expected: [Check: [Finding]]) -> [Wrong] {
    var wrong: [Wrong] = []
    for (check, right) in expected where !check.isRule && !right.isEmpty {
      let got = findings[check]
      if got.map({ right.contains($0) }) != true {
        wrong.append(Wrong(check: check, expected: right, got: got?.description ?? "nothing"))
      }
    }
    for (check, finding) in findings where expected[check] == nil {
      wrong.append(Wrong(check: check, expected: [], got: finding.description))
    }
    return wrong.sorted { $0.check < $1.check }
  }
}

/// The states of all checks, from the events of all passes.
struct States {
  private var severities: [Check: String] = [:]

  mutating func take(_ verdicts: Verdicts) {
    for change in verdicts.changes { severities[change.check] = change.severity }
  }

  /// Checks whose state is not one of those expected; what nobody expects must be ok.
  ///
  /// A rule is expected by the beginning of its name: the tags of its series follow.
  func wrong(_ expected: [Check: [Finding]]) -> [Verdicts.Wrong] {
    var wrong: [Verdicts.Wrong] = []
    for (check, right) in expected where right.contains(where: { !$0.isUnjudged }) {
      let state =
        check.isRule
        ? severities.first { $0.key.host == check.host && $0.key.name.hasPrefix(check.name) }?.value
        : severities[check]
      let allowed = right.filter { !$0.isUnjudged }
      if !allowed.contains(where: { $0.severity == state ?? "ok" }) {
        let got = "the state \(state ?? "ok")"
        wrong.append(Verdicts.Wrong(check: check, expected: allowed, got: got))
      }
    }
    for (check, state) in severities where state != "ok" {
      let isExpected = expected.keys.contains {
        $0 == check
          || $0.isRule && $0.host == check.host && check.name.hasPrefix($0.name)
      }
      if !isExpected {
        wrong.append(Verdicts.Wrong(check: check, expected: [.ok], got: "the state \(state)"))
      }
    }
    return wrong.sorted { $0.check < $1.check }
  }
}

extension Finding {
  /// Nothing was learnt, and the state stays as it was.
  var isUnjudged: Bool { reason == "not_reached" || reason == "cancelled" }
}

extension Check {
  var isRule: Bool { name.hasPrefix("rule ") }
}
