internal import Configuration
public import Metrics
public import Passes
internal import Policies

/// Results of policies as people read them.
public struct PolicyTable {
  private let screen: Screen
  private let now: Timestamp

  public init(_ screen: Screen, at now: Timestamp) {
    self.screen = screen
    self.now = now
  }

  private func cut(_ line: String) -> Printable {
    Printable(screen.width.map { Screen.cut(line, $0) } ?? line)
  }

  private static func score(_ outcome: PolicyOutcome) -> String {
    outcome.score.map { "\($0) %" } ?? "–"
  }

  /// One line per host and policy.
  public func summary(_ outcomes: [PolicyOutcome]) -> [Printable] {
    let titles = [
      "host", "policy", "score", "passed", "failed", "unknown", "not applicable", "age",
    ]
    let rows = outcomes.map { outcome in
      [
        outcome.host, outcome.policy, Self.score(outcome), "\(outcome.count(.passed))",
        "\(outcome.count(.failed))", "\(outcome.count(.unknown))",
        "\(outcome.count(.notApplicable))", Format.age(now.since(outcome.time)),
      ]
    }
    return Self.columns([titles] + rows, right: [2, 3, 4, 5, 6]).map(cut)
  }

  /// The checks of some outcomes, each with its reason.
  public func checks(_ outcomes: [PolicyOutcome], failedOnly: Bool) -> [Printable] {
    var lines: [Printable] = []
    for outcome in outcomes {
      let checks = outcome.checks.filter { !failedOnly || $0.verdict == .failed }
      if failedOnly, checks.isEmpty { continue }
      lines.append(
        screen.paint(
          cut(
            "\(outcome.host)  \(outcome.policy)  score \(Self.score(outcome)), "
              + "\(Format.age(now.since(outcome.time))) ago"), .bold))
      if let why = outcome.requirements { lines.append(cut("  requirements \(why)")) }
      let width = checks.map { Screen.columns($0.id) }.max() ?? 0
      for check in checks {
        let head = "  \(Screen.pad(check.id, width))  "
        let word = Format.pad(check.verdict.rawValue, 14)
        lines.append(
          Printable(head) + screen.paint(Printable(word), check.verdict.colour)
            + cut("  \(check.title)"))
        if check.verdict != .passed {
          lines.append(cut(String(repeating: " ", count: width + 4) + check.why))
        }
      }
    }
    return lines
  }

  /// Checks as rows, hosts as columns, and a letter in each place.
  public func matrix(_ outcomes: [PolicyOutcome]) -> [Printable] {
    var lines: [Printable] = []
    for policy in Self.ordered(outcomes.map(\.policy)) {
      let own = outcomes.filter { $0.policy == policy }
      var places: [String: [String: CheckVerdict]] = [:]
      var checks: [(id: String, title: String)] = []
      var seen: Set<String> = []
      for outcome in own {
        for check in outcome.checks {
          places[check.id, default: [:]][outcome.host] = check.verdict
          if seen.insert(check.id).inserted { checks.append((check.id, check.title)) }
        }
      }
      if !lines.isEmpty { lines.append("") }
      lines.append(
        screen.paint(cut("\(policy): + passed, ! failed, ? unknown, · not applicable"), .bold))
      let width = checks.map { Screen.columns($0.id) }.max() ?? 0
      for (index, outcome) in own.enumerated() {
        let bars: String = String(repeating: "│", count: index)
        lines.append(
          cut(
            String(repeating: " ", count: width + 2) + bars + "┌ \(outcome.host) "
              + Self.score(outcome)))
      }
      for check in checks {
        var line = Printable("\(Screen.pad(check.id, width))  ")
        for outcome in own {
          let verdict = places[check.id]?[outcome.host]
          let letter = Printable(verdict?.letter ?? " ")
          line += verdict.map { screen.paint(letter, $0.colour) } ?? letter
        }
        lines.append(line + cut("  \(check.title)"))
      }
    }
    return lines
  }

  private static func ordered(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }

  static func columns(_ rows: [[String]], right: Set<Int>) -> [String] {
    guard let first = rows.first else { return [] }
    let widths = first.indices.map { column in
      rows.map { Screen.columns($0[column].visible) }.max() ?? 0
    }
    return rows.map { row in
      var line = ""
      for (column, text) in row.enumerated() {
        let text = text.visible
        let space = String(repeating: " ", count: max(0, widths[column] - Screen.columns(text)))
        line += (right.contains(column) ? space + text : text + space) + "  "
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  /// RFC 4180, one line per check. A text that a spreadsheet would take for a formula has an
  /// apostrophe before it.
  public static func csv(_ outcomes: [PolicyOutcome]) -> [String] {
    func field(_ text: String) -> String {
      var text = text.visible
      if let first = text.first, "=+-@\t".contains(first) { text = "'" + text }
      return "\""
        + text.split(separator: "\"", omittingEmptySubsequences: false)
        .joined(separator: "\"\"") + "\""
    }
    return ["host,policy,time,check,title,result,why"]
      + outcomes.flatMap { outcome in
        outcome.checks.map { check in
          [
            outcome.host, outcome.policy, outcome.time.rfc3339, check.id, check.title,
            check.verdict.rawValue, check.why,
          ].map(field).joined(separator: ",")
        }
      }
  }
}

extension CheckVerdict {
  fileprivate var letter: String {
    switch self {
    case .passed: "+"
    case .failed: "!"
    case .unknown: "?"
    case .notApplicable: "·"
    }
  }

  fileprivate var colour: Terminal.Colour {
    switch self {
    case .passed: .green
    case .failed: .magenta
    case .unknown: .blue
    case .notApplicable: .dim
    }
  }
}
