import Foundation
import Lab
import Testing

@testable import Engine
@testable import Probes

/// `from`: the address of this machine that a probe asks from, as the server sees it.
struct SourceAddressTests {
  @Test(
    arguments: [
      "tcp", "http", "https", "mysql", "smtp", "imap", "pop3", "ftp", "vnc", "rdp", "smb", "dns",
      "{dns: {protocol: tcp}}", "ntp", "udp", "ssh", "postgres", "{postgres: {user: mon}}",
    ])
  func `the server sees the address that is named`(probe: String) async throws {
    let server = try Callers()
    _ = try await ask(
      with(probe, "port: \(server.port), from: 127.0.0.9, timeout: 400ms"))
    #expect(eventually(within: 2) { !server.seen.isEmpty })
    #expect(Set(server.seen) == ["127.0.0.9"])
  }

  @Test(
    arguments: [
      "tcp", "http", "mysql", "smtp", "ftp", "dns", "{dns: {protocol: tcp}}", "udp", "ssh",
      "postgres", "{postgres: {user: mon}}",
    ])
  func `an address of another machine is a local error`(probe: String) async throws {
    let server = try Callers()
    let result = try await ask(
      with(probe, "port: \(server.port), from: 192.0.2.77, timeout: 400ms"))
    #expect(result.summary == "unknown local_error ?", "\(result.verdict.message)")
    #expect(
      result.verdict.message == "source address 192.0.2.77 is not an address of this machine")
    #expect(server.seen.isEmpty)
  }

  @Test(.enabled(if: MariaDB.isInstalled && Unbound.isInstalled && Nginx.isInstalled))
  func `real servers that let one address in answer it, and no other`() async throws {
    let database = try MariaDB(["CREATE USER mon@'127.0.0.9' IDENTIFIED BY 'x'"])
    setenv("SCRAPE_TEST_FROM", "x", 1)
    let resolver = try Unbound(
      DNSProbeTests.records, options: "access-control: 127.0.0.0/29 refuse")
    let web = try Nginx("location / { allow 127.0.0.9; deny all; }")
    for (entry, port) in [
      ("mysql: {user: mon, password: '${SCRAPE_TEST_FROM}', ", database.port),
      ("dns: {domain: www.lab.example, ", resolver.port), ("http: {", web.port),
    ] {
      let near = try await ask("{\(entry)port: \(port), from: 127.0.0.9}}")
      #expect(near.summary == "ok - up", "\(entry) \(near.verdict.message)")
      let other = try await ask("{\(entry)port: \(port), from: 127.0.0.4}}")
      #expect(other.verdict.severity != .ok, "\(entry) \(other.verdict.message)")
    }
  }

  @Test(.enabled(if: PostgreSQL.isInstalled))
  func `a real PostgreSQL lets in the address that libpq cannot choose`() async throws {
    let database = try PostgreSQL(PostgresProbeTests.accounts)
    setenv("SCRAPE_TEST_DB", "right", 1)
    let result = try await ask(
      "{postgres: {port: \(database.port), user: mon, from: 127.0.0.9, database: shop, "
        + "password: '${SCRAPE_TEST_DB}', query: SELECT host(inet_client_addr()), expect: 127.0.0.9}}"
    )
    #expect(result.summary == "ok - up", "\(result.verdict.message)")
  }

  @Test(arguments: ["{exec: {command: /bin/true, from: 127.0.0.9}}", "{dhcp: {from: 127.0.0.9}}"])
  func `what cannot choose its address says so`(entry: String) throws {
    let (_, findings) = try read(entry)
    #expect(findings.errors.first?.problem.contains("cannot choose the address") == true)
  }

  @Test(arguments: [
    ("127.0.0.9", "127.0.0.9"), ("lo", "127.0.0.1"), ("::1", nil),
    ("192.0.2.77", nil), ("nosuch0", nil),
  ])
  func `the source of the inventory counts where the probe names none`(
    source: String, seen: String?
  ) async throws {
    let server = try Callers()
    let (plan, _) = try read("{tcp: {port: \(server.port), timeout: 1s}}")
    var context = ProbeContext(
      host: "lab", address: "127.0.0.1", kit: ProbeKit(reserved: []))
    context.source = source
    let result = await Reactor().askAll([try #require(plan)], context, by: .after(.seconds(5)))[0]
    if let seen {
      #expect(eventually(within: 2) { server.seen == [seen] }, "\(result.verdict)")
      return
    }
    #expect(server.seen.isEmpty && result.summary == "unknown local_error ?")
    let message = [
      "::1": "source address ::1 and 127.0.0.1 are of different versions of IP",
      "192.0.2.77": "source address 192.0.2.77 is not an address of this machine",
      "nosuch0": "source \"nosuch0\" is no interface of this machine",
    ]
    #expect(result.verdict.message == message[source])
  }
}

/// The entry with more options.
private func with(_ probe: String, _ options: String) -> String {
  guard probe.hasPrefix("{") else { return "{\(probe): {\(options)}}" }
  return probe.replacingOccurrences(of: "}}", with: ", \(options)}}")
}

/// A port of TCP and UDP that notes who calls, and hangs up.
private final class Callers: @unchecked Sendable {
  let port: UInt16
  private let lock = NSLock()
  private var kept: [String] = []
  private var isOver = false
  private let sockets: [Int32]

  var seen: [String] { lock.withLock { kept } }

  init() throws {
    let port = freePort()
    self.port = port
    sockets = [SOCK_STREAM, SOCK_DGRAM].map { kind in
      let number = socket(AF_INET, Int32(kind.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
      withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          _ = bind(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      listen(number, 16)
      return number
    }
    Thread.detachNewThread { [sockets, weak self] in
      while let self, !self.lock.withLock({ self.isOver }) {
        var wanted = sockets.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        guard poll(&wanted, 2, 50) > 0 else { continue }
        for entry in wanted where entry.revents != 0 { self.take(entry.fd) }
      }
      for number in sockets { close(number) }
    }
  }

  deinit { isOver = true }

  private func take(_ number: Int32) {
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        if number == sockets[0] {
          let call = accept(number, $0, &size)
          if call >= 0 { close(call) }
        } else {
          var buffer = [UInt8](repeating: 0, count: 2048)
          recvfrom(number, &buffer, buffer.count, 0, $0, &size)
        }
      }
    }
    var text = [CChar](repeating: 0, count: 64)
    inet_ntop(AF_INET, &address.sin_addr, &text, 64)
    lock.withLock {
      kept.append(
        String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
  }
}
