public import Metrics

/// Draws the view: a pure function of the snapshot, what a person chose, and the screen.
public enum Frames {
  public static func draw(
    _ snapshot: Snapshot?, _ state: ViewState, width: Int, height: Int,
    _ capabilities: Capabilities, now: Timestamp, word: String
  ) -> Grid {
    var grid = Grid(width: width, height: height, capabilities)
    guard let snapshot else {
      let words = state.lost.map { "no data: \($0)" } ?? "reading the store"
      grid.put(words, x: 1, y: 0, state.lost == nil ? .plain : .alarm)
      foot(&grid, state)
      return grid
    }
    head(&grid, snapshot, state, now: now, word: word)
    var y = 1
    for note in shownNotes(snapshot, height: height) {
      grid.fill(row: y, .alarm)
      grid.put(" \(note)", x: 0, y: y, .alarm)
      y += 1
    }
    if state.page == .list {
      y = troubles(&grid, snapshot, from: y, now: now)
      list(&grid, snapshot, state, from: y)
    } else {
      page(&grid, snapshot, state, from: y, now: now)
    }
    foot(&grid, state)
    return grid
  }

  // MARK: The parts of a screen

  private static func shownNotes(_ snapshot: Snapshot, height: Int) -> ArraySlice<String> {
    snapshot.notes.prefix(height >= 12 ? 2 : 1)
  }

  /// The lines of trouble above the list.
  private static func troubleRows(_ snapshot: Snapshot, height: Int) -> Int {
    guard height >= 12 else { return 0 }
    return max(1, min(snapshot.troubles.count, max(3, height / 8)))
  }

  /// The rows of the list, or of another page.
  static func room(_ snapshot: Snapshot, _ state: ViewState, height: Int) -> Int {
    let above = 1 + shownNotes(snapshot, height: height).count
    let list = state.page == .list ? troubleRows(snapshot, height: height) : 0
    return max(1, height - above - list - 1 - 1)
  }

  private static func age(_ duration: Duration) -> String {
    let seconds = max(0, duration.components.seconds)
    return seconds < 600 ? "\(seconds) s" : Format.age(duration)
  }

  private static func head(
    _ grid: inout Grid, _ snapshot: Snapshot, _ state: ViewState, now: Timestamp, word: String
  ) {
    let age = snapshot.lastPass.map { Duration.nanoseconds(now.nanoseconds &- $0.nanoseconds) }
    let isLate = age.map { $0 > snapshot.limit } ?? true
    let isLost = state.lost != nil
    let clock = "\(Format.time(now, at: now)) \(isLost ? "LOST" : isLate ? "STALE" : word)"
    if isLost || isLate {
      grid.fill(row: 0, .alarm)
      var words = age.map { "NO PASS FOR \(Self.age($0))" } ?? "NO PASS YET"
      if let last = snapshot.lastPass, isLate {
        words += ": all below is as it was at \(PageLine.clock(last, now))"
      }
      if let lost = state.lost { words = "NO CONNECTION: \(lost); \(words)" }
      grid.put(" \(words)", x: 0, y: 0, width: grid.width - clock.columns - 2, .alarm)
      grid.put(clock, x: grid.width - clock.columns - 1, y: 0, .alarm)
      return
    }
    let up = snapshot.hosts.count(where: \.isUp)
    var services = Shown.Count()
    for host in snapshot.hosts {
      services.online += host.services.online
      services.total += host.services.total
    }
    var parts = [
      "\(Format.count(snapshot.hosts.count, "host")), \(Format.count(up)) up",
      age.map { "pass \(Self.age($0)) ago" } ?? "",
      services.total > 0
        ? "\(Format.count(services.online))/\(Format.count(services.total)) services" : "",
      snapshot.score.map { "score \(Format.fixed($0, 1))" } ?? "",
    ]
    // What hides hosts must not be cut off.
    if state.order != .trouble { parts.insert("by \(state.order.rawValue)", at: 1) }
    if state.matching != nil { parts.insert("filter \(state.filter)", at: 1) }
    let x = grid.put(" \(snapshot.title)  ", x: 0, y: 0, width: grid.width / 4, .bold)
    let room = grid.width - clock.columns - 2
    let text = parts.filter { !$0.isEmpty }.joined(separator: " · ")
    var end = grid.put(text, x: x, y: 0, width: room - x)
    for figure in snapshot.figures.filter(\.isBad) + snapshot.figures.filter({ !$0.isBad }) {
      let words = " · \(figure.name) \(figure.value)"
      guard end + words.columns <= room else { continue }
      end = grid.put(
        words, x: end, y: 0, figure.isBad ? Style(severity: .major, isBold: true) : .plain)
    }
    grid.put(clock, x: grid.width - clock.columns - 1, y: 0)
  }

