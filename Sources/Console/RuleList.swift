internal import Configuration
internal import Metrics
public import Passes
internal import Rules

/// All rules as `scrape list --rules` shows them: those of scrape.yml, the built-in ones, and those that
/// are switched off.
public enum RuleList {
  public static func show(_ book: RuleBook, json: Bool) {
    let rules = book.rules + book.off
    if json {
      for rule in rules { Terminal.print(Printable(object(rule))) }
      return
    }
    let rows = rules.map { rule in
      [rule.name, text(rule), limits(rule).joined(separator: "  "), note(rule)]
    }
    let widths = (0..<3).map { column in rows.map { $0[column].count }.max() ?? 0 }
    for row in rows {
      let cells = zip(row, widths).map { Format.pad($0, $1) } + [row[3]]
      Terminal.print(cells.joined(separator: "  "))
    }
    let count = rules.count { $0.origin == .builtIn || $0.origin == .changed }
    Terminal.note(
      "\(Format.count(book.rules.count, "rule")), \(count) of them built in; `NAME: off` in `rules:` of "
        + "scrape.yml switches one off")
  }

  private static func text(_ rule: Rule) -> String {
    guard let window = rule.window else { return rule.selector.text }
    return "\(window.function.rawValue) over \(window.length.text) of \(rule.selector.text)"
  }

  /// `minor > 90`, from the least severe up.
  private static func limits(_ rule: Rule) -> [String] {
    rule.thresholds.reversed().map { "\($0.severity.rawValue) \($0.threshold.text)" }
  }

  private static func patience(_ rule: Rule) -> String? {
    switch rule.patience {
    case .passes(1): nil
    case .passes(let count): "\(count) passes"
    case .time(let length): length.text
    }
  }

  private static func note(_ rule: Rule) -> String {
    var notes = patience(rule).map { ["for \($0)"] } ?? []
    if let hosts = rule.hosts { notes.append("hosts \(hosts)") }
    if let profile = rule.profile { notes.append("profile \(profile)") }
    return (notes + [rule.origin.rawValue]).joined(separator: ", ")
  }

  private static func object(_ rule: Rule) -> JSON {
    var members: [(String, JSON)] = [
      ("rule", .string(rule.name)), ("when", .string(rule.selector.text)),
    ]
    if let window = rule.window {
      members.append(("window", .string("\(window.function.rawValue) \(window.length.text)")))
    }
    for (severity, threshold) in rule.thresholds.reversed() {
      members.append((severity.rawValue, .string(threshold.text)))
    }
    if let patience = patience(rule) { members.append(("for", .string(patience))) }
    if let hosts = rule.hosts { members.append(("hosts", .string(hosts))) }
    if let profile = rule.profile { members.append(("profile", .string(profile))) }
    members.append(("origin", .string(rule.origin.rawValue)))
    return .object(members)
  }
}
