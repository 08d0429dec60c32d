public import Configuration
internal import Metrics

/// The variables of a host that scrape reads, by their names and by Ansible's.
struct HostVariables {
  let connection: Host.Connection
  let address: String
  let addresses: [String: String]
  let source: String?
  let port: Int
  let hostname: String?
  let user: String?
  let keys: [String]
  let keyPassphrase: Secret?
  let password: Secret?
  let isSigned: Bool
  let signingKey: String?
  let knownHosts: String?
  let profile: String
  let probes: Node?
  let on: String?
  let behind: String?
  let ca: String?
  let every: Duration?
  let policies: [String]
  let become: Host.Become

  /// Takes all variables of the host of that name.
  init(_ fields: inout Fields, host: String) {
    let address = fields.take(
      "address", also: ["ansible_host", "ansible_ssh_host"], Self.addressType,
      otherwise: "the host's name", "Name or IP address.")
    let publicAddress = fields.take(
      "public_address", Self.addressType, otherwise: "none",
      "Name or IP address that participants use; a probe asks it as `https@public`.",
      example: "198.51.100.11")
    let others = fields.take(
      "addresses", Self.addressesType, otherwise: "none",
      "Further addresses by name; a probe asks the one that it names: `https@vpn`.",
      example: "{vpn: 10.8.0.11}")
    addresses = (others ?? [:]).merging(
      publicAddress.map { [Host.publicAddress: $0] } ?? [:]
    ) { $1 }
    let source = fields.take(
      "source", Self.sourceType, otherwise: "that of the route",
      "Address or interface of this machine from which the host is asked: SSH, probes and BMC. Of an "
        + "interface an address is used.", example: "10.0.9.2")
    self.source = source ?? nil
    port = fields.take(
      "port", also: ["ansible_port", "ansible_ssh_port"], .port, default: 22, "Port of SSH.",
      example: "2222")
    user = fields.take(
      "user", also: ["ansible_user", "ansible_ssh_user"], Self.account,
      otherwise: "the user that runs scrape", "Account to log in with.")
    keys =
      fields.take(
        "key", also: ["ansible_ssh_private_key_file", "ansible_private_key_file"],
        SettingType<String>.path.list,
        otherwise: "keys of the agent and of `~/.ssh`",
        "Private keys of mode 600; only these are tried.", example: "~/.ssh/monitor") ?? []
    keyPassphrase = fields.take(
      "key_passphrase",
      also: ["ansible_ssh_private_key_passphrase", "ansible_private_key_passphrase"], .secret,
      otherwise: "none", "Passphrase of the key.")
    password = fields.take(
      "password", also: ["ansible_ssh_pass", "ansible_ssh_password", "ansible_password"], .secret,
      otherwise: "none", "Password, also for keyboard-interactive.")
    isSigned = fields.take(
      "signed", .boolean, default: false,
      "Whether the account runs signed batches only; see [signed batches](authorize.md#signed-batches).",
      example: "true")
    signingKey = fields.take(
      "signing_key", .path, otherwise: "the key that logs in",
      "Private key of mode 600 that signs batches and logs in nowhere.",
      example: "/etc/scrape/signing_key")
    knownHosts = fields.take(
      "known_hosts", .path, otherwise: "see [host keys](inventory.md#host-keys)",
      "File of host keys.", example: "/etc/scrape/known_hosts")
    let connection = fields.take(
      "connection", also: ["ansible_connection"], Self.connectionType, otherwise: "`ssh`",
      "How the host is reached; `local` reads this machine without SSH.")
    self.connection = connection ?? .ssh
    self.address = address ?? (connection == .local ? "127.0.0.1" : host)
    fields.declare(
      "via", also: ["ansible_ssh_common_args", "ansible_ssh_extra_args"], Self.jumpHosts,
      otherwise: "none",
      "[Jump hosts](inventory.md#jump-hosts) to the host; in Ansible's variables `-J` or `-o ProxyJump`."
    )
    profile = fields.take(
      "profile", Self.name, default: "linux",
      "Which collectors run; see [`profiles`](#profilesname).", example: "gpu")
    probes = fields.take(
      "probes", .node("list of probes", example: "[icmp, http:8080/health]"), otherwise: "none",
      "Services to check; see [probes](probes.md).")
    fields.declare(
      "bmc", .node("address, or mapping", example: "10.0.7.25"), otherwise: "none",
      "Management controller; see [`bmc`](#bmc). The mappings of groups and host are merged.")
    fields.declare(
      "spool",
      .node("mapping", example: "{path: /var/spool/scrape, hosts: seg5}"), otherwise: "none",
      "Spool of a monitor that runs on the host; see [`spool`](#spool).")
    hostname = fields.take(
      "hostname", Self.addressType, otherwise: "none",
      "Name that certificates must bear, and that is sent as the server name.",
      example: "www.example.org")
    ca = fields.take(
      "ca", .path, otherwise: "none",
      "PEM file of authorities that probes trust, beside the system's.",
      example: "/etc/scrape/ca.pem")
    on = fields.take(
      "on", Self.name, otherwise: "none", "Hypervisor; while it is down, the host is an effect.",
      example: "esx3")
    behind = fields.take(
      "behind", Self.name, otherwise: "none",
      "Switch or firewall; while it is down, the host is an effect.", example: "sw1")
    every = fields.take(
      "every", .interval(), otherwise: "each pass", "Shortest interval between two scrapes.")
    policies = fields.take(
      "policies", .words("list of names or files", example: "[sshd, policies/own.yml]"),
      default: [],
      "Policies of the host: names of `policies` in `scrape.yml`, or files beside the inventory.")
    become = fields.take(
      "become", Self.becomeType, default: .none,
      "How policies run commands that need root, and read files that the account may not.",
      example: "sudo")
    fields.declare(
      "tags", .node("mapping of names to texts, or list of variables", example: "{team: blue}"),
      otherwise: "none",
      "Tags of all points of the host; added up from groups, an empty value removes one. A list takes the "
        + "values of the variables that it names.")
  }

