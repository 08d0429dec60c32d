internal import Engine
internal import Metrics
internal import Rules
internal import Hosts
internal import Inventory
internal import Probes

/// The requests of a pass that show whether the scraper itself is cut off.
///
/// Nothing is sent if all targets are on this machine.
struct SelfQuestions: Sendable {
  /// The location of a target.
  struct Place: Sendable {
    /// Nil for a host name.
    var number: Dial.Address?
    /// Whether its answer proves that the network works. A plugin may contact anything: it proves nothing.
    var isProof = true
    /// The port of its SSH server.
    var port: UInt16?
  }

  /// A target of a host.
  struct Target: Hashable, Sendable {
    var host: String
    var name: String
  }

  /// The answers; cancelled requests are absent.
  struct Answers: Sendable {
    /// Whether an address answered an echo request.
    var echoes: [String: Bool] = [:]
    var nameServers: [String: Bool] = [:]
    /// Whether targets that answered earlier in this pass no longer do.
    var isCutSince = false
  }

  let network = OwnNetwork()
  let settings: SelfSettings
  /// The remote targets.
  private(set) var places: [Target: Place] = [:]
  private(set) var gateways: [String] = []
  private(set) var nameServers: [String] = []
  /// The names to resolve.
  private var name: String?

  /// The requests for these targets.
  init(
    _ settings: SelfSettings, _ jobs: [Pass.Job], _ bmcs: [Plan.BMCTurn],
    jumps: [JumpReading.Target] = []
  ) {
    self.settings = settings
    for jump in jumps where jump.target.tunnel == nil {
      add(jump.name, CheckName.ssh.text, jump.target.address, port: Int(jump.target.port))
    }
    for job in jobs {
      let host = job.host
      // Another host makes the connections to what is behind it.
      if host.jumpHost != nil { continue }
      if job.turn != nil, case .ssh = job.reach {
        add(host.name, CheckName.ssh.text, host.address, port: host.port)
      }
      let plans = job.probes?.plans ?? []
      let isRemote = Set(HostQuestions.others(plans).map(\.service))
      // A probe that expects no answer proves nothing.
      for plan in plans where !plan.isClosed && !plan.lacksAddress {
        let isAnsweredByHost = !isRemote.contains(plan.service)
        if isAnsweredByHost, host.connection == .local { continue }
        add(
          host.name, CheckName.service(plan.service).text,
          isAnsweredByHost ? host.address : plan.address ?? host.address,
          isProof: isAnsweredByHost || type(of: plan.probe).carrier != .none)
      }
    }
    for turn in bmcs where turn.host.jumpHostOfBMC == nil {
      add(turn.host.name, BMCReading.name, turn.settings.address)
    }
    choose()
  }

  /// The requests for all of these hosts and their BMCs.
  init(_ settings: SelfSettings, of hosts: [Host]) {
    self.settings = settings
    for host in hosts {
      if host.connection == .ssh, host.jumpHost == nil {
        add(host.name, CheckName.ssh.text, host.address)
      }
      if let bmc = host.bmc, host.jumpHostOfBMC == nil {
        add(host.name, BMCReading.name, bmc.address)
      }
    }
    choose()
  }

  /// Chooses the witnesses by the locations of the targets.
  private mutating func choose() {
    guard settings.isOn, !places.isEmpty else { return }
    let versions = Set(places.values.compactMap(\.number?.version))
    switch settings.gateway {
    case .off: break
    case .address(let address): gateways = [address]
    case .auto:
      // A name may have IPv4 and IPv6 addresses.
      if versions != [6] { gateways += OwnNetwork.gateways(version: 4) }
      if versions.contains(6) || gateways.isEmpty { gateways += OwnNetwork.gateways(version: 6) }
    }
    if settings.asksNameServers, places.values.contains(where: { $0.number == nil }) {
      let (servers, search) = OwnQuestions.nameServers()
      nameServers = servers
      if let name, !name.utf8.contains(UInt8(ascii: ".")), let domain = search.first {
        self.name = "\(name).\(domain)"
      }
    }
  }

  private mutating func add(
    _ host: String, _ target: String, _ address: String, isProof: Bool = true, port: Int? = nil
  ) {
    var place = Place(isProof: isProof, port: port.map { UInt16(clamping: $0) })
    if let number = Dial.number(address) {
      guard !network.isHere(number) else { return }
      place.number = number
    } else {
      guard address != "localhost", !address.hasSuffix(".localhost") else { return }
      name = name ?? address
    }
    places[Target(host: host, name: target)] = place
  }

  /// The current route to the targets.
  var way: SelfWatch.Way {
    let network = OwnNetwork()
    guard network.hasLink else { return .noInterface }
    let ways = places.values.compactMap(\.number).map(network.way(to:))
    if ways.isEmpty || ways.contains(.open) || ways.contains(.unknown) { return .open }
    for way in ways { if case .noCarrier(let interface) = way { return .noCarrier(interface) } }
    return .noRoute
  }

  /// Sends the requests while hosts are scraped. If these leave no doubt, nobody waits for the answers.
  func ask(on reactor: Reactor, while gather: () async -> Bool) async -> Answers {
    await withTaskGroup(of: Answers.self) { group in
      group.addTask { await ask(on: reactor) }
      if await !gather() { group.cancelAll() }
      return await group.next() ?? Answers()
    }
  }

  /// Sends all requests in parallel; takes at most 2 s.
  func ask(on reactor: Reactor) async -> Answers {
    enum Answer: Sendable { case echo(String, Bool?), nameServer(String, Bool?) }
    let echoed = settings.isOn && !places.isEmpty ? Set(gateways + settings.anchors) : []
    return await withTaskGroup(of: Answer.self) { group in
      for address in echoed {
        group.addTask {
          .echo(
            address,
            await reactor.open { reactor in await OwnQuestions.echo(address, on: reactor) })
        }
      }
      for server in nameServers {
        guard let name else { continue }
        group.addTask {
          .nameServer(
            server,
            await reactor.open { reactor in
              await OwnQuestions.answers(server, name: name, on: reactor)
            })
        }
      }
      var answers = Answers()
      for await answer in group {
        switch answer {
        case .echo(let address, let value): answers.echoes[address] = value
        case .nameServer(let address, let value): answers.nameServers[address] = value
        }
      }
      return answers
    }
  }
}
