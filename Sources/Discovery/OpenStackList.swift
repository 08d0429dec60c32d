internal import Inventory
internal import Metrics

/// Hosts of `openstack server list -f json`: name, state and addresses. `Networks` is an object of lists, or
/// (before version 5.5 of the client) a text `net=10.0.0.5, 192.0.2.7; other=…`.
public enum OpenStackList {
  /// Nil if the text is no list of servers.
  public static func read(_ bytes: [UInt8]) -> FoundList? {
    guard let json = JSON(reading: bytes), case .array(let servers) = json else { return nil }
    var findings = FoundList()
    var found = FoundHosts()
    for server in servers {
      guard let text = server["Name"]?.string else { continue }
      let status = server["Status"]?.string ?? "ACTIVE"
      guard status == "ACTIVE" else {
        findings.notes.append("\(text) is \(status)")
        continue
      }
      let places = places(server["Networks"])
      let address = places.first { !$0.address.contains(":") } ?? places.first
      guard let address else {
        findings.notes.append("\(text) has no address")
        continue
      }
      var host = FoundHost(name: FoundName.of(text), address: address.address)
      let others = places.filter { $0.address != address.address }
      if !others.isEmpty {
        host.notes = [
          "also " + others.map { "\($0.address) (\($0.network))" }.joined(separator: ", ")
        ]
      }
      found.add(host)
    }
    findings.hosts = found.hosts
    return findings
  }

  private static func places(_ networks: JSON?) -> [(network: String, address: String)] {
    var places: [(network: String, address: String)] = []
    switch networks {
    case .object(let members):
      for (network, list) in members {
        for element in list.elements {
          if let address = element.string { places.append((network, address)) }
        }
      }
    case .string(let text):
      for part in text.utf8.split(separator: UInt8(ascii: ";")) {
        let sides = part.split(separator: UInt8(ascii: "="), maxSplits: 1)
        guard sides.count == 2 else { continue }
        let network = sides[0].filter { $0 > 0x20 }
        for address in sides[1].split(separator: UInt8(ascii: ",")) {
          places.append(
            (
              String(decoding: network, as: UTF8.self),
              String(decoding: address.filter { $0 > 0x20 }, as: UTF8.self)
            ))
        }
      }
    default: break
    }
    return places.filter { isAddress($0.address) }
  }
}
