internal import Collectors
internal import Inventory
internal import Metrics
internal import Passes
internal import Probes
internal import Store

/// What a survey says of each host.
struct HostFindings {
  private let site: Site
  private let survey: Survey
  private let readings: [String: HostReading]
  private let bmcs: [String: BMCReading]
  private let services: [String: ServiceReading]
  /// When each policy was last evaluated, by host.
  private let policies: [String: [String: Timestamp]]

  init(_ survey: Survey, at site: Site, policies records: [String: [Store.PolicyRecord]]) {
    self.site = site
    self.survey = survey
    let report = survey.report
    readings = Dictionary(
      report.readings.map { ($0.result.batch.host, $0) }, uniquingKeysWith: { first, _ in first })
    bmcs = Dictionary(
      report.bmcs.map { ($0.result.batch.host, $0) }, uniquingKeysWith: { first, _ in first })
    services = Dictionary(
      report.services.map { ($0.result.batch.host, $0) }, uniquingKeysWith: { first, _ in first })
    policies = records.mapValues { records in
      Dictionary(records.map { ($0.policy, $0.time) }, uniquingKeysWith: { first, _ in first })
    }
  }

  func all(of host: Host) -> [Finding] {
    if let spool = site.inventory.spool(of: host.name), spool.carrier.name != host.name {
      return [
        Finding(
          host.name, .reach, "spool", nil,
          "only the monitor on \(spool.carrier.name) asks it: run scrape preflight there")
      ]
    }
    return session(host) + addresses(host) + tools(host) + clock(host) + bmc(host) + gpu(host)
      + probes(host) + policies(host)
  }

  /// A failure of a target, with what to do unless its words have that already.
  private func failed(
    _ host: Host, _ part: Finding.Part, _ subject: String, _ reason: Reason?, _ message: String
  ) -> Finding {
    Finding(
      host.name, part, subject, reason == .cancelled ? nil : false, message, reason: reason,
      remedy: message.contains("; ") ? "" : reason?.remedy ?? "")
  }

  // MARK: The session

  private func tasks(of host: Host) -> [Profile.Task] {
    site.settings.profiles[host.profile]?.tasks ?? []
  }

  private func session(_ host: Host) -> [Finding] {
    guard host.connection == .ssh else { return [] }
    guard !tasks(of: host).isEmpty else { return probed(host) }
    let hops = site.inventory.steps(to: host).map(\.name)
    let via = hops.isEmpty ? "" : " via \(hops.joined(separator: ", "))"
    let way = "\(host.address) port \(host.port)\(via)"
    let reached = Finding(host.name, .reach, "address", true, way)
    guard let reading = readings[host.name] else {
      return [failed(host, .reach, "address", .notReached, "no answer was waited for")]
    }
    guard let failure = reading.failure else {
      return [
        reached,
        Finding(
          host.name, .login, "session", true, "as \(host.user ?? "the user that runs scrape")"),
      ]
    }
    if !reading.result.ran.isEmpty {
      return [reached, failed(host, .tools, "batch", failure.reason, failure.detail)]
    }
    let hasAnswered = (reading.result.outcomes.first?.bytes ?? 0) > 0
    if !failure.isOfJumpHost, Self.isOfLogin(failure.reason, hasAnswered: hasAnswered) {
      return [reached, failed(host, .login, "session", failure.reason, failure.detail)]
    }
    return [
      failed(host, .reach, "address", failure.reason, failure.detail),
      Finding(host.name, .login, "session", nil, "not tried"),
    ]
  }

  /// A host without collectors is reached if a probe of it is.
  private func probed(_ host: Host) -> [Finding] {
    let asked = (services[host.name]?.services ?? []).filter { $0.path == nil }
    guard let first = asked.first else { return [] }
    guard asked.contains(where: { Self.isThere($0.verdict) }) else {
      return [failed(host, .reach, "address", first.verdict.reason, first.verdict.message)]
    }
    return [Finding(host.name, .reach, "address", true, host.address)]
  }

