import CLab
import Configuration
import Foundation
import Inventory
import Lab
import Probes
import Synchronization
import Testing

@testable import Discovery

/// Sixty hosts of a network namespace with real servers: `make discover-lab`.
///
/// All addresses are one machine; nftables lets each have its own ports. nmap is the judge of names, and
/// fail2ban's own filter of what sshd wrote.
@Suite(
  .enabled(if: ProcessInfo.processInfo.environment["SCRAPE_DISCOVER_LAB"] != nil),
  .timeLimit(.minutes(15)))
struct DiscoverLabTests {
  @Test func `sixty mixed hosts are found, named as nmap names them, and unharmed`() throws {
    let seen = try apart { try LabRun().result() }
    for line in seen.report { print(line) }
    #expect(seen.hosts == 60)
    #expect(seen.missing.isEmpty, "\(seen.missing)")
    #expect(seen.invented.isEmpty, "\(seen.invented)")
    #expect(seen.differing.isEmpty, "\(seen.differing)")
    #expect(seen.judged > 100)
    #expect(seen.lint == 0)
    #expect(seen.quiet == ["10.66.0.61", "10.66.0.62"])
    #expect(seen.logins == "42\n")
    #expect(seen.vnc.allSatisfy { $0 == "ok" }, "\(seen.vnc)")
    for (filter, said) in seen.banned { #expect(said.contains("0 matched"), "\(filter): \(said)") }
    #expect(seen.banned.count == 3)
    #expect(seen.sshd > 0, "the filter was given no lines")
  }

  /// Runs the body on a thread with a network of its own, in which everything is that it starts.
  private func apart<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
  ) throws -> Value {
    let scratch = Scratch()
    let namespace = try Daemon(
      "/usr/bin/unshare", ["-n", "/bin/sleep", "900"], log: "\(scratch.path)/namespace")
    let ours = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
    let path = "/proc/\(namespace.identifier)/ns/net"
    _ = eventually {
      (try? FileManager.default.destinationOfSymbolicLink(atPath: path)).map { $0 != ours } ?? false
    }
    let box = Box(result: nil as Result<Value, any Error>?)
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
      let outcome: Result<Value, any Error> =
        lab_enter_network(namespace.identifier) == 0
        ? Result { try body() } : .failure(Unavailable(description: "no namespace"))
      box.result.withLock { $0 = outcome }
      done.signal()
    }
    thread.stackSize = 8 << 20
    thread.start()
    done.wait()
    return try #require(box.result.withLock { $0 }).get()
  }

  private final class Box<Value: Sendable>: Sendable {
    let result: Mutex<Value>
    init(result: Value) { self.result = Mutex(result) }
  }
}

private struct LabResult: Sendable {
  var hosts = 0
  var missing: [String] = []
  var invented: [String] = []
  var differing: [String] = []
  var judged = 0
  var lint: Int32 = -1
  var quiet: [String] = []
  var logins = ""
  var vnc: [String] = []
  var banned: [(filter: String, said: String)] = []
  var sshd = 0
  var report: [String] = []
}

/// The servers, and one discovery of them.
private final class LabRun {
  private let scratch = Scratch()
  private let program = "\((CommandLine.arguments[0] as NSString).deletingLastPathComponent)/scrape"
  private var kept: [Any] = []
  private let sshd: Sshd
  private let other: Sshd
  private let postfix: Postfix
  private let dovecot: Dovecot
  /// Ports by the name of their probe.
  private static let table: [(kind: String, port: UInt16)] = [
    ("ssh", 22), ("http", 80), ("https", 443), ("mysql", 3306), ("vnc", 5900), ("x11", 6001),
    ("ftp", 21), ("smtp", 25), ("imap", 143), ("pop3", 110), ("imap", 993), ("postgres", 5432),
    ("smb", 445), ("dns", 53), ("proxy", 8080), ("ident", 113), ("ssh", 2222), ("http", 8000),
    ("rdp", 3389), ("https", 8443), ("pop3", 995),
  ]

