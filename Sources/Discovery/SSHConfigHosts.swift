internal import Engine
public import Inventory

/// Hosts of an ssh_config(5): each name of a `Host` line that is no pattern, with what the file says of it.
///
/// ProxyJump becomes `via:`; a jump host is an entry, too. A ProxyCommand is named, as scrape runs none.
public enum SSHConfigHosts {
  public static func read(_ config: SSHConfig) -> FoundList {
    var findings = FoundList()
    var found = FoundHosts()
    findings.notes = config.problems.map(\.description)
    var waiting = config.hostNames[...]
    var seen: Set<String> = []
    while let alias = waiting.popFirst() {
      guard seen.insert(alias).inserted else { continue }
      guard let name = FoundName.of(alias), name == alias else {
        findings.notes.append("Host \(alias) is no name for an inventory")
        continue
      }
      let options = config.options(for: [alias], localUser: Account.user)
      findings.notes += options.problems.map(\.description).filter { !findings.notes.contains($0) }
      var host = FoundHost(name: name)
      if let text = options.hostName {
        if let address = SSHConfig.hostName(text, of: alias).flatMap(FoundName.address) {
          if address != alias { host.address = address }
        } else {
          findings.notes.append("Host \(alias): HostName \(text) is no address")
        }
      }
      if let port = options.port, port != 22 { host.port = port }
      host.user = options.user
      if let command = options.proxyCommand, command.lowercased() != "none" {
        host.notes.append("ProxyCommand is not run; write `via:` in its place: \(command)")
      }
      if let jump = options.proxyJump, jump.lowercased() != "none" {
        let hops = hops(jump)
        if hops.isEmpty || hops.contains(where: { $0.name == name }) {
          host.notes.append("ProxyJump cannot be taken over: \(jump)")
        } else {
          host.via = hops.map(\.text).joined(separator: ",")
          // A hop that has no block of its own is known to the files by that name all the same.
          for hop in hops where hop.isPlain && !seen.contains(hop.name) { waiting.append(hop.name) }
        }
      }
      found.add(host)
    }
    findings.hosts = found.hosts
    return findings
  }

  private struct Hop {
    var text: String
    var name: String
    /// Whether it is a name alone, which must be a host of the inventory.
    var isPlain: Bool
  }

  /// The hops of `[user@]host[:port],…` or `ssh://…`; none if one of them cannot be written.
  private static func hops(_ text: String) -> [Hop] {
    var hops: [Hop] = []
    for part in text.utf8.split(separator: UInt8(ascii: ",")) {
      var hop = String(decoding: part, as: UTF8.self)
      if hop.hasPrefix("ssh://") { hop.removeFirst(6) }
      var place = hop[...]
      if let at = place.lastIndex(of: "@") {
        let user = place[..<at]
        guard FoundName.of(String(user)) == String(user) else { return [] }
        place = place[place.index(after: at)...]
      }
      if let colon = place.lastIndex(of: ":"), !isAddress(String(place)) {
        guard let port = Int(place[place.index(after: colon)...]), (1...65_535).contains(port)
        else {
          return []
        }
        place = place[..<colon]
      }
      let name = String(place.filter { $0 != "[" && $0 != "]" })
      guard FoundName.address(name) == name else { return [] }
      hops.append(Hop(text: hop, name: name, isPlain: hop == name && !isAddress(name)))
    }
    // A number alone would be looked for among the names of hosts.
    return hops.map { hop in
      isAddress(hop.text)
        ? Hop(
          text: hop.text.contains(":") ? "[\(hop.text)]:22" : "\(hop.text):22", name: hop.name,
          isPlain: false)
        : hop
    }
  }
}
