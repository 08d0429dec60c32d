/// The queue of BMCs: limits the number at once.
///
/// A management network is often one slow switch, and packets that it drops look like dead BMCs: see
/// `Governor.Kind.bmcs`.
struct BMCQueue {
  private var waiting: [Plan.BMCTurn]
  private var running = 0
  var fanout: Int

  /// The waiting BMCs in random order.
  init(_ turns: [Plan.BMCTurn], fanout: Int) {
    waiting = turns.shuffled()
    self.fanout = fanout
  }

  /// Adds a BMC behind those that wait.
  mutating func append(_ turn: Plan.BMCTurn) { waiting.insert(turn, at: 0) }

  /// The next BMC that may start; nil while none may. `admits` is asked just before it starts.
  mutating func next(where admits: (Plan.BMCTurn) -> Bool = { _ in true }) -> Plan.BMCTurn? {
    guard running < fanout, let place = waiting.lastIndex(where: admits) else { return nil }
    running += 1
    return waiting.remove(at: place)
  }

  mutating func ended() { running -= 1 }
}
