import Configuration
import Engine
import Lab
import Metrics

@testable import Hosts
@testable import Probes

/// Reads one entry of `probes:`, with modules of scrape.yml where they are given.
func read(_ entry: String, modules: String = "") throws -> (ProbePlan?, Findings) {
  var findings = Findings()
  let named = try modules.isEmpty ? nil : YAML.read(Source("scrape.yml", text: modules))
  let reader = ProbeReader(modules: named, &findings)
  let node = try YAML.read(Source("hosts.yml", text: "- " + entry))
  guard let item = node.items?.first else { return (nil, findings) }
  let plan = reader.plan(item, &findings)
  return (plan, findings)
}

/// Puts one question to an address, as a pass does.
func ask(
  _ entry: String, at address: String = "127.0.0.1", host: String = "lab", hostname: String? = nil,
  ca: String? = nil, ssh: SSHOutcome? = nil, within: Duration = .seconds(10), sinks: [String] = []
) async throws -> ServiceResult {
  let (plan, findings) = try read(entry)
  try findings.finish()
  guard let plan else { throw ConfigurationError("no plan", file: entry) }
  var context = ProbeContext(
    host: host, address: address, authorities: ca, kit: ProbeKit(reserved: ["cpu"], sinks: sinks))
  context.explains = true
  context.ssh = ssh
  context.hostname = hostname
  let reactor = Reactor()
  return await reactor.ask(plan, context, by: .after(within))
}

extension Reactor {
  fileprivate func ask(
    _ plan: ProbePlan, _ context: ProbeContext, by deadline: Deadline
  ) async -> ServiceResult {
    await Probes.run([plan], of: context, on: self, by: deadline)[0]
  }

  func askAll(
    _ plans: [ProbePlan], _ context: ProbeContext, by deadline: Deadline
  ) async -> [ServiceResult] {
    await Probes.run(plans, of: context, on: self, by: deadline)
  }
}

/// A jump host, and the way through it.
final class Jump {
  let sshd: Sshd

  init(_ options: [String] = []) throws { sshd = try Sshd(options: options) }

  /// Asks a service behind it.
  func ask(
    _ entry: String, at address: String = "127.0.0.1", ca: String? = nil, hostname: String? = nil,
    within: Duration = .seconds(10)
  ) async throws -> ServiceResult {
    let tree = try JumpTests.Tree([sshd])
    let (plan, findings) = try read(entry)
    try findings.finish()
    guard let plan else { throw ConfigurationError("no plan", file: entry) }
    var context = ProbeContext(
      host: "lab", address: address, authorities: ca, kit: ProbeKit(reserved: ["cpu"]))
    context.explains = true
    context.jumpHost = "jp1"
    context.hostname = hostname
    context.tunnel = Tunnel(tree.target(sshd, named: "jp1"), tree.pool)
    return await tree.pool.serve { [context, reactor = tree.reactor] in
      await reactor.ask(plan, context, by: .after(within))
    }
  }
}

/// What probes declare.
private let catalog = Catalog(
  [(.probes([]), Probes.shared)] + Probes.all.map { (.probes([$0.name]), $0.measurements) })

extension ServiceResult {
  /// Severity, reason and whether it is up, in one word to compare: `critical timeout down`.
  var summary: String {
    let up = verdict.isUp.map { $0 ? "up" : "down" } ?? "?"
    return "\(verdict.severity.rawValue) \(verdict.reason?.rawValue ?? "-") \(up)"
  }

  /// Every field that it writes is declared, with its type, and every message is harmless.
  var isSound: Bool {
    points.allSatisfy { point in
      point.fields.allSatisfy {
        catalog.field($0.name, of: point.measurement)?.type == $0.value.type
          || probe == "exec" && !catalog.contains(point.measurement)
      }
    } && verdict.message.visible == verdict.message && verdict.message.count <= 300
  }
}
