public import Configuration
public import Engine
public import Metrics
public import Hosts
public import Inventory

/// One entry of `probes:`, ready to run for any host that has it.
public struct ProbePlan: Sendable {
  public var probe: any Probe
  /// The probe's name: `http`.
  public var kind: String
  /// The service's name for people and in the tag `service`: the entry as written, unless it has a
  /// `name`.
  public var service: String
  /// Zero for probes without ports.
  public var port: UInt16
  /// Whether the entry names the port; else it is the probe's default.
  public var hasOwnPort = true
  /// The destination in place of the host's own address.
  public var address: String?
  /// The name of the host's address to ask, which is the tag `path`; nil for its `address:`.
  public var path: String?
  /// The entry as written, without the name of the address: services of a host with the same stem are
  /// one service that is asked on several ways.
  public var stem = ""
  /// Whether the host has no address of that name: it is not asked.
  public var lacksAddress = false
  /// The local address, if it is not the system's choice.
  public var source: Dial.Address?
  /// Whether it is asked from this machine, whatever stands between: `from: centre`.
  public var isAtCentre = false
  /// 4 or 6, to use only that version of IP.
  public var version: Int?
  /// No answer is good.
  public var isClosed: Bool
  public var timeout: Duration
  /// When it is asked; nil for each pass, or as often as its host.
  public var schedule: Schedule?
  /// The delay before a worse state takes effect; nil for that of `targets:` in scrape.yml.
  public var patience: Patience?
  /// The severity of findings; nil for that of scrape.yml.
  public var findings: Severity?
  /// Whether the service counts in `service_summary`.
  public var isCounted = true
  /// The place of the entry, and its length in characters.
  public var mark: Mark
  public var length: Int

  /// The service with its probe and port, unless its name gives them: `ssh (22)`, `http-alt (http
  /// 8000)`, `x11:1 (6001)`.
  public var described: String {
    var more: [String] = []
    var name = service.lowercased()
    if let path, let at = name.firstRange(of: "@\(path.lowercased())") { name.removeSubrange(at) }
    if name.prefix(while: { $0 != ":" && $0 != "/" && $0 != " " }) != kind { more.append(kind) }
    if port > 0, !name.hasPrefix("\(kind):\(port)") { more.append("\(port)") }
    return service + (more.isEmpty ? "" : " (\(more.joined(separator: " ")))")
      + (isClosed ? " closed" : "")
  }

  /// The default time limit of a probe.
  public static let timeout: Duration = .seconds(5)

  /// The plan for this host, with the address that it names. An `ssh` without a port uses the port
  /// that the inventory gives the host, unless it names another address.
  public func on(_ host: Host) -> ProbePlan {
    var plan = self
    if let path {
      plan.address = host.addresses[path]
      plan.lacksAddress = plan.address == nil
      return plan
    }
    guard kind == SSHProbe.name, !hasOwnPort, address == nil else { return self }
    plan.port = UInt16(clamping: host.port)
    return plan
  }

  /// Whether it is asked of the host: directly, or through its jump hosts.
  public func reaches(_ host: Host) -> Bool {
    if lacksAddress { return false }
    return host.jumpHost == nil || obstacle(to: host.address) == nil
  }

  /// Why it cannot go through the jump hosts of the host with this address; nil if it can.
  public func obstacle(to host: String) -> String? {
    if isAtCentre || (probe as? any HostQuestion)?.script(of: "", at: "") != nil { return nil }
    if let obstacle = probe.obstacle { return obstacle }
    if let source {
      return "`from: \(source.text)` is an address of this machine, and the jump host connects"
    }
    guard let version else { return nil }
    switch Dial.number(address ?? host)?.version {
    case nil:
      return
        "`ip: \(version)` needs a numeric address: the jump host looks the name up, and chooses"
    case version: return nil
    case _: return "\(address ?? host) is no address of IPv\(version)"
    }
  }

  /// The source and the addresses of one version of IP: that of the first address with a source.
  private static func bound(
    _ addresses: [Dial.Address], to sources: [Dial.Address]
  ) throws(DialError) -> (Dial.Address?, [Dial.Address]) {
    guard let first = addresses.first, let only = sources.first else { return (nil, addresses) }
    for address in addresses {
      guard let source = sources.first(where: { $0.version == address.version }) else { continue }
      return (source, addresses.filter { $0.version == source.version })
    }
    throw DialError(
      .local, "source address \(only.text) and \(first.text) are of different versions of IP")
  }

