public import Engine
public import Hosts
public import IPMI
public import Inventory
internal import Metrics

/// What stays between the scrapes of `watch`: reactors, and sessions with hosts, jump hosts and BMCs.
///
/// A gatherer that is made with it uses it; passes and commands without it are one-shot.
public final class Kept: Sendable {
  public let reactors: [Reactor]
  /// The limits of all that is asked with it.
  public let limits: SharedLimits?
  let pools: [JumpPool]
  let hosts: [KeptSessions]
  /// Sessions with BMCs.
  public let bmcs = KeptBMCs()

  public init(
    limits: SharedLimits? = nil, rules: KeptSessions.Rules = .init(),
    jumpHosts: JumpPool.Staying = .init()
  ) {
    self.limits = limits
    reactors = Gatherer.newReactors
    pools = reactors.map { JumpPool(on: $0, limits: limits, staying: jumpHosts) }
    hosts = reactors.map { KeptSessions(on: $0, rules: rules) }
  }

  /// Runs the body, tends the sessions meanwhile, and closes them at its end.
  public func serving<Value: Sendable>(_ body: () async -> Value) async -> Value {
    await bmcs.serve(on: reactors[0]) {
      await Gatherer.serving(pools[...]) { await serving(hosts[...], body) }
    }
  }

  private func serving<Value: Sendable>(
    _ keepers: ArraySlice<KeptSessions>, _ body: () async -> Value
  ) async -> Value {
    guard let keeper = keepers.first else { return await body() }
    return await keeper.serve { await serving(keepers.dropFirst(), body) }
  }

  /// Who keeps the session with a host: the keeper of the reactor of its jump hosts, else always the
  /// same one.
  func keeper(of host: String, on reactor: Reactor?) -> KeptSessions {
    if let reactor, let place = reactors.firstIndex(where: { $0 === reactor }) {
      return hosts[place]
    }
    return hosts[Int(Pace.phase(host) >> 32) % hosts.count]
  }

  /// Whether a session with the host is kept, so that a scrape of it makes no handshake.
  public func holds(_ host: String) -> Bool { hosts.contains { $0.holds(host) } }

  /// Closes the sessions with hosts that the inventory does not have any more.
  public func keep(only names: Set<String>) async {
    for keeper in hosts {
      await keeper.reactor.open { reactor in keeper.keep(only: names, on: reactor) }
    }
  }

  /// A summary of all sessions with hosts.
  public func status() async -> KeptSessions.Status {
    var all = KeptSessions.Status()
    for keeper in hosts {
      all.add(await keeper.reactor.open { reactor in keeper.status(on: reactor) })
    }
    return all
  }
}
