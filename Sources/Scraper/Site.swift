internal import CLinux
internal import Collectors
internal import Configuration
internal import Engine
internal import Glibc
internal import Notifiers
internal import Sinks
internal import Store
internal import Targets

/// What a command works on: the inventory, the settings beside it and the store.
struct Site {
  let inventory: Inventory
  let settings: Settings
  let rules: RuleBook
  let alerts: AlertBook
  /// How the scraper watches itself.
  let own: SelfSettings
  let reports: Reports
  /// The folder of the inventory, where `known_hosts` and `scrape.yml` are looked for.
  let folder: String
  /// The file or folder of the inventory, as it was named.
  let inventoryPath: String
  let storePath: String

  /// The options that all commands share that read the inventory.
  static let options = [
    Option(
      "--inventory", short: "-i", "PATH",
      "File or folder of the inventory; else ./inventory, then /etc/scrape."),
    Option("--config", "FILE", "Settings; else scrape.yml beside the inventory."),
    Option("--store", "FILE", "The store; else as scrape.yml says, or under the state folder."),
  ]

  /// Reads everything; throws all that is wrong with any of it before anybody is contacted.
  ///
  /// Who contacts nobody needs no keys: they are looked at only where `checkingKeys` says so.
  init(_ arguments: Arguments, checkingKeys: Bool = true) throws {
    var findings = Findings()
    try self.init(arguments, checkingKeys: checkingKeys, &findings)
    try findings.finish()
  }

  /// Reads everything with all faults as findings; what is wrong is left out.
  init(
    _ arguments: Arguments, checkingKeys: Bool = true, _ findings: inout Findings
  ) throws(UsageError) {
    let path = try Site.inventoryPath(arguments)
    folder = Site.isFolder(path) ? path : Site.parent(path)
    inventoryPath = path
    inventory = Inventory.read(path, checkingKeys: checkingKeys, &findings)
    if let file = arguments["--config"] {
      settings = Settings.read(file, &findings)
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
    storePath = arguments["--store"] ?? settings.store.path ?? Site.defaultStore
  }

  private static func inventoryPath(_ arguments: Arguments) throws(UsageError) -> String {
    if let path = arguments["--inventory"] {
      guard access(path, F_OK) == 0 else {
        throw UsageError(message: "no inventory at \(path): \(SystemError("open").message)")
      }
      return path
    }
    for path in ["./inventory", "/etc/scrape"] where access(path, F_OK) == 0 { return path }
    throw UsageError(
      message: "no inventory: neither ./inventory nor /etc/scrape is there; give --inventory PATH")
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
    if let folder = Terminal.environment("STATE_DIRECTORY") {
      return "\(folder.split(separator: ":").first ?? "")/scrape.db"
    }
    if geteuid() == 0 { return "/var/lib/scrape/scrape.db" }
    let state =
      Terminal.environment("XDG_STATE_HOME")
      ?? "\(Account.home)/.local/state"
    return "\(state)/scrape/scrape.db"
  }

  /// The store with the settings' bounds; the file is opened when it is first used.
  func store() -> Store {
    Store(
      path: storePath,
      limits: Store.Limits(
        keep: settings.store.keep, size: Int64(settings.store.size),
        changes: settings.store.changes, changesOfHost: settings.store.changesOfHost))
  }

  /// The store for commands that only look: nothing on the disk is changed.
  func storeToRead() -> Store { Store(path: storePath, read: true) }

  /// Where what is known of BMCs is kept, beside the store.
  var bmcFolder: String { "\(Self.parent(storePath))/bmc" }

  /// Where it is kept how often SSH servers were contacted, beside the store.
  var contactsFile: String { "\(Self.parent(storePath))/contacts" }

  /// The same for who has no inventory.
  static var looseContactsFile: String {
    Terminal.environment("XDG_RUNTIME_DIR").map { "\($0)/scrape-contacts" }
      ?? "\(parent(defaultStore))/contacts"
  }

  /// The servers to which points are written, whatever a command does with them itself.
  var sinkAddresses: [String] {
    var findings = Findings()
    return Sinks.sinks(from: settings.sinks, secrets: false, &findings).compactMap(\.address)
  }

  var hasStore: Bool { access(storePath, F_OK) == 0 }

  /// The hosts that `--limit` leaves, all without it.
  func hosts(_ arguments: Arguments) throws(ConfigurationError) -> [Host] {
    guard let pattern = arguments["--limit"] else { return inventory.hosts }
    return try inventory.select(pattern)
  }

  /// The file into which `scrape trust` writes a host's key.
  func trustFile(of host: Host) -> String { host.knownHosts ?? "\(folder)/known_hosts" }

  /// The files in which a host's key may stand.
  func knownHostFiles(of host: Host) -> [String] {
    if let file = host.knownHosts { return [file] }
    let home = Account.home
    return ["\(folder)/known_hosts", "\(home)/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"]
  }
}

/// The account that runs this process; cron and systemd need not set its environment.
enum Account {
  static var home: String {
    Terminal.environment("HOME") ?? entry.map { String(cString: $0.pw_dir) } ?? "/"
  }

  static var user: String {
    Terminal.environment("USER") ?? Terminal.environment("LOGNAME")
      ?? entry.map { String(cString: $0.pw_name) } ?? "root"
  }

  private static var entry: passwd? { getpwuid(geteuid())?.pointee }
}
