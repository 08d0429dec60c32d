internal import Engine
internal import Metrics
internal import Pages
internal import Rules
internal import Store

/// The history of a host as its page shows it: figures of the last hour and day, who is there, and what runs.
struct HostContents: Sendable {
  typealias Values = [(time: Timestamp, value: Double)]

  static let span = Duration.seconds(3600)
  /// More lines make a chart that nobody reads: the greatest at the end are shown.
  private static let mostLines = 4
  private static let mostRows = 8
  /// What is read of the day before the hour in one go, where pages of the host were not written for longer, or
  /// never.
  private static let stretch: Int64 = 6

  let host: String
  let from: Timestamp
  let to: Timestamp
  /// By figure and line.
  private var lines: [Int: [String: Values]] = [:]
  /// The tags of a point of each line, to find its rules.
  private var tags: [Int: [String: [Tag]]] = [:]
  private var users: (time: Timestamp, text: String)?
  private var processes: (time: Timestamp, byCPU: [HostModel.Row], byMemory: [HostModel.Row])?
  /// The figures of the day, up to the hour.
  private(set) var day: DayFigures?
  /// Whether the store should keep them: they have a slot more than what it has.
  private(set) var dayIsNew = false

  private init(_ host: String, from: Timestamp, to: Timestamp) {
    self.host = host
    self.from = from
    self.to = to
  }

  /// Reads the last hour.
  static func read(
    _ host: String, from store: Store, until end: Timestamp
  ) async throws -> HostContents {
    try await read(host, from: store, from: end.before(span), to: end)
  }

  private static func read(
    _ host: String, from store: Store, from start: Timestamp, to end: Timestamp
  ) async throws -> HostContents {
    var contents = try await store.reduce(
      into: HostContents(host, from: start, to: end), host: host, series: HostFigure.series,
      from: start, to: end
    ) { contents, time, point in contents.add(point, at: time) }
    contents.count()
    return contents
  }

  private mutating func add(_ point: Point, at time: Timestamp) {
    for place in HostFigure.places[point.measurement] ?? [] {
      let figure = HostFigure.all[place]
      guard let series = figure.line(of: point) else { continue }
      for field in figure.fields {
        guard let value = point[field: field.name]?.number else { continue }
        let line =
          series.isEmpty || field.label.isEmpty ? series + field.label : "\(series) \(field.label)"
        if lines[place]?[line] == nil { tags[place, default: [:]][line] = point.tags }
        lines[place, default: [:]][line, default: []].append((time, value * figure.scale))
      }
    }
    if point.measurement == "users", case .string(let list)? = point[field: "list"] {
      users = (time, list)
    }
    if point.measurement == "procstat", case .string(let process)? = point[field: "process"] {
      if processes?.time != time { processes = (time, [], []) }
      if point[tag: "by"] == "cpu", let share = point[field: "cpu_usage"]?.number {
        processes?.byCPU.append(
          HostModel.Row(process, "\(Format.fixed(share, 1)) %", share: share / 100))
      } else if point[tag: "by"] == "memory", let bytes = point[field: "memory_rss"]?.number {
        let share = point[field: "memory_usage"]?.number
        processes?.byMemory.append(
          HostModel.Row(process, Format.bytes(bytes), share: share.map { $0 / 100 }))
      }
    }
  }

  /// Makes rates of counters. One that was set back has none.
  private mutating func count() {
    for (place, figure) in HostFigure.all.enumerated() where figure.isCounted {
      lines[place] = lines[place]?.mapValues { values in
        zip(values, values.dropFirst()).compactMap { one, next in
          let seconds = Double(next.time.nanoseconds &- one.time.nanoseconds) / 1e9
          guard seconds > 0, next.value >= one.value else { return nil }
          return (next.time, (next.value - one.value) / seconds)
        }
      }
    }
  }

  private var byKey: [String: Values] {
    var all: [String: Values] = [:]
    for (place, lines) in lines {
      for (line, values) in lines { all[HostFigure.all[place].key(line)] = values }
    }
    return all
  }

  // MARK: The day

  /// Takes the figures of the day from the store, adds what is new, and reads some of what is missing. With
  /// `isWhole` all that is missing is read, which takes as long as it takes.
  mutating func readDay(from store: Store, isWhole: Bool = false) async throws {
    let kept = try await store.day(of: host).flatMap { DayFigures($0) }
    let open = DayFigures.number(of: to)
    if let kept, kept.end > open, kept.end - open < Int64(DayFigures.count), !isWhole {
      // Pages that are shown later find what they need in it.
      day = kept
      return
    }
    // The slot in which the hour begins is not whole in it.
    let first = DayFigures.number(of: from) + 1
    let usable = kept.flatMap { $0.end <= open ? $0 : nil }
    var day = usable ?? DayFigures(at: first)
    let before = day
    if day.end < first {
      let start =
        isWhole ? max(day.end, open - Int64(DayFigures.count)) : max(day.end, first - Self.stretch)
      try await Self.add(start..<first, of: host, to: &day, store)
    }
    day.add(byKey, of: max(first, day.end)..<open)
    let oldest = open - Int64(DayFigures.count)
    while day.begin > max(oldest, day.oldest) {
      let start = max(oldest, day.begin - (isWhole ? 36 : Self.stretch))
      let begin = day.begin
      try await Self.add(start..<begin, of: host, to: &day, store)
      if !isWhole || day.begin >= begin { break }
    }
    self.day = day
    dayIsNew = usable == nil || day.end != before.end || day.begin != before.begin
  }

