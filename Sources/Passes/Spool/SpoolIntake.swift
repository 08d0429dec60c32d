internal import Collectors
internal import IPMI
internal import Inventory
internal import Metrics
internal import Rules
internal import Sinks
internal import Spools
internal import Store

/// Merges what was fetched from spools into results of hosts, and counts what is missing.
///
/// Nothing that a file says is taken on trust but the values themselves: only hosts that the inventory
/// names behind the spool are written, with this inventory's tags; times are bounded; points have the
/// budget of any host, file by file.
struct SpoolIntake {
  /// The counts of one spool in this pass.
  struct Count: Sendable {
    /// New files that were stored.
    var files = 0
    var points = 0
    /// Files that were there already.
    var known = 0
    /// New files that wait for the next pass.
    var left = 0
    /// Files that were refused, each with the reason.
    var refused: [(name: SpoolName, error: SpoolError)] = []
    /// Points that were refused because of their time, and beyond the budget of their host.
    var untimely = 0
    var excess = 0
    /// Passes that are missing between those that were read.
    var missing: Int64 = 0
    /// Hosts in the files that the inventory does not name behind the spool.
    var strangers: Set<String> = []
    /// Whether numbers were used again: the machine was reverted to a snapshot.
    var isReverted = false
  }

  private let inventory: Inventory
  private let budget: Budget
  private let now: Timestamp
  private let reader = SpoolReader()
  private var ledgers: [String: Store.SpoolLedger]
  private var seen: [String: Timestamp]
  private var changed: Set<String> = []
  private(set) var counts: [String: Count] = [:]
  private var merged: [String: HostResult] = [:]
  /// Hosts whose states were in the files.
  private(set) var whole: Set<String> = []
  private var events: [String: [Point]] = [:]
  private(set) var input = Store.SpoolInput()
  private var size = 0
  private var points = 0

  /// The limits of one pass: bytes after decompression, and points.
  private static let sizeLimit = 64 << 20
  private static let pointLimit = 400_000
  /// The limit of identities of one spool: each comes from a store that was begun anew.
  private static let identityLimit = 200
  private static let collectors = Set(Collectors.collectors.map { $0.name })
  /// How far a clock may be ahead of this one.
  private static let ahead = Duration.seconds(3600)

  init(
    _ site: Site, ledgers: [String: Store.SpoolLedger], seen: [String: Timestamp],
    at now: Timestamp
  ) {
    inventory = site.inventory
    budget = Budget(series: site.settings.series, bytes: site.settings.bytes)
    self.ledgers = ledgers
    self.seen = seen
    self.now = now
  }

  var isFull: Bool { size >= Self.sizeLimit || points >= Self.pointLimit }

  /// The results of the hosts.
  var results: [HostResult] { merged.values.sorted { $0.batch.host < $1.batch.host } }

  /// The time at which each host was last known to its monitor, with what was read now.
  func lastSeen(_ host: String) -> Timestamp? { seen[host] }

  // MARK: Files

  mutating func take(_ pull: SpoolPull, _ store: Store) async {
    let carrier = pull.spool.carrier.name
    counts[carrier, default: Count()].left += max(0, pull.left)
    for name in pull.oversized {
      refuse(
        name, of: pull.spool,
        SpoolError(.outputTooLarge, "larger than \(SpoolLimits.packed >> 20) MiB"), lasts: true)
    }
    for file in pull.files {
      if isFull {
        counts[carrier, default: Count()].left += 1
        continue
      }
      await take(file.bytes, named: file.name, of: pull.spool, store)
    }
  }

