internal import Configuration
internal import Engine
internal import Glibc
internal import Passes
internal import Inventory

/// The options by which a command finds its inventory, its settings and its store.
extension Site {
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
    self.init(
      inventory: try Site.inventoryPath(arguments), config: arguments["--config"],
      store: arguments["--store"], checkingKeys: checkingKeys, &findings)
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

  /// The hosts that `--limit` leaves, all without it.
  func hosts(_ arguments: Arguments) throws(ConfigurationError) -> [Host] {
    guard let pattern = arguments["--limit"] else { return inventory.hosts }
    return try inventory.select(pattern)
  }
}
