internal import Configuration
internal import Console
internal import Engine
internal import Glibc
internal import Metrics
internal import Passes
internal import Hosts
internal import IPMI
internal import Inventory
internal import Probes

/// `scrape probe`: probes one service and shows the result.
public enum ProbeCommand: Subcommand, Sendable {
  static let name = "probe"
  static let summary = "Probes one service of a host now and shows the result."
  static let operands = "SPEC HOST"
  static let options =
    Site.options + [
      Option("--explain", "Shows every step, the data sent and received, and how to repeat it."),
      Option("--json", "Prints one JSON object with the same facts."),
      Option("--list", "Lists all probes; contacts no host."),
      Option("--deadline", "SECONDS", "Time limit; default: that of the probe, else 5."),
    ]
  static let discussion = """
    SPEC is written as in the inventory: icmp, http:8080/health, "tcp:113 closed", a module of
    scrape.yml, or a mapping in braces. HOST is a host of the inventory, a name or an address.
    Nothing is written to the store or to any sink. Exit code 1 if the service is not ok.
    """
  static let examples: [Example] = [
    ("scrape probe ssh web01", "whether web01 answers as an SSH server does"),
    (
      "scrape probe '{tcp: {port: 25, expect: \"220 \"}}' 10.0.6.11 --explain",
      "what is said on the wire"
    ),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    if arguments.has("--list") {
      let width = Probes.all.map { $0.name.count }.max() ?? 0
      for probe in Probes.all {
        Terminal.print("\(Format.pad(probe.name, width))  \(probe.summary)")
      }
      return ExitCode.ok
    }
    guard arguments.operands.count == 2 else {
      throw UsageError(message: "name a probe and a host: scrape probe SPEC HOST")
    }
    let (text, name) = (arguments.operands[0], arguments.operands[1])
    let site = try site(arguments)
    let host = site?.inventory.host(name)
    let written = try plan(text, site?.probes ?? ProbeBook())
    let plan = host.map { written.on($0) } ?? written
    guard host != nil || isAddress(name) else {
      throw UsageError(message: "\"\(name)\" is no host and no address")
    }
    if host == nil, let path = plan.path {
      throw UsageError(
        message: "@\(path) is an address of a host of the inventory, and \"\(name)\" is none")
    }
    let kit = ProbeKit(
      reserved: Set(Catalog.all.names), contacts: site?.contactsFile ?? Site.looseContactsFile,
      sinks: site?.sinkAddresses ?? [],
      findings: site?.settings.findings ?? .minor)
    var context =
      host.map { ProbeContext($0, kit: kit) }
      ?? ProbeContext(host: name, address: name, kit: kit)
    context.explains = arguments.has("--explain")
    var gatherer: Gatherer?
    var reactor: Reactor?
    if let site, var host, plan.kind == SSHProbe.name || host.jumpHost != nil {
      var own = await Gatherer(site, logins: site.logins())
      if host.jumpHost != nil {
        do throws(TargetError) { context.tunnel = try own.tunnel(for: host) } catch {
          throw UsageError(message: error.detail)
        }
        reactor = context.tunnel?.reactor
      }
      if plan.kind == SSHProbe.name {
        // The accepted host key depends on the port, which may differ from that of the collectors.
        host.port = Int(plan.port)
        context.target = try? own.target(for: host)
      }
      gatherer = own
    }
    var plans = [plan]
    let given = try arguments.duration("--deadline")
    if let given { plans[0].timeout = given }
    let deadline = Deadline.after(given ?? plan.timeout + .seconds(5))
    var results: [ServiceResult]
    let questions = HostQuestions(plans, of: context.host, at: context.address)
    if !questions.isEmpty {
      guard let site, let host else {
        throw UsageError(message: "\(plan.kind) is asked of a host of the inventory")
      }
      var gatherer = await Gatherer(site, logins: site.logins())
      let reach = Reach(host, &gatherer)
      let ready = gatherer
      let answers = await ready.serving {
        await reach.ask([questions.batch(with: [])], on: ready.reactors[0], by: deadline)
      }
      results = questions.results(from: answers[0], with: kit, explains: context.explains)
    } else {
      let reactor = reactor ?? Reactor()
      func run() async -> [ServiceResult] {
        await reactor.open { [plans, context] reactor in
          await Probes.run(plans, of: context, on: reactor, by: deadline)
        }
      }
      if let gatherer { results = await gatherer.serving(run) } else { results = await run() }
    }
    guard let result = results.first else { return ExitCode.notOK }
    if arguments.has("--json") {
      Terminal.print(Printable(result.json(of: context.host, at: context.address)))
    } else {
      Terminal.print(result.line(of: context.host, at: context.address))
      if let trace = result.trace {
        Terminal.print(trace.text)
        if let reason = result.verdict.reason { Terminal.print("  see \(reason.page.visible)") }
      }
      if host == nil, result.verdict.reason == .nameUnknown,
        let hint = didYouMean(name, among: site?.inventory.hosts.map(\.name) ?? [])
      {
        Terminal.note("scrape: no host \"\(name.visible)\" in the inventory; \(hint.visible)")
      }
    }
    return result.verdict.severity == .ok ? ExitCode.ok : ExitCode.notOK
  }

  /// The inventory, if there is one. Only an inventory given by option must be valid.
  private static func site(_ arguments: Arguments) throws -> Site? {
    if arguments.has("--inventory") || arguments.has("--config") { return try Site(arguments) }
    guard access("./inventory", F_OK) == 0 || access("/etc/scrape", F_OK) == 0 else { return nil }
    do { return try Site(arguments) } catch {
      Terminal.note(
        "scrape: asked without the inventory, which has faults; `scrape lint` shows them")
      return nil
    }
  }

  private static func plan(_ text: String, _ book: ProbeBook) throws -> ProbePlan {
    var findings = Findings()
    let node = findings.attempt { () throws(ConfigurationError) in
      let source = Source("SPEC", text: text, isFile: false)
      if text.hasPrefix("{") { return try YAML.read(source) }
      let end = Mark(source: source, line: 1, column: text.count + 1)
      return Node(.scalar(text, .plain), mark: source.mark(atByte: 0), end: end)
    }
    let plan = node.flatMap { book.reader.plan($0, &findings) }
    try findings.finish()
    guard let plan else { throw UsageError(message: "\"\(text)\" is no probe") }
    return plan
  }

  private static func isAddress(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 253
      && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") }
  }
}
