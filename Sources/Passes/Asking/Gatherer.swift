internal import Collectors
internal import Configuration
public import Engine
internal import Glibc
internal import Metrics
internal import Sinks
public import Hosts
public import IPMI
public import Inventory
public import Probes

/// The shared means of scraping: reactors, keys and accepted host keys, each made once.
public struct Gatherer: Sendable {
  public let reactors: [Reactor]
  private var keyring: Keyring
  private var knownHosts: [[String]: KnownHosts] = [:]
  /// What was found of key files; see `Host.loginMark`.
  private var keyMarks: [String: String] = [:]
  public internal(set) var warnings: [String] = []
  /// Whether BMCs are also asked how much privilege their users have.
  var findsPrivilege = false
  private let site: Site
  /// Whose log-ins were refused, and which accounts rest.
  public let logins: LoginBook
  /// What shared servers are asked at once; nil limits nothing.
  let limits: SharedLimits?
  /// The names of jump hosts.
  private let jumpHosts: Set<String>
  /// The sessions with jump hosts, one pool for each reactor.
  private let pools: [JumpPool]
  /// What stays after a pass; nil in one pass.
  private let kept: Kept?
  /// The reactor of each jump host that is reached directly.
  private var places: [String: Int] = [:]
  /// The ways to BMCs, by host.
  private var waysToBMCs: [String: Result<Tunnel?, TargetError>] = [:]
  /// The jump hosts on the ways that were made, each once.
  private(set) var jumps: [JumpReading.Target] = []

  /// One reactor handles 1,800 log-ins per second; a second one runs if there is a second core.
  ///
  /// With `kept` its reactors and sessions are used, and stay; its limits count.
  public init(
    _ site: Site, logins: LoginBook = LoginBook(), limits: SharedLimits? = nil, kept: Kept? = nil
  ) async {
    self.site = site
    self.logins = logins
    self.kept = kept
    self.limits = kept?.limits ?? limits
    jumpHosts = Set(site.inventory.hosts.flatMap(\.hops).map(\.name))
    reactors = kept?.reactors ?? Self.newReactors
    pools = kept?.pools ?? reactors.map { JumpPool(on: $0, limits: limits) }
    let home = Account.home
    keyring = await reactors[0].open { reactor in await Keyring(home: home, on: reactor) }
    warnings = site.inventory.sshConfigProblems
  }

  static var newReactors: [Reactor] {
    let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    return (0..<min(2, cores)).map { _ in Reactor() }
  }

  /// Runs the body with jump hosts, whose sessions are closed at its end unless they are kept.
  ///
  /// Without it hosts behind jump hosts can be asked, too; sessions then end with the process.
  public func serving<Value: Sendable>(_ body: () async -> Value) async -> Value {
    guard kept == nil, !places.isEmpty else { return await body() }
    return await Self.serving(pools[...], body)
  }

  static func serving<Value: Sendable>(
    _ pools: ArraySlice<JumpPool>, _ body: () async -> Value
  ) async -> Value {
    guard let pool = pools.first else { return await body() }
    return await pool.serve { await serving(pools.dropFirst(), body) }
  }

  /// The way through the jump hosts of a host; nil for one that is reached directly.
  public mutating func tunnel(for host: Host) throws(TargetError) -> Tunnel? {
    var tunnel: Tunnel?
    var pool: JumpPool?
    let steps = site.inventory.steps(to: host)
    let route = steps.map(\.host)
    for (place, (name, hop)) in steps.enumerated() {
      var target = try direct(hop, route: route.prefix(place))
      target.isOnTheWay = true
      let own = pool ?? pools[placing("\(hop.name) \(hop.user ?? "") \(hop.port)")]
      pool = own
      target.tunnel = tunnel
      tunnel = Tunnel(target, own)
      let entry = site.inventory.host(name)
      // Another account or port of a host says nothing about its own session.
      if entry.map({ $0.user == hop.user && $0.port == hop.port }) != false,
        !jumps.contains(where: { $0.name == name })
      {
        jumps.append(JumpReading.Target(name: name, entry: entry, target: target, pool: own))
      }
    }
    return tunnel
  }

  /// All that is behind a jump host lives on one reactor.
  private mutating func placing(_ jumpHost: String) -> Int {
    if kept != nil {
      // The same in the next pass, whatever is due then.
      let place = Int(Pace.phase(jumpHost) >> 32) % pools.count
      places[jumpHost] = place
      return place
    }
    let place = places[jumpHost] ?? places.count % pools.count
    places[jumpHost] = place
    return place
  }

  /// The way to a host.
  public mutating func target(for host: Host) throws(TargetError) -> HostTarget {
    var target = try direct(host, route: site.inventory.route(to: host)[...])
    target.tunnel = try tunnel(for: host)
    target.keeper = kept?.keeper(of: host.name, on: target.reactor)
    return target
  }

  /// The shell of this machine.
  func local(_ host: Host) -> LocalTarget {
    LocalTarget(keeper: kept?.keeper(of: host.name, on: nil))
  }

  /// The session for commands on the host itself: that of a jump host.
  mutating func session(on host: Host) throws(TargetError) -> Tunnel {
    let target = try target(for: host)
    let place = "\(host.name) \(host.user ?? "") \(host.port)"
    return Tunnel(target, target.tunnel?.pool ?? pools[placing(place)])
  }

