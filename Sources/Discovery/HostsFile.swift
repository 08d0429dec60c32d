internal import Inventory

/// Hosts of `/etc/hosts`: hosts(5). Loopback, multicast and broadcast addresses are left out.
public enum HostsFile {
  public static func read(_ bytes: [UInt8]) -> FoundList {
    var findings = FoundList()
    var found = FoundHosts()
    for (number, words) in textLines(bytes, comment: UInt8(ascii: "#")) {
      guard let address = words.first, isAddress(address) else {
        findings.notes.append("/etc/hosts:\(number): no address")
        continue
      }
      if isOwn(address) { continue }
      let names = words.dropFirst().compactMap(FoundName.of)
      guard let name = names.first else { continue }
      var host = FoundHost(name: name, address: address)
      if names.count > 1 {
        host.notes = ["also named \(names.dropFirst().joined(separator: ", "))"]
      }
      found.add(host)
    }
    findings.hosts = found.hosts
    return findings
  }

  private static func isOwn(_ address: String) -> Bool {
    let lower = address.lowercased()
    return lower.hasPrefix("127.") || lower == "::1" || lower == "::" || lower == "0.0.0.0"
      || lower == "255.255.255.255" || lower.hasPrefix("fe0") || lower.hasPrefix("ff")
  }
}
