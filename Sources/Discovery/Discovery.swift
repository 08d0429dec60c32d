internal import Configuration
public import Engine
internal import Inventory
internal import Metrics
internal import Parsers
internal import Probes

/// What `scrape discover` reads and asks.
public struct Discovery: Sendable {
  /// A kind of file, by the option that names one.
  public enum Kind: String, Sendable, CaseIterable {
    case knownHosts = "--known-hosts"
    case hosts = "--hosts"
    case sshConfig = "--ssh-config"
    case nmap = "--nmap"
    case ansible = "--ansible"
    case virsh = "--virsh"
    case openstack = "--openstack"
  }

  /// All hosts, each once.
  public private(set) var found = FoundHosts()
  /// What could not be taken over.
  public private(set) var notes: [String] = []
  public private(set) var silent: [String] = []
  /// What the draft was made from, for its heading.
  public private(set) var sources: [String] = []
  /// The TCP ports that were asked.
  public private(set) var ports: Set<UInt16> = []

  public init() {}

  /// Reads a file of the kind; `path` may be a folder for `--ansible`.
  public mutating func read(_ kind: Kind, _ path: String) throws {
    let list: FoundList
    switch kind {
    case .ansible: list = AnsibleHosts.read(path)
    case .sshConfig: list = SSHConfigHosts.read(SSHConfig.read(path))
    case .knownHosts: list = KnownHostsList.read(try Source.read(path).bytes)
    case .hosts: list = HostsFile.read(try Source.read(path).bytes)
    case .virsh: list = VirshText.read(try Source.read(path).bytes)
    case .openstack:
      guard let read = OpenStackList.read(try Source.read(path).bytes) else {
        throw ConfigurationError(
          "is no list of servers", file: path, hint: "openstack server list -f json > FILE")
      }
      list = read
    case .nmap:
      let bytes = try SmallFile.read(path, limit: XMLReader.longestDocument)
      do throws(ParseError) { list = try NmapXML.read(bytes) } catch {
        throw ConfigurationError(error.problem, file: path, hint: "nmap -sV -oX FILE writes it")
      }
    }
    for host in list.hosts { found.add(host) }
    notes += list.notes
    silent += list.silent
    sources.append("\(kind.rawValue.dropFirst(2)) \(path)")
  }

  /// A host of a file that is asked.
  public struct Target: Sendable {
    /// Its address as a number.
    public var number: String
    /// The same, as the host has it.
    var name: String?
    var address: String?
    var port: UInt16?
  }

  /// The hosts so far that are reached directly; names are looked up.
  public func targets(on reactor: isolated Reactor) async -> [Target] {
    var targets: [Target] = []
    for host in found.hosts where host.via == nil {
      let text = host.address ?? host.name ?? ""
      var number: String? = isAddress(text) ? text : nil
      if number == nil {
        number = try? await Connect.resolve(text, port: 0, on: reactor, by: .after(.seconds(3)))
          .first?.text
      }
      guard let number else { continue }
      targets.append(
        Target(
          number: number, name: host.name, address: host.address,
          port: host.port.flatMap { UInt16(exactly: $0) }))
    }
    return targets
  }

  /// Takes what addresses answered.
  public mutating func take(
    _ result: Scan.Result, of ranges: String, ports: [UInt16], targets: [Target]
  ) {
    let known = Dictionary(targets.map { ($0.number, $0) }) { first, _ in first }
    for var host in result.hosts {
      // The host of a file keeps its name, and the address as it is written there.
      if let target = host.address.flatMap({ known[$0] }) {
        (host.name, host.address) = (target.name, target.address)
        host.isNamedByItself = false
      }
      found.add(host)
    }
    silent += result.silent
    notes += result.notes
    sources.append(ranges)
    self.ports.formUnion(ports)
  }

  /// The draft of an inventory. The text is read back before it is given out.
  public func draft() throws -> String {
    var heading = [
      "Drafted by `scrape discover` from \(sources.joined(separator: ", ")).",
      "Check names, groups and accounts; then `scrape lint`, then `scrape trust`.",
    ]
    if !silent.isEmpty {
      heading.append("\(count(silent.count, "address", "addresses")) did not answer.")
    }
    heading += notes.prefix(20)
    if notes.count > 20 { heading.append("and \(notes.count - 20) more remarks") }
    let text = Draft(found.hosts, heading: heading).text
    _ = try YAML.read(Source("draft", text: text))
    return text
  }

  /// The file of hand with its marks.
  public func update(_ path: String) throws -> Update {
    try Update(
      try Source.read(path), found: found.hosts, silent: Set(silent), ports: ports)
  }
}
