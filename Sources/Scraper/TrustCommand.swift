internal import Configuration
internal import Console
internal import Engine
internal import Metrics
internal import Passes
internal import Hosts
internal import Inventory
internal import Probes
internal import Store

/// `scrape trust`: shows host keys and stores those that a person accepts.
enum TrustCommand: Subcommand {
  static let name = "trust"
  static let summary = "Shows host keys, asks about them, and stores the accepted ones."
  static let operands = "[PATTERN]"
  static let options =
    Site.options + [
      Option("--limit", short: "-l", "PATTERN", "Only these hosts."),
      Option("--accept-new", "Accepts keys of hosts without a stored key, without asking."),
      Option("--yes", "Accepts new and changed keys without asking."),
      Option(
        "--deadline", "SECONDS",
        "Time limit for hosts reached directly, and again for those behind; default 60."
      ),
    ]
  static let discussion = """
    Logs in to jump hosts only, to reach the hosts behind them. Stores keys in the `known_hosts` of the host,
    else in that beside the inventory.
    Compare a fingerprint with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the console of the
    host. Paste a fingerprint as the answer, or pipe the fingerprints of all hosts in: a key with one of
    them is accepted. The answer `all` accepts this and all further new keys, but no changed key.
    """
  static let examples: [Example] = [
    ("scrape trust", "after the inventory grew"),
    ("scrape trust web03", "after web03 was reinstalled"),
    ("scrape trust < fingerprints.txt", "keys whose fingerprints were read on the consoles"),
  ]

  private struct Finding: Sendable {
    var host: Host
    var names: [String]
    var key: Result<HostKey, TargetError>
    var verdict: KnownHosts.Verdict?
  }

  static func run(_ arguments: Arguments) async throws -> Int32 {
    let site = try Site(arguments)
    var hosts = try site.hosts(arguments)
    if let pattern = arguments.operands.first { hosts = try site.inventory.select(pattern) }
    // Another monitor asks the hosts behind a spool, and knows their keys.
    hosts.removeAll { host in
      let carrier = site.inventory.spool(of: host.name)?.carrier.name
      return host.connection == .local || carrier != nil && carrier != host.name
    }
    hosts = site.inventory.strangers(of: hosts) + hosts
    let limit = try arguments.duration("--deadline") ?? .seconds(60)
    var accepted = 0
    var logged: [LogLine] = []
    var refused = 0
    var failed = 0
    var answers = TrustAnswers()
    let width = hosts.map(\.name.count).max() ?? 0
    // A jump host is passed once its key is accepted: the nearest first.
    let routes = hosts.map { site.inventory.route(to: $0).count }
    for level in Set(routes).sorted() {
      let here = zip(hosts, routes).filter { $0.1 == level }.map(\.0)
      for finding in await look(at: here, site, by: .after(limit)) {
        let name = Format.pad(finding.host.name, width)
        let key: HostKey
        switch finding.key {
        case .failure(let error):
          failed += 1
          Terminal.note("\(name)  \(error.description.visible)")
          continue
        case .success(let found): key = found
        }
        let shown = "\(key.type) \(key.fingerprint)".visible
        switch finding.verdict {
        case .accepted:
          Terminal.print("\(name)  known    \(shown)")
          continue
        case .revoked:
          refused += 1
          Terminal.print(
            "\(name)  REVOKED  \(shown): remove the @revoked line first if this is wrong")
          continue
        case .changed(let before):
          let old = before.map { "\($0.type) \($0.fingerprint)" }.joined(separator: ", ").visible
          Terminal.print("\(name)  CHANGED  \(shown)\n\(Format.pad("", width))  was      \(old)")
          if !(arguments.has("--yes")
            || answers.accepts(key, of: finding.host.name, isNew: false))
          {
            refused += 1
            continue
          }
        case .unknown, .needsCertificate, nil:
          Terminal.print("\(name)  new      \(shown)")
          if !(arguments.has("--yes") || arguments.has("--accept-new")
            || answers.accepts(key, of: finding.host.name, isNew: true))
          {
            refused += 1
            continue
          }
        }
        try KnownHostsFile.accept(key, for: finding.names, in: site.trustFile(of: finding.host))
        accepted += 1
        logged.append(
          .action(
            "trust", by: Account.person, hosts: [finding.host.name],
            "\(key.type) \(key.fingerprint)",
            at: .now))
      }
    }
    if let why = await site.log(logged) { Terminal.note("scrape trust: \(why)".visible) }
    if refused > 0, let excuse = answers.excuse { Terminal.note("scrape trust: \(excuse)") }
    Terminal.note("\(accepted) accepted, \(refused) not accepted, \(failed) did not answer")
    return refused + failed > 0 ? ExitCode.notOK : ExitCode.ok
  }

  private static func look(
    at hosts: [Host], _ site: Site, by deadline: Deadline
  ) async -> [Finding] {
    var gatherer = await Gatherer(site, logins: site.logins())
    var targets: [(Int, Host, HostTarget)] = []
    var findings: [Int: Finding] = [:]
    for (index, host) in hosts.enumerated() {
      do {
        targets.append((index, host, try gatherer.target(for: host)))
      } catch {
        findings[index] = Finding(host: host, names: [], key: .failure(error))
      }
    }
    let reactor = gatherer.reactors[0]
    await gatherer.serving {
      await withTaskGroup(of: (Int, Finding).self) { group in
        var rest = targets[...]
        func start() {
          guard let (index, host, target) = rest.popFirst() else { return }
          group.addTask {
            let key = await (target.reactor ?? reactor).open { reactor in
              do throws(TargetError) {
                return Result<HostKey, TargetError>.success(
                  try await target.hostKey(on: reactor, by: min(deadline, .after(.seconds(15)))))
              } catch {
                return .failure(error)
              }
            }
            var verdict = (try? key.get()).map { target.accepted.verdict(on: $0) }
            if let shown = try? key.get(), verdict != .accepted, verdict != .revoked {
              let isCertified = await (target.reactor ?? reactor).open { reactor in
                await target.isCertified(
                  shown, on: reactor, by: min(deadline, .after(.seconds(10))))
              }
              if isCertified { verdict = .accepted }
            }
            return (
              index, Finding(host: host, names: target.trustNames, key: key, verdict: verdict)
            )
          }
        }
        for _ in 0..<site.settings.fanout { start() }
        for await (index, finding) in group {
          findings[index] = finding
          start()
        }
      }
    }
    return findings.sorted { $0.key < $1.key }.map(\.value)
  }
}