  /// The first lines of trouble; returns the row after them.
  private static func troubles(
    _ grid: inout Grid, _ snapshot: Snapshot, from first: Int, now: Timestamp
  ) -> Int {
    let rows = troubleRows(snapshot, height: grid.height)
    guard rows > 0 else { return first }
    guard !snapshot.troubles.isEmpty else {
      grid.put(
        grid.capabilities.isUTF8 ? "✓ nothing is wrong" : "ok: nothing is wrong", x: 1, y: first,
        .of(.ok))
      return first + 1
    }
    let isCut = snapshot.troubles.count > rows
    let shown = snapshot.troubles.prefix(isCut ? rows - 1 : rows)
    let names = min(grid.width / 4, shown.map(\.names.shownColumns).max() ?? 0)
    let checks = min(grid.width / 6, shown.map { short($0.check).shownColumns }.max() ?? 0)
    for (offset, trouble) in shown.enumerated() {
      let y = first + offset
      let plain: Style = trouble.isKnown ? .dim : .plain
      grid.put(
        trouble.severity.rawValue, x: 1, y: y, width: 8,
        .of(trouble.severity, isKnown: trouble.isKnown))
      grid.put(trouble.names, x: 11, y: y, width: names, plain)
      grid.put(short(trouble.check), x: 13 + names, y: y, width: checks, plain)
      let clock = trouble.since.map { "since \(PageLine.clock($0, now))" } ?? ""
      let x = 15 + names + checks
      let words =
        trouble.effects.isEmpty ? trouble.message : "\(trouble.effects); \(trouble.message)"
      grid.put(words, x: x, y: y, width: grid.width - x - clock.columns - 3, plain)
      grid.put(clock, x: grid.width - clock.columns - 1, y: y, plain)
    }
    if isCut {
      grid.put(
        "and \(Format.count(snapshot.troubles.count - shown.count)) more lines of `scrape status`",
        x: 11, y: first + rows - 1, .dim)
    }
    return first + rows
  }

  private static func short(_ check: String) -> String { CheckName(check).short }

  private static func list(
    _ grid: inout Grid, _ snapshot: Snapshot, _ state: ViewState, from first: Int
  ) {
    let columns = ListColumns(snapshot, width: grid.width)
    columns.titles(&grid, row: first)
    let rows = ListRow.all(snapshot, state)
    guard !rows.isEmpty else {
      grid.put("no host", x: 1, y: first + 1, .dim)
      return
    }
    let room = room(snapshot, state, height: grid.height)
    let chosen = state.chosenRow(rows) ?? 0
    let top = ViewState.scrolled(state.top, to: chosen, room: room, count: rows.count)
    for (offset, place) in (top..<min(rows.count, top + room)).enumerated() {
      columns.draw(
        rows[place], y: first + 1 + offset, isChosen: place == chosen, &grid)
    }
  }

  private static func page(
    _ grid: inout Grid, _ snapshot: Snapshot, _ state: ViewState, from first: Int, now: Timestamp
  ) {
    let lines = PageLine.all(
      snapshot, state, width: grid.width, grid.capabilities, now: now)
    let room = room(snapshot, state, height: grid.height)
    let chosen = min(state.line, max(0, lines.count - 1))
    let top = ViewState.scrolled(state.lineTop, to: chosen, room: room, count: lines.count)
    title(&grid, snapshot, state, row: first, "\(chosen + 1)/\(lines.count)")
    for (offset, place) in (top..<min(lines.count, top + room)).enumerated() {
      let y = first + 1 + offset
      var x = 1
      for run in lines[place].runs { x = grid.put(run.text, x: x, y: y, run.style) }
      if place == chosen, state.page != .help {
        grid.put(">", x: 0, y: y, .bold)
        grid.reverse(row: y)
      }
    }
  }

  private static func title(
    _ grid: inout Grid, _ snapshot: Snapshot, _ state: ViewState, row: Int, _ place: String
  ) {
    let x: Int
    switch state.page {
    case .host(let name):
      let host = snapshot.hosts.first { $0.name == name }
      let next = grid.put(name, x: 1, y: row, width: grid.width / 2, .bold)
      let group = host.map { "  group \($0.group)  \($0.isUp ? "up" : "not up")  " } ?? "  "
      let after = grid.put(group, x: next, y: row)
      x = grid.put(host?.severity?.rawValue ?? "", x: after, y: row, .of(host?.severity))
    case .events: x = grid.put("Events", x: 1, y: row, .bold)
    case .incidents: x = grid.put("Incidents", x: 1, y: row, .bold)
    case .help: x = grid.put("Keys", x: 1, y: row, .bold)
    case .list: x = 1
    }
    guard x + place.columns + 2 < grid.width else { return }
    grid.put(place, x: grid.width - place.columns - 1, y: row, .dim)
  }

  private static func foot(_ grid: inout Grid, _ state: ViewState) {
    let y = grid.height - 1
    if let prompt = state.prompt {
      let mark = grid.capabilities.isUTF8 ? "▏" : "_"
      // The end of a long text is what is being typed.
      let question = "\(prompt.question): "
      let room = max(8, grid.width - question.shownColumns - 3)
      let text = prompt.text.visible
      let shown = text.columns > room ? String(text.suffix(room / 2)) : text
      let x = grid.put(question, x: 1, y: y, .bold)
      let end = grid.put("\(shown)\(mark)", x: x, y: y)
      if let message = state.message {
        grid.put("  \(message.text)", x: end, y: y, Style(severity: .critical))
      }
      return
    }
    if let message = state.message {
      grid.put(
        message.text, x: 1, y: y, message.isBad ? Style(severity: .critical, isBold: true) : .bold)
      return
    }
    let keys: String
    switch state.page {
    case .list:
      keys =
        "↑↓ move  ⏎ open  / filter  s sort  e events  i incidents  a ack  S silence  ? help  q quit"
    case .host: keys = "↑↓ move  a ack  S silence  Esc back  ? help  q quit"
    case .events, .incidents: keys = "↑↓ move  ⏎ open  a ack  S silence  Esc back  ? help  q quit"
    case .help: keys = "Esc back  q quit"
    }
    let plain = keys.replacing("↑↓", with: "arrows").replacing("⏎", with: "Enter")
    let narrow = "/ filter  s sort  e events  a ack  S silence  ? help  q quit"
    let text = grid.capabilities.isUTF8 ? keys : plain
    grid.put(
      text.columns + 1 > grid.width && state.page == .list ? narrow : text, x: 1, y: y, .dim)
  }
}