  /// Takes one new file. One that is damaged is refused for good if `lasts`; else it is read again next
  /// time.
  mutating func take(
    _ bytes: [UInt8], named name: SpoolName, of spool: Spool, _ store: Store, lasts: Bool = true
  ) async {
    let carrier = spool.carrier.name
    var ledger =
      ledgers[name.identity] ?? Store.SpoolLedger(identity: name.identity, carrier: carrier)
    if ledger.carrier != carrier {
      guard inventory.spool(on: ledger.carrier) == nil else {
        refuse(
          name, of: spool,
          SpoolError(
            .notSupported, "it belongs to the spool of \(ledger.carrier), which is read there"),
          lasts: false)
        return
      }
      // The host has another name in the inventory now.
      ledger.carrier = carrier
    }
    if ledgers[name.identity] == nil,
      ledgers.values.count(where: { $0.carrier == carrier }) >= Self.identityLimit
    {
      refuse(
        name, of: spool,
        SpoolError(.outputTooLarge, "more than \(Self.identityLimit) stores wrote this spool"),
        lasts: false)
      return
    }
    let pass: SpoolPass
    do throws(SpoolError) {
      pass = try reader.read(bytes, named: name)
    } catch {
      refuse(name, of: spool, error, lasts: lasts)
      return
    }
    guard pass.time <= now.after(Self.ahead) else {
      let lead = Format.duration(pass.time.since(now))
      refuse(
        name, of: spool,
        SpoolError(.beyondLimit, "its clock is \(lead) ahead; it is read when its time has come"),
        lasts: false)
      return
    }
    let known = (try? await store.spoolFiles(name.identity, [name.number])) ?? []
    let twins =
      known.filter { !$0.isRefused }
      + input.files.filter {
        $0.identity == name.identity && $0.number == name.number && !$0.isRefused
      }
    if name.number > ledger.last {
      let gap = name.number - ledger.last - 1
      if gap > 0 { note(gap: gap, before: name.number, of: carrier) }
      ledger.missing = ledger.missing.addingReportingOverflow(gap).partialValue
      ledger.last = name.number
    } else if twins.isEmpty {
      ledger.missing = max(0, ledger.missing - 1)
    } else {
      counts[carrier, default: Count()].isReverted = true
    }
    if ledger.time.map({ $0 < pass.time }) != false { ledger.time = min(pass.time, now) }
    ledgers[name.identity] = ledger
    changed.insert(name.identity)
    input.files.append(
      Store.SpoolFile(identity: name.identity, number: name.number, digest: name.digest))
    size += pass.size
    merge(pass, of: spool)
  }

  private mutating func refuse(
    _ name: SpoolName, of spool: Spool, _ error: SpoolError, lasts: Bool
  ) {
    let carrier = spool.carrier.name
    counts[carrier, default: Count()].refused.append((name, error))
    guard lasts else { return }
    var ledger =
      ledgers[name.identity] ?? Store.SpoolLedger(identity: name.identity, carrier: carrier)
    ledger.refused += 1
    ledgers[name.identity] = ledger
    changed.insert(name.identity)
    input.files.append(
      Store.SpoolFile(
        identity: name.identity, number: name.number, digest: name.digest, isRefused: true))
  }

  private mutating func note(gap: Int64, before number: Int64, of carrier: String) {
    counts[carrier, default: Count()].missing += gap
    guard events[carrier, default: []].count < 100 else { return }
    let place = events[carrier, default: []].count
    var point = Point(
      "event", tags: [Tag("source", "spool"), Tag("severity", Severity.major.rawValue)],
      time: Timestamp(nanoseconds: now.nanoseconds &+ Int64(place)))
    point.string("subject", CheckName.spool.text)
    point.string(
      "text",
      "\(gap == 1 ? "1 pass is" : "\(gap) passes are") missing before number \(number) of the spool"
    )
    events[carrier, default: []].append(point)
  }

  // MARK: Results

