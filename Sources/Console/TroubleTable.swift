public import Metrics
public import Passes

/// The lines of all troubles, in columns: severity, hosts, check, begin, age, message.
public struct TroubleTable: Sendable {
  private let screen: Screen
  private let now: Timestamp

  /// A single long name moves only its own line.
  private static let longest = (hosts: 32, check: 24)

  public init(_ screen: Screen, at now: Timestamp) {
    self.screen = screen
    self.now = now
  }

  /// A narrow screen shows ages only.
  private var isNarrow: Bool { screen.width.map { $0 < 72 } ?? false }

  public func lines(_ all: [Trouble]) -> [Printable] {
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

  /// The name of a check; on a narrow screen without `service` and `rule`.
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

  /// `14:04:12`; with the date instead of seconds if it is not today.
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
