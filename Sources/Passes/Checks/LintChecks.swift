public import Configuration
internal import Engine
internal import Metrics
internal import Rules
internal import Sinks
internal import Inventory
internal import Probes

/// The checks of `scrape lint` beyond the faults that stop every command.
public struct LintChecks: Sendable {
  private let site: Site
  private let hosts: [Host]
  /// The kinds of probes of each host.
  private let probes: [String: Set<String>]
  private let watch: CheckList

  public init(_ site: Site) {
    self.site = site
    hosts = site.inventory.hosts
    watch = CheckList(site)
    probes = watch.services.mapValues { Set($0.values) }
  }

  public func run(_ findings: inout Findings) {
    jumpHosts(&findings)
    addresses(&findings)
    sources(&findings)
    rings(&findings)
    secrets(&findings)
    needs(&findings)
    rules(&findings)
    policies(&findings)
  }

  /// Reads the files of policies, and finds what is odd in them.
  private func policies(_ findings: inout Findings) {
    _ = PolicyBook(site.policies, &findings)
  }

  /// Finds probes of a group for an address that some of its hosts do not have.
  private func addresses(_ findings: inout Findings) {
    var names: [Mark: [String]] = [:]
    var found: [(plan: ProbePlan, path: String)] = []
    for host in hosts {
      for plan in site.probes[host.name] where plan.lacksAddress {
        guard let path = plan.path else { continue }
        if names[plan.mark] == nil { found.append((plan, path)) }
        names[plan.mark, default: []].append(host.name)
      }
    }
    for (plan, path) in found {
      findings.warn(
        ConfigurationError(
          "\(plan.service) of \(fold(names[plan.mark] ?? [])) is not asked: no such address",
          at: plan.mark, length: plan.length,
          hint: path == Host.publicAddress
            ? "write public_address: for these hosts"
            : "write addresses: {\(path): ADDRESS} for these hosts"))
    }
  }

  /// Finds sources that are not of this machine, and what cannot be asked from one.
  private func sources(_ findings: inout Findings) {
    var checked: Set<String> = []
    var names: [Mark: [String]] = [:]
    var unbound: [ProbePlan] = []
    for host in hosts {
      guard let source = host.source else { continue }
      if checked.insert(source).inserted, let fault = Dial.sourceFault(source) {
        findings.warn(
          host[variable: "source"].map { ConfigurationError(fault, at: $0) }
            ?? ConfigurationError(fault, at: host.mark))
      }
      guard host.jumpHost == nil else { continue }
      for plan in site.probes[host.name]
      where !type(of: plan.probe).canBind && !plan.isAskedOnHost {
        if names[plan.mark] == nil { unbound.append(plan) }
        names[plan.mark, default: []].append(host.name)
      }
    }
    for plan in unbound {
      findings.warn(
        ConfigurationError(
          "\(plan.service) of \(fold(names[plan.mark] ?? [])) is asked from the address of the route: "
            + "`\(plan.kind)` cannot choose it", at: plan.mark, length: plan.length))
    }
  }

  private func jumpHosts(_ findings: inout Findings) {
    let behind = hosts.filter { $0.jumpHost != nil }
    // Hosts of a group share their entries.
    var names: [Mark: [String]] = [:]
    var found: [(plan: ProbePlan, obstacle: String)] = []
    for host in behind {
      for plan in site.probes[host.name] {
        guard !plan.lacksAddress, let obstacle = plan.obstacle(to: host.address) else { continue }
        if names[plan.mark] == nil { found.append((plan, obstacle)) }
        names[plan.mark, default: []].append(host.name)
      }
    }
    for (plan, obstacle) in found {
      findings.warn(
        ConfigurationError(
          "\(plan.service) of \(fold(names[plan.mark] ?? [])) is not asked: \(obstacle)",
          at: plan.mark, length: plan.length, hint: "or write from: centre"))
    }
  }

  // MARK: causes and effects