  private mutating func merge(_ pass: SpoolPass, of spool: Spool) {
    let carrier = spool.carrier.name
    var count = counts[carrier] ?? Count()
    count.files += 1
    var results: [HostResult] = []
    for host in pass.hosts {
      let isOwn = host.name == Pseudo.scraper
      let name = isOwn ? carrier : spool.settings.prefix + host.name
      guard let target = inventory.host(name), isOwn || spool.hosts.contains(name) else {
        // The carrier itself may be asked from here as well.
        if name != carrier, count.strangers.count < 100 { count.strangers.insert(name) }
        continue
      }
      let tags = target.pointTags
      let oldest = now.before(spool.settings.maxAge)
      let newest = now.after(Self.ahead)
      for var result in host.results where (oldest...newest).contains(result.batch.time) {
        result.batch.host = name
        result.batch.tags = tags
        result.isOfBoot = false
        result.isEvaluated = false
        if isOwn {
          result.outcomes = []
          result.transitions = []
          result.problems = []
          result.ran = []
          result.facts = [:]
        }
        let all = result.batch.points.count
        result.batch.points.removeAll { point in
          point.time.map { !(oldest...newest).contains($0) } == true
        }
        count.untimely += all - result.batch.points.count
        for index in result.batch.points.indices {
          result.batch.points[index].tags.removeAll { tag in
            tags.contains { $0.name == tag.name }
          }
        }
        result.transitions.removeAll { !(oldest...newest).contains($0.time) }
        // Rows of targets and collectors end only with what defines them.
        result.outcomes.removeAll { outcome in
          outcome.target == CheckName.spool.text
            || host.isWhole && host.states[outcome.target] == nil
        }
        result.problems.removeAll {
          !Self.collectors.contains($0.collector) && !BMCReading.isPart($0.collector)
        }
        result.ran.removeAll { !Self.collectors.contains($0) }
        results.append(result)
      }
      count.untimely += host.results.filter { !(oldest...newest).contains($0.batch.time) }
        .reduce(0) { $0 + $1.batch.points.count }
      if host.isWhole, !isOwn, seen[name].map({ $0 <= host.seen }) != false {
        seen[name] = min(host.seen, now)
        input.seen[name] = seen[name]
        take(host.states, of: name, tags, at: min(host.seen, now))
      }
    }
    for excess in budget.apply(to: &results) { count.excess += excess.dropped }
    for result in results {
      count.points += result.batch.points.count
      points += result.batch.points.count
      merge(result)
    }
    counts[carrier] = count
  }

  private mutating func take(
    _ states: [String: CheckState], of host: String, _ tags: [Tag], at time: Timestamp
  ) {
    var result =
      merged[host] ?? HostResult(batch: PointBatch(host: host, tags: tags, time: time))
    result.isOfBoot = false
    result.isEvaluated = false
    result.batch.time = max(result.batch.time, time)
    result.states = states.mapValues { state in
      var state = state
      state.since = min(state.since, now)
      return state
    }
    result.states[CheckName.spool.text] = nil
    merged[host] = result
    whole.insert(host)
  }

  private mutating func merge(_ other: HostResult) {
    let host = other.batch.host
    var result =
      merged[host]
      ?? HostResult(
        batch: PointBatch(host: host, tags: other.batch.tags, time: other.batch.time))
    result.isOfBoot = false
    result.isEvaluated = false
    // One row of the history has one time: each point keeps its own.
    for var point in other.batch.points {
      point.time = point.time ?? other.batch.time
      result.batch.points.append(point)
    }
    let isNewer = other.batch.time >= result.batch.time
    result.facts.merge(other.facts) { isNewer ? $1 : $0 }
    for outcome in other.outcomes {
      if let place = result.outcomes.firstIndex(where: { $0.target == outcome.target }) {
        if isNewer { result.outcomes[place] = outcome }
      } else {
        result.outcomes.append(outcome)
      }
    }
    for collector in other.ran {
      result.problems.removeAll { $0.collector == collector }
      if !result.ran.contains(collector) { result.ran.append(collector) }
    }
    result.problems += other.problems
    result.transitions += other.transitions
    result.batch.time = max(result.batch.time, other.batch.time)
    merged[host] = result
  }

  // MARK: The end

  /// The checks `spool` of these hosts, and the points of the spools.
  mutating func checks(of hosts: [Host], _ pulls: [SpoolPull]) -> [HostResult] {
    input.ledgers = changed.sorted().compactMap { ledgers[$0] }
    let selected = Set(hosts.map(\.name))
    var results: [HostResult] = []
    for spool in inventory.spools {
      let carrier = spool.carrier.name
      let own = ledgers.values.filter { $0.carrier == carrier }
      let newest = own.compactMap(\.time).max()
      if selected.contains(carrier) {
        var result = blank(spool.carrier)
        let pull = pulls.first { $0.spool.carrier.name == carrier }
        result.outcomes = [outcome(of: spool, newest, pull)]
        let count = counts[carrier] ?? Count()
        var point = Point("scrape_spool")
        point.float("age_s", newest.map { max(0, now.since($0).milliseconds.rounded() / 1000) })
        point.integer("passes", Int64(count.files))
        point.integer("points", Int64(count.points))
        point.integer("waiting", Int64(count.left))
        point.integer("missing", own.reduce(0) { $0 &+ $1.missing })
        point.integer("refused", own.reduce(0) { $0 &+ $1.refused })
        result.batch.points = [point] + (events[carrier] ?? [])
        results.append(result)
      }
      for host in hosts where spool.hosts.contains(host.name) && host.name != carrier {
        var result = blank(host)
        result.outcomes = [outcome(of: host.name, spool)]
        results.append(result)
      }
    }
    return results
  }

