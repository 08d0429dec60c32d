internal import Alerts
internal import Configuration
internal import Engine
internal import Glibc
internal import Inventory
public import Live
public import Metrics
internal import Pages
internal import Probes
internal import Rules
public import Store

/// Fills the live view from the store, with the states, words and marks of `scrape status`.
public actor WatchContents: LiveContents {
  private let site: @Sendable () -> Site
  private let store: Store
  private let notes: @Sendable () -> [String]
  private let lastRound: @Sendable () -> (end: Timestamp, limit: Duration)?
  private var series = LiveSeries()
  /// The view that the last snapshot was made from, for pages of hosts.
  private var view: StatusView?

  private static let mostEvents = 300
  private static let mostIncidents = 40
  /// The time for bars of older passes in one snapshot.
  private static let backward = Duration.milliseconds(20)
  /// The values of one line of a host's page.
  private static let values = 60

  /// `site` is that in force; `notes` is what the operator must know of the monitor; `lastRound` is the end
  /// of the last round and the age from which it is too old, where it is not that of the stored passes.
  public init(
    _ site: @escaping @Sendable () -> Site, _ store: Store,
    notes: @escaping @Sendable () -> [String] = { [] },
    lastRound: @escaping @Sendable () -> (end: Timestamp, limit: Duration)? = { nil }
  ) {
    self.site = site
    self.store = store
    self.notes = notes
    self.lastRound = lastRound
  }

  public func snapshot() async throws -> Snapshot {
    let site = site()
    let now = Timestamp.now
    let view = try await StatusView(site, store, of: nil, at: now)
    self.view = view
    // Snapshots are made one after the other, and nothing else changes it.
    var series = series
    try await series.read(store, within: Self.backward)
    self.series = series
    let round = lastRound()
    var snapshot = Snapshot(
      title: Self.machine, time: now, lastPass: round?.end ?? view.last.pass?.end,
      limit: round?.limit ?? view.last.limit)
    addHosts(view, site, to: &snapshot)
    snapshot.troubles = view.shownTroubles
    let events = try await store.transitions(limit: Self.mostEvents).map { Shown.Event($0) }
    let others = try await store.happenings(limit: Self.mostEvents).map { Shown.Event($0) }
    snapshot.events = Array(
      (events + others).sorted { $0.time > $1.time }.prefix(Self.mostEvents))
    let incidents = try await store.incidents(all: Self.mostIncidents)
      .compactMap { Incident($0.body) }
    snapshot.incidents = incidents.filter { !$0.members.isEmpty }.map { Shown.Incident($0) }
      .sorted { $0.opened > $1.opened }
    snapshot.figures = try await figures(incidents)
    snapshot.notes = notes()
    return snapshot
  }

  private static let machine: String = {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "scrape" }
    let bytes = name.prefix { $0 != 0 && $0 != CChar(UInt8(ascii: ".")) }
    return String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }()

  private func addHosts(_ view: StatusView, _ site: Site, to snapshot: inout Snapshot) {
    let states = HostStates(view.checks) { $0.status?.outcome.up ?? false }
    let list = CheckList(site)
    var services: [String: Shown.Count] = [:]
    var unknown: Set<String> = []
    var score = Score()
    for check in view.checks {
      if check.severity != .ok, !check.isKnown { unknown.insert(check.host) }
      guard let name = CheckName(check.name).service, list.services[check.host]?[name] != nil
      else { continue }
      let isUp = check.status?.outcome.up ?? (check.severity == .ok)
      services[check.host, default: Shown.Count()].total += 1
      if isUp { services[check.host, default: Shown.Count()].online += 1 }
      if !list.isUncounted(name, of: check.host) { score.add(check.severity, isUp: isUp) }
    }
    snapshot.score = score.value(site.rules.weights)
    snapshot.hosts = site.inventory.hosts.map { host in
      var entry = Snapshot.Host(name: host.name, group: host.group)
      if let worst = states.worst[host.name] {
        entry.severity = worst.severity
        entry.since = worst.since
        if worst.severity != .ok {
          entry.message = worst.brief
          entry.isKnown = !unknown.contains(host.name)
        }
      }
      entry.isUp = states.up.contains(host.name)
      entry.services = services[host.name] ?? Shown.Count()
      entry.series = series[host.name]
      return entry
    }
  }

  private func figures(_ incidents: [Incident]) async throws -> [Shown.Figure] {
    let figures = try await store.queues().map { Shown.Figure($0) }
    var failed: Set<String> = []
    for incident in incidents where incident.closed == nil {
      for (notifier, delivery) in incident.deliveries where delivery.failure != nil {
        failed.insert(notifier)
      }
    }
    return figures + failed.sorted().map { Shown.Figure($0, "delivery failed", isBad: true) }
  }

  // MARK: Requests

  public func answer(_ request: LiveRequest) async -> LiveAnswer {
    let site = site()
    let now = Timestamp.now
    do {
      switch request {
      case .greeting: return .done("")
      case .select(let pattern): return .hosts(try site.inventory.select(pattern).map(\.name))
      case .host(let name): return .host(try await detail(of: name, site, at: now))
      case .acknowledge(let pattern, let check, let why, let who):
        let words = try await site.acknowledge(
          pattern, check: check, who: who, why: why, in: store)
        guard !words.isEmpty else { return .failed("nothing is wrong there") }
        let hosts = fold(Set(words.map(\.host)).sorted())
        return .done("acknowledged \(Format.count(words.count, "check")) of \(hosts)")
      case .silence(let pattern, let check, let length, let why, let who):
        let until = try SilenceEnd.parse([length], at: now)
        let (silence, names) = try await site.silence(
          pattern, check: check, until: until, who: who, why: why, in: store, at: now)
        return .done(silence.words(names, at: now))
      }
    } catch let error as ConfigurationError {
      return .failed([error.problem, error.hint].compactMap(\.self).joined(separator: "; "))
    } catch let error as UsageError {
      return .failed(error.message)
    } catch {
      return .failed("\(error)")
    }
  }

  private func detail(of name: String, _ site: Site, at now: Timestamp) async throws -> HostDetail {
    let view: StatusView =
      if let view = self.view { view } else {
        try await StatusView(site, store, of: nil, at: now)
      }
    var detail = HostDetail(name: name)
    let state = try await store.load([name])[name]
    let model = try await HostContents.read(name, from: store, until: now)
      .model(facts: state?.facts ?? [:], hidden: [])
    if let host = site.inventory.hosts.first(where: { $0.name == name }) {
      detail.facts.append(host.connection == .local ? "local" : host.address)
      if let hop = host.hops.last { detail.facts.append("via \(hop.name)") }
      if let on = host.on { detail.facts.append("on \(on)") }
    }
    detail.facts += model.facts
    detail.checks = view.checks.filter { $0.host == name }.map { check in
      var marks: [String] = []
      if let words = check.acknowledgement { marks.append("acked by \(words)") }
      if let until = check.silenced {
        marks.append(
          until.nanoseconds == .max ? "maintenance" : "silenced until \(Format.time(until))")
      }
      let words = [check.reason.map(\.rawValue) ?? "", check.message]
      return HostDetail.Check(
        name: check.name, label: CheckName(check.name).label, severity: check.severity,
        since: check.since, message: words.filter { !$0.isEmpty }.joined(separator: ": "),
        mark: marks.joined(separator: ", "))
    }
    detail.graphs = model.graphs.flatMap { graph in
      graph.lines.map { line in
        HostDetail.Graph(
          title: line.name.isEmpty ? graph.title : "\(graph.title) \(line.name)",
          latest: line.values.last.map { HostContents.words($0.value, graph.unit) } ?? Format.none,
          values: Self.reduced(line.values.map(\.value)), isShare: graph.unit == "%")
      }
    }
    detail.lists = model.lists.map { list in
      HostDetail.List(
        title: list.title,
        rows: list.rows.map { row in row.value.map { "\(row.text)  \($0)" } ?? row.text })
    }
    let events = try await store.transitions(of: name, limit: 40).map { Shown.Event($0) }
    let others = try await store.happenings(of: name, limit: 40).map { Shown.Event($0) }
    detail.events = (events + others).sorted { $0.time > $1.time }
    return detail
  }

  /// At most as many values as a line shows: means of neighbours.
  private static func reduced(_ all: [Double]) -> [Double] {
    guard all.count > values else { return all }
    return (0..<values).map { slot in
      let part = all[(slot * all.count / values)..<((slot + 1) * all.count / values)]
      return part.reduce(0, +) / Double(max(1, part.count))
    }
  }
}

extension Site {
  /// The socket of `scrape watch`, beside the store.
  public var liveSocket: String { "\(storePath).live" }
}
