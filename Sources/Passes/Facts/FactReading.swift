internal import Configuration
internal import Facts
internal import Hosts
internal import Inventory
internal import Metrics
internal import Store

/// The facts of one host, as a pass read them.
struct FactReading: Sendable {
  /// The name of all of them in `--only`, and the key of their due time.
  static let name = FactScript.name

  var points: [Point] = []
  var collection: Store.Collection

  /// Compares with the last ones: a change is an event. Without earlier ones there is none.
  init(_ facts: Facts, of host: String, after earlier: Facts?, at time: Timestamp) {
    if let point = facts.point { points.append(point) }
    if let earlier { points += FactChanges(from: earlier, to: facts).events }
    var kept = facts
    // What could not be read this time is still what it was.
    if let earlier { kept.fill(from: earlier) }
    collection = Store.Collection(
      host: host, time: time, policies: [Store.Collection.facts], items: kept.items)
  }
}

extension Plan {
  /// Facts of a host that are due.
  struct FactTurn: Sendable {
    /// The next due time; nil where they were asked for by hand.
    var due: Timestamp?
    var script: String
    /// Where the last ones are.
    var store: Store
  }

  /// The facts of a host, if they are due.
  static func factTurn(
    _ host: Host, _ settings: FactSettings?, _ store: Store, _ state: HostState?, at now: Timestamp,
    only: Set<String>?, pace: Pace
  ) -> FactTurn? {
    guard let settings, settings.contains(host.name), only?.contains(FactReading.name) != false
    else { return nil }
    var turn = FactTurn(
      due: nil, script: FactScript.text(become: host.become == .sudo ? ["sudo", "-n"] : []),
      store: store)
    if only != nil { return turn }
    let schedule = Schedule(every: settings.every)
    switch pace.clock(schedule, of: host, due: state?.due[FactReading.name], at: now) {
    case .always: return turn
    case .now(let next, _):
      turn.due = next
      return turn
    case .later: return nil
    }
  }
}

extension HostAnswer {
  /// What the host sent of its facts; nil if it sent nothing.
  func facts() -> Facts? {
    guard let section = sections[FactReading.name], !section.parts.isEmpty else { return nil }
    let parts = section.parts
    let ends = parts.dropFirst().map(\.start) + [section.output.count]
    return Facts(
      parts: zip(parts, ends).map { part, end in
        let end = min(max(end, part.start), section.output.count)
        return Facts.Part(
          title: part.title, content: Array(section.output[min(part.start, end)..<end]))
      },
      isWhole: !section.overflowed && section.status != nil)
  }
}

extension Store {
  /// The last facts of a host; nil where none are kept.
  func lastFacts(of host: String) -> Facts? {
    guard let kept = try? lastCollection(of: host, for: [Collection.facts]) else { return nil }
    return Facts(items: kept.items)
  }
}
