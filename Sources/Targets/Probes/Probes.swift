public import Engine
public import Metrics
internal import Hosts
internal import Inventory

/// All probes, and the code that runs those of one host.
public enum Probes {
  /// A new probe is its file and its name here.
  public static let all: [any Probe.Type] = [
    ICMPProbe.self, TCPProbe.self, UDPProbe.self, NTPProbe.self, SSHProbe.self, X11Probe.self,
    SMBProbe.self, VNCProbe.self, RDPProbe.self, PortsProbe.self, IdentProbe.self, ProxyProbe.self,
    // Probes that use a library for the protocol.
    HTTPProbe.self, HTTPSProbe.self, DNSProbe.self, MySQLProbe.self, PostgresProbe.self,
    FTPProbe.self, SMTPProbe.self, IMAPProbe.self, POP3Probe.self,
    DHCPProbe.self, ExecProbe.self, FileProbe.self,
  ]

  /// The points of any probe: its result, its connection, and the certificate.
  public static let shared: [Measurement] = [
    ServiceResult.measurement, .netResponse, .certificate,
  ].map(asked)

  /// The points of one probe beside those, with the tag of every probe.
  public static func measurements(of kind: any Probe.Type) -> [Measurement] {
    kind.measurements.map(asked)
  }

  private static func asked(_ measurement: Measurement) -> Measurement {
    measurement.with(
      tag: ServiceResult.path,
      "the name of the host's address that was asked, such as `public`; `centre` with `from: centre`; else absent"
    )
  }

  /// The limit of parallel probes per host.
  static let atOnce = 16

  /// Runs all of them, several in parallel, and returns their results in the order of the plans.
  ///
  /// Names are looked up once. The deadline limits the whole.
  public static func run(
    _ plans: [ProbePlan], of context: ProbeContext, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async -> [ServiceResult] {
    guard plans.count == 1 else {
      let found = await resolved(plans, of: context, on: reactor, by: deadline)
      return await inParallel(plans, of: context, at: found, on: reactor, by: deadline)
    }
    let plan = plans[0]
    let found =
      plan.isLookedUp(context)
      ? await reactor.resolve(
        plan.address ?? context.address, by: min(deadline, .after(ProbePlan.timeout)))
      : Names().addresses(of: plan, context)
    return [await plan.run(of: context, at: found, on: reactor, by: deadline)]
  }

  private typealias Names = [String: Result<[Dial.Address], TargetError>]

  /// The addresses of all names of the plans.
  private static func resolved(
    _ plans: [ProbePlan], of context: ProbeContext, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async -> Names {
    let names = Set(plans.filter { $0.isLookedUp(context) }.map { $0.address ?? context.address })
    let limit = min(deadline, .after(ProbePlan.timeout))
    if names.count == 1, let name = names.first {
      return [name: await reactor.resolve(name, by: limit)]
    }
    // In parallel: with dead name servers, one name costs the others no time.
    return await withTaskGroup(of: (String, Result<[Dial.Address], TargetError>).self) { group in
      for name in names {
        group.addTask(executorPreference: reactor.executor) {
          (name, await reactor.resolve(name, by: limit))
        }
      }
      var found = Names()
      for await (name, result) in group { found[name] = result }
      return found
    }
  }

  private static func inParallel(
    _ plans: [ProbePlan], of context: ProbeContext, at found: Names, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async -> [ServiceResult] {
    await withTaskGroup(of: (Int, ServiceResult).self) { group in
      var results = [ServiceResult?](repeating: nil, count: plans.count)
      var next = 0
      func start() {
        guard next < plans.count else { return }
        let index = next
        let plan = plans[index]
        let addresses = found.addresses(of: plan, context)
        next += 1
        group.addTask(executorPreference: reactor.executor) {
          (index, await reactor.probe(plan, of: context, at: addresses, by: deadline))
        }
      }
      for _ in 0..<atOnce { start() }
      while let (index, result) = await group.next() {
        results[index] = result
        start()
      }
      return results.compactMap { $0 }
    }
  }
}

extension ProbePlan {
  /// Whether its name is looked up here: names behind a jump host are looked up there.
  fileprivate func isLookedUp(_ context: ProbeContext) -> Bool {
    context.jumpHost == nil || isAtCentre
  }
}

extension [String: Result<[Dial.Address], TargetError>] {
  fileprivate func addresses(
    of plan: ProbePlan, _ context: ProbeContext
  ) -> Result<[Dial.Address], TargetError> {
    let name = plan.address ?? context.address
    guard plan.isLookedUp(context) else {
      return .success([Dial.number(name)].compactMap(\.self))
    }
    return self[name] ?? .success([])
  }
}

extension Reactor {
  fileprivate func resolve(
    _ name: String, by deadline: Deadline
  ) async -> Result<[Dial.Address], TargetError> {
    do throws(TargetError) {
      return .success(try await Connect.resolve(name, port: 0, on: self, by: deadline))
    } catch { return .failure(error) }
  }

  fileprivate func probe(
    _ plan: ProbePlan, of context: ProbeContext,
    at found: Result<[Dial.Address], TargetError>, by deadline: Deadline
  ) async -> ServiceResult {
    await Activity.named("\(context.host) \(plan.service)") {
      await plan.run(of: context, at: found, on: self, by: deadline)
    }
  }
}
