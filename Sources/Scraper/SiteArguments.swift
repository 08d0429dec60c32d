internal import Configuration
internal import Engine
internal import Glibc
internal import Passes
internal import Inventory

/// The options for inventory, settings and store.
extension Site {
  /// The options of all commands that read the inventory.
  static let options = [
    Option(
      "--inventory", short: "-i", "PATH",
      "Inventory file or folder; default: ./inventory, then /etc/scrape."),
    Option("--config", "FILE", "Settings; default: scrape.yml beside the inventory."),
    Option("--store", "FILE", "Store; default: scrape.yml, else below the state folder."),
  ]

  /// The options of commands that ask hosts in passes.
  static let hostOptions = [
    Option("--limit", short: "-l", "PATTERN", "Only these hosts: web*,&lab,!web03 as in Ansible."),
    Option("--fanout", "N", "Maximum number of hosts at once; default: scrape.yml, else 100."),
  ]

  /// The options of commands that keep what hosts answer.
  static let storeOptions = [
    Option(
      "--spool", "DIR",
      "Also writes points, states and events to this folder, for another monitor to fetch."),
    Option(
      "--spool-size", "SIZE",
      "Limit of the folder, 500MiB; the oldest files are dropped; default 1GiB."),
    Option("--adopt-store", "Takes over the store of another inventory, as after a move."),
  ]

  /// Reads all files; throws all faults before any host is contacted.
  ///
  /// `checkingKeys` is false for commands that contact no host and need no keys; `secretsOf` says whose
  /// secrets a command needs, by the contact's name.
  init(
    _ arguments: Arguments, checkingKeys: Bool = true,
    secretsOf: (String) -> Bool = { _ in false }
  ) throws {
    var findings = Findings()
    try self.init(arguments, checkingKeys: checkingKeys, secretsOf: secretsOf, &findings)
    try findings.finish()
  }

  /// Reads all files, with all faults as findings; faulty parts are left out.
  init(
    _ arguments: Arguments, checkingKeys: Bool = true,
    secretsOf: (String) -> Bool = { _ in false }, _ findings: inout Findings
  ) throws(UsageError) {
    self.init(
      inventory: try Site.inventoryPath(arguments), config: arguments["--config"],
      store: arguments["--store"], checkingKeys: checkingKeys, secretsOf: secretsOf,
      &findings)
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

  /// The hosts that match `--limit`; all without it.
  func hosts(_ arguments: Arguments) throws(ConfigurationError) -> [Host] {
    try inventory.hosts(matching: arguments["--limit"])
  }
}

extension OwnSpool {
  /// The spool that `--spool` names; nil without the option.
  init?(_ arguments: Arguments) throws(UsageError) {
    let text = arguments["--spool-size"]
    guard let size = byteCount(text ?? "1GiB"), size >= 4 << 10 else {
      throw UsageError(
        message: "--spool-size takes a size of at least 4KiB such as 500MiB, not \"\(text ?? "")\"")
    }
    guard let path = arguments["--spool"] else {
      if text != nil { throw UsageError(message: "--spool-size needs --spool DIR") }
      return nil
    }
    guard !path.isEmpty else { throw UsageError(message: "--spool takes a folder") }
    self.init(path: path, limit: Int64(size))
  }
}
