import Foundation
import Lab

/// The tree of `Segments` with all that the acceptance test asks: an SSH server for each of 60 hosts, those of one
/// segment with a password; 40 services of 17 kinds, 4 services over UDP, and 10 BMCs.
final class SegmentTree {
  let segments: Segments
  let range: Range
  private var daemons: [Any] = []
  private(set) var services = 0
  private(set) var kinds: Set<String> = []

  static let password = "open-sesame-of-hosts22"
  static let bmcPassword = "s3cr3t-of-bmc!"
  static let groupKey = "0123456789abcdefghij"
  /// What the services take, each other than all else.
  static let servicePassword = "right"
  static let bmcs = ["hosts11": 3, "hosts12": 3, "hosts21": 2, "hosts22": 2]
  static let bmcAddresses = (1...3).map { "10.98.0.\(100 + $0)" }

  static let isPossible =
    Segments.isPossible && Sshd.canHaveAccounts && Nginx.isInstalled && MariaDB.isInstalled
    && PostgreSQL.isInstalled && Postfix.isInstalled && Dovecot.isInstalled && Vsftpd.isInstalled
    && Unbound.isInstalled && Chrony.isInstalled && Samba.isInstalled && Xrdp.isInstalled
    && Screen.isInstalled(Screen.vnc) && Screen.isInstalled(Screen.xvfb)

  init() throws {
    var options = Segments.Options()
    options.isEachApart = true
    options.isSealed = true
    options.passwords = ["hosts22": Self.password]
    options.further = Self.bmcAddresses
    segments = try Segments(hosts: 15, options)
    range = Range(hosts: "")
    let authority = try Authority()
    daemons.append(authority)
    range.scratch.write("inventory/known_hosts", segments.knownHosts)
    for (name, secret) in [
      ("bmc", Self.bmcPassword), ("k_g", Self.groupKey), ("service", Self.servicePassword),
      ("host", Self.password), ("vnc", "geheim12"),
    ] { range.scratch.write("inventory/secrets/\(name)", secret + "\n") }
    for segment in Self.bmcs.keys.sorted() {
      try serve(segment, authority)
    }
    writeInventory(authority)
  }

  // MARK: Services

  /// The entries of `probes:` of a segment, by the number of the host.
  private var probes: [String: [Int: [String]]] = [:]

  private func add(_ segment: String, _ host: Int, _ kind: String, _ options: String = "") {
    services += 1
    kinds.insert(kind)
    probes[segment, default: [:]][host, default: []].append(
      "{\(kind): {name: \(kind)-\(services), \(options)}}")
  }

  private func address(_ host: Int) -> String { "10.98.0.\(host)" }

