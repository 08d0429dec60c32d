internal import Inventory

/// Hosts of the text of virsh(1): `virsh list`, `virsh net-dhcp-leases NETWORK`, and `virsh domifaddr NAME`
/// after a line `# NAME` or the command itself, as that prints no name.
public enum VirshText {
  private enum Table { case none, domains, addresses, leases }

  public static func read(_ bytes: [UInt8]) -> FoundList {
    var findings = FoundList()
    var found = FoundHosts()
    var table = Table.none
    var domain: String?
    var stopped = 0
    for (_, words) in textLines(bytes) {
      if let at = words.firstIndex(of: "domifaddr"), at + 1 < words.count {
        domain = Self.name(of: words[(at + 1)...])
        table = .none
        continue
      }
      if words[0] == "#" || words[0].hasPrefix("#") {
        let name = words[0] == "#" ? words.dropFirst().first : String(words[0].dropFirst())
        domain = name.flatMap { $0.isEmpty ? nil : $0 }
        table = .none
        continue
      }
      if words.allSatisfy({ $0.utf8.allSatisfy { $0 == UInt8(ascii: "-") } && $0.utf8.count > 2 }) {
        continue
      }
      switch words {
      case ["Id", "Name", "State"]: table = .domains
      case ["Name", "MAC", "address", "Protocol", "Address"]: table = .addresses
      case _ where words.starts(with: ["Expiry", "Time"]): table = .leases
      default:
        switch table {
        case .domains:
          guard words.count >= 3, words[0] == "-" || Int(words[0]) != nil else { continue }
          let length = ["off", "shutdown"].contains(words.last ?? "") ? 2 : 1
          let name = words[1..<max(2, words.count - length)].joined(separator: " ")
          if words.last == "off" || words.last == "crashed" {
            stopped += 1
          } else if let name = FoundName.of(name) {
            found.add(FoundHost(name: name))
          }
        case .addresses:
          guard let host = host(domain, words.last) else { continue }
          found.add(host)
        case .leases:
          guard words.count >= 6, let host = host(words[5] == "-" ? nil : words[5], words[4]) else {
            continue
          }
          found.add(host)
        case .none: continue
        }
      }
    }
    findings.hosts = found.hosts
    if stopped > 0 { findings.notes.append("\(count(stopped, "domain", "domains")) shut off") }
    return findings
  }

  /// The domain among the words of `virsh domifaddr`.
  private static func name(of words: ArraySlice<String>) -> String? {
    var words = words
    while let word = words.popFirst() {
      if word == "--source" || word == "--interface" {
        words = words.dropFirst()
      } else if !word.hasPrefix("-") {
        return word
      }
    }
    return nil
  }

  /// The host with the address `10.0.6.11/24`; loopback is none.
  private static func host(_ name: String?, _ text: String?) -> FoundHost? {
    let address = String(
      decoding: (text ?? "").utf8.prefix { $0 != UInt8(ascii: "/") }, as: UTF8.self)
    guard isAddress(address), !address.hasPrefix("127."), address != "::1",
      !address.lowercased().hasPrefix("fe80")
    else { return nil }
    return FoundHost(name: name.flatMap(FoundName.of), address: address)
  }
}