  /// Finds cycles of `on:` and `behind:`, in which each host would be the cause of the others.
  private func rings(_ findings: inout Findings) {
    var byName: [String: Host] = [:]
    for host in hosts { byName[host.name] = host }
    func needs(_ host: Host) -> [(variable: String, name: String)] {
      [("on", host.on), ("behind", host.behind)].compactMap { variable, name in
        name.map { (variable, $0) }
      }
    }
    for host in hosts {
      for (variable, name) in needs(host) where byName[name] == nil {
        guard let node = host[variable: variable] else { continue }
        findings.warn(
          ConfigurationError(
            "\"\(name)\" is no host of the inventory", at: node,
            hint: didYouMean(name, among: hosts.map(\.name))
              ?? "only an outage of a host of the inventory can hide others"))
      }
    }
    // Depth first with a path of its own, as the inventory may be deep.
    var done: Set<String> = []
    for start in hosts where !done.contains(start.name) {
      var path: [(host: Host, next: Int)] = [(start, 0)]
      var onPath: Set<String> = [start.name]
      while let last = path.last {
        let edges = needs(last.host)
        guard last.next < edges.count else {
          done.insert(last.host.name)
          onPath.remove(last.host.name)
          path.removeLast()
          continue
        }
        path[path.count - 1].next += 1
        let edge = edges[last.next]
        guard let next = byName[edge.name] else { continue }
        if onPath.contains(next.name) {
          let names = path.map(\.host.name)
          let from = names.firstIndex(of: next.name) ?? 0
          let problem = "\(next.name) is on or behind itself"
          let hint = (names[from...] + [next.name]).joined(separator: " → ")
          findings.add(
            last.host[variable: edge.variable].map {
              ConfigurationError(problem, at: $0, hint: hint)
            } ?? ConfigurationError(problem, at: last.host.mark, hint: hint))
        } else if !done.contains(next.name) {
          onPath.insert(next.name)
          path.append((next, 0))
        }
      }
    }
  }

  // MARK: secrets

  private func secrets(_ findings: inout Findings) {
    for host in hosts {
      for case let secret? in [
        host.password, host.keyPassphrase, host.bmc?.password, host.bmc?.key,
      ] {
        secret.check(&findings)
      }
      if let probes = host.probes { Secret.faults(in: probes, &findings) }
    }
    let settings = site.settings
    for node in [settings.sinks] + settings.sections.sorted(by: { $0.key < $1.key }).map(\.value) {
      if let node { Secret.faults(in: node, &findings) }
    }
  }

  // MARK: services and rules

  private func needs(_ findings: inout Findings) {
    for service in site.rules.services {
      for need in service.needs.flatMap(\.checks) where !watch.meets(need) {
        findings.warn(
          ConfigurationError(
            "service \"\(service.name)\" needs \(need.host)/\(need.name), and no host has such a "
              + "check", at: service.mark, length: service.name.count,
            hint: "a check is a probe's name as `scrape list` shows it, ssh or bmc"))
      }
    }
  }

  /// Finds rules that can never fire: no host of theirs writes the measurement.
  private func rules(_ findings: inout Findings) {
    for rule in site.rules.rules where rule.place.mark.file == site.settings.file {
      let metric = rule.selector
      guard let writer = Catalog.all.writer(of: metric.measurement, field: metric.field) else {
        continue
      }
      let all = hosts.filter { site.rules.has(rule.name, for: $0.name) }
      // The monitor inside evaluates hosts that come through a spool.
      let own = all.filter { site.inventory.spool(of: $0.name) == nil }
      let isThere = own.contains { host in
        writer.isThere(
          host, tasks: site.settings.profiles[host.profile]?.tasks.map(\.collector) ?? [],
          probes: probes[host.name] ?? [])
      }
      guard !isThere else { continue }
      findings.warn(
        ConfigurationError(
          "rule \"\(rule.name)\" matches no known series: none of its "
            + "\(Format.count(own.count, "host")) writes \(metric.measurement)",
          at: rule.place,
          hint: !own.isEmpty
            ? writer.cure
            : all.isEmpty
              ? "its `hosts:` and `profile:` leave none"
              : "its hosts come through a spool: the monitor inside evaluates them by its own rules"
        ))
    }
  }
}
