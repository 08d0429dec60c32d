internal import Engine
internal import Metrics
internal import Sinks
internal import Store

/// The order of hosts, such that slow hosts do not delay the others.
///
/// At most `fanout` hosts that are not slow run at once. A host is slow if it took longer than `limit` at
/// the last pass, or takes longer now. Hosts that were slow start after all others, at most `fanout` at
/// once. A host that becomes slow frees its place for the next host, at most `spare` times.
struct HostLanes {
  /// The key in the memory of a host: until when the host counts as slow.
  static let name = "slow"
  /// The maximum duration of a host that is not slow.
  static let limit: Duration = .seconds(3)
  /// The number of slow hosts beyond the fan-out that do not delay others.
  static let spare = 128
  /// The time after which a host no longer counts as slow.
  private static let memory: Duration = .seconds(7 * 86_400)

  private var quick: [Int]
  private var slow: [Int]
  var fanout: Int
  /// The running hosts with their begin.
  private var young: [Int: Deadline] = [:]
  private var old: Set<Int> = []

  /// Takes the indices of hosts, those that were slow and the others, each in random order.
  init(_ wasSlow: [Bool], fanout: Int) {
    let places = wasSlow.indices.shuffled()
    quick = places.filter { !wasSlow[$0] }
    slow = places.filter { wasSlow[$0] }
    self.fanout = fanout
  }

  /// Adds a host behind those that wait.
  mutating func append(_ place: Int, wasSlow: Bool) {
    if wasSlow { slow.insert(place, at: 0) } else { quick.insert(place, at: 0) }
  }

  /// The index of the next host that may start; nil while none may. `admits` is asked for a host just
  /// before it starts: others that it lets start pass those that wait for a limit.
  mutating func next(where admits: (Int) -> Bool = { _ in true }) -> Int? {
    if young.count < fanout, let index = quick.lastIndex(where: admits) {
      let place = quick.remove(at: index)
      young[place] = .now
      return place
    }
    guard quick.isEmpty || young.count < fanout, old.count < fanout,
      let index = slow.lastIndex(where: admits)
    else { return nil }
    let place = slow.remove(at: index)
    old.insert(place)
    return place
  }

  mutating func ended(_ place: Int) {
    young[place] = nil
    old.remove(place)
  }

  /// Moves hosts beyond the limit to the slow lane while it has room.
  mutating func sortOut(at now: Deadline = .now) {
    for (place, start) in young.sorted(by: { $0.value < $1.value })
    where old.count < fanout + Self.spare && now.since(start) > Self.limit {
      young[place] = nil
      old.insert(place)
    }
  }

  /// Whether more hosts wait than have started.
  var hasWaiting: Bool { !quick.isEmpty || !slow.isEmpty }

  static func wasSlow(_ state: HostState?, at now: Timestamp) -> Bool {
    state?.due[name].map { $0 > now } ?? false
  }

  /// The memory of a host after its scrape; nil if unchanged.
  static func verdict(_ took: Duration, before wasSlow: Bool, at now: Timestamp) -> Timestamp? {
    if took > limit {
      return now.after(memory)
    }
    return wasSlow ? now : nil
  }
}
