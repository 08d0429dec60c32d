internal import Inventory
public import Parsers

/// Hosts of `nmap -oX`: those that are up, with their open ports and the names that nmap gave them.
///
/// Format: nmap's `nmap.dtd`. `method="table"` means that a service has the name of its port and nothing
/// was asked.
public enum NmapXML {
  /// A scan of 4,096 addresses has about as many elements.
  static let elements = 1_000_000

  public static func read(_ bytes: [UInt8]) throws(ParseError) -> FoundList {
    let document = try XMLReader.read(
      bytes.span, format: "nmap XML",
      skipping: ["script", "hostscript", "trace", "os", "extraports", "scaninfo", "times"],
      keepingAttributes: true, elements: elements)
    guard document.root.name == "nmaprun" else {
      throw ParseError("nmap XML", "no <nmaprun>; write it with nmap -oX FILE")
    }
    var findings = FoundList()
    if let problem = document.problem { findings.notes.append("\(problem); read up to there") }
    var found = FoundHosts()
    for element in document.root.children where element.name == "host" {
      let addresses = element.children
        .filter { $0.name == "address" && $0.attributes["addrtype"] != "mac" }
        .compactMap { $0.attributes["addr"] }.filter { isAddress($0) }
      guard let address = addresses.first else { continue }
      guard element.child("status")?.attributes["state"] != "down" else {
        findings.silent.append(address)
        continue
      }
      var host = FoundHost(address: address)
      host.name =
        element.child("hostnames")?.children
        .compactMap { $0.attributes["name"] }.compactMap(FoundName.of).first
      host.answersPing = element.child("status")?.attributes["reason"]?.contains("echo") == true
      for port in element.child("ports")?.children ?? [] where port.name == "port" {
        guard port.child("state")?.attributes["state"] == "open",
          let service = service(port)
        else { continue }
        host.services.append(service)
        if service.port == 623, service.isDatagram { host.hasBMC = true }
      }
      host.services.removeAll { $0.isDatagram && $0.kind == "udp" }
      host.takeSSHPort()
      found.add(host)
    }
    findings.hosts = found.hosts
    return findings
  }

  private static func service(_ element: XMLElement) -> FoundService? {
    guard let text = element.attributes["portid"], let port = UInt16(text), port > 0 else {
      return nil
    }
    let isDatagram = element.attributes["protocol"] == "udp"
    guard isDatagram || element.attributes["protocol"] == "tcp" else { return nil }
    let attributes = element.child("service")?.attributes ?? [:]
    let isTLS = attributes["tunnel"] == "ssl"
    let name = attributes["name"] ?? ""
    let kind = Self.kind(name, port, isTLS: isTLS, isDatagram: isDatagram)
    var service = FoundService(kind ?? (isDatagram ? "udp" : "tcp"), port)
    service.isDatagram = isDatagram
    service.isTLS = isTLS
    service.isCertain = kind != nil && attributes["method"] == "probed"
    let words = [attributes["product"], attributes["version"]].compactMap { $0 }
    service.detail = ([isTLS ? "ssl/\(name)" : name] + words).joined(separator: " ")
    return service
  }

  /// The probe for a name of nmap's; nil where none speaks the protocol.
  static func kind(
    _ name: String, _ port: UInt16, isTLS: Bool, isDatagram: Bool
  ) -> String? {
    if isDatagram { return ["ntp": "ntp", "domain": "dns"][name] }
    switch name.lowercased() {
    case "http", "http-alt", "blackice-icecap", "upnp": return isTLS ? "https" : "http"
    case "https", "https-alt": return "https"
    case "http-proxy", "squid-http": return "proxy"
    case "ms-wbt-server": return "rdp"
    // nmap calls a Samba at either port so.
    case "microsoft-ds", "netbios-ssn": return port == 139 ? nil : "smb"
    case "domain": return "dns"
    case "postgresql": return "postgres"
    case "mysql", "mariadb": return "mysql"
    case "ident", "auth": return "ident"
    case "smtps", "submission", "submissions": return "smtp"
    case "imaps": return "imap"
    case "pop3s": return "pop3"
    case let name where name == "vnc" || name.hasPrefix("vnc-"): return name == "vnc" ? "vnc" : nil
    case let name where name == "x11" || name.hasPrefix("x11:"): return "x11"
    case let name where ["ssh", "smtp", "imap", "pop3", "ftp"].contains(name): return name
    default: return nil
    }
  }
}

extension FoundHost {
  /// Sets the port of SSH where it is not 22 only.
  mutating func takeSSHPort() {
    let ports = services.filter { $0.kind == "ssh" }.map(\.port)
    if let first = ports.first, !ports.contains(22) { port = Int(first) }
  }
}
