internal import Metrics

/// A line of a page other than the list.
struct PageLine {
  var runs: [(text: String, style: Style)]
  /// The host and the check that it is about, which keys act on.
  var host: String?
  var check: String?

  init(_ runs: (String, Style)..., host: String? = nil, check: String? = nil) {
    self.runs = runs.map { ($0.0, $0.1) }
    self.host = host
    self.check = check
  }

  init(_ text: String = "", _ style: Style = .plain) { runs = [(text, style)] }

  static func all(
    _ snapshot: Snapshot, _ state: ViewState, width: Int, _ capabilities: Capabilities,
    now: Timestamp = .now
  ) -> [PageLine] {
    switch state.page {
    case .list: []
    case .host(let name): host(name, snapshot, state, width, capabilities, now)
    case .events: events(snapshot.events.filter { state.isShown($0.host) }, now, names: true)
    case .incidents: incidents(snapshot, now)
    case .help: help
    }
  }

  /// `14:04:12`; with the date instead of seconds if it is not today.
  static func clock(_ time: Timestamp, _ now: Timestamp) -> String {
    let text = Format.time(time, at: now)
    return text.utf8.count > 10 ? String(text.dropFirst(5).dropLast(3)) : text
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    let text = text.bounded.visible
    return text + String(repeating: " ", count: max(0, width - text.columns))
  }

  private static func events(
    _ events: [Shown.Event], _ now: Timestamp, names: Bool
  ) -> [PageLine] {
    guard !events.isEmpty else { return [PageLine("no transition is stored", .dim)] }
    let width = names ? min(24, events.map(\.host.shownColumns).max() ?? 0) : 0
    return events.map { event in
      PageLine(
        ("\(pad(clock(event.time, now), 11))  ", .dim),
        (
          "\(pad(event.severity?.rawValue ?? "", 8))  ",
          event.severity.map { .of($0) } ?? .plain
        ),
        (names ? "\(pad(event.host, width))  \(event.text)" : event.text, .plain),
        host: event.host)
    }
  }

  private static func incidents(_ snapshot: Snapshot, _ now: Timestamp) -> [PageLine] {
    guard !snapshot.incidents.isEmpty else { return [PageLine("no incident is stored", .dim)] }
    return snapshot.incidents.flatMap { incident -> [PageLine] in
      let end = incident.closed.map { "resolved \(clock($0, now))" } ?? "open"
      let head = PageLine(
        ("\(pad(incident.severity.rawValue, 8))  ", .of(incident.severity)),
        ("\(incident.names)  since \(clock(incident.opened, now)), \(end)", .bold))
      return [head]
        + incident.lines.prefix(mostLines).map {
          PageLine(("            \(text($0, now))", .plain), host: $0.host)
        }
    }
  }

  private static let mostLines = 20

  /// One check of an incident.
  private static func text(_ line: Shown.Incident.Line, _ now: Timestamp) -> String {
    let end = line.until.map { ", ok \(Format.time($0, at: now))" } ?? ""
    let mark = line.acknowledgement.map { "  [acked by \($0)]" } ?? ""
    return "\(line.host)  \(line.check)  \(line.worst.rawValue) since "
      + "\(Format.time(line.from, at: now))\(end)\(mark)"
      + (line.message.isEmpty ? "" : "  \(line.message)")
  }

  private static func host(
    _ name: String, _ snapshot: Snapshot, _ state: ViewState, _ width: Int,
    _ capabilities: Capabilities, _ now: Timestamp
  ) -> [PageLine] {
    guard let detail = state.detail, detail.name == name else {
      return [PageLine("reading the store", .dim)]
    }
    var lines: [PageLine] = []
    if !detail.facts.isEmpty { lines.append(PageLine(detail.facts.joined(separator: " · "))) }
    if !lines.isEmpty { lines.append(PageLine()) }
    let labels = min(28, detail.checks.map(\.label.shownColumns).max() ?? 0)
    for check in detail.checks {
      let mark = check.mark.isEmpty ? "" : "[\(check.mark)] "
      lines.append(
        PageLine(
          ("\(pad(check.severity.rawValue, 8))  ", .of(check.severity)),
          ("\(pad(check.label, labels))  \(pad(clock(check.since, now), 11))  ", .plain),
          (mark + check.message, check.mark.isEmpty ? .plain : .dim),
          host: name, check: check.name))
    }
    if detail.checks.isEmpty { lines.append(PageLine("no check has run yet", .dim)) }
    if !detail.graphs.isEmpty { lines.append(PageLine()) }
    let titles = min(32, detail.graphs.map(\.title.shownColumns).max() ?? 0)
    let latest = min(16, detail.graphs.map(\.latest.shownColumns).max() ?? 0)
    let bars = max(8, min(60, width - titles - latest - 6))
    for graph in detail.graphs {
      let bar = Bars.text(
        graph.values, count: bars, top: graph.isShare ? 100 : nil, capabilities)
      lines.append(
        PageLine("\(pad(graph.title, titles))  \(pad(graph.latest, latest))  \(bar)"))
    }
    for list in detail.lists {
      lines.append(PageLine())
      lines.append(PageLine(list.title, .bold))
      lines += list.rows.map { PageLine("  \($0)") }
    }
    lines.append(PageLine())
    lines.append(PageLine("Events", .bold))
    return lines + events(detail.events, now, names: false)
  }

  private static let help: [PageLine] = [
    ("↑ ↓  PgUp PgDn  Home End", "move (also k j g G)"),
    ("Enter", "open a host; fold or unfold a group"),
    ("← →", "fold, unfold a group"),
    ("Esc", "back; on the list: end the filter"),
    ("/", "filter by a pattern of hosts: web*,&lab,!web03"),
    ("s", "sort: trouble, name, cpu, memory, load, latency"),
    ("e", "events: transitions, newest first"),
    ("i", "incidents, with what is in them"),
    ("a", "acknowledge a host, a group or a check of a host"),
    ("S", "silence it for some time"),
    ("Ctrl-L", "draw the screen anew"),
    ("q", "quit; Ctrl-C does, too"),
    ("", ""),
    ("> and reverse", "the chosen line"),
    ("–", "not read: never a zero"),
    ("bars", "the last values, newest right; CPU and memory to 100 %"),
    ("LAT", "latency of the host's slowest service"),
  ].map { PageLine(("\(pad($0.0, 26))", .bold), ($0.1, .plain)) }
}