  init() throws {
    func command(_ text: String) throws {
      let outcome = try run("/bin/sh", ["-e", "-c", text])
      guard outcome.status == 0 else { throw Unavailable(description: "\(text): \(outcome)") }
    }
    try command("ip link set lo up; ip route add local 10.66.0.0/24 dev lo")
    let all = "0.0.0.0"
    let authority = try Authority()
    let pair = try authority.certificate("range", names: "DNS:range.lab,DNS:*.range.lab")
    sshd = try Sshd(addresses: [all], port: 22, options: ["UseDNS no"])
    other = try Sshd(addresses: [all], port: 2222)
    for port: UInt16 in [80, 8000] { kept.append(try Nginx(address: all, port: port)) }
    for port: UInt16 in [443, 8443] {
      kept.append(try Nginx(certificate: pair, address: all, port: port))
    }
    kept.append(
      try MariaDB(
        ["CREATE USER mon@'%' IDENTIFIED BY 'x'"],
        options: ["--bind-address=0.0.0.0", "--max-connect-errors=1"], port: 3306))
    kept.append(
      try Screen(
        vnc: ["-SecurityTypes", "VncAuth"], password: "password", address: all, port: 5900,
        lifetime: 600))
    scratch.write("auth", "")
    kept.append(
      try Daemon(
        "/usr/bin/timeout",
        [
          "-s", "KILL", "600", Screen.xvfb, ":1", "-listen", "tcp", "-nolisten", "unix", "-nolock",
          "-screen", "0", "320x200x8", "-ac",
        ],
        log: "\(scratch.path)/xvfb"))
    kept.append(try Vsftpd(address: all, port: 21))
    try command("mkdir -p \(scratch.path)/mail; chmod 755 \(scratch.path)")
    postfix = try Postfix(into: "\(scratch.path)/mail", address: all, port: 25)
    dovecot = try Dovecot(certificate: pair, address: all, ports: [143, 993, 110, 995, 587])
    kept.append(try PostgreSQL(address: all, port: 5432))
    kept.append(
      try Samba(["bind interfaces only = no"], port: 445, lifetime: 600))
    kept.append(
      try Unbound(
        [], options: "access-control: 10.0.0.0/8 allow\n", address: all, port: 53))
    let proxy = scratch.write(
      "tinyproxy.conf", "Port 8080\nListen 0.0.0.0\nTimeout 10\nMaxClients 20\n")
    for (name, words) in [
      ("tinyproxy", ["/usr/bin/tinyproxy", "-d", "-c", proxy]),
      ("oidentd", ["/usr/sbin/oidentd", "-i", "-S", "-a", all, "-p", "113"]),
    ] {
      kept.append(
        try Daemon(
          "/usr/bin/timeout", ["-s", "KILL", "600"] + words, log: "\(scratch.path)/\(name)"))
    }
    kept.append(try Xrdp(security: "negotiate", pair, address: all, port: 3389, lifetime: 600))
    for (kind, port) in Self.table {
      guard eventually(within: 20, { listens(port, at: "10.66.0.250") }) else {
        throw Unavailable(description: "\(kind) on \(port) does not listen")
      }
    }
    try fence()
  }

  /// The ports of a host: three to five of the table, among them SSH for two of three.
  private static func services(of host: Int) -> [(kind: String, port: UInt16)] {
    var places: Set<Int> = [
      host % table.count, (host * 7 + 3) % table.count, (host * 11 + 5) % table.count,
    ]
    if host % 3 != 0 { places.insert(0) }
    return places.sorted().map { table[$0] }
  }

  /// Of 62 addresses the first 60 have their own ports, the last two answer nothing.
  private func fence() throws {
    let open = (1...60).flatMap { host in
      Self.services(of: host).map { "10.66.0.\(host) . \($0.port)" }
    }
    let names = (1...60).filter { Self.services(of: $0).contains { $0.kind == "dns" } }
      .map { "10.66.0.\($0)" }
    let rules = scratch.write(
      "rules",
      """
      table ip lab {
        set open { type ipv4_addr . inet_service; elements = { \(open.joined(separator: ", ")) } }
        set names { type ipv4_addr; elements = { \(names.joined(separator: ", ")) } }
        chain in {
          type filter hook input priority 0;
          ip daddr { 10.66.0.61, 10.66.0.62 } drop
          tcp flags & (syn | ack) != syn accept
          ip daddr 10.66.0.0/26 ip daddr . tcp dport @open accept
          ip daddr 10.66.0.0/26 meta l4proto tcp reject with tcp reset
          ip daddr 10.66.0.0/26 udp dport 53 ip daddr @names accept
          ip daddr 10.66.0.0/26 udp dport < 30000 reject
        }
      }

      """)
    let outcome = try run("/usr/sbin/nft", ["-f", rules])
    guard outcome.status == 0 else { throw Unavailable(description: "\(outcome)") }
  }

  func result() throws -> LabResult {
    var result = LabResult()
    let draft = "\(scratch.path)/hosts.yml"
    let begun = Date()
    let outcome = try run(
      program, ["discover", "10.66.0.0/26", "--output", draft], timeout: 300)
    guard outcome.status == 0 else { throw Unavailable(description: "\(outcome)") }
    result.report.append(
      "\(outcome.output.dropLast()) in \(Int(Date().timeIntervalSince(begun))) s")
    result.lint = try run(program, ["lint", "-i", draft]).status
    let inventory = try Inventory.load(draft, checkingKeys: false)
    var faults = Findings()
    let book = ProbeBook(inventory.hosts, modules: nil, &faults)
    result.hosts = inventory.hosts.count
    var found: [String: [UInt16: String]] = [:]
    for host in inventory.hosts {
      for plan in book[host.name] where plan.port > 0 {
        found[host.address, default: [:]][plan.port] = plan.kind
      }
    }
    for host in 1...60 {
      let address = "10.66.0.\(host)"
      let wanted = Self.services(of: host)
      for (kind, port) in wanted where found[address]?[port] != kind {
        result.missing.append("\(address) \(kind) \(port): \(found[address]?[port] ?? "nothing")")
      }
      for (port, kind) in found[address] ?? [:] where !wanted.contains(where: { $0.port == port }) {
        result.invented.append("\(address) \(kind) \(port)")
      }
    }
    let known = Set(inventory.hosts.map(\.address))
    result.quiet = (1...62).map { "10.66.0.\($0)" }.filter { !known.contains($0) }
    try checkUnharmed(&result)
    try compare(found, &result)
    return result
  }

