public import Configuration

/// A jump host as `via:` names it: `jp1`, `ops@bastion.lab:2222`, `[2001:db8::1]:22`.
public struct Hop: Sendable, Hashable {
  /// The name of a host of the inventory, or a name or an address of another one.
  public var name: String
  /// The account, if it is named here.
  public var user: String?
  /// The port, if it is named here.
  public var port: Int?

  init(_ text: some StringProtocol) {
    var rest = Substring(text)
    if let at = rest.lastIndex(of: "@") {
      user = String(rest[..<at])
      rest = rest[rest.index(after: at)...]
    }
    // More than one colon without brackets is an IPv6 address.
    if let colon = rest.lastIndex(of: ":"), !isIPv6(String(rest)),
      let number = Int(rest[rest.index(after: colon)...]), (1...65_535).contains(number)
    {
      port = number
      rest = rest[..<colon]
    }
    name = unbracketed(String(rest))
  }
}

extension Host {
  /// The jump hosts that `via:` names, the first reached as the inventory says of it, each other one
  /// through the one before. Empty for a host that is reached directly, and for this machine.
  public var hops: [Hop] { (jumpHost ?? "").split(separator: ",").map { Hop($0) } }
}

extension Host {
  /// The jump hosts before its BMC, as `via:` names them: the BMC's own, or those of the host.
  public var jumpHostOfBMC: String? {
    guard let bmc, !bmc.isThroughHost else { return nil }
    guard let own = bmc.via else { return jumpHost }
    return own.isEmpty ? nil : own
  }

  /// The host with the way to its BMC.
  public var asBMC: Host {
    var host = self
    host.via = jumpHostOfBMC
    host.connection = .ssh
    return host
  }
}

extension Inventory {
  /// The jump hosts between the monitor and the host, the first reached directly.
  ///
  /// A jump host that has `via:` itself is reached that way. One that is no host of the inventory has
  /// the key and the `known_hosts` of the host behind it, and never its password.
  public func route(to host: Host) -> [Host] { steps(to: host).map(\.host) }

  /// The same with the names under which checks, causes and the topology have them: a host of the
  /// inventory by its name or address, else what `via:` names, with a port other than 22.
  public func steps(to host: Host) -> [(name: String, host: Host)] {
    var route: [(name: String, host: Host)] = []
    var behind = host
    // Rings are faults of the inventory, which stop every command.
    while route.count < Self.longestRoute {
      let hops = behind.hops
      guard let first = hops.first else { break }
      let jumps = hops.map { (name: self.name(of: $0), host: jumpHost($0, for: host)) }
      route.insert(contentsOf: jumps, at: 0)
      // Of one without an entry ssh_config may name a jump host.
      guard let next = self.host(first.name) ?? jumps.first?.host else { break }
      behind = next
    }
    return route
  }

  static let longestRoute = 16

  /// The names of jump hosts without an entry, as checks have them.
  public var strangers: Set<String> {
    var names: Set<String> = []
    // Ten thousand hosts are behind the same few.
    var seen: Set<String> = []
    for host in hosts {
      guard let via = host.jumpHost, seen.insert(via).inserted else { continue }
      for step in steps(to: host) where self.host(step.name) == nil { names.insert(step.name) }
    }
    return names
  }

  /// The name of a jump host in checks and in the topology.
  public func name(of hop: Hop) -> String {
    if host(hop.name) != nil { return hop.name }
    let port = hop.port ?? 22
    if let known = directHosts["\(hop.name) \(port)"] { return known }
    guard port != 22 else { return hop.name }
    return isIPv6(hop.name) ? "[\(hop.name)]:\(port)" : "\(hop.name):\(port)"
  }

  /// The target that a hop is.
  private func jumpHost(_ hop: Hop, for host: Host) -> Host {
    var jump: Host
    if let known = self.host(hop.name) {
      jump = known
    } else {
      jump = Host(
        name: hop.name, group: host.group, groups: [], address: hop.name, source: host.source,
        port: 22, user: nil,
        keys: host.keys, keyPassphrase: host.keyPassphrase, password: nil,
        knownHosts: host.knownHosts, profile: host.profile, tags: [], connection: .ssh,
        variables: [], mark: host.mark)
      let keys = jump.keys
      jump = sshConfig.completing(jump)
      if jump.keys.isEmpty { jump.keys = keys }
    }
    jump.user = hop.user ?? jump.user
    jump.port = hop.port ?? jump.port
    return jump
  }

  /// The jump hosts of these hosts that are no hosts of the inventory, each once.
  public func strangers(of hosts: [Host]) -> [Host] {
    var seen: Set<Hop> = []
    var found: [Host] = []
    for host in hosts {
      let own = host.bmc?.via == nil ? [] : route(to: host.asBMC)
      for jump in route(to: host) + own where self.host(jump.name) == nil {
        let hop = Hop("\(jump.user ?? "")@\(jump.name):\(jump.port)")
        if seen.insert(hop).inserted { found.append(jump) }
      }
    }
    return found
  }

  /// Refuses jump hosts that are known nowhere, and those that are this machine.
  ///
  /// A plain name must be a host of the inventory or known to ssh_config; one with an account, a port
  /// or a domain may be any host.
  public func checkJumpHosts(_ findings: inout Findings) {
    var seen: Set<String> = []
    for host in hosts {
      checkRing(to: host, &seen, &findings)
      let ways =
        (host.jumpHost ?? "").split(separator: ",").map { ($0, host.viaNode) }
        + (host.bmc?.via ?? "").split(separator: ",").map { ($0, host[variable: "bmc"]) }
      for (text, node) in ways {
        let hop = Hop(text)
        let known = self.host(hop.name)
        let problem: String
        var hint: String?
        if known?.connection == .local {
          problem = "\(hop.name) is this machine (connection: local), which is no jump host"
          hint = "remove \"via\""
        } else if known == nil, !text.contains(where: { "@:.".contains($0) }),
          !sshConfig.names(hop.name)
        {
          problem = "\"\(hop.name)\" is no host of the inventory"
          hint =
            nearest(to: hop.name, among: hosts.map(\.name), slips: 1).map {
              "did you mean \"\($0)\"?"
            } ?? "write user@host:port for a jump host that has no entry"
        } else {
          continue
        }
        // Hosts of a group inherit the same value.
        let place = node.map { "\($0.mark.file):\($0.mark.line)" } ?? host.name
        guard seen.insert("\(place) \(hop.name)").inserted else { continue }
        findings.add(
          node.map { ConfigurationError(problem, at: $0, hint: hint) }
            ?? ConfigurationError(problem, at: host.mark, length: host.name.count, hint: hint))
      }
    }
  }
}

extension Inventory {
  /// Refuses a way in a ring that ssh_config closes; others were found when the inventory was read.
  private func checkRing(
    to host: Host, _ seen: inout Set<String>, _ findings: inout Findings
  ) {
    guard host.jumpHost != nil else { return }
    let path = (route(to: host) + [host]).map { "\($0.name):\($0.port)" }
    guard path.count > Self.longestRoute || Set(path).count < path.count,
      !findings.errors.contains(where: { $0.problem.contains("runs in a ring") })
    else { return }
    findings.add(
      ConfigurationError(
        "the way to \(host.name) runs in a ring through ssh_config", at: host.mark,
        length: host.name.count,
        hint: "ProxyJump must not hold for the jump host itself: Host * !\(route(to: host)[0].name)"
      ))
  }
}

extension Host {
  /// Where its jump host is written.
  var viaNode: Node? {
    Variable.names(for: "via").lazy.compactMap { self[variable: $0] }.first { !$0.isNull }
  }
}