  private static func add(
    _ slots: Range<Int64>, of host: String, to day: inout DayFigures, _ store: Store
  ) async throws {
    let found = try await read(
      host, from: store, from: DayFigures.start(of: slots.lowerBound),
      to: DayFigures.start(of: slots.upperBound))
    day.add(found.byKey, of: slots)
  }

  // MARK: The page

  /// What the page shows. `rules` are those of the host, `own` its tags.
  func model(
    facts: [String: String], hidden: Set<PageModel.Part>, rules: [Rule] = [], own: [Tag] = []
  ) -> HostModel {
    var model = HostModel(name: host, from: from, to: to)
    for (place, figure) in HostFigure.all.enumerated()
    where !(hidden.contains(.bmc) && figure.isOfBMC) {
      guard let graph = graph(place, rules, own) else { continue }
      model.graphs.append(graph)
    }
    if !hidden.contains(.logins) {
      if let users {
        let rows =
          users.text.isEmpty ? ["nobody"] : users.text.split(separator: "·").map(Self.trimmed)
        model.lists.append(
          HostModel.List("Logged in", rows.prefix(40).map { HostModel.Row($0) }))
      }
      if let last = facts["last_logins"], !last.isEmpty {
        model.lists.append(
          HostModel.List(
            "Last log-ins", last.split(separator: "·").map { HostModel.Row(Self.trimmed($0)) }))
      }
    }
    if let processes {
      model.lists.append(
        HostModel.List("Processes by CPU", Array(processes.byCPU.prefix(Self.mostRows))))
      model.lists.append(
        HostModel.List("Processes by memory", Array(processes.byMemory.prefix(Self.mostRows))))
    }
    model.facts = [facts["os"], facts["kernel"].map { "Linux \($0)" }].compactMap { $0 }
    return model
  }

  private static func trimmed(_ text: Substring) -> String {
    text.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
  }

  private func graph(_ place: Int, _ rules: [Rule], _ own: [Tag]) -> HostModel.Graph? {
    let figure = HostFigure.all[place]
    let found = lines[place] ?? [:]
    let dayStart = to.before(DayFigures.span)
    // A host that is down has a day, but no hour.
    var names = Set(found.filter { !$0.value.isEmpty }.keys)
    if names.isEmpty, let day {
      let prefix = figure.key("")
      names = Set(
        day.lines.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) })
    }
    guard !names.isEmpty else { return nil }
    let latest = { (name: String) in
      found[name]?.last?.value ?? day?.values(of: figure.key(name), from: dayStart, to: to).last?
        .mean
        ?? 0
    }
    let chosen = names.sorted { one, other in
      let (a, b) = (latest(one), latest(other))
      return a == b ? one < other : a > b
    }.prefix(Self.mostLines).sorted()
    var graph = HostModel.Graph(
      title: figure.title, unit: figure.unit,
      latest: chosen.count == 1
        ? found[chosen[0]]?.last.map { Self.words($0.value, figure.unit) } : nil,
      lines: chosen.map { HostModel.Line($0, found[$0] ?? []) })
    graph.hiddenLines = names.count - chosen.count
    if let day {
      graph.day = chosen.map { name in
        let values = day.values(of: figure.key(name), from: dayStart, to: to)
        var line = HostModel.Line(name, values.map { ($0.time, $0.mean) })
        line.peaks = values.map { ($0.time, $0.peak) }
        if let mean = openSlot(found[name] ?? []) {
          line.values.append((to, mean.mean))
          line.peaks.append((to, mean.peak))
        }
        return line
      }
    }
    graph.thresholds = thresholds(place, chosen, rules, own)
    return graph
  }

  static func words(_ value: Double, _ unit: String) -> String {
    unit == "bit/s" ? Format.bits(value / 8) : Format.measured(value, unit)
  }

  /// The mean of the slot that is not over yet.
  private func openSlot(_ values: Values) -> (mean: Double, peak: Double)? {
    let start = DayFigures.start(of: DayFigures.number(of: to))
    let own = values.filter { $0.time >= start && $0.value.isFinite }.map(\.value)
    guard let peak = own.max() else { return nil }
    return (own.reduce(0, +) / Double(own.count), peak)
  }

  /// The thresholds of the host's rules on some line of a figure.
  private func thresholds(
    _ place: Int, _ names: [String], _ rules: [Rule], _ own: [Tag]
  ) -> [HostModel.Threshold] {
    let figure = HostFigure.all[place]
    var all: [HostModel.Threshold] = []
    for rule in rules where rule.selector.measurement == figure.measurement && !figure.isCounted {
      guard figure.fields.contains(where: { $0.name == rule.selector.field }) else { continue }
      switch rule.window?.function {
      case nil, .min, .max, .avg: break
      default: continue
      }
      let isOnIt = names.contains { name in
        guard let tags = tags[place]?[name] else { return false }
        return rule.selector.matches(Point(figure.measurement, tags: tags), tags: own)
      }
      guard isOnIt else { continue }
      for (severity, threshold) in rule.thresholds {
        for line in threshold.lines {
          all.append(
            HostModel.Threshold(
              line.value * figure.scale, severity, isBadAbove: line.isBadAbove, rule: rule.name))
        }
      }
    }
    return all
  }
}
