/// Limits on what a shared server, machine or network is asked at once, learned from its refusals.
///
/// Additive increase, multiplicative decrease, as in TCP (RFC 5681): a limit begins moderate. While
/// requests wait for it, each answer raises it by one; once there was a refusal, four times as many
/// answers as it counts raise it by one. A refusal halves it, and never below one. Refusals of
/// requests that began before the last halving say nothing about the new limit, and do not change it.
///
/// Pure: it waits for nobody, and all times are given, in seconds of a clock that does not jump.
public struct Governor: Sendable {
  /// What is limited.
  public enum Kind: String, Sendable, CaseIterable {
    /// Sessions with a jump host.
    case sessions
    /// Connections that a jump host forwards at once.
    case channels
    /// SSH sessions that begin in one second behind a jump host.
    case handshakes
    /// Hosts of one hypervisor that are asked at once.
    case guests
    /// BMCs of one subnet that are asked at once.
    case bmcs

    /// The first limit.
    var first: Double {
      switch self {
      case .sessions: 4
      case .channels: 64
      case .handshakes: 50
      case .guests, .bmcs: 16
      }
    }

    /// The highest limit.
    var most: Double {
      switch self {
      case .sessions: 8
      case .channels, .handshakes: 512
      case .guests, .bmcs: 256
      }
    }

    /// What shares the limit.
    public var place: String {
      switch self {
      case .sessions, .channels, .handshakes: "jump host"
      case .guests: "hypervisor"
      case .bmcs: "BMC subnet"
      }
    }
  }

  /// One limit: what is limited, and of which jump host, hypervisor or subnet.
  public struct Key: Sendable, Hashable, Comparable {
    public var kind: Kind
    public var name: String

    public init(_ kind: Kind, _ name: String) {
      self.kind = kind
      self.name = name
    }

    public static func < (a: Key, b: Key) -> Bool {
      (a.kind.place, a.name, a.kind.rawValue) < (b.kind.place, b.name, b.kind.rawValue)
    }
  }

  /// Why a request was refused.
  public enum Refusal: Sendable, Hashable, CaseIterable {
    /// By what is shared: `MaxStartups` of the jump host, no room for a channel, a busy BMC.
    case own
    /// A host behind it dropped the connection before a word was said.
    case shed
    /// A host behind it has no open port.
    case closed

    /// The number of hosts that must report it: one alone has a cause of its own.
    var witnesses: Int {
      switch self {
      case .own: 1
      case .shed: 2
      case .closed: 3
      }
    }
  }

  /// What is kept of a limit between passes.
  public struct Record: Sendable, Equatable {
    public var value: Double
    /// The most at once in the last pass; of handshakes in one second.
    public var used = 0
    /// The number of refusals in the last pass.
    public var refusals = 0
    /// The last refusal; nil if there was none.
    public var refused: Timestamp?
    public var message: String?

    public init(
      value: Double, used: Int = 0, refusals: Int = 0, refused: Timestamp? = nil,
      message: String? = nil
    ) {
      self.value = value
      self.used = used
      self.refusals = refusals
      self.refused = refused
      self.message = message
    }
  }

  private struct Limit: Sendable {
    var record: Record
    let most: Double
    var running = 0
    /// Handshakes that may begin now, and since when they were counted.
    var tokens: Double
    var filled = 0.0
    /// The begin of the second whose handshakes are counted.
    var second = -1.0
    var inSecond = 0
    /// When a request last waited for it, and when it was last halved.
    var waited = -Double.infinity
    var halved = -Double.infinity
    /// The hosts that reported refusals in this pass, and since the last halving.
    var witnesses: [Refusal: Set<String>] = [:]
    var newWitnesses: [Refusal: Set<String>] = [:]
    var isTouched = false

    init(_ record: Record, most: Double) {
      self.record = record
      self.most = most
      // A damaged store must not starve anything.
      self.record.value =
        record.value.isFinite ? min(max(1, record.value), most) : min(1, most)
      tokens = 1
    }

    /// Handshakes that may begin at once after a pause.
    var burst: Double { max(1, record.value / 10) }

    mutating func fill(at now: Double) {
      tokens = min(burst, tokens + max(0, now - filled) * record.value)
      filled = max(filled, now)
    }
  }

  /// How long a limit counts as one that is waited for.
  private static let memory = 1.0

  private var limits: [Key: Limit] = [:]
  private let caps: [Kind: Double]
  /// Hosts that failed at the last pass: their refusals say nothing about what they share.
  private let failing: Set<String>

  /// Takes the stored records. `caps` lowers the highest limit of a kind.
  public init(
    _ records: [Key: Record] = [:], caps: [Kind: Double] = [:], failing: Set<String> = []
  ) {
    self.caps = caps
    self.failing = failing
    for (key, record) in records {
      var limit = Limit(record, most: most(of: key.kind))
      limit.record.used = 0
      limit.record.refusals = 0
      limits[key] = limit
    }
  }

