public import Configuration
public import Metrics

/// One host as the inventory describes it, all variables resolved.
public struct Host: Sendable {
  /// The connection to a host: SSH, or none for this machine.
  public enum Connection: String, Sendable { case ssh, local }

  /// How a command that the account may not use is run: not at all, or by `sudo -n`.
  public enum Become: String, Sendable { case none, sudo }

  public var name: String
  /// The most specific group, which is the tag `group`: the deepest, then the last by name.
  public var group: String
  /// All groups of the host, `all` first, then by depth and name.
  public var groups: [String]
  /// A name or an IP address without brackets.
  public var address: String
  /// Its other addresses by name: `public` is that of `public_address:`, the others those of
  /// `addresses:`. See `https@public` in docs/probes.md.
  public var addresses: [String: String] = [:]
  /// The local address or interface from which it is asked; nil for the system's choice.
  public var source: String?
  public var port: Int
  /// The DNS name of its services, for certificates, SNI and the Host header; nil where it is not given.
  public var hostname: String? = nil
  /// The account to log in with; nil is the user that runs scrape (or what ssh_config says).
  public var user: String?
  /// Absolute paths of private keys; none means the usual names under `~/.ssh`.
  public var keys: [String]
  public var keyPassphrase: Secret?
  public var password: Secret?
  /// Whether its account runs signed batches only.
  public var isSigned = false
  /// The private key that signs them, absolute; nil is the key that logs in.
  public var signingKey: String? = nil
  /// The known_hosts file, absolute; nil is the usual one.
  public var knownHosts: String?
  /// Files of ssh_config in place of `~/.ssh/known_hosts`; nil where it names none.
  public var userKnownHosts: [String]? = nil
  /// The name under which its key is known in place of its own, by ssh_config.
  public var hostKeyAlias: String? = nil
  /// The time limit of connecting, by ssh_config.
  public var connectTimeout: Duration? = nil
  /// Whether keys of the agent are tried beside `keys`; without keys they are unless this is false.
  public var takesAgentKeys: Bool? = nil
  /// Why it is not to be asked: by ssh_config, or because it comes through a spool; nil if it may be.
  public var refusal: String? = nil
  /// The profile's name in scrape.yml.
  public var profile: String
  /// Its probes, decoded by `ProbeReader`.
  public var probes: Node?
  /// Address and settings of its BMC; nil if it has none.
  public var bmc: BMCSettings?
  /// The spool of another monitor that runs on it; nil if there is none.
  public var spool: SpoolSettings? = nil
  /// The jump host: a name of the inventory or `user@host:port`; several are separated by commas, the
  /// first nearest to the monitor. See `hops`.
  public var via: String?
  /// The hypervisor it runs on, as a name of the inventory.
  public var on: String?
  /// The switch or firewall it is behind, as a name of the inventory.
  public var behind: String?
  /// The file of certificate authorities that its probes trust, absolute.
  public var ca: String?
  /// The tags of its points beside `host` and `group`.
  public var tags: [Tag]
  /// Its interval; nil is each pass.
  public var every: Duration?
  public var connection: Connection
  /// Policies of scrape.yml, or files of policies, that it has beside those of scrape.yml's `hosts`.
  public var policies: [String] = []
  /// How policies read what the account may not.
  public var become = Become.none
  /// All its variables as resolved, in the order in which they were first met.
  public var variables: [(name: String, value: Node)]
  /// Its first place in the inventory.
  public var mark: Mark

  /// The jump host on the way to it; nil for this machine, whatever its groups say.
  public var jumpHost: String? { connection == .local ? nil : via }

  /// The name of the address that participants use, in `addresses`.
  public static let publicAddress = "public"

  /// The variable of this name, or nil.
  public subscript(variable name: String) -> Node? {
    variables.first { $0.name == name }?.value
  }
}

/// A group of the inventory and its direct members.
public struct Group: Sendable, Equatable {
  public var name: String
  /// Steps down from `all`.
  public var depth: Int
  public var parents: [String]
  public var children: [String]
  /// Its direct hosts.
  public var hosts: [String]
}
