public import Alerts
internal import CLinux
internal import Collectors
public import Configuration
internal import Engine
internal import Glibc
internal import Metrics
public import Notifiers
internal import Sinks
public import Store
public import Inventory
public import Probes

/// The input of a command: the inventory, the settings beside it and the store.
public struct Site: Sendable {
  public let inventory: Inventory
  public let settings: Settings
  /// The probes of all hosts.
  public let probes: ProbeBook
  public let rules: RuleBook
  public let contacts: [Contact]
  public let alerts: AlertBook
  /// The settings of the self-checks.
  let own: SelfSettings
  public let reports: Reports
  /// Which hosts have which policies.
  public let policies: PolicyList
  /// Whose facts are read, and how often; nil for nobody's.
  public let facts: FactSettings?
  /// The folders of web pages.
  public let pages: [PageSettings]
  /// The folder of the inventory, which may have `known_hosts` and `scrape.yml`.
  let folder: String
  /// The warnings of keys that bear an old name.
  public let renamed: [ConfigurationError]
  /// The file or folder of the inventory, as given.
  let inventoryPath: String
  public let storePath: String

  /// Reads all files, with all faults as findings; faulty parts are left out.
  ///
  /// `inventory` is a file or folder; `config` replaces the settings beside it, `store` the path in the
  /// settings. `checkingKeys` is false for commands that contact no host and need no keys; the secrets of
  /// a contact are resolved only where `secretsOf` is true for its name.
  public init(
    inventory path: String, config: String?, store: String?, checkingKeys: Bool,
    secretsOf: (String) -> Bool = { _ in false }, _ findings: inout Findings
  ) {
    folder = Site.isFolder(path) ? path : Site.parent(path)
    inventoryPath = path
    let written = Inventory.read(path, checkingKeys: checkingKeys, &findings)
    if let config {
      settings = Settings.read(config, &findings)
    } else if access("\(folder)/scrape.yml", F_OK) == 0 {
      settings = Settings.read("\(folder)/scrape.yml", &findings)
    } else {
      settings = Settings()
    }
    let configured =
      switch settings.sshConfig {
      case .off: written
      case .usual: written.configured(by: SSHConfig.read())
      case .file(let path): written.configured(by: SSHConfig.read(path))
      }
    inventory = configured.withSpools(&findings)
    inventory.checkJumpHosts(&findings)
    if settings.isWhole {
      probes = ProbeBook(inventory.hosts, modules: settings.sections["modules"], &findings)
      settings.checkProfiles(of: inventory, &findings)
    } else {
      probes = ProbeBook()
    }
    rules = RuleBook(settings, inventory, &findings)
    contacts = Contact.all(
      from: settings.sections["contacts"], secretsOf: secretsOf, &findings)
    alerts = AlertBook(settings, inventory, contacts, &findings)
    own = SelfSettings(settings.sections["self"], &findings)
    policies = PolicyList(settings.sections["policies"], inventory, from: folder, &findings)
    facts = FactSettings(settings.sections["facts"], inventory, &findings)
    pages = PageSettings.all(settings.sections["pages"], inventory, from: folder, &findings)
    reports = Reports(inventory, contacts, in: .all, &findings)
    storePath = store ?? settings.store.path ?? Site.defaultStore
    renamed = Site.renamed(findings, inventory, settings)
  }

  private static func renamed(
    _ findings: Findings, _ inventory: Inventory, _ settings: Settings
  ) -> [ConfigurationError] {
    guard !Renamed.table.isEmpty else { return [] }
    // Commands read the sinks where they need them.
    var all = findings
    for warning in inventory.warnings { all.warn(warning) }
    _ = Sinks.sinks(from: settings.sinks, secrets: false, &all)
    return all.warnings.filter(\.isRenamed)
  }

  /// The input of alerting.
  public var alerting: AlertSetup {
    var ways: [String: [String: AlertSetup.Ways]] = [:]
    for host in inventory.hosts {
      for service in ServiceWays.all(probes[host.name], of: host) {
        for name in service.services {
          ways[host.name, default: [:]][CheckName.service(name).text] = AlertSetup.Ways(
            check: service.check.text, inside: CheckName.service(service.inside).text)
        }
      }
    }
    return AlertSetup(
      inventory: inventory, alerts: alerts, rules: { [rules] in rules.rules(for: $0) },
      reports: reports, ways: ways)
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The default path: systemd's StateDirectory, /var/lib for root, else the XDG base directory.
  private static var defaultStore: String {
    if let folder = environment("STATE_DIRECTORY") {
      return "\(folder.split(separator: ":").first ?? "")/scrape.db"
    }
    if geteuid() == 0 { return "/var/lib/scrape/scrape.db" }
    let state =
      environment("XDG_STATE_HOME")
      ?? "\(Account.home)/.local/state"
    return "\(state)/scrape/scrape.db"
  }

  /// The store with the limits of the settings; the first use opens the file.
  public func store() -> Store {
    Store(
      path: storePath,
      limits: Store.Limits(
        keep: settings.store.keep, size: Int64(settings.store.size),
        changes: settings.store.changes, changesOfHost: settings.store.changesOfHost,
        collections: Int64(settings.store.collections)))
  }

  /// The store for commands that only read: nothing on the disk changes.
  public func storeToRead() -> Store { Store(path: storePath, read: true) }

  /// The file with the state of BMCs, beside the store.
  var bmcFolder: String { "\(Self.parent(storePath))/bmc" }

  /// The file with the SSH penalties, beside the store.
  public var contactsFile: String { "\(Self.parent(storePath))/contacts" }

  /// The file with the SSH penalties for commands without an inventory.
  public static var looseContactsFile: String {
    environment("XDG_RUNTIME_DIR").map { "\($0)/scrape-contacts" }
      ?? "\(parent(defaultStore))/contacts"
  }

  /// The sinks of scrape.yml.
  public var sinkAddresses: [String] {
    var findings = Findings()
    return Sinks.sinks(from: settings.sinks, secrets: false, &findings).compactMap(\.address)
  }

  public var hasStore: Bool { access(storePath, F_OK) == 0 }

  /// The file in which `scrape trust` stores the key of a host.
  public func trustFile(of host: Host) -> String { host.knownHosts ?? "\(folder)/known_hosts" }

  /// The files that may have the key of a host.
  public func knownHostFiles(of host: Host) -> [String] {
    if let file = host.knownHosts { return [file] }
    let own = host.userKnownHosts ?? ["\(Account.home)/.ssh/known_hosts"]
    return ["\(folder)/known_hosts"] + own + ["/etc/ssh/ssh_known_hosts"]
  }
}
