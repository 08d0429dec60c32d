public import Facts
internal import Metrics
public import Passes

/// Facts of hosts as people read them.
public struct FactLines {
  /// What is shown of hosts.
  public enum View { case summary, entries, changes, differences, json }

  private let now = Timestamp.now

  /// Prints a view of hosts.
  public static func show(_ hosts: [FactHistory], as view: View, only kind: Facts.Kind? = nil) {
    let lines = FactLines()
    let shown: [Printable] =
      switch view {
      case .summary: lines.summary(hosts)
      case .entries: hosts.flatMap { lines.entries($0, only: kind) }
      case .changes: hosts.flatMap { lines.changes($0, only: kind) }
      case .differences: lines.differences(hosts, only: kind)
      case .json: hosts.map { Printable(json($0, only: kind)) }
      }
    if shown.isEmpty { Terminal.note(view == .differences ? "no difference" : "no change") }
    for line in shown { Terminal.print(line) }
  }

  /// One line per host: counts, and what is worth a look.
  func summary(_ hosts: [FactHistory]) -> [Printable] {
    let kinds: [Facts.Kind] = [.packages, .updates, .sockets, .users, .units, .cron]
    let titles =
      ["host"] + [
        "packages", "updates", "security", "sockets", "users", "units", "cron", "kernel", "age",
      ]
    let rows = hosts.map { history -> [String] in
      let facts = history.facts
      func count(_ kind: Facts.Kind) -> String { facts.count(kind).map { "\($0)" } ?? "–" }
      var row = [history.host] + kinds.map(count)
      row.insert(facts.securityUpdates.map { "\($0)" } ?? "–", at: 3)
      row.append(facts.hasOldKernel.map { $0 ? "old" : "newest" } ?? "–")
      row.append(Format.age(now.since(history.last)))
      return row
    }
    return PolicyTable.columns([titles] + rows, right: Set(1...7)).map { Printable($0) }
  }

  /// All entries of a host, of one area or of all.
  func entries(_ history: FactHistory, only kind: Facts.Kind?) -> [Printable] {
    var lines: [Printable] = []
    for area in Facts.Kind.allCases where kind == nil || area == kind {
      guard let list = history.facts.lists[area] else { continue }
      let count = list.gap ?? "\(list.entries.count)"
      lines.append(Printable("\(history.host)  \(area.title): \(count)" as String))
      let width = min(40, list.entries.map { Screen.columns($0.name) }.max() ?? 0)
      for entry in list.entries {
        let line =
          entry.value.isEmpty
          ? "  \(entry.name)" : "  \(Screen.pad(entry.name, width))  \(entry.value)"
        lines.append(Printable(line))
      }
    }
    return lines
  }

  /// What changed of a host, oldest first.
  func changes(_ history: FactHistory, only kind: Facts.Kind?) -> [Printable] {
    var lines: [Printable] = []
    for (time, changes) in history.changes {
      let own = changes.all.filter { kind == nil || $0.kind == kind }
      guard !own.isEmpty else { continue }
      lines.append(Printable("\(history.host)  \(Format.age(now.since(time))) ago" as String))
      for change in own {
        let sign = change.before == nil ? "+" : change.after == nil ? "-" : "~"
        lines.append(Printable("  \(sign) \(change.kind.rawValue)  \(change.text)" as String))
      }
    }
    return lines
  }

  /// Entries that not all hosts have alike: each value with its hosts.
  func differences(_ hosts: [FactHistory], only kind: Facts.Kind?) -> [Printable] {
    var lines: [Printable] = []
    for area in Facts.Kind.allCases where kind == nil || area == kind {
      let known = hosts.filter { $0.facts.lists[area]?.gap == nil }
      var values: [String: [String: [String]]] = [:]
      for history in known {
        for entry in history.facts.lists[area]?.entries ?? [] {
          values[entry.name, default: [:]][entry.value, default: []].append(history.host)
        }
      }
      for (name, own) in values.sorted(by: { $0.key < $1.key }) {
        let there = own.values.reduce(0) { $0 + $1.count }
        guard own.count > 1 || there < known.count else { continue }
        var parts = own.sorted { ($0.value.count, $1.key) > ($1.value.count, $0.key) }.map {
          "\($0.key.isEmpty ? "there" : $0.key): \(Self.names($0.value))"
        }
        if there < known.count {
          let having = Set(own.values.joined())
          parts.append("not on \(Self.names(known.map(\.host).filter { !having.contains($0) }))")
        }
        let text = parts.joined(separator: "; ")
        lines.append(Printable("\(area.rawValue)  \(name)  \(text)" as String))
      }
    }
    return lines
  }

  private static func names(_ hosts: [String]) -> String {
    hosts.prefix(5).joined(separator: ", ")
      + (hosts.count > 5 ? " and \(hosts.count - 5) more" : "")
  }

  // MARK: JSON

  static func json(_ history: FactHistory, only kind: Facts.Kind?) -> JSON {
    var members: [(String, JSON)] = [
      ("host", .string(history.host)), ("since", .time(history.since)),
      ("time", .time(history.last)),
    ]
    for area in Facts.Kind.allCases where kind == nil || area == kind {
      guard let list = history.facts.lists[area] else { continue }
      members.append(
        (
          area.rawValue,
          .object(
            (list.gap.map { [("gap", .string($0))] } ?? [])
              + [("entries", .object(list.entries.map { ($0.name, .string($0.value)) }))])
        ))
    }
    if !history.changes.isEmpty {
      let all = history.changes.flatMap { time, changes in
        changes.all.filter { kind == nil || $0.kind == kind }.map { change in
          JSON.object([
            ("time", .time(time)), ("area", .string(change.kind.rawValue)),
            ("name", .string(change.name)),
            ("before", change.before.map { .string($0) } ?? .null),
            ("after", change.after.map { .string($0) } ?? .null),
          ])
        }
      }
      members.append(("changes", .array(all)))
    }
    return .object(members)
  }
}