  /// Starts what all segments have, and what this one has; ports are the usual ones.
  private func serve(_ segment: String, _ authority: Authority) throws {
    let number = Int(segment.suffix(2)) ?? 0
    let count = Self.bmcs[segment] ?? 0
    let names = (1...15).map { "DNS:\(segment)-\($0)" }.joined(separator: ",")
    let pair = try authority.certificate("\(segment)", names: names)
    daemons += try segments.within(segment) { [self] in
      var made: [Any] = [
        try Nginx(address: address(1), port: 80),
        try Nginx(certificate: pair, address: address(2), port: 443),
      ]
      for index in 0..<count {
        var configuration = BMC.Configuration()
        configuration.users = [.init("admin", Self.bmcPassword)]
        // Half of them have a key of their own.
        if index == 0 { configuration.groupKey = Array(Self.groupKey.utf8) }
        configuration.seed = UInt64(number * 10 + index)
        made.append(try BMC(address: Self.bmcAddresses[index], port: 623, configuration))
      }
      switch segment {
      case "hosts11":
        made.append(
          try MariaDB(
            ["CREATE USER monitor@'%' IDENTIFIED BY '\(Self.servicePassword)'"],
            options: ["--skip-name-resolve", "--bind-address=\(address(3))"], port: 3306))
        made.append(
          try PostgreSQL(
            ["CREATE ROLE monitor LOGIN PASSWORD '\(Self.servicePassword)';"], address: address(4),
            port: 5432))
        let chrony = try Chrony(
          "local stratum 3\nallow 10.98.0.0/24", address: address(5), port: 123, lifetime: 600)
        try chrony.wait()
        made.append(chrony)
      case "hosts12":
        made.append(try Postfix(into: "/tmp", address: address(3), port: 25))
        made.append(
          try Dovecot(
            certificate: pair, address: address(4), ports: [143, 993, 110, 995, 587]))
        made.append(try Echo(address: address(5), port: 7))
      case "hosts21":
        made.append(try Vsftpd(address: address(3), port: 21))
        made.append(
          try Samba(["server signing = mandatory"], address: address(4), port: 445, lifetime: 600))
        made.append(
          try Unbound(
            ["www.lab.example. 300 IN A 192.0.2.7"],
            options: "access-control: 10.98.0.0/24 allow", address: address(5), port: 53))
      default:
        made.append(
          try Xrdp(security: "negotiate", pair, address: address(3), port: 3389, lifetime: 600))
        made.append(
          try Screen(
            vnc: ["-SecurityTypes", "VncAuth"], password: "geheim12", address: address(4),
            port: 5900, lifetime: 600))
        made.append(try Screen(cookie: true, lifetime: 600))
        made.append(try Echo(address: address(5), port: 7))
      }
      return made
    }
    let secret = "password: \"file:secrets/service\""
    add(segment, 1, "http", "body: it works")
    add(segment, 1, "tcp", "port: 80")
    add(segment, 1, "ports", "open: [22, 80], scan: 20-24, timeout: 5s")
    add(segment, 2, "https", "status: 200")
    add(segment, 6, "ssh")
    switch segment {
    case "hosts11":
      add(segment, 3, "mysql")
      add(segment, 3, "mysql", "user: monitor, \(secret), query: SELECT 7, expect: \"7\"")
      add(segment, 4, "postgres")
      add(segment, 4, "postgres", "user: monitor, database: postgres, \(secret)")
      add(segment, 5, "ntp")
      add(segment, 6, "icmp", "count: 1")
    case "hosts12":
      add(segment, 3, "smtp", "security: none, expect: mail.lab.example")
      add(segment, 4, "smtp", "port: 587, security: starttls")
      add(segment, 4, "imap", "security: starttls, user: alice, \(secret)")
      add(segment, 4, "imap", "port: 993, security: tls")
      add(segment, 4, "pop3", "security: starttls")
      add(segment, 4, "pop3", "port: 995, security: tls")
      add(segment, 5, "udp", "port: 7, send: echo, expect: echo")
      add(segment, 6, "icmp", "count: 1")
    case "hosts21":
      add(segment, 3, "ftp", "path: /pub, expect: hello.txt")
      add(segment, 3, "ftp")
      add(segment, 4, "smb", "signing: required")
      add(segment, 5, "dns", "protocol: tcp, domain: www.lab.example, answer: [192.0.2.7]")
      add(segment, 5, "dns", "domain: www.lab.example, answer: [192.0.2.7]")
      add(segment, 6, "icmp", "count: 1")
    default:
      let display = daemons.compactMap { $0 as? Screen }.last?.port ?? 0
      add(segment, 3, "rdp", "security: tls")
      add(segment, 4, "vnc", "password: \"file:secrets/vnc\"")
      add(segment, 4, "x11", "port: \(display)")
      add(segment, 5, "udp", "port: 7, send: echo, expect: echo")
    }
  }

  // MARK: Inventory

  private func writeInventory(_ authority: Authority) {
    var text = """
      all:
        vars: {user: root, key: \(segments.key), profile: small, ca: \(authority.file)}
        hosts:

      """
    for node in segments.nodes where !node.isHosts {
      let via = node.parent.map { ", via: \($0)" } ?? ""
      text += "    \(node.name): {address: \(node.address)\(via)}\n"
    }
    text += "  children:\n"
    for node in segments.nodes where node.isHosts {
      let login = node.name == "hosts22" ? ", password: \"file:secrets/host\"" : ""
      text += "    \(node.name):\n      vars: {via: \(node.parent ?? "")\(login)}\n      hosts:\n"
      for (index, address) in node.addresses.enumerated() {
        text += "        \(node.name)-\(index + 1):\n          address: \(address)\n"
        if let entries = probes[node.name]?[index + 1] {
          text += "          probes:\n" + entries.map { "            - \($0)\n" }.joined()
        }
        if index < Self.bmcs[node.name] ?? 0 {
          text +=
            "          bmc: {address: \(Self.bmcAddresses[index]), user: admin, every: 0s, "
            + "password: \"file:secrets/bmc\""
            + (index == 0 ? ", k_g: \"file:secrets/k_g\"" : "") + "}\n"
        }
      }
    }
    range.scratch.write("inventory/hosts.yml", text)
    let notes = range.scratch.write(
      "notify",
      "#!/bin/sh\ntr -d '\\n' >> \(range.scratch.path)/notes\necho >> \(range.scratch.path)/notes\n",
      mode: 0o755)
    range.scratch.write(
      "inventory/scrape.yml",
      """
      ssh_config: off
      self: off
      profiles: {small: {collectors: {system: 0s, mem: 0s, net: 0s}}}
      # All hosts are this machine, and the BMCs have sensors that are ill.
      rules: {load high: off, memory low: off, bmc sensor: off}
      contacts: {team: {exec: {command: ["\(notes)"]}}}

      """)
  }

