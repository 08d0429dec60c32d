internal import Configuration
internal import Console
internal import Discovery
internal import Engine
internal import Glibc
internal import Metrics
internal import Passes
internal import Probes

/// `scrape discover`: drafts an inventory from addresses and files, or marks one of hand.
enum DiscoverCommand: Subcommand {
  static let name = "discover"
  static let summary =
    "Drafts an inventory from addresses that answer, and from files that name hosts."
  static let operands = "[RANGES]"
  static let options = [
    Option("--known-hosts", "FILE", "Hosts of a known_hosts file; hashed names are counted."),
    Option("--hosts", "FILE", "Hosts of a file such as /etc/hosts."),
    Option(
      "--ssh-config", "FILE", "Hosts of an ssh_config with its Includes; ProxyJump becomes `via`."),
    Option("--nmap", "FILE", "Hosts and services of `nmap -sV -oX FILE`."),
    Option("--ansible", "PATH", "Hosts and groups of an Ansible inventory, YAML or INI."),
    Option("--virsh", "FILE", "Hosts of the text of virsh list, net-dhcp-leases or domifaddr."),
    Option("--openstack", "FILE", "Hosts of `openstack server list -f json`."),
    Option("--scan", "Asks the hosts of the files, too."),
    Option("--ports", "LIST", "TCP ports to ask, with commas; default: 30 usual ones."),
    Option("--rate", "N", "Packets and connections that begin per second; default 200."),
    Option("--fanout", "N", "Addresses asked at a time; default 64."),
    Option("--large", "Takes more than 4096 addresses, up to 65536."),
    Option("--no-udp", "Asks TCP ports and echo requests only."),
    Option("--output", "FILE", "Writes the draft to a new file, not to standard output."),
    Option(
      "--update", "FILE",
      "Marks in an inventory in YAML what is new and what is gone, as comments."),
  ]
  static let discussion = """
    RANGES are addresses with commas: 10.0.6.0/24, 10.0.6.11-40, 10.0.6.7. Each is sent an echo request, a
    presence ping of RMCP and connections to a few ports; one that answers, to the other ports. Each port is
    connected to once, and a server that speaks first is answered to the end of its protocol, so that
    fail2ban, MariaDB and VNC count nothing against this machine. Ask your own networks only.

    A draft has one group per kind of service, the probes that each port spoke, and what it said as comments.
    `scrape lint` accepts it. No password is read or written.

    --update adds and removes lines that begin with `# discover:`, and changes no other byte of the file.
    """
  static let examples: [Example] = [
    ("scrape discover 10.0.6.0/24 --output inventory/hosts.yml", "a first inventory"),
    ("scrape discover --ssh-config ~/.ssh/config --scan", "from the hosts that you log in to"),
    ("scrape discover 10.0.6.0/24 --update inventory/hosts.yml", "what is new, and what is gone"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    var discovery = Discovery()
    for kind in Discovery.Kind.allCases {
      if let path = arguments[kind.rawValue] { try discovery.read(kind, path) }
    }
    guard !arguments.operands.isEmpty || !discovery.sources.isEmpty else {
      throw UsageError(message: "give addresses to ask, or a file: scrape discover 10.0.6.0/24")
    }
    if let output = arguments["--output"], access(output, F_OK) == 0 {
      throw UsageError(message: "\(output) is there; --update \(output) marks what is new in it")
    }
    try await scan(&discovery, arguments)
    for note in discovery.notes { Terminal.note("scrape: \(note.visible)") }
    if let path = arguments["--update"] { return try mark(path, discovery) }
    let text = try discovery.draft()
    let found = Format.count(discovery.found.hosts.count, "host")
    if let output = arguments["--output"] {
      try SmallFile.replace(output, with: Array(text.utf8), mode: 0o644)
      Terminal.print("\(found) in \(output)".visible)
    } else {
      Terminal.print(.lines(String(text.dropLast())))
      Terminal.note("scrape: \(found)")
    }
    return ExitCode.ok
  }

  /// Asks the addresses of the operand, and with --scan those of the files.
  private static func scan(_ discovery: inout Discovery, _ arguments: Arguments) async throws {
    var ranges = arguments.operands.first ?? ""
    let reactor = Reactor()
    var targets: [Discovery.Target] = []
    if arguments.has("--scan") {
      let known = discovery
      targets = await reactor.open { await known.targets(on: $0) }
      ranges += "," + targets.map(\.number).joined(separator: ",")
    }
    guard !ranges.isEmpty else { return }
    let addresses: AddressRanges
    do throws(AddressRanges.Fault) {
      addresses = try AddressRanges(ranges, large: arguments.has("--large"))
    } catch { throw UsageError(message: error.description) }
    var scan = Scan(
      kit: ProbeKit(reserved: Set(Catalog.all.names), contacts: Site.looseContactsFile))
    scan.rate = try arguments.integer("--rate", in: 1...10_000) ?? scan.rate
    scan.fanOut = try arguments.integer("--fanout", in: 1...1000) ?? scan.fanOut
    scan.asksDatagrams = !arguments.has("--no-udp")
    if let text = arguments["--ports"] {
      scan.ports = try text.split(separator: ",").map { word throws(UsageError) in
        guard let port = UInt16(word), port > 0 else {
          throw UsageError(message: "--ports takes numbers with commas, not \"\(word)\"")
        }
        return port
      }
    }
    scan.take(targets)
    let ready = scan
    let result = await reactor.open { await ready.run(addresses.addresses, on: $0) }
    discovery.take(
      result, of: arguments.operands.first ?? "the hosts of the files", ports: scan.ports,
      targets: targets)
  }

  private static func mark(_ path: String, _ discovery: Discovery) throws -> Int32 {
    let update: Update
    do { update = try discovery.update(path) } catch let refusal as Update.Refusal {
      throw UsageError(message: refusal.description)
    }
    try update.write(to: path)
    for (names, what) in [
      (update.new, "new"), (update.changed, "changed"), (update.gone, "gone"),
    ] where !names.isEmpty {
      Terminal.print("\(what): \(names.joined(separator: ", "))".visible)
    }
    if update.new.isEmpty, update.changed.isEmpty, update.gone.isEmpty {
      Terminal.print("nothing new")
    }
    return ExitCode.ok
  }
}
