public import Configuration
public import Metrics

/// One host as the inventory describes it, all variables resolved.
public struct Host: Sendable {
  /// How a host is reached: over SSH, or not at all because it is this machine.
  public enum Connection: String, Sendable { case ssh, local }

  public var name: String
  /// The most specific group, which is the tag `group`: the deepest, then the last by name.
  public var group: String
  /// Every group it is in, `all` first, then by depth and name.
  public var groups: [String]
  /// A name or an IP address without brackets.
  public var address: String
  public var port: Int
  /// The name under which its services are known, which certificates bear and servers of many names
  /// are asked for; nil where it is not given.
  public var hostname: String? = nil
  /// The account to log in with; nil is the user that runs scrape (or what ssh_config says).
  public var user: String?
  /// Absolute paths of private keys; none means the usual names under `~/.ssh`.
  public var keys: [String]
  public var keyPassphrase: Secret?
  public var password: Secret?
  /// The known_hosts file, absolute; nil is the usual one.
  public var knownHosts: String?
  /// The profile's name in scrape.yml.
  public var profile: String
  /// What to probe over the network, for the room of probes to read.
  public var probes: Node?
  /// How its BMC is reached, if it has one.
  public var bmc: BMCSettings?
  /// The jump host: a name of the inventory or `user@host:port`; several are parted by commas.
  public var via: String?
  /// The hypervisor it runs on, as a name of the inventory.
  public var on: String?
  /// The switch or firewall it is behind, as a name of the inventory.
  public var behind: String?
  /// The file of certificate authorities that its probes trust, absolute.
  public var ca: String?
  /// The tags of its points beside `host` and `group`.
  public var tags: [Tag]
  /// How often it is looked at, where that is not each pass.
  public var every: Duration?
  public var connection: Connection
  /// All its variables as resolved, in the order in which they were first met.
  public var variables: [(name: String, value: Node)]
  /// Where it first stands.
  public var mark: Mark

  /// The jump host that stands between us and it; nil for this machine, whatever its groups say.
  public var jumpHost: String? { connection == .local ? nil : via }

  /// The variable of this name, or nil.
  public subscript(variable name: String) -> Node? {
    variables.first { $0.name == name }?.value
  }
}

/// A group of the inventory and what stands directly in it.
public struct Group: Sendable, Equatable {
  public var name: String
  /// Steps down from `all`.
  public var depth: Int
  public var parents: [String]
  public var children: [String]
  /// The hosts that stand directly in it.
  public var hosts: [String]
}
