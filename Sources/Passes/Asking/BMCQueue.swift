internal import Inventory

/// The queue of BMCs: limits the number at once in all, and in each subnet.
///
/// A management network is often one slow switch; packets that it drops look like dead BMCs.
struct BMCQueue {
  private var waiting: [Plan.BMCTurn]
  private var running = 0
  private var bySubnet: [String: Int] = [:]
  private let fanout: Int
  private let perSubnet: Int

  /// The waiting BMCs in random order.
  init(_ turns: [Plan.BMCTurn], fanout: Int, perSubnet: Int) {
    waiting = turns.shuffled()
    self.fanout = fanout
    self.perSubnet = perSubnet
  }

  /// The next BMC that may start; nil while none may.
  mutating func next() -> Plan.BMCTurn? {
    guard running < fanout,
      let place = waiting.lastIndex(where: {
        bySubnet[Self.subnet($0.settings.address), default: 0] < perSubnet
      })
    else { return nil }
    let turn = waiting.remove(at: place)
    running += 1
    bySubnet[Self.subnet(turn.settings.address), default: 0] += 1
    return turn
  }

  mutating func ended(_ turn: Plan.BMCTurn) {
    running -= 1
    bySubnet[Self.subnet(turn.settings.address), default: 1] -= 1
  }

  /// The subnet: all but the last part of an IPv4 address, the first four of IPv6; a name is its own.
  static func subnet(_ address: String) -> String {
    let isOld = address.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
    let parts = address.split(separator: isOld ? "." : ":", omittingEmptySubsequences: false)
    if isOld { return parts.prefix(3).joined(separator: ".") }
    return address.contains(":") ? parts.prefix(4).joined(separator: ":") : address
  }
}
