internal import Metrics
internal import Rules
internal import Sinks
internal import Targets

/// One trouble of one or many hosts: a line of `scrape status`.
struct Trouble {
  /// What hosts have in common whose trouble is one.
  struct Kind: Hashable {
    var severity: Severity
    /// The word for it, which is another one for services of scrape.yml alone.
    var word: String
    /// `ssh`, `service https`, `rule disk full`, or a collector that complains.
    var check: String
    var reason: String?
    var pending: Severity?
    /// `acked by ana`, `silenced until 18:00`: where it is there, people know.
    var mark: String?
    /// What they said.
    var why: String?

    init(
      _ severity: Severity, word: String? = nil, check: String, reason: String? = nil,
      pending: Severity? = nil, mark: String? = nil, why: String? = nil
    ) {
      self.severity = severity
      self.word = word ?? severity.rawValue
      self.check = check
      self.reason = reason
      self.pending = pending
      self.mark = mark
      self.why = why
    }
  }

  /// One host's part of it.
  struct Part {
    var host: String
    var since: Timestamp?
    var lastOK: Timestamp?
    var isNeverOK = false
    var isFlapping = false
    var message: String
    /// The series of a rule: `path=/`.
    var instance = ""
  }

  var kind: Kind
  var parts: [Part] = []
  /// Hosts that cannot be reached without these, and how many checks cannot be made.
  var hidden: Set<String> = []
  var services = 0

  var hosts: [String] { parts.map(\.host) }
  var since: Timestamp? { parts.compactMap(\.since).min() }
  var newest: Timestamp? { parts.compactMap(\.since).max() }
  var names: String { fold(hosts.sorted()) }

  /// What happened, in words.
  var message: String {
    var words = kind.mark.map { "[\($0)] " } ?? ""
    if let pending = kind.pending { words += "\(pending.rawValue) for a moment: " }
    if let reason = kind.reason { words += "\(reason): " }
    let first = parts.first
    if parts.contains(where: { $0.message != first?.message || $0.instance != first?.instance }),
      let first, parts.count > 1
    {
      words += Set(hosts).count > 1 ? "for example \(first.host): " : "for example "
    }
    if let first {
      words += first.instance.isEmpty ? "" : "\(first.instance): "
      words += first.message
    }
    while words.hasSuffix(": ") { words.removeLast(2) }
    if parts.count > Set(hosts).count { words += " (\(Format.count(parts.count)) series)" }
    if parts.contains(where: \.isFlapping) { words += " (flapping)" }
    if !parts.isEmpty, parts.allSatisfy(\.isNeverOK) {
      words += " (never ok)"
    } else if let last = parts.compactMap(\.lastOK).max(), let since,
      since.nanoseconds &- last.nanoseconds > 600_000_000_000
    {
      words += " (last ok \(Format.time(last)))"
    }
    if let why = kind.why { words += "; \(why)" }
    return words
  }

  /// What cannot be reached because of it; nil where there is nothing.
  var effects: String? {
    let counts = [
      hidden.isEmpty ? nil : Format.count(hidden.count, "host"),
      services == 0 ? nil : Format.count(services, "service"),
    ].compactMap { $0 }
    guard !counts.isEmpty else { return nil }
    let names = hidden.isEmpty ? "" : ": \(fold(hidden.sorted()))"
    return "affects \(counts.joined(separator: ", "))\(names)"
  }

  /// Whether its services are up, and only let in whom they should not, or are not to be believed.
  var isFinding: Bool {
    kind.severity != .ok && kind.reason.flatMap(Verdict.Reason.init)?.isFinding == true
  }

  // MARK: Order

  enum Order: String, CaseIterable { case severity, since, host, check }

  /// What people know comes last, whatever the order.
  static func sorted(_ all: [Trouble], by order: Order) -> [Trouble] {
    func key(_ trouble: Trouble) -> (Int, Int64, Int64, String, String) {
      let isKnown = trouble.kind.mark == nil ? 0 : 1
      let kind = trouble.kind
      let badness = Severity.allCases.sorted(by: >).firstIndex(of: kind.severity) ?? 0
      let name = trouble.hosts.min() ?? ""
      switch order {
      case .severity:
        let weight = -Int64(trouble.parts.count + trouble.hidden.count + trouble.services)
        return (isKnown, Int64(badness), weight, kind.check, name)
      case .since:
        return (isKnown, -(trouble.newest?.nanoseconds ?? 0), Int64(badness), kind.check, name)
      case .host: return (isKnown, 0, 0, name, kind.check)
      case .check: return (isKnown, 0, 0, kind.check, name)
      }
    }
    return all.map { (key($0), $0) }.sorted { $0.0 < $1.0 }.map(\.1)
  }
}

