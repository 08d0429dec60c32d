public import Configuration

/// All hosts and groups of an inventory.
///
/// Reads Ansible's YAML, JSON and INI inventories with `group_vars` and `host_vars`; runs no program
/// and contacts no host.
public struct Inventory: Sendable {
  /// In the order of the files.
  public let hosts: [Host]
  /// `all` first, the others in the order of the files.
  public let groups: [Group]
  /// Warnings: oddities that do not keep a pass from running.
  public let warnings: [ConfigurationError]
  /// The files that were read.
  public let files: [String]

  private let places: [String: Int]
  private let groupPlaces: [String: Int]
  private let members: [String: [Int]]
  /// The names of hosts that are reached directly, by address and port.
  let directHosts: [String: String]

  /// Whether every file was read to its end; if not, a missing host may be in the rest.
  public let isWhole: Bool

  /// Reads a file, or all files of a folder as one inventory.
  ///
  /// `checkingKeys: false` reads no file of a private key: for commands that contact no host, and tests.
  public static func load(
    _ path: String, checkingKeys: Bool = true
  ) throws(ConfigurationErrors) -> Inventory {
    var findings = Findings()
    let inventory = read(path, checkingKeys: checkingKeys, &findings)
    try findings.finish()
    return inventory
  }

  /// The same with all faults as findings; the inventory holds what could be read.
  public static func read(
    _ path: String, checkingKeys: Bool = true, _ findings: inout Findings
  ) -> Inventory {
    var draft = InventoryDraft()
    var files: [String] = []
    var folder = path
    while folder.count > 1, folder.hasSuffix("/") { folder.removeLast() }
    draft.read(path: folder, files: &files)
    draft.close()
    var resolver = Resolver(draft, checkingKeys: checkingKeys)
    let hosts = resolver.hosts()
    for error in resolver.findings.errors { findings.add(error) }
    let groups = draft.groupOrder.map { name in
      let group = draft.groups[name] ?? InventoryDraft.GroupDraft()
      return Group(
        name: name, depth: group.depth, parents: group.parents, children: group.children,
        hosts: group.hosts)
    }
    return Inventory(
      hosts: hosts, groups: groups, warnings: resolver.findings.warnings, files: files,
      isWhole: !draft.isIncomplete && !files.isEmpty)
  }

  /// What ssh_config says of jump hosts without an entry.
  let sshConfig: SSHConfig

  /// The spools of monitors in segments without a route; see `withSpools`.
  public let spools: [Spool]

  init(
    hosts: [Host], groups: [Group], warnings: [ConfigurationError] = [], files: [String] = [],
    isWhole: Bool = true, sshConfig: SSHConfig = .init(), spools: [Spool] = []
  ) {
    self.sshConfig = sshConfig
    self.spools = spools
    self.hosts = hosts
    self.groups = groups
    self.warnings = warnings
    self.files = files
    self.isWhole = isWhole
    var places: [String: Int] = [:]
    var members: [String: [Int]] = [:]
    for (index, host) in hosts.enumerated() {
      places[host.name] = index
      for group in host.groups { members[group, default: []].append(index) }
    }
    directHosts = Dictionary(
      hosts.filter { $0.connection == .ssh && $0.via == nil }
        .map { ("\($0.address) \($0.port)", $0.name) },
      uniquingKeysWith: { first, _ in first })
    self.places = places
    self.members = members
    var groupPlaces: [String: Int] = [:]
    for (index, group) in groups.enumerated() { groupPlaces[group.name] = index }
    self.groupPlaces = groupPlaces
  }

  /// The host of this name, or nil.
  public func host(_ name: String) -> Host? { places[name].map { hosts[$0] } }

  /// The group of this name, or nil.
  public func group(_ name: String) -> Group? { groupPlaces[name].map { groups[$0] } }

  /// All hosts of a group and of the groups below it, in the order of the inventory.
  public func hosts(of group: String) -> [Host] { (members[group] ?? []).map { hosts[$0] } }

  func place(of host: String) -> Int? { places[host] }
  func places(of group: String) -> [Int]? {
    groupPlaces[group] == nil ? nil : members[group] ?? []
  }
}
