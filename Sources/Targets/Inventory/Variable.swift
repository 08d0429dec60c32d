internal import Configuration

/// The variables that scrape reads; all others are free.
enum Variable {
  /// The declarations of `HostVariables`.
  private static let settings = Reference.settings { _ = HostVariables(&$0, host: "NAME") }

  /// Our own names.
  static let own = settings.map(\.key)

  /// Ansible's names for the same, in its order of preference; ours win at the same level.
  static let ansible = settings.reduce(into: [String: [String]]()) { names, setting in
    if !setting.others.isEmpty { names[setting.key] = setting.others }
  }

  /// The variables whose ranges run in step with the host's name.
  static let inStep = [
    "address", "ansible_host", "ansible_ssh_host", "bmc", "public_address", "addresses",
  ]

  /// Our name first, then Ansible's.
  static func names(for own: String) -> [String] { synonyms[own] ?? [own] }

  private static let synonyms = ansible.reduce(into: [String: [String]]()) { names, entry in
    names[entry.key] = [entry.key] + entry.value
  }

  /// Names of other programs, and of ssh_config(5), for the same: few inventories have them as free
  /// variables.
  private static let alike = [
    "keyfile": "key", "key_file": "key", "key_path": "key", "keypath": "key", "ssh_key": "key",
    "ssh_key_file": "key", "private_key": "key", "private_key_file": "key", "identity": "key",
    "identityfile": "key", "identity_file": "key",
    "passphrase": "key_passphrase", "keypass": "key_passphrase", "key_pass": "key_passphrase",
    "key_password": "key_passphrase", "passwd": "password", "ssh_password": "password",
    "username": "user", "user_name": "user", "login": "user", "ssh_user": "user",
    "ssh_port": "port", "ip_address": "address", "ipaddress": "address",
    "knownhosts": "known_hosts", "known_hosts_file": "known_hosts",
    "userknownhostsfile": "known_hosts",
    "jump": "via", "jumphost": "via", "jump_host": "via", "proxyjump": "via", "proxy_jump": "via",
    "bastion": "via", "bmc_address": "bmc", "bmc_user": "bmc", "bmc_password": "bmc", "ipmi": "bmc",
    "ca_file": "ca", "cafile": "ca", "ca_cert": "ca", "cacert": "ca",
  ]

  /// Our name closest to a free variable that is likely a slip: `adress`, `porbes`.
  ///
  /// Plurals (`users`, `ports`) are free variables of many an inventory, so they are no slip.
  static func slip(_ name: String) -> String? {
    if let meant = alike[name.lowercased()] { return meant }
    guard name.utf8.count >= 5, !own.contains(name) else { return nil }
    // `host_name` and the like are common free variables.
    let own = own.filter { $0.utf8.count >= 4 && $0 != "hostname" }
    guard let near = nearest(to: name, among: own, slips: 1)
    else { return nil }
    return name == near + "s" ? nil : near
  }
}

extension Node {
  /// Why Ansible would have to process this value before use, or nil.
  ///
  /// Checks lists and mappings at any depth.
  var untouchable: (node: Node, problem: String, hint: String)? {
    if tag == "!vault" || text?.hasPrefix("$ANSIBLE_VAULT;") == true {
      return (
        self, "is encrypted by ansible-vault, which scrape does not open",
        "write ${NAME}, file:PATH or credential:NAME for a secret, the value itself for the rest"
      )
    }
    if tag == "!unsafe" { return nil }
    switch content {
    case .scalar(let text, _):
      guard Self.holdsTemplate(text) else { return nil }
      return (
        self, "is a template, which scrape never evaluates",
        "write the value itself; our own name beside it wins over Ansible's"
      )
    case .sequence(let items):
      for item in items { if let found = item.untouchable { return found } }
    case .mapping(let pairs):
      for pair in pairs {
        if let found = pair.key.untouchable ?? pair.value.untouchable { return found }
      }
    }
    return nil
  }

  private static func holdsTemplate(_ text: String) -> Bool {
    var previous: UInt8 = 0
    for byte in text.utf8 {
      if previous == UInt8(ascii: "{") {
        if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "%") || byte == UInt8(ascii: "#") {
          return true
        }
      }
      previous = byte
    }
    return false
  }
}