/// The lines of all troubles, in columns: how bad, who, what, since when, for how long, why.
struct TroubleTable {
  private let screen: Screen
  private let now: Timestamp

  /// One long name pushes its own line to the right, and no other.
  private static let longest = (hosts: 32, check: 24)

  init(_ screen: Screen, at now: Timestamp) {
    self.screen = screen
    self.now = now
  }

  /// Where columns are few, ages say enough.
  private var isNarrow: Bool { screen.width.map { $0 < 72 } ?? false }

  func lines(_ all: [Trouble]) -> [Printable] {
    let rows = all.map { trouble in
      (
        trouble, names: trouble.names.visible, check: brief(trouble.kind.check).visible,
        clock: isNarrow ? "" : trouble.since.map { beginning($0) } ?? "",
        age: trouble.since.map { length($0) } ?? ""
      )
    }
    let clock = rows.map { Screen.columns($0.clock) }.max() ?? 0
    let age = rows.map { Screen.columns($0.age) }.max() ?? 0
    let (hosts, check) = caps(
      rows.map { Screen.columns($0.names) }, rows.map { Screen.columns($0.check) },
      besides: 10 + 4 + clock + 2 + age + 2)
    func column(_ texts: [String], _ cap: Int) -> Int {
      let all = texts.map(Screen.columns)
      return (screen.width == nil ? all.filter { $0 <= cap } : all.map { min($0, cap) }).max() ?? 0
    }
    let hostsWidth = column(rows.map(\.names), hosts)
    let checkWidth = column(rows.map(\.check), check)
    return rows.flatMap { row -> [Printable] in
      let word = Format.pad(row.0.kind.word, 8)
      let names = screen.width == nil ? row.names : Screen.cut(row.names, hosts)
      let what = screen.width == nil ? row.check : Screen.cut(row.check, check)
      let head =
        "\(Screen.pad(names, hostsWidth))  \(Screen.pad(what, checkWidth))  "
        + (isNarrow ? "" : "\(Screen.pad(row.clock, clock))  ") + "\(Screen.pad(row.age, age))  "
      let severity = row.0.kind.severity
      let known = row.0.kind.mark != nil
      var lines = [line(word, severity, head + row.0.message, isDim: known)]
      if let effects = row.0.effects {
        lines.append(line("", .ok, "\(Terminal.isUTF8 ? "└" : "`-") \(effects)", isDim: true))
      }
      return lines
    }
  }

  /// The name of a check; where columns are few a service's or a rule's alone.
  private func brief(_ name: String) -> String {
    guard let width = screen.width, width < 120 else { return name }
    return CheckName(name).short
  }

  /// Columns for the names of hosts and of checks: the message keeps three eighths of the line.
  private func caps(_ hosts: [Int], _ checks: [Int], besides: Int) -> (hosts: Int, check: Int) {
    let (mostHosts, mostChecks) = Self.longest
    guard let width = screen.width else { return (mostHosts, mostChecks) }
    let room = max(18, (width - besides) - max(20, width * 3 / 8))
    let wanted = min(mostChecks, checks.max() ?? 0)
    let check = min(wanted, max(8, room - min(mostHosts, hosts.max() ?? 0)))
    return (max(10, min(mostHosts, room - check)), max(8, check))
  }

  private func line(
    _ word: String, _ severity: Severity, _ rest: String, isDim: Bool
  ) -> Printable {
    let text = screen.width.map { Screen.cut(rest, max(10, $0 - 10)) } ?? rest.visible
    let first =
      word.isEmpty ? Printable("        ") : screen.paint(Printable(word), severity.colour)
    return first + "  " + (isDim ? screen.paint(Printable(text), .dim) : Printable(text))
  }

  /// `14:04:12`, with the date instead of the seconds where it is not today's.
  private func beginning(_ time: Timestamp) -> String {
    let text = Format.time(time)
    guard text.utf8.count > 10 else { return text }
    return String(text.dropFirst(5).dropLast(3))
  }

  private func length(_ time: Timestamp) -> String {
    let (length, overflow) = now.nanoseconds.subtractingReportingOverflow(time.nanoseconds)
    return Format.age(.nanoseconds(overflow ? 0 : length))
  }
}