  /// Whether the host was there, and the session failed.
  private static func isOfLogin(_ reason: Reason, hasAnswered: Bool) -> Bool {
    switch reason {
    case .nameUnknown, .unreachable, .connectionRefused, .forwardingRefused, .notReached,
      .cancelled:
      false
    case .timeout, .connectionLost, .refusedByProtection: hasAnswered
    default: true
    }
  }

  // MARK: Other addresses

  private func addresses(_ host: Host) -> [Finding] {
    host.addresses.sorted { $0.key < $1.key }.compactMap { name, address in
      let own = survey.ways[host.name]?[name]
      let asked = (services[host.name]?.services ?? []).filter { service in
        own.map { service.service == $0 } ?? (service.path == name)
      }
      let subject = "address \(name)"
      guard let first = asked.first else { return nil }
      if asked.contains(where: { Self.isThere($0.verdict) }) {
        return Finding(host.name, .reach, subject, true, address)
      }
      var finding = failed(
        host, .reach, subject, first.verdict.reason, "\(address): \(first.verdict.message)")
      if own != nil, finding.isFine == false {
        finding.remedy =
          "let port \(host.port) through, or give the host a probe of what does answer there, such as "
          + "https@\(name)"
      }
      return finding
    }
  }

  /// Whether something answered, if only with a refusal.
  private static func isThere(_ verdict: Verdict) -> Bool {
    switch verdict.reason {
    case .unreachable, .timeout, .nameUnknown, .noAnswer, .notReached, .notSupported, .localError,
      .forwardingRefused, .cancelled:
      false
    default: true
    }
  }

  // MARK: Tools, clock, GPU

  private func tools(_ host: Host) -> [Finding] {
    guard let reading = readings[host.name], !reading.result.ran.isEmpty else { return [] }
    let problems = reading.result.problems.filter { $0.collector != GPUCollector.name }
    guard problems.isEmpty else { return problems.map { problem(host, $0) } }
    let absent = reading.absent.map(\.collector)
    let count = reading.result.ran.count { name in
      !absent.contains(name) && Collectors.collectors.contains { $0.name == name }
    }
    var message = "\(Format.count(count, "collector")) without a problem"
    if !absent.isEmpty {
      let words = reading.absent.map { "\($0.collector) (\($0.detail))" }
      message += "; not applicable there: \(words.joined(separator: ", "))"
    }
    return [Finding(host.name, .tools, "collectors", true, message)]
  }

  private func problem(_ host: Host, _ problem: CollectorProblem) -> Finding {
    var finding = failed(
      host, .tools, problem.collector, problem.reason, problem.detail)
    let lost = Collectors.collectors.first { $0.name == problem.collector }?.measurements.map(
      \.name)
    if problem.reason == .missingTool, let lost, !lost.isEmpty {
      finding.message += ", and without it there is no \(lost.joined(separator: ", "))"
      finding.remedy =
        "install it there, or leave \(problem.collector) out of the profile \(host.profile)"
    }
    return finding
  }

  private func clock(_ host: Host) -> [Finding] {
    guard let reading = readings[host.name], reading.failure == nil, host.connection == .ssh else {
      return []
    }
    guard let ahead = survey.clocks[host.name] else {
      return [Finding(host.name, .clock, "clock", nil, "the host did not say its time")]
    }
    guard ahead != 0 else {
      return [Finding(host.name, .clock, "clock", true, "the same as ours, to a second")]
    }
    let length = Format.age(.seconds(Int64(clamping: ahead.magnitude)))
    return [
      Finding(
        host.name, .clock, "clock", false,
        "its clock is \(length) \(ahead < 0 ? "behind" : "ahead of") ours",
        remedy: "run chrony or systemd-timesyncd there")
    ]
  }