  /// What was sent to the contact, each as its JSON object.
  var notes: [[String: Any]] {
    (range.scratch.read("notes") ?? "").split(separator: "\n").compactMap {
      (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any]
    }
  }

  /// A pass of the centre.
  func pass() throws -> (Outcome, [Line]) {
    let outcome = try segments.centre(
      Scrape.program,
      ["run", "--stdout", "--inventory", range.inventory, "--store", range.store])
    return (outcome, Line.all(outcome.output))
  }

  // MARK: Secrets

  /// What must not leave the centre, in all the ways in which it might be written.
  func secrets() throws -> [(name: String, bytes: [UInt8])] {
    var found: [(String, [UInt8])] = []
    for secret in [Self.bmcPassword, Self.groupKey, Self.password] {
      let bytes = Array(secret.utf8)
      let octal = bytes.map { "\\0" + String($0, radix: 8) }.joined()
      for form in [
        secret, Data(bytes).base64EncodedString(), bytes.map { String($0, radix: 16) }.joined(),
        bytes.map { String($0, radix: 16) }.joined(separator: " "), octal,
      ] { found.append((secret, Array(form.utf8))) }
    }
    // OpenSSH's format: the seed stands before the second copy of the public key.
    let text = segments.scratch.read("user") ?? ""
    let lines = text.split(separator: "\n").filter { !$0.hasPrefix("-") }
    let blob = Array(Data(base64Encoded: lines.joined()) ?? Data())
    let open = Array(
      Data(
        base64Encoded: String((segments.scratch.read("user.pub") ?? "").split(separator: " ")[1]))
        ?? Data()
    ).suffix(32)
    guard open.count == 32, let last = blob.lastRange(of: open), last.lowerBound >= 32 else {
      throw Unavailable(description: "the key has another format")
    }
    let seed = Array(blob[last.lowerBound - 32..<last.lowerBound])
    guard Set(seed).count > 8 else { throw Unavailable(description: "no seed: \(seed)") }
    found.append(("the key's seed", seed))
    found.append(("the key's seed", Array(Data(seed).base64EncodedString().utf8.prefix(40))))
    // The lines of the file but the first, which begins as all do.
    for line in lines.dropFirst() { found.append(("a line of the key", Array(line.utf8))) }
    return found
  }
}

extension [UInt8] {
  fileprivate func lastRange(of part: ArraySlice<UInt8>) -> Swift.Range<Int>? {
    guard count >= part.count else { return nil }
    for start in stride(from: count - part.count, through: 0, by: -1)
    where self[start..<start + part.count].elementsEqual(part) {
      return start..<start + part.count
    }
    return nil
  }
}

/// An echo server over UDP.
private final class Echo: Sendable {
  private let socket: Int32

  init(address: String, port: UInt16) throws {
    let socket = Foundation.socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    self.socket = socket
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = port.bigEndian
    inet_pton(AF_INET, address, &place.sin_addr)
    let isBound = withUnsafePointer(to: &place) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isBound else { throw Unavailable(description: "no port \(port)") }
    Thread.detachNewThread {
      var room = [UInt8](repeating: 0, count: 4096)
      while true {
        var peer = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let isOver = withUnsafeMutablePointer(to: &peer) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            let count = recvfrom(socket, &room, room.count, 0, $0, &size)
            guard count > 0 else { return true }
            sendto(socket, room, count, 0, $0, size)
            return false
          }
        }
        if isOver { break }
      }
      close(socket)
    }
  }

  deinit { shutdown(socket, Int32(SHUT_RDWR)) }
}