  private func most(of kind: Kind) -> Double { max(1, min(kind.most, caps[kind] ?? kind.most)) }

  private func limit(_ key: Key) -> Limit {
    limits[key] ?? Limit(Record(value: key.kind.first), most: most(of: key.kind))
  }

  private mutating func change(_ key: Key, _ body: (inout Limit) -> Void) {
    var limit = limit(key)
    body(&limit)
    limit.isTouched = true
    limits[key] = limit
  }

  /// The limits that this pass met, to be stored.
  public var records: [Key: Record] { limits.filter(\.value.isTouched).mapValues(\.record) }

  /// The present limit, at least 1.
  public func value(_ key: Key) -> Int { Int(limit(key).record.value) }

  /// Begins the next pass: what was used and refused is counted anew, and refusals need new witnesses.
  public mutating func beginPass() {
    limits = limits.mapValues { limit in
      var limit = limit
      limit.record.used = limit.running
      limit.record.refusals = 0
      limit.witnesses = [:]
      limit.newWitnesses = [:]
      return limit
    }
  }

  // MARK: Turns

  /// Whether a request that shares all these may begin now. If not, it waits for those that are full.
  public mutating func admits(_ keys: [Key], at now: Double) -> Bool {
    var isFree = true
    for key in keys {
      change(key) { limit in
        if key.kind == .handshakes { limit.fill(at: now) }
        let isFull =
          key.kind == .handshakes
          ? limit.tokens < 1 : limit.running >= Int(limit.record.value)
        if isFull {
          limit.waited = now
          isFree = false
        }
      }
    }
    return isFree
  }

  /// The seconds until another handshake may begin; 0 where other limits decide.
  public func pause(_ keys: [Key], at now: Double) -> Double {
    keys.filter { $0.kind == .handshakes }.map { key in
      var limit = limit(key)
      limit.fill(at: now)
      return max(0, 1 - limit.tokens) / limit.record.value
    }.max() ?? 0
  }

  /// Counts a request that begins.
  public mutating func begin(_ keys: [Key], at now: Double) {
    for key in keys {
      change(key) { limit in
        limit.running += 1
        guard key.kind == .handshakes else {
          limit.record.used = max(limit.record.used, limit.running)
          return
        }
        limit.fill(at: now)
        // In debt, if the end of a pass lets all begin.
        limit.tokens -= 1
        if now - limit.second >= 1 { (limit.second, limit.inSecond) = (now, 0) }
        limit.inSecond += 1
        limit.record.used = max(limit.record.used, limit.inSecond)
      }
    }
  }

  /// Counts the end of a request; an answer raises limits that others wait for.
  public mutating func end(_ keys: [Key], answered: Bool, at now: Double) {
    for key in keys {
      change(key) { $0.running = max(0, $0.running - 1) }
      if answered { raise(key, at: now) }
    }
  }

  /// Notes that something waits for a limit that another part keeps: sessions, channels.
  public mutating func wait(for key: Key, at now: Double) { change(key) { $0.waited = now } }

  /// Notes how much of a limit that another part keeps is in use.
  public mutating func use(_ key: Key, _ count: Int) {
    change(key) { $0.record.used = max($0.record.used, count) }
  }

  /// Raises the limit after an answer, if requests wait for it.
  public mutating func raise(_ key: Key, at now: Double) {
    change(key) { limit in
      guard now - limit.waited <= Self.memory else { return }
      let value = limit.record.value
      limit.record.value = min(
        limit.most, value + (limit.record.refused == nil ? 1 : 1 / (4 * value)))
    }
  }

  /// Counts a refusal of a request of that host, and halves the limit if enough hosts report it.
  public mutating func refuse(
    _ key: Key, by host: String, _ refusal: Refusal, _ message: String, began: Double,
    at now: Double, time: Timestamp
  ) {
    if refusal != .own, failing.contains(host) { return }
    change(key) { limit in
      limit.witnesses[refusal, default: []].insert(host)
      let needed = refusal.witnesses
      if began >= limit.halved { limit.newWitnesses[refusal, default: []].insert(host) }
      guard limit.witnesses[refusal, default: []].count >= needed else { return }
      limit.record.refusals += 1
      limit.record.refused = time
      limit.record.message = message
      guard began >= limit.halved else { return }
      guard limit.newWitnesses[refusal, default: []].count >= needed else { return }
      limit.record.value = max(1, limit.record.value / 2)
      limit.tokens = min(limit.tokens, limit.burst)
      limit.halved = now
      limit.newWitnesses = [:]
    }
  }
}