  /// Runs the probe, and always returns a result.
  ///
  /// Hundreds of these wait at the same time: what needs much memory, and no waiting, is in functions of
  /// its own.
  func run(
    of context: ProbeContext, at found: Result<[Dial.Address], TargetError>,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async -> ServiceResult {
    let trace = context.explains ? Trace() : nil
    do throws(Verdict) {
      try checkAsked(context, by: deadline)
      if !isAtCentre, let tunnel = context.tunnel {
        return result(
          try await verdict(
            of: context, at: found, through: tunnel, trace, on: reactor, by: deadline), trace)
      }
      let endpoint = try endpoint(of: context, at: found, nil, trace)
      let verdict = await verdict(of: endpoint, on: reactor, by: min(deadline, .after(timeout)))
      // Answers were cleaned on arrival; the steps show raw bytes.
      trace?.hide(context.kit.secrets.hidden)
      return result(turned(verdict), trace)
    } catch {
      return result(error, trace)
    }
  }

  @inline(never)
  private func result(_ verdict: Verdict, _ trace: Trace?) -> ServiceResult {
    var result = ServiceResult(self, trace: trace)
    result.verdict = verdict
    return result
  }

  /// The verdict for `closed` of a probe without connections.
  private func turned(_ verdict: Verdict) -> Verdict {
    isClosed && type(of: probe).carrier != .tcp ? ClosedPort.turned(verdict) : verdict
  }

  @inline(never)
  private func verdict(
    of context: ProbeContext, at found: Result<[Dial.Address], TargetError>,
    through tunnel: Tunnel, _ trace: Trace?, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> Verdict {
    // The collectors' session has its own result.
    if kind != SSHProbe.name || context.ssh == nil {
      try await enter(tunnel, trace, on: reactor, by: deadline)
    }
    let direct = try endpoint(of: context, at: found, tunnel, trace)
    let endpoint = try await carried(direct, through: tunnel, on: reactor, by: deadline)
    let losses = tunnel.losses(on: reactor)
    let verdict = await verdict(of: endpoint, on: reactor, by: min(deadline, .after(timeout)))
      .checked(through: tunnel, since: losses, on: reactor, by: deadline)
    trace?.hide(context.kit.secrets.hidden)
    return turned(verdict)
  }

  /// Throws the verdict on a service that is not asked.
  @inline(never)
  private func checkAsked(_ context: ProbeContext, by deadline: Deadline) throws(Verdict) {
    if let path, lacksAddress {
      let cure = path == Host.publicAddress ? "`public_address`" : "`addresses: {\(path): …}`"
      throw Verdict(.unknown, .notSupported, "\(context.host) has no \(cure); it is not asked")
    }
    if deadline.isPast {
      throw Verdict(.unknown, .notReached, "the pass had no time left for it")
    }
    guard let via = context.jumpHost, !isAtCentre else { return }
    if let obstacle = obstacle(to: context.address) {
      throw Verdict(.unknown, .notSupported, "via \(via): \(obstacle); it is not asked")
    }
    if context.tunnel == nil {
      throw Verdict(.unknown, .localError, "via \(via): there is no way to it")
    }
  }

  /// Logs in to the jump hosts: that is not the service's time.
  private func enter(
    _ tunnel: Tunnel, _ trace: Trace?, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) {
    do throws(TargetError) {
      let opening = try await tunnel.ready(on: reactor, by: deadline)
      if opening.isNew {
        for step in opening.steps { trace?.note(step.name, step.detail) }
      }
    } catch { throw Verdict(error) }
  }

  /// The destination with all that is known of the host.
  @inline(never)
  private func endpoint(
    of context: ProbeContext, at found: Result<[Dial.Address], TargetError>, _ tunnel: Tunnel?,
    _ trace: Trace?
  ) throws(Verdict) -> Endpoint {
    if let tunnel { trace?.note("via", tunnel.names.joined(separator: ", ")) }
    let carrier = type(of: probe).carrier
    var source = source
    var addresses: [Dial.Address] = []
    switch found {
    case .failure(let error):
      if carrier != .none { throw Verdict(error) }
    case .success(let all):
      addresses = all.filter { version == nil || $0.version == version }
        .map { $0.with(port: port) }
      guard !addresses.isEmpty || carrier == .none || tunnel != nil else {
        throw Verdict(
          .critical, .nameUnknown, "\(address ?? context.address) has no IPv\(version ?? 4) address"
        )
      }
    }
    if let own = context.source, source == nil, tunnel == nil, type(of: probe).canBind {
      do throws(DialError) {
        let sources = try Dial.sources(own)
        (source, addresses) = try Self.bound(addresses, to: sources)
      } catch { throw Verdict(.unknown, .localError, error.message) }
    }
    var endpoint = Endpoint(
      host: context.host, address: address ?? context.address, addresses: addresses, source: source,
      port: port,
      authorities: context.authorities, findings: findings ?? context.kit.findings,
      certificateNames: certificateNames(context), serverName: context.hostname,
      // The collectors' session says nothing about another address, or another way.
      ssh: address != nil || self.source != nil || isAtCentre && context.jumpHost != nil
        ? nil : context.ssh,
      shared: context.shared, tunnel: tunnel,
      kit: context.kit, trace: trace)
    if isAtCentre, endpoint.target?.tunnel != nil { endpoint.target?.tunnel = nil }
    if let source { endpoint.target?.sources = [source] }
    return endpoint
  }

  /// The same with the bridge for datagrams or the turn of ping, where the probe needs one: neither the
  /// commands of others on the jump host nor the start of its own are the service's time.
  private func carried(
    _ endpoint: Endpoint, through tunnel: Tunnel, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(Verdict) -> Endpoint {
    var endpoint = endpoint
    do throws(TargetError) {
      if probe.sendsDatagrams {
        let bridge = try await DatagramBridge.open(
          to: endpoint.number, port: port, through: tunnel, on: reactor, by: deadline)
        endpoint.note("datagrams", "\(bridge.tool) on \(bridge.jumpHost)")
        endpoint.bridge = bridge
      } else if type(of: probe).carrier == .icmp {
        endpoint.turn = try await tunnel.turn(on: reactor, by: deadline)
      }
    } catch { throw Verdict(error) }
    return endpoint
  }

  private func verdict(
    of endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    if isClosed, type(of: probe).carrier == .tcp {
      return await ClosedPort().run(against: endpoint, on: reactor, by: deadline)
    }
    return await probe.run(against: endpoint, on: reactor, by: deadline).naming(endpoint)
  }
}

extension Verdict {
  /// The same, with the port in the message of a refused connection: not every library's text has
  /// it.
  @inline(never)
  fileprivate func naming(_ endpoint: Endpoint) -> Verdict {
    guard reason == .connectionRefused, endpoint.port > 0, !message.contains("\(endpoint.port)")
    else { return self }
    let prefix = "\(endpoint.number): "
    let words = message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message
    return saying("\(endpoint.hostInURL(endpoint.number)):\(endpoint.port): \(words)")
  }
}

extension Verdict {
  /// What a broken connection looks like to the libraries.
  private static let broken: Set<Reason> = [
    .connectionLost, .tlsFailed, .protocolError, .timeout,
  ]

  /// The same, unless sessions with the jump host broke since their count was `losses`: that says nothing about
  /// the service.
  fileprivate func checked(
    through tunnel: Tunnel, since losses: Int, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    guard let reason, Self.broken.contains(reason) else { return self }
    do throws(TargetError) {
      _ = try await tunnel.ready(on: reactor, by: min(deadline, .after(.seconds(5))))
      guard tunnel.losses(on: reactor) > losses else { return self }
      return .ofJumpHost("via \(tunnel.hop.name): the connection to it ended")
    } catch {
      guard error.isOfJumpHost else { return self }
      return Verdict(error)
    }
  }
}

extension ProbePlan {
  /// The accepted names in a certificate: those of the inventory. An address counts if the probe
  /// names it, or if the host has no other name.
  private func certificateNames(_ context: ProbeContext) -> [String] {
    let own = path == nil || address.map(isAddress) == false ? address : nil
    var names = [own, context.hostname, context.host].compactMap { $0 }
    if !isAddress(context.address) { names.append(context.address) }
    var seen: Set<String> = []
    return names.filter { seen.insert($0.lowercased()).inserted }
  }
}

/// The facts of a host for its probes.
public struct ProbeContext: Sendable {
  /// The host's name in the inventory.
  public var host: String
  /// A name or number.
  public var address: String
  /// The name of the host's services, if the inventory has one besides the host's own name.
  public var hostname: String?
  /// The file of certificate authorities to trust besides the system's, absolute.
  public var authorities: String?
  public var kit: ProbeKit
  /// The result of the collectors' SSH session in this pass; nil if there was none.
  public var ssh: SSHOutcome?
  /// The SSH settings of the host, if known: the probe `ssh` then compares its key.
  public var target: HostTarget? {
    get { shared?.target }
    set { shared = newValue.map(SharedTarget.init) }
  }
  var shared: SharedTarget?
  /// The local address or interface from which it is asked, as the inventory says.
  public var source: String?
  /// The jump host in between, as `via:` says.
  public var jumpHost: String?
  /// The way through it.
  public var tunnel: Tunnel?
  /// Whether the steps of each probe are recorded.
  public var explains = false

  public init(host: String, address: String, authorities: String? = nil, kit: ProbeKit) {
    self.host = host
    self.address = address
    self.authorities = authorities
    self.kit = kit
  }

  public init(_ host: Host, kit: ProbeKit) {
    self.init(host: host.name, address: host.address, authorities: host.ca, kit: kit)
    jumpHost = host.jumpHost
    hostname = host.hostname
    source = host.source
  }
}
