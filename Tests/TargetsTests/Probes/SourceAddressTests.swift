import Foundation
import Lab
import Testing

/// `from`: the address of this machine that a probe asks from, as the server sees it.
struct SourceAddressTests {
  @Test(
    arguments: [
      "tcp", "http", "https", "mysql", "smtp", "imap", "pop3", "ftp", "vnc", "rdp", "smb", "dns",
      "{dns: {protocol: tcp}}", "ntp", "udp",
    ])
  func `the server sees the address that is named`(probe: String) async throws {
    let server = try Callers()
    let name = probe.hasPrefix("{") ? "dns" : probe
    let more = probe.hasPrefix("{") ? ", protocol: tcp" : ""
    _ = try await ask(
      "{\(name): {port: \(server.port), from: 127.0.0.9, timeout: 400ms\(more)}}")
    #expect(eventually(within: 2) { !server.seen.isEmpty })
    #expect(Set(server.seen) == ["127.0.0.9"])
  }

  @Test(arguments: ["tcp", "http", "mysql", "smtp", "ftp", "dns", "{dns: {protocol: tcp}}", "udp"])
  func `an address of another machine is a local error`(probe: String) async throws {
    let server = try Callers()
    let name = probe.hasPrefix("{") ? "dns" : probe
    let more = probe.hasPrefix("{") ? ", protocol: tcp" : ""
    let result = try await ask(
      "{\(name): {port: \(server.port), from: 192.0.2.77, timeout: 400ms\(more)}}")
    #expect(result.summary == "unknown local_error ?", "\(result.verdict.message)")
    #expect(result.verdict.message.contains("192.0.2.77"), "\(result.verdict.message)")
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

  @Test func `libpq cannot choose, and says so`() throws {
    let (_, findings) = try read("{postgres: {from: 127.0.0.9}}")
    #expect(findings.errors.first?.problem.hasPrefix("libpq cannot choose") == true)
  }
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
