/// What goes wrong with a simulated BMC; nothing unless said.
public struct BMCFaults: Sendable {
  public enum Busy: Sendable {
    case no
    /// Completion code C0h to every command of a session.
    case everything
    /// Completion code C0h to readings of sensors only.
    case sensors
  }

  public enum Repository: Sendable {
    case works
    /// The last record's successor is the first.
    case loops
    /// The chain ends at a record that does not exist.
    case losesRecords
    case empty
    /// Each nth read finds its reservation cancelled; 1 is each.
    case reservationLost(every: Int)
    /// A record claims more bytes than there are.
    case badLength
    /// A record is full of nonsense behind its head.
    case noise
    /// It does not know when it was changed.
    case markless
    /// What is longer than the longest read comes cut, and as a success.
    case cutShort
  }

  public enum Power: Sendable {
    case works
    /// The BMC does not know DCMI: C1h.
    case absent
    /// It knows it, and is not measuring.
    case off
    /// The answer ends in its middle.
    case short
    /// D4h below this privilege: 2 user, 3 operator, 4 administrator.
    case privileged(UInt8)
    /// This completion code.
    case refused(UInt8)
  }

  public enum Log: Sendable {
    case works
    /// The last entry's successor is the first.
    case loops
    case empty
    /// The middle entry is listed and cannot be read.
    case entryVanished
    /// The last entry's successor is 0000h, which is also the first one's other name.
    case endsInZero
    /// Even whole entries need a reservation: C5h.
    case wantsReservation
    /// FFh bytes are too many: CAh.
    case wantsLength
  }

  public enum Inventory: Sendable {
    case works
    case absent
    case garbage
  }

  /// Nothing is answered.
  public var silent = false
  /// The share of exchanges that are lost, half of them before the BMC sees them; 0 to 1.
  public var drop = 0.0
  /// Milliseconds that each answer takes.
  public var slow = 0
  /// Every answer comes twice.
  public var duplicates = false
  /// Every answer is nonsense.
  public var garbage = false
  /// Every answer is cut in half.
  public var truncated = false
  /// A bit of every answer is flipped near its end.
  public var corrupt = false
  /// RAKP 2 ends with a code that no password gives.
  public var wrongRAKP2 = false
  /// Open Session is answered with "insufficient resources".
  public var noSlots = false
  /// The last request that is answered, counted from when the fault is set.
  public var diesAfter: Int?
  public var busy = Busy.no
  public var repository = Repository.works
  public var power = Power.works
  public var log = Log.works
  public var inventory = Inventory.works

  public init() {}
}

/// A generator with a seed, so that a lost packet is lost in every run (splitmix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
