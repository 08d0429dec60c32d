import Foundation
import Lab
import Testing

/// `scrape discover` sets off no protection of a real server that others are blocked by.
@Suite(.serialized, .timeLimit(.minutes(3))) struct DiscoverMannersTests {
  private let program = "\((CommandLine.arguments[0] as NSString).deletingLastPathComponent)/scrape"
  private let home = Scratch()

  /// In a folder without an inventory, with no account of earlier connections.
  private func scrape(_ words: [String], inside process: Int32? = nil) throws -> Outcome {
    let enter = process.map { ["/usr/bin/nsenter", "-n", "-t", "\($0)"] } ?? []
    let all = ["/usr/bin/env", "-C", home.path] + enter + [program] + words
    return try run(all[0], Array(all.dropFirst()), environment: ["XDG_RUNTIME_DIR": home.path])
  }

  @Test(.enabled(if: MariaDB.isInstalled && MariaDB.canHaveNamespaces))
  func `MariaDB with max_connect_errors 1 still lets the address in`() throws {
    let address = "10.99.0.1"
    let server = try MariaDB(
      ["CREATE USER mon@'%' IDENTIFIED BY 'x'"], options: ["--max-connect-errors=1"],
      address: address)
    func login() throws -> String {
      try run(
        "/usr/bin/nsenter",
        [
          "-n", "-t", "\(server.identifier)", "/usr/bin/mariadb", "--no-defaults", "-h", address,
          "-P",
          "\(server.port)", "-u", "mon", "-px", "-N", "-e", "SELECT 40 + 2",
        ]
      ).output
    }
    for _ in 1...3 {
      let outcome = try scrape(
        ["discover", address, "--ports", "\(server.port)", "--no-udp"], inside: server.identifier)
      #expect(outcome.output.contains("\"mysql:\(server.port)\""), "\(outcome)")
    }
    #expect(try login() == "42\n")
    // It counts: who hangs up is blocked.
    for _ in 0..<2 {
      _ = try run(
        "/usr/bin/nsenter",
        [
          "-n", "-t", "\(server.identifier)", "/bin/bash", "-c",
          ": < /dev/tcp/\(address)/\(server.port)",
        ])
    }
    #expect(eventually { (try? login()) == "" })
  }

  @Test(.enabled(if: Screen.isInstalled(Screen.vnc)))
  func `TigerVNC counts one connection, and blocks after five`() throws {
    let screen = try Screen(vnc: ["-SecurityTypes", "VncAuth"], password: "password")
    let outcome = try scrape(["discover", "127.0.0.1", "--ports", "\(screen.port)", "--no-udp"])
    #expect(outcome.output.contains("\"vnc:\(screen.port)\""), "\(outcome)")
    for _ in 1...3 {
      let probe = try scrape(["probe", "vnc:\(screen.port)", "127.0.0.1"])
      #expect(probe.status == 0, "\(probe)")
    }
    // It does block: with the connections so far, a few more are too many.
    let last = try (1...4).map { _ in
      try scrape(["probe", "vnc:\(screen.port)", "127.0.0.1"]).output
    }
    #expect(last.last?.contains("refused_by_protection") == true, "\(last)")
  }
}