  /// All variables of the inventory, and `bmc`.
  static var references: [Reference] {
    [
      Reference(
        "Inventory",
        "Variables of hosts and groups. A host's own value wins over its groups', a deeper group over a higher one. Other names are Ansible's."
      ) { _ = HostVariables(&$0, host: "NAME") },
      BMCSettings.reference, SpoolSettings.reference,
    ]
  }

  // MARK: types

  private static var addressType: SettingType<String> {
    SettingType("name or IP address", example: "10.0.6.11", address)
  }

  static func address(_ node: Node, _ what: String) throws(ConfigurationError) -> String {
    let text = unbracketed(try node.string(what))
    if isAddress(text) { return text }
    guard !text.contains("[") else {
      throw ConfigurationError(
        "\(what) has a range here", at: node,
        hint: "a range of addresses stands beside a name with a range: \"web[1:3]\"")
    }
    guard !text.contains(":") else {
      throw ConfigurationError(
        "\(what) is no IP address and no name", at: node, hint: "a port is set with \"port:\"")
    }
    try checkName(text, node)
    // "10.0.6.[250:260]" runs past the end of its octet, and no name is made of digits alone.
    guard text.utf8.contains(where: { !(0x30...0x39).contains($0) && $0 != UInt8(ascii: ".") })
    else { throw ConfigurationError("\"\(text)\" is no IP address", at: node) }
    return text
  }

  /// An address, or the name of a network interface (15 bytes in Linux).
  private static var sourceType: SettingType<String?> {
    SettingType("IP address, interface, or `none`", example: "10.0.9.2") {
      node, what throws(ConfigurationError) in
      let text = unbracketed(try node.string(what))
      if text == "none" { return nil }
      guard
        isAddress(text)
          || (1...15).contains(text.utf8.count)
            && text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x2f && $0 != 0x3a })
            && text.utf8.contains(where: { !(0x30...0x39).contains($0) && $0 != 0x2e })
      else {
        throw ConfigurationError(
          "\(what) is no IP address and no interface", at: node,
          hint: "ip address shows those of this machine")
      }
      return text
    }
  }

  private static var addressesType: SettingType<[String: String]> {
    SettingType("mapping of names to addresses", example: "{vpn: 10.8.0.11}") {
      node, what throws(ConfigurationError) in
      var addresses: [String: String] = [:]
      for pair in try node.mapping(what) {
        guard pair.name != Host.publicAddress else {
          throw ConfigurationError(
            "\"public\" is not one of `addresses`", at: pair.key, hint: "write public_address:")
        }
        guard isAddressName(pair.name) else {
          throw ConfigurationError(
            "\"\(pair.name)\" is not the name of an address", at: pair.key,
            hint: "letters, digits, \"-\" and \"_\", at most 32")
        }
        addresses[pair.name] = try address(pair.value, "\(what).\(pair.name)")
      }
      return addresses
    }
  }

  /// Whether a probe can name an address so.
  private static func isAddressName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 32
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x61...0x7a).contains($0 | 0x20) || $0 == UInt8(ascii: "-")
          || $0 == UInt8(ascii: "_")
      }
  }

  /// The name of a host or a profile.
  private static var name: SettingType<String> {
    SettingType("name", example: "esx3") { node, what throws(ConfigurationError) in
      let text = try node.string(what)
      try checkName(text, node)
      return text
    }
  }

  private static var account: SettingType<String> {
    SettingType("text", example: "monitor") { node, what throws(ConfigurationError) in
      let text = try node.string(what)
      guard !text.isEmpty, text.utf8.count <= 256, !text.hasPrefix("-"),
        !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
      else { throw ConfigurationError("\(what) is not the name of an account", at: node) }
      return text
    }
  }

  private static var becomeType: SettingType<Host.Become> {
    SettingType("`none` or `sudo`", example: "sudo", show: { "`\($0.rawValue)`" }) {
      node, what throws(ConfigurationError) in
      guard let become = Host.Become(rawValue: try node.string(what)) else {
        throw unknown(what, node, among: ["none", "sudo"])
      }
      return become
    }
  }

  private static var connectionType: SettingType<Host.Connection> {
    SettingType("`ssh` or `local`", example: "local") { node, what throws(ConfigurationError) in
      switch try node.string(what) {
      case "ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh", "libssh": return .ssh
      case "local", "ansible.builtin.local": return .local
      default:
        throw ConfigurationError(
          "scrape reaches hosts over ssh only, or this one as local", at: node,
          hint: didYouMean(node.text ?? "", among: ["ssh", "local"]))
      }
    }
  }

  /// `jp1`, or `[user@]host[:port]`, several with commas or as a list; `none` for none.
  private static var jumpHosts: SettingType<String?> {
    SettingType("host or `user@host:port`, a list of them, or `none`", example: "jp1") {
      node, what throws(ConfigurationError) in try JumpHost.checked(node, what)
    }
  }
}

extension Inventory {
  /// All variables that scrape reads.
  public static var references: [Reference] { HostVariables.references }
}