  private mutating func direct(
    _ host: Host, route: ArraySlice<Host>
  ) throws(TargetError) -> HostTarget {
    if let refusal = host.refusal { throw TargetError(.notSupported, refusal) }
    var credentials: Credentials
    let passphrase: String?
    do throws(ConfigurationError) {
      credentials = keyring.credentials(
        keys: host.keys, takingAgentKeys: host.takesAgentKeys,
        passphrase: try host.keyPassphrase?.reveal().clearText,
        password: try host.password?.reveal().clearText)
      passphrase = try host.keyPassphrase?.reveal().clearText
    } catch {
      throw TargetError(.localError, error.oneLine)
    }
    if host.isSigned, let key = host.signingKey {
      try keyring.addSigner(key, passphrase: passphrase, to: &credentials)
    }
    let user = host.user ?? Account.user
    var sources: [Dial.Address] = []
    // A jump host connects to what is behind it.
    if let source = host.source, route.isEmpty {
      do throws(DialError) { sources = try Dial.sources(source) } catch {
        throw TargetError(.localError, error.message)
      }
    }
    var target = HostTarget(
      name: host.name, address: host.address, port: UInt16(clamping: host.port), user: user,
      credentials: credentials, knownHosts: accepted(host), keyAlias: host.hostKeyAlias,
      isBehindJumpHost: !route.isEmpty)
    target.isSigned = host.isSigned
    target.limits = limits
    target.shares = host.shares(route: Array(route))
    target.isJumpHost = jumpHosts.contains(host.name)
    target.logins = logins
    target.loginMark = host.loginMark(agentKeys: credentials.agentKeys, files: &keyMarks)
    target.sources = sources
    let limit = site.settings.connectTimeout
    target.timeouts.connect =
      site.settings.hasConnectTimeout ? limit : host.connectTimeout ?? limit
    return target
  }

  /// Finds the way to the BMC of a host, before `serving`.
  public mutating func prepare(bmcOf host: Host) {
    guard host.jumpHostOfBMC != nil else { return }
    do throws(TargetError) {
      waysToBMCs[host.name] = .success(try tunnel(for: host.asBMC))
    } catch {
      waysToBMCs[host.name] = .failure(error)
    }
  }

  /// The way to the BMC of a host, with its secrets.
  public func bmc(_ settings: BMCSettings, of host: Host) throws(TargetError) -> BMCTarget {
    var target: BMCTarget
    do throws(ConfigurationError) {
      target = try BMCTarget(settings, of: host.name, cache: site.bmcFolder)
      target.keeper = kept?.bmcs
      target.findsPrivilege = findsPrivilege
    } catch {
      throw TargetError(.localError, error.oneLine)
    }
    guard let via = host.jumpHostOfBMC else {
      if let source = host.source {
        do throws(DialError) { target.sources = try Dial.sources(source) } catch {
          throw TargetError(.localError, error.message)
        }
      }
      return target
    }
    target.tunnel = try waysToBMCs[host.name]?.get()
    // Never past the jump host.
    guard target.tunnel != nil else {
      throw TargetError(.localError, "via \(via): there is no way to it")
    }
    return target
  }

  /// Scrapes the BMC of a host; every failure is part of the answer.
  func ask(
    _ settings: BMCSettings, of host: Host, remembering memory: [String: [UInt64]],
    on reactor: Reactor, by deadline: Deadline
  ) async -> BMCAnswer {
    if settings.isThroughHost {
      return await askThroughHost(
        settings, of: host, remembering: memory, on: reactor, by: deadline)
    }
    do throws(TargetError) {
      guard !deadline.isPast else { throw .notReached }
      let target = try bmc(settings, of: host)
      return await (target.tunnel?.reactor ?? reactor).open { reactor in
        await target.ask(
          remembering: memory, ignoringRest: logins.ignoresRests, on: reactor, by: deadline)
      }
    } catch {
      var answer = BMCAnswer(time: .now)
      answer.memory = memory
      answer.failure = error
      return answer
    }
  }

  /// The shared means of probes, with the settings.
  public var kit: ProbeKit {
    ProbeKit(
      reserved: Set(Catalog.all.names), contacts: site.contactsFile, sinks: site.sinkAddresses,
      findings: site.settings.findings)
  }

  private mutating func accepted(_ host: Host) -> KnownHosts {
    let files = site.knownHostFiles(of: host)
    if let known = knownHosts[files] { return known }
    var known = KnownHosts()
    for file in files {
      do {
        known.add(try SmallFile.read(file, limit: 16 << 20), file: file)
      } catch  where error.code == ENOENT || error.code == ENOTDIR {
      } catch {
        warnings.append("\(file): \(error)")
      }
    }
    warnings += known.warnings
    knownHosts[files] = known
    return known
  }
}

/// The way to one host.
public enum Reach: Sendable {
  case ssh(HostTarget)
  case local(LocalTarget = LocalTarget())
  /// None, with the reason.
  case failed(TargetError)

  public init(_ host: Host, _ gatherer: inout Gatherer) {
    if host.connection == .local {
      self = .local(gatherer.local(host))
      return
    }
    do { self = .ssh(try gatherer.target(for: host)) } catch { self = .failed(error) }
  }

  /// The reactor on which the host must be asked; nil leaves the choice.
  public var reactor: Reactor? {
    switch self {
    case .ssh(let target): target.reactor
    case .local(let target): target.keeper?.reactor
    case .failed: nil
    }
  }

  public func ask(
    _ batches: [Batch], pause: Duration = .zero, on reactor: Reactor, by deadline: Deadline
  ) async -> [HostAnswer] {
    switch self {
    case .ssh(let target):
      // libssh2 sessions of one jump host stay on its reactor.
      return await (target.reactor ?? reactor).open { reactor in
        await target.ask(batches, pause: pause, on: reactor, by: deadline)
      }
    case .local(let target):
      return await (target.keeper?.reactor ?? reactor).open { reactor in
        await target.ask(batches, pause: pause, on: reactor, by: deadline)
      }
    case .failed(let error):
      var answer = HostAnswer(time: .now)
      answer.failure = error
      return batches.map { _ in answer }
    }
  }
}