  /// What the servers hold against the address that asked: in this namespace each asks itself.
  private func checkUnharmed(_ result: inout LabResult) throws {
    let host = (1...60).first { Self.services(of: $0).contains { $0.kind == "mysql" } } ?? 1
    result.logins = try run(
      "/usr/bin/mariadb",
      [
        "--no-defaults", "-h", "10.66.0.\(host)", "-P", "3306", "-u", "mon", "-px", "-N", "-e",
        "SELECT 40 + 2",
      ]
    ).output
    for host in 1...60 where Self.services(of: host).contains(where: { $0.kind == "vnc" }) {
      let outcome = try run(program, ["probe", "vnc", "10.66.0.\(host)"])
      result.vnc.append(String(outcome.output.prefix { $0 != " " }))
    }
    // As syslog writes them; fail2ban's filter in its usual mode.
    let lines = (sshd.log + other.log).split { $0.isNewline }
      .map { "Nov 27 20:00:00 range sshd[4711]: \($0)\n" }
    result.sshd = lines.count { $0.contains("Received disconnect") }
    try filter(
      "sshd", lines.joined(), &result,
      control: "sshd[4712]: Failed password for invalid user x from 10.66.0.1 port 4 ssh2")
    // Without its own time, and as syslog has it.
    let mail = (dovecot.scratch.read("dovecot.log") ?? "").split { $0.isNewline }
      .map { "Nov 27 20:00:00 range dovecot: \($0.dropFirst(16))\n" }
    try filter(
      "dovecot", mail.joined(), &result,
      control:
        "dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<x>, method=PLAIN, rip=10.66.0.1, lip=10.66.0.2"
    )
    try filter(
      "postfix", postfix.scratch.read("postfix.log") ?? "", &result,
      control:
        "postfix/smtpd[4711]: NOQUEUE: reject: RCPT from unknown[10.66.0.1]: 554 5.7.1 <x@y>: Relay access denied; from=<a@b> to=<x@y> proto=ESMTP helo=<x>"
    )
  }

  /// What fail2ban's own filter counts in a log; `control` is a line that it must count.
  private func filter(
    _ name: String, _ text: String, _ result: inout LabResult, control: String
  ) throws {
    func said(_ text: String) throws -> String {
      let outcome = try run("/usr/bin/fail2ban-regex", [scratch.write("\(name).log", text), name])
      return outcome.output.split(separator: "\n").last { $0.contains("matched") }
        .map(String.init) ?? "\(outcome)"
    }
    let counted = try said("Nov 27 20:00:00 range \(control)\n")
    guard counted.contains("1 matched") else {
      result.banned.append((name, "the filter counts nothing: \(counted)"))
      return
    }
    result.report.append("fail2ban's filter \(name): \(text.split { $0.isNewline }.count) lines")
    result.banned.append((name, try said(text)))
  }

  private func compare(
    _ found: [String: [UInt16: String]], _ result: inout LabResult
  ) throws {
    let ports = Self.table.map { "\($0.port)" }.joined(separator: ",")
    let file = "\(scratch.path)/nmap.xml"
    let begun = Date()
    let nmap = try run(
      "/usr/bin/nmap",
      [
        "-n", "-Pn", "-sT", "-sV", "--version-intensity", "6", "-T4", "-p", ports, "-oX", file,
        "10.66.0.1-60",
      ],
      timeout: 600)
    guard nmap.status == 0 else { throw Unavailable(description: "\(nmap)") }
    let list = try NmapXML.read(Array(Data(contentsOf: URL(filePath: file))))
    var unsure: [String] = []
    for host in list.hosts {
      let address = host.address ?? ""
      for service in host.services {
        let own = found[address]?[service.port] ?? "nothing"
        // A name that nmap has from the port alone is compared as well, where a probe has it.
        if !service.isCertain, service.kind == "tcp" {
          unsure.append("\(service.detail) on \(service.port)")
        } else {
          result.judged += 1
          if own != service.kind {
            result.differing.append("\(address):\(service.port) \(own), nmap: \(service.detail)")
          }
        }
      }
    }
    result.report.append(
      "nmap -sV: \(result.judged) services in \(Int(Date().timeIntervalSince(begun))) s, \(result.differing.count) named otherwise; nmap unsure of \(unsure.count): \(Set(unsure).sorted())"
    )
  }
}
