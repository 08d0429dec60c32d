internal import Engine
internal import Metrics
internal import Rules
internal import Inventory
internal import Probes

/// What a pass asks to learn whether it is the scraper that is cut off, beside all that it asks of hosts.
///
/// Nothing is asked where all targets are on this machine itself.
struct SelfQuestions: Sendable {
  /// Where a target is, seen from here.
  struct Place: Sendable {
    /// Nil where it is known by name.
    var number: Connect.Address?
    /// Whether its answer proves that the network works. A plugin's does not: it asks whom it likes.
    var isProof = true
    /// Of its SSH server.
    var port: UInt16?
  }

  /// A target of a host.
  struct Target: Hashable, Sendable {
    var host: String
    var name: String
  }

  /// What was learnt; nothing stands here of questions that were broken off.
  struct Answers: Sendable {
    /// Whether it answered an echo request, by address.
    var echoes: [String: Bool] = [:]
    var nameServers: [String: Bool] = [:]
    /// Those that answered in this pass do so no more.
    var isCutSince = false
  }

  let network = OwnNetwork()
  let settings: SelfSettings
  /// The targets beyond this machine.
  private(set) var places: [Target: Place] = [:]
  private(set) var gateways: [String] = []
  private(set) var nameServers: [String] = []
  /// What name servers are asked for.
  private var name: String?

  /// What is to be asked beside these.
  init(_ settings: SelfSettings, _ jobs: [Pass.Job], _ bmcs: [Plan.BMCTurn]) {
    self.settings = settings
    for job in jobs {
      let host = job.host
      if job.turn != nil, case .ssh = job.reach {
        add(host.name, "ssh", host.address, port: host.port)
      }
      let plans = job.probes?.plans ?? []
      let isRemote = Set(HostQuestions.others(plans).map(\.service))
      // What is good when nobody answers proves nothing, and fails for nobody's silence.
      for plan in plans where !plan.isClosed {
        let isAnsweredByHost = !isRemote.contains(plan.service)
        if isAnsweredByHost, host.connection == .local { continue }
        add(
          host.name, CheckName.service(plan.service).text,
          isAnsweredByHost ? host.address : plan.address ?? host.address,
          isProof: isAnsweredByHost || type(of: plan.probe).carrier != .none)
      }
    }
    for turn in bmcs { add(turn.host.name, BMCReading.name, turn.settings.address) }
    choose()
  }

  /// What would be asked if all of these hosts and their BMCs were.
  init(_ settings: SelfSettings, of hosts: [Host]) {
    self.settings = settings
    for host in hosts {
      if host.connection == .ssh { add(host.name, "ssh", host.address) }
      if let bmc = host.bmc { add(host.name, BMCReading.name, bmc.address) }
    }
    choose()
  }

  /// Picks whom to ask by where the targets are.
  private mutating func choose() {
    guard settings.isOn, !places.isEmpty else { return }
    let versions = Set(places.values.compactMap(\.number?.version))
    switch settings.gateway {
    case .off: break
    case .address(let address): gateways = [address]
    case .auto:
      // A name may have addresses of either kind.
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
    if let number = OwnQuestions.number(address) {
      guard !network.isHere(number) else { return }
      place.number = number
    } else {
      guard address != "localhost", !address.hasSuffix(".localhost") else { return }
      name = name ?? address
    }
    places[Target(host: host, name: target)] = place
  }

  /// The way out to the targets, as it is now.
  var way: SelfWatch.Way {
    let network = OwnNetwork()
    guard network.hasLink else { return .noInterface }
    let ways = places.values.compactMap(\.number).map(network.way(to:))
    if ways.isEmpty || ways.contains(.open) || ways.contains(.unknown) { return .open }
    for way in ways { if case .noCarrier(let interface) = way { return .noCarrier(interface) } }
    return .noRoute
  }

  /// Asks while hosts are being asked. Where those leave no doubt, it is not waited for.
  func ask(on reactor: Reactor, while gather: () async -> Bool) async -> Answers {
    await withTaskGroup(of: Answers.self) { group in
      group.addTask { await ask(on: reactor) }
      if await !gather() { group.cancelAll() }
      return await group.next() ?? Answers()
    }
  }

  /// Asks all at the same time; it takes two seconds at most.
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
