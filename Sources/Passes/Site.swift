public import Alerts
internal import CLinux
internal import Collectors
public import Configuration
internal import Engine
internal import Glibc
internal import Notifiers
internal import Sinks
public import Store
public import Inventory
internal import Probes

/// What a command works on: the inventory, the settings beside it and the store.
public struct Site: Sendable {
  public let inventory: Inventory
  public let settings: Settings
  public let rules: RuleBook
  public let alerts: AlertBook
  /// How the scraper watches itself.
  let own: SelfSettings
  public let reports: Reports
  /// The folder of the inventory, where `known_hosts` and `scrape.yml` are looked for.
  let folder: String
  /// The file or folder of the inventory, as it was named.
  let inventoryPath: String
  public let storePath: String

  /// Reads everything with all faults as findings; what is wrong is left out.
  ///
  /// `inventory` is a file or folder, `config` the settings where they are not beside it, `store` the
  /// store where the settings are not to say. Who contacts nobody needs no keys: they are looked at only
  /// where `checkingKeys` says so.
  public init(
    inventory path: String, config: String?, store: String?, checkingKeys: Bool,
    _ findings: inout Findings
  ) {
    folder = Site.isFolder(path) ? path : Site.parent(path)
    inventoryPath = path
    inventory = Inventory.read(path, checkingKeys: checkingKeys, &findings)
    if let config {
      settings = Settings.read(config, &findings)
    } else if access("\(folder)/scrape.yml", F_OK) == 0 {
      settings = Settings.read("\(folder)/scrape.yml", &findings)
    } else {
      settings = Settings()
    }
    if settings.isWhole { settings.check(inventory, &findings) }
    rules = RuleBook(settings, inventory, &findings)
    let contacts = Contact.all(
      from: settings.sections["contacts"], secrets: false, &findings)
    alerts = AlertBook(settings, inventory, contacts, &findings)
    own = SelfSettings(settings.sections["self"], &findings)
    reports = Reports(inventory, contacts, in: .all, &findings)
    storePath = store ?? settings.store.path ?? Site.defaultStore
  }

  /// What alerts are made by.
  public var alerting: AlertSetup {
    AlertSetup(
      inventory: inventory, alerts: alerts, rules: { [rules] in rules.rules(for: $0) },
      reports: reports)
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// systemd's StateDirectory, /var/lib for root, and the XDG base directory for others.
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

  /// The store with the settings' bounds; the file is opened when it is first used.
  public func store() -> Store {
    Store(
      path: storePath,
      limits: Store.Limits(
        keep: settings.store.keep, size: Int64(settings.store.size),
        changes: settings.store.changes, changesOfHost: settings.store.changesOfHost))
  }

  /// The store for commands that only look: nothing on the disk is changed.
  public func storeToRead() -> Store { Store(path: storePath, read: true) }

  /// Where what is known of BMCs is kept, beside the store.
  var bmcFolder: String { "\(Self.parent(storePath))/bmc" }

  /// Where it is kept how often SSH servers were contacted, beside the store.
  public var contactsFile: String { "\(Self.parent(storePath))/contacts" }

  /// The same for who has no inventory.
  public static var looseContactsFile: String {
    environment("XDG_RUNTIME_DIR").map { "\($0)/scrape-contacts" }
      ?? "\(parent(defaultStore))/contacts"
  }

  /// The servers to which points are written, whatever a command does with them itself.
  public var sinkAddresses: [String] {
    var findings = Findings()
    return Sinks.sinks(from: settings.sinks, secrets: false, &findings).compactMap(\.address)
  }

  public var hasStore: Bool { access(storePath, F_OK) == 0 }

  /// The file into which `scrape trust` writes a host's key.
  public func trustFile(of host: Host) -> String { host.knownHosts ?? "\(folder)/known_hosts" }

  /// The files in which a host's key may stand.
  public func knownHostFiles(of host: Host) -> [String] {
    if let file = host.knownHosts { return [file] }
    let home = Account.home
    return ["\(folder)/known_hosts", "\(home)/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"]
  }
}
