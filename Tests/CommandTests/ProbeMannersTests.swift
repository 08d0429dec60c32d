import Foundation
import Lab
import Testing

/// Many probes in a row leave a server's protections alone. Each runs in the server's own network
/// namespace, from an address that is not loopback.
@Suite(.serialized, .enabled(if: MariaDB.canHaveNamespaces), .timeLimit(.minutes(3)))
struct ProbeMannersTests {
  @Test(.enabled(if: MariaDB.isInstalled))
  func `two hundred probes without credentials leave max_connect_errors alone`() throws {
    let address = "10.99.0.1"
    let server = try MariaDB(
      ["CREATE USER mon@'%' IDENTIFIED BY 'x'"], options: ["--max-connect-errors=5"],
      address: address)
    func inside(_ words: String...) throws -> Outcome {
      try run("/usr/bin/nsenter", ["-n", "-t", "\(server.identifier)"] + words)
    }
    for number in 1...200 {
      let outcome = try inside(Scrape.program, "probe", "mysql:\(server.port)", address)
      guard outcome.status == 0 else {
        Issue.record("probe \(number): \(outcome)")
        return
      }
    }
    #expect(!server.log.contains("[ERROR]"))
    // From the same address others still log in.
    let login = try inside(
      "/usr/bin/mariadb", "--no-defaults", "-h", address, "-P", "\(server.port)", "-u", "mon",
      "-px", "-N", "-e", "SELECT 40 + 2")
    #expect(login.output == "42\n", "\(login)")
    // The server does count: a client that hangs up before the log-in is blocked, with a reason of its own.
    for _ in 0..<8 { _ = try inside("/bin/bash", "-c", ": < /dev/tcp/\(address)/\(server.port)") }
    let blocked = try inside(Scrape.program, "probe", "mysql:\(server.port)", address)
    #expect(blocked.status == 1)
    #expect(blocked.output.contains("refused_by_protection"), "\(blocked)")
  }
}