  private func blank(_ host: Host) -> HostResult {
    var result = HostResult(batch: PointBatch(host: host.name, tags: host.pointTags, time: now))
    result.isOfBoot = false
    result.isEvaluated = false
    return result
  }

  private func outcome(
    of spool: Spool, _ newest: Timestamp?, _ pull: SpoolPull?
  ) -> TargetOutcome {
    var outcome = TargetOutcome(target: CheckName.spool.text, up: false)
    let refused = counts[spool.carrier.name]?.refused ?? []
    let bad = refused.count + (pull?.refused ?? 0)
    let failure = pull?.failure?.ofSpool
    if let newest, now.since(newest) > spool.settings.staleAfter {
      outcome.severity = .critical
      outcome.reason = .stale
      let hosts = Format.count(spool.hosts.count, "host")
      let way = pull?.failure.map { "; \($0)" } ?? ""
      outcome.message =
        "the newest pass is of \(Format.time(newest)), \(hosts) not known since\(way)"
    } else if let failure, let severity = failure.severity {
      outcome.severity = severity
      outcome.reason = failure.reason
      outcome.message = failure.message
    } else if bad > 0 {
      outcome.severity = .major
      outcome.reason = refused.first?.error.reason ?? .parseError
      outcome.message =
        "\(Format.count(bad, "file")) refused"
        + (refused.first.map { ", \($0.name.text): \($0.error.message)" } ?? "")
    } else if newest == nil {
      outcome.severity = .unknown
      outcome.reason = .stale
      outcome.message = "nothing has come through it yet"
    } else {
      outcome.up = true
      outcome.severity = failure == nil ? .ok : nil
    }
    return outcome
  }

  private func outcome(of host: String, _ spool: Spool) -> TargetOutcome {
    var outcome = TargetOutcome(target: CheckName.spool.text, up: false, severity: .unknown)
    outcome.reason = .stale
    let carrier = spool.carrier.name
    guard let last = seen[host] else {
      outcome.message = "nothing has come through the spool of \(carrier) yet"
      return outcome
    }
    guard now.since(last) > spool.settings.staleAfter else {
      return TargetOutcome(target: CheckName.spool.text, up: true, severity: .ok)
    }
    outcome.message = "last known at \(Format.time(last)), through the spool of \(carrier)"
    return outcome
  }

  /// The findings of this pass for `scrape run`, one line each.
  var warnings: [String] {
    counts.sorted { $0.key < $1.key }.flatMap { carrier, count -> [String] in
      var lines: [String] = []
      func add(_ text: String) { lines.append("spool of \(carrier): \(text)".visible) }
      if count.missing > 0 {
        let words = count.missing == 1 ? "1 pass is" : "\(count.missing) passes are"
        add("\(words) missing; dropped at the limit of the spool, or copied in part?")
      }
      for (name, error) in count.refused.prefix(5) { add("\(name.text) refused: \(error)") }
      if count.refused.count > 5 {
        add("\(Format.count(count.refused.count - 5, "more file")) refused")
      }
      if count.isReverted {
        add("numbers came again with other content: was the machine reverted to a snapshot?")
      }
      if count.untimely > 0 {
        add(
          "\(Format.count(count.untimely, "point")) refused: older than `max_age`, or an hour in the "
            + "future")
      }
      if count.excess > 0 {
        add("\(Format.count(count.excess, "point")) beyond the budget of their hosts were dropped")
      }
      if !count.strangers.isEmpty {
        add(
          "\(fold(count.strangers.sorted())): not behind it in this inventory, and not stored; add "
            + "them to its `hosts`")
      }
      return lines
    }
  }

  /// Counts files that were stored before.
  mutating func count(known: Int, of carrier: String) {
    counts[carrier, default: Count()].known += known
  }
}
