public import Engine
public import Metrics
internal import Synchronization

/// The governor of one pass, shared by its reactors.
public final class SharedLimits: Sendable {
  private let governor: Mutex<Governor>
  private let origin = Deadline.now

  public init(_ governor: Governor) { self.governor = Mutex(governor) }

  private func seconds(_ instant: Deadline = .now) -> Double {
    Double(instant.since(origin).nanoseconds) / 1e9
  }

  /// The limits that this pass met, to be stored.
  public var records: [Governor.Key: Governor.Record] { governor.withLock { $0.records } }

  /// Begins the next pass: what was used and refused is counted anew.
  public func beginPass() { governor.withLock { $0.beginPass() } }

  public func value(_ key: Governor.Key) -> Int { governor.withLock { $0.value(key) } }

  /// Lets a request begin that shares all these, if their limits allow it.
  public func begin(_ keys: [Governor.Key], regardless: Bool = false) -> Bool {
    if keys.isEmpty { return true }
    let now = seconds()
    return governor.withLock { governor in
      guard governor.admits(keys, at: now) || regardless else { return false }
      governor.begin(keys, at: now)
      return true
    }
  }

  /// The time until another handshake may begin; zero where other limits decide.
  public func pause(_ keys: [Governor.Key]) -> Duration {
    let now = seconds()
    return .nanoseconds(Int64(governor.withLock { $0.pause(keys, at: now) } * 1e9))
  }

  public func end(_ keys: [Governor.Key], answered: Bool) {
    if keys.isEmpty { return }
    let now = seconds()
    governor.withLock { $0.end(keys, answered: answered, at: now) }
  }

  public func wait(for key: Governor.Key) {
    let now = seconds()
    governor.withLock { $0.wait(for: key, at: now) }
  }

  public func use(_ key: Governor.Key, _ count: Int) { governor.withLock { $0.use(key, count) } }

  public func raise(_ key: Governor.Key) {
    let now = seconds()
    governor.withLock { $0.raise(key, at: now) }
  }

  /// Counts a refusal of a request that began at that instant.
  public func refuse(
    _ key: Governor.Key, by host: String, _ refusal: Governor.Refusal, _ error: TargetError,
    began: Deadline
  ) {
    let (now, begin) = (seconds(), seconds(began))
    governor.withLock {
      $0.refuse(
        key, by: host, refusal, "\(host): \(error)", began: begin, at: now, time: .now)
    }
  }
}

extension Host {
  /// What the host shares with others of the inventory: the jump hosts on its way and its hypervisor.
  public func shares(route: [Host]) -> [Governor.Key] {
    guard connection == .ssh else { return [] }
    return route.map { Governor.Key(.handshakes, $0.name) }
      + (on.map { [.init(.guests, $0)] } ?? [])
  }
}

extension BMCSettings {
  /// The subnet of the BMC: `10.0.7.0/24`, `fd00:1:2:3::/64`; a name is its own.
  public var subnet: String {
    guard let bytes = Dial.number(address)?.bytes else { return address }
    // Port and family come first, in sockaddr_in6 also the flow (netinet/in.h).
    if bytes.count < 24 {
      return "\(bytes[4...6].map { String($0) }.joined(separator: ".")).0/24"
    }
    let parts = stride(from: 8, to: 16, by: 2).map {
      String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16)
    }
    return "\(parts.joined(separator: ":"))::/64"
  }
}
