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
  /// The local address, if it is not the system's choice.
  public var source: Dial.Address?
  /// 4 or 6, to use only that version of IP.
  public var version: Int?
  /// No answer is good.
  public var isClosed: Bool
  public var timeout: Duration
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
    let name = service.lowercased()
    if name.prefix(while: { $0 != ":" && $0 != "/" && $0 != " " }) != kind { more.append(kind) }
    if port > 0, !name.hasPrefix("\(kind):\(port)") { more.append("\(port)") }
    return service + (more.isEmpty ? "" : " (\(more.joined(separator: " ")))")
      + (isClosed ? " closed" : "")
  }

  /// The default time limit of a probe.
  public static let timeout: Duration = .seconds(5)

  /// The plan for this host: an `ssh` without a port uses the port that the inventory gives the
  /// host, unless it names another address.
  public func on(_ host: Host) -> ProbePlan {
    guard kind == SSHProbe.name, !hasOwnPort, address == nil else { return self }
    var plan = self
    plan.port = UInt16(clamping: host.port)
    return plan
  }

  /// Whether it goes through the jump hosts of the host, if there are any: what runs on the host itself,
  /// and `ssh` at the host's own address and port.
  public func reaches(_ host: Host) -> Bool {
    host.jumpHost == nil || (probe as? any HostQuestion)?.script(of: "", at: "") != nil
      || kind == SSHProbe.name && address == nil && Int(port) == host.port
  }

  /// Runs the probe, and always returns a result.
  func run(
    of context: ProbeContext, at found: Result<[Dial.Address], TargetError>,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async -> ServiceResult {
    let trace = context.explains ? Trace() : nil
    var result = ServiceResult(self, trace: trace)
    if deadline.isPast {
      result.verdict = Verdict(.unknown, .notReached, "the pass had no time left for it")
      return result
    }
    let carrier = type(of: probe).carrier
    var addresses: [Dial.Address] = []
    switch found {
    case .failure(let error):
      if carrier != .none {
        result.verdict = Verdict(error)
        return result
      }
    case .success(let all):
      addresses = all.filter { version == nil || $0.version == version }
        .map { $0.with(port: port) }
      guard !addresses.isEmpty || carrier == .none || context.jumpHost != nil else {
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
    // Answers were cleaned on arrival; the steps show raw bytes.
    trace?.hide(endpoint.kit.secrets.hidden)
    return result
  }
}

extension Verdict {
  /// The same, with the port in the message of a refused connection: not every library's text has
  /// it.
  fileprivate func naming(_ endpoint: Endpoint) -> Verdict {
    guard reason == .connectionRefused, endpoint.port > 0, !message.contains("\(endpoint.port)")
    else { return self }
    let prefix = "\(endpoint.number): "
    let words = message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message
    return saying("\(endpoint.hostInURL(endpoint.number)):\(endpoint.port): \(words)")
  }
}

extension ProbePlan {
  /// The accepted names in a certificate: those of the inventory. An address counts if the probe
  /// names it, or if the host has no other name.
  private func certificateNames(_ context: ProbeContext) -> [String] {
    var names = [address, context.hostname, context.host].compactMap { $0 }
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
  public var target: HostTarget?
  /// The jump host in between: only `ssh` goes past it.
  public var jumpHost: String?
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
  }
}
