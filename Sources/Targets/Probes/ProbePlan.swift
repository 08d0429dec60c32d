public import Configuration
public import Engine
public import Metrics
public import Hosts
public import Inventory

/// One entry of `probes:`, ready to be asked of any host that has it.
public struct ProbePlan: Sendable {
  public var probe: any Probe
  /// The probe's name: `http`.
  public var kind: String
  /// The service's name for people and in the tag `service`: the entry as written, unless it has a
  /// `name`.
  public var service: String
  /// Zero for probes without ports.
  public var port: UInt16
  /// Whether the entry names the port; else it is the probe's usual one.
  public var hasOwnPort = true
  /// What is asked instead of the host's own address.
  public var address: String?
  /// The address of this machine that it is asked from, where that is not the system's choice.
  public var source: Connect.Address?
  /// 4 or 6, where only that version of IP is to be used.
  public var version: Int?
  /// It is good if nothing answers.
  public var isClosed: Bool
  public var timeout: Duration
  /// How long it must be worse before that is its state; nil leaves it to `targets:` of scrape.yml.
  public var patience: Patience?
  /// How bad a finding is; nil is what scrape.yml says for all.
  public var findings: Severity?
  /// Where it stands, and how many characters it takes there.
  public var mark: Mark
  public var length: Int

  /// The service with its probe and port, as far as its name does not say them: `ssh (22)`,
  /// `http-alt (http 8000)`, `x11:1 (6001)`.
  public var described: String {
    var more: [String] = []
    let name = service.lowercased()
    if name.prefix(while: { $0 != ":" && $0 != "/" && $0 != " " }) != kind { more.append(kind) }
    if port > 0, !name.hasPrefix("\(kind):\(port)") { more.append("\(port)") }
    return service + (more.isEmpty ? "" : " (\(more.joined(separator: " ")))")
      + (isClosed ? " closed" : "")
  }

  /// How long a probe may take that says nothing else.
  public static let timeout: Duration = .seconds(5)

  /// The plan as it is for this host: an `ssh` without a port asks the port that the inventory gives
  /// the host, unless it names another address.
  public func on(_ host: Host) -> ProbePlan {
    guard kind == SSHProbe.name, !hasOwnPort, address == nil else { return self }
    var plan = self
    plan.port = UInt16(clamping: host.port)
    return plan
  }

  /// Asks, and never fails to give a result.
  func run(
    of context: ProbeContext, at found: Result<[Connect.Address], TargetError>,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async -> ServiceResult {
    let trace = context.explains ? Trace() : nil
    var result = ServiceResult(self, trace: trace)
    if deadline.isPast {
      result.verdict = Verdict(.unknown, .notReached, "the pass had no time left for it")
      return result
    }
    let carrier = type(of: probe).carrier
    var addresses: [Connect.Address] = []
    switch found {
    case .failure(let error):
      if carrier != .none {
        result.verdict = Verdict(error)
        return result
      }
    case .success(let all):
      addresses = all.filter { version == nil || $0.version == version }
        .map { $0.with(port: port) }
      guard !addresses.isEmpty || carrier == .none else {
        result.verdict = Verdict(
          .critical, .nameUnknown, "\(address ?? context.address) has no IPv\(version ?? 4) address"
        )
        return result
      }
    }
    let endpoint = Endpoint(
      host: context.host, address: address ?? context.address, addresses: addresses, source: source,
      port: port,
      authorities: context.authorities, findings: findings ?? context.kit.findings,
      certificateNames: certificateNames(context), serverName: context.hostname, ssh: context.ssh,
      target: context.target,
      kit: context.kit, trace: trace)
    let deadline = min(deadline, .after(timeout))
    if isClosed, carrier == .tcp {
      result.verdict = await ClosedPort().run(against: endpoint, on: reactor, by: deadline)
    } else {
      result.verdict = await probe.run(against: endpoint, on: reactor, by: deadline)
        .naming(endpoint)
      if isClosed { result.verdict = ClosedPort.turned(result.verdict) }
    }
    // Answers were cleaned where they came in; the steps show bytes as they were.
    trace?.hide(endpoint.kit.secrets.hidden)
    return result
  }
}

extension Verdict {
  /// The same, where a refused connection names the port: not every library's words do.
  fileprivate func naming(_ endpoint: Endpoint) -> Verdict {
    guard reason == .connectionRefused, endpoint.port > 0, !message.contains("\(endpoint.port)")
    else { return self }
    let prefix = "\(endpoint.number): "
    let words = message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message
    return saying("\(endpoint.hostInURL(endpoint.number)):\(endpoint.port): \(words)")
  }
}

extension ProbePlan {
  /// The names of which a certificate must bear one: those that the inventory gives. An address is one
  /// of them where the probe names it, or where the host has no other name.
  private func certificateNames(_ context: ProbeContext) -> [String] {
    var names = [address, context.hostname, context.host].compactMap { $0 }
    if !isAddress(context.address) { names.append(context.address) }
    var seen: Set<String> = []
    return names.filter { seen.insert($0.lowercased()).inserted }
  }
}

/// What the probes of one host know of it.
public struct ProbeContext: Sendable {
  /// The host's name in the inventory.
  public var host: String
  /// A name or number.
  public var address: String
  /// The name under which the host's services are known, where the inventory has one besides its own.
  public var hostname: String?
  /// The file of certificate authorities to trust beside the system's, absolute.
  public var authorities: String?
  public var kit: ProbeKit
  /// How the collectors' SSH session with the host went in this pass; nil where there was none.
  public var ssh: SSHOutcome?
  /// How the host is reached over SSH, where that is known: the probe `ssh` then compares its key.
  public var target: HostTarget?
  /// The jump host that stands between: nothing is asked past it.
  public var jumpHost: String?
  /// Whether the steps of each probe are kept.
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
  }
}
