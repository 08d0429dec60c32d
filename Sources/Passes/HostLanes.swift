internal import Engine
internal import Metrics
internal import Sinks
internal import Store

/// Which host is asked next, so that slow ones take no turn from the others.
///
/// At most `fanout` hosts are asked at the same time that are not slow. A host is slow when it took
/// longer than `limit` at the last pass, or takes longer than that now. Those that were slow wait until
/// all others have begun, and as many of them begin at once; those that become slow leave their turn to
/// the next, up to `spare` more of them.
struct HostLanes {
  /// Its name among what the store keeps of a host: until when it counts as slow.
  static let name = "slow"
  /// How long a host takes at most that is not slow.
  static let limit: Duration = .seconds(3)
  /// The number of slow hosts beyond the fan-out that hold up nobody, also where none was known to be slow.
  static let spare = 128
  /// A host that is asked now and then only is forgiven after so long.
  private static let memory: Duration = .seconds(7 * 86_400)

  private var quick: [Int]
  private var slow: [Int]
  private let fanout: Int
  /// Those being asked, and since when.
  private var young: [Int: Deadline] = [:]
  private var old: Set<Int> = []

  /// Takes the places of hosts in some list: who was slow, and who was not, each in an order that nobody
  /// can foresee.
  init(_ wasSlow: [Bool], fanout: Int) {
    let places = wasSlow.indices.shuffled()
    quick = places.filter { !wasSlow[$0] }
    slow = places.filter { wasSlow[$0] }
    self.fanout = fanout
  }

  /// The place of the next host that may be asked; nil while none may.
  mutating func next() -> Int? {
    if young.count < fanout, let place = quick.popLast() {
      young[place] = .now
      return place
    }
    guard quick.isEmpty, old.count < fanout, let place = slow.popLast() else { return nil }
    old.insert(place)
    return place
  }

  mutating func ended(_ place: Int) {
    young[place] = nil
    old.remove(place)
  }

  /// Moves those that have taken too long into the lane of slow ones, while there is room.
  mutating func sortOut(at now: Deadline = .now) {
    for (place, start) in young.sorted(by: { $0.value < $1.value })
    where old.count < fanout + Self.spare && now.since(start) > Self.limit {
      young[place] = nil
      old.insert(place)
    }
  }

  /// Whether more hosts wait than have begun.
  var hasWaiting: Bool { !quick.isEmpty || !slow.isEmpty }

  static func wasSlow(_ state: HostState?, at now: Timestamp) -> Bool {
    state?.due[name].map { $0 > now } ?? false
  }

  /// What is kept of a host that was just asked; nil where nothing changes.
  static func verdict(_ took: Duration, before wasSlow: Bool, at now: Timestamp) -> Timestamp? {
    if took > limit {
      return now.after(memory)
    }
    return wasSlow ? now : nil
  }
}
