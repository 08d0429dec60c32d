internal import Inventory

/// Hosts of a `known_hosts` file: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
///
/// Hashed names cannot be read; they are counted. Patterns, `@cert-authority` and `@revoked` lines name no
/// single host.
public enum KnownHostsList {
  public static func read(_ bytes: [UInt8]) -> FoundList {
    var findings = FoundList()
    var found = FoundHosts()
    var hashed = 0
    var patterns = 0
    var bad = 0
    for (_, words) in textLines(bytes) {
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      if first.hasPrefix("@") {
        patterns += 1
        continue
      }
      guard words.count >= 3 else {
        bad += 1
        continue
      }
      if first.hasPrefix("|1|") {
        hashed += 1
        continue
      }
      var host = FoundHost()
      var others: [String] = []
      for part in first.utf8.split(separator: UInt8(ascii: ",")) {
        let text = String(decoding: part, as: UTF8.self)
        guard !text.contains(where: { "*?!".contains($0) }) else {
          patterns += 1
          continue
        }
        let (place, port) = place(text)
        guard let address = FoundName.address(place) else {
          bad += 1
          continue
        }
        if port != 22 { host.port = port }
        if isAddress(address) {
          if host.address == nil { host.address = address } else { others.append(address) }
        } else if host.name == nil {
          host.name = address
        } else {
          others.append(address)
        }
      }
      guard host.name != nil || host.address != nil else { continue }
      if !others.isEmpty {
        host.notes = ["known_hosts also names it \(others.joined(separator: ", "))"]
      }
      found.add(host)
    }
    findings.hosts = found.hosts
    if hashed > 0 {
      findings.notes.append(
        "\(count(hashed, "entry", "entries")) of known_hosts hashed: names cannot be read (`ssh-keygen -F NAME` finds one)"
      )
    }
    if patterns > 0 {
      findings.notes.append(
        "\(count(patterns, "entry", "entries")) of known_hosts for patterns or authorities")
    }
    if bad > 0 {
      findings.notes.append("\(count(bad, "entry", "entries")) of known_hosts cannot be read")
    }
    return findings
  }

  /// `[host]:port`, or a host.
  private static func place(_ text: String) -> (String, Int) {
    guard text.hasPrefix("["), let end = text.lastIndex(of: "]"),
      let port = Int(text[text.index(after: end)...].dropFirst()), (1...65_535).contains(port)
    else { return (text, 22) }
    return (String(text[text.index(after: text.startIndex)..<end]), port)
  }
}

/// "1 entry", "3 entries".
func count(_ number: Int, _ one: String, _ many: String) -> String {
  "\(number) \(number == 1 ? one : many)"
}
