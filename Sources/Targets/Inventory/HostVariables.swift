public import Configuration
internal import Metrics

/// The variables of a host that scrape reads, by their names and by Ansible's.
struct HostVariables {
  let connection: Host.Connection
  let address: String
  let port: Int
  let hostname: String?
  let user: String?
  let keys: [String]
  let keyPassphrase: Secret?
  let password: Secret?
  let knownHosts: String?
  let profile: String
  let probes: Node?
  let on: String?
  let behind: String?
  let ca: String?
  let every: Duration?

  /// Takes all variables of the host of that name.
  init(_ fields: inout Fields, host: String) {
    let address = fields.take(
      "address", also: ["ansible_host", "ansible_ssh_host"], Self.addressType,
      otherwise: "the host's name", "Name or IP address.")
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
      BMCSettings.reference,
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