  private func gpu(_ host: Host) -> [Finding] {
    let name = GPUCollector.name
    guard tasks(of: host).contains(where: { $0.collector == name }),
      let reading = readings[host.name], reading.result.ran.contains(name)
    else { return [] }
    if let problem = reading.result.problems.first(where: { $0.collector == name }) {
      var finding = self.problem(host, problem)
      finding.part = .gpu
      return [finding]
    }
    let points = reading.result.batch.points
    if let health = points.first(where: { $0.measurement == "gpu_health" }),
      health[field: "lost"] == .integer(1)
    {
      var message = "fewer GPUs than expected"
      if case .string(let text)? = health[field: "message"], !text.isEmpty { message = text }
      var reason: Reason?
      if case .string(let word)? = health[field: "reason"] { reason = Reason(rawValue: word) }
      return [failed(host, .gpu, name, reason, message)]
    }
    let gpus = points.filter { $0.measurement == "nvidia_smi" }
    guard let first = gpus.first else {
      return [Finding(host.name, .gpu, name, nil, "no GPU was found")]
    }
    var driver = ""
    if case .string(let version)? = first[field: "driver_version"] {
      driver = ", driver \(version)"
    }
    return [
      Finding(host.name, .gpu, name, true, "\(Format.count(gpus.count, "GPU"))\(driver)")
    ]
  }

  // MARK: BMC

  private func bmc(_ host: Host) -> [Finding] {
    guard let settings = host.bmc else { return [] }
    guard let reading = bmcs[host.name] else {
      return [failed(host, .bmc, "answer", .notReached, "no answer was waited for")]
    }
    if let failure = reading.failure {
      return [failed(host, .bmc, "answer", failure.reason, failure.detail)]
    }
    var all = reading.result.problems.map {
      failed(host, .bmc, $0.collector, $0.reason, $0.detail)
    }
    if all.isEmpty {
      let sensors = reading.result.batch.points.count { $0.measurement == "ipmi_sensor" }
      all.append(
        Finding(
          host.name, .bmc, "answer", true,
          sensors == 0
            ? settings.address : "\(settings.address), \(Format.count(sensors, "sensor"))")
      )
    }
    if !settings.isThroughHost { all.append(privilege(host, settings, reading.mostPrivilege)) }
    return all
  }

  private func privilege(
    _ host: Host, _ settings: BMCSettings, _ most: BMCSettings.Privilege?
  ) -> Finding {
    let who = "user \(settings.userText)"
    guard let most else {
      return Finding(
        host.name, .bmc, "privilege", nil, "what else \(who) may could not be found out")
    }
    let name = most.rawValue.uppercased()
    guard most != settings.privilege else {
      return Finding(host.name, .bmc, "privilege", true, "\(who) has no more than \(name)")
    }
    return Finding(
      host.name, .bmc, "privilege", false,
      "\(who) is granted \(name), and \(settings.privilege.rawValue.uppercased()) is enough",
      remedy: "lower it on the BMC: ipmitool channel setaccess 1 ID privilege=2, for its ID in "
        + "ipmitool user list 1")
  }

  // MARK: Services and policies

  private func probes(_ host: Host) -> [Finding] {
    guard let reading = services[host.name] else { return [] }
    let ways = Set(survey.ways[host.name].map { Array($0.values) } ?? [])
    return reading.services.filter { !ways.contains($0.service) }.map { service in
      let verdict = service.verdict
      if reading.unasked.contains(service.service) {
        return Finding(
          host.name, .probes, service.service, false, verdict.message, reason: verdict.reason,
          remedy: "scrape lint says what would have it asked")
      }
      if verdict.severity == .ok {
        return Finding(host.name, .probes, service.service, true, verdict.message)
      }
      return failed(host, .probes, service.service, verdict.reason, verdict.message)
    }
  }

  private func policies(_ host: Host) -> [Finding] {
    site.policies.of(host.name).map { policy in
      guard let time = policies[host.name]?[policy.name] else {
        return Finding(
          host.name, .policy, policy.name, false,
          "it has no result yet, to compare later ones with",
          remedy: "scrape run --only policies --limit \(host.name)")
      }
      return Finding(
        host.name, .policy, policy.name, true, "evaluated \(Format.moment(time))")
    }
  }
}
