import Foundation
import Lab
import Metrics
import Testing

@testable import Inventory
@testable import Passes

/// Limits that passes learn from real servers that refuse.
@Suite(.timeLimit(.minutes(3))) struct GovernorPassTests {
  private static let count = 40

  /// One server that serves two log-ins at a time, as many hosts; `way` says what they share.
  private func crowd(_ way: String, _ more: String = "", _ server: Sshd, key: String) -> Range {
    let hosts = (1...Self.count).map { number in
      "    h\(number): {address: \(server.addresses[number % 16]), port: \(server.port), \(way)}"
    }
    let range = Range(
      hosts: """
        all:
          vars: {key: \(key), user: \(NSUserName()), profile: small}
          hosts:
        \(more)\(hosts.joined(separator: "\n"))
        """, settings: "connect_timeout: 15s\nprofiles: {small: {collectors: [cpu]}}\n")
    return range
  }

  private func server() throws -> Sshd {
    try Sshd(
      addresses: (1...16).map { "127.78.12.\($0)" }, options: ["MaxStartups 2:100:3"])
  }

  private func limits(_ range: Range) throws -> [[String: Any]] {
    let outcome = try range.scrape("status", "--limits", "--json")
    #expect(outcome.status == 0, "\(outcome)")
    return try outcome.output.split(separator: "\n").map {
      try #require(
        JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  private func expectLearning(
    _ range: Range, _ kind: String, of name: String, hosts: Int
  ) throws {
    var refusals: [Int] = []
    var values: [Int] = []
    for pass in 1...3 {
      let run = try range.scrape("run")
      #expect(run.errors.contains("\(hosts) hosts in"), "pass \(pass): \(run)")
      let limit = try limits(range).first { $0["limit"] as? String == kind }
      #expect(limit?["name"] as? String == name, "\(String(describing: limit))")
      refusals.append(limit?["refusals"] as? Int ?? -1)
      values.append(limit?["value"] as? Int ?? -1)
      if pass == 1 {
        #expect(
          (limit?["message"] as? String)?.contains("before") == true
            || (limit?["message"] as? String)?.contains("MaxStartups") == true,
          "\(String(describing: limit))")
      }
    }
    #expect(
      refusals[0] > 4 && refusals[1] < refusals[0] && refusals[2] < refusals[0], "\(refusals)")
    #expect(values.allSatisfy { $0 >= 1 }, "\(values)")
  }

  @Test func `hosts of one hypervisor are asked as many at once as it bears`() throws {
    let server = try server()
    let range = crowd(
      "on: esx1", "    esx1: {connection: local}\n", server, key: server.key)
    range.scratch.write("inventory/known_hosts", server.scratch.read("known_hosts") ?? "")
    try expectLearning(range, "hosts", of: "esx1", hosts: Self.count + 1)
    let table = try range.scrape("status", "--limits").output
    #expect(table.contains("hypervisor esx1") && table.contains("LAST REFUSAL"), "\(table)")
  }

  @Test func `handshakes behind a jump host slow down to what the servers bear`() throws {
    let server = try server()
    let jump = try Sshd()
    server.scratch.write("authorized_keys", jump.scratch.read("user.pub") ?? "")
    let range = crowd(
      "via: jp1", "    jp1: {address: 127.0.0.1, port: \(jump.port)}\n", server, key: jump.key)
    let names = (1...Self.count).map { "h\($0)" }
    let keys = (server.scratch.read("known_hosts") ?? "").split(separator: " ").suffix(2)
    let lines = names.map { "[\($0)]:\(server.port) \(keys.joined(separator: " "))" }.joined()
    range.scratch.write("inventory/known_hosts", (jump.scratch.read("known_hosts") ?? "") + lines)
    try expectLearning(range, "handshakes", of: "jp1", hosts: Self.count + 1)
    let all = try limits(range)
    #expect(
      Set(all.compactMap { $0["limit"] as? String }) == ["handshakes", "channels", "sessions"])
    // No session with the jump host was refused, and its channels were not the matter.
    let others = all.filter { $0["limit"] as? String != "handshakes" }
    #expect(others.allSatisfy { $0["refusals"] as? Int == 0 && ($0["used"] as? Int ?? 0) > 0 })
  }

  @Test func `a jump host without room for channels is asked for fewer, and nothing is down`()
    throws
  {
    // Hosts that take a moment, so that their channels are open at the same time.
    let end = try Sshd(options: ["ForceCommand sleep 1; exec sh"])
    // Each forwarded connection takes a descriptor of the session's process.
    let jump = try Sshd(wrapper: "ulimit -n 17")
    end.scratch.write("authorized_keys", jump.scratch.read("user.pub") ?? "")
    let hosts = (1...Self.count).map {
      "    h\($0): {address: 127.0.0.1, port: \(end.port), via: jp1}"
    }
    let range = Range(
      hosts: """
        all:
          vars: {key: \(jump.key), user: \(NSUserName()), profile: small, known_hosts: k}
          hosts:
            jp1: {address: 127.0.0.1, port: \(jump.port)}
        \(hosts.joined(separator: "\n"))
        """, settings: "profiles: {small: {collectors: [cpu]}}\n")
    let keys = (end.scratch.read("known_hosts") ?? "").split(separator: " ").suffix(2)
    let lines = (1...Self.count).map { "[h\($0)]:\(end.port) \(keys.joined(separator: " "))" }
      .joined()
    range.scratch.write("inventory/k", (jump.scratch.read("known_hosts") ?? "") + lines)
    let run = try range.scrape("run")
    #expect(run.errors.contains("\(Self.count + 1) hosts in"), "\(run)")
    let channels = try limits(range).first { $0["limit"] as? String == "channels" }
    #expect((channels?["refusals"] as? Int ?? 0) > 0, "\(String(describing: channels))")
    #expect((channels?["value"] as? Int ?? 64) < 64, "\(String(describing: channels))")
  }

  @Test func `hosts that are simply down lower no limit, and the deadline holds`() throws {
    let closed = freePort()
    let hosts = (1...8).map { "    h\($0): {address: 127.0.0.1, port: \(closed), on: esx1}" }
    let range = Range(
      hosts: """
        all:
          hosts:
            esx1: {connection: local}
        \(hosts.joined(separator: "\n"))
        """)
    _ = try range.scrape("run")
    let first = try limits(range).first { $0["limit"] as? String == "hosts" }
    // In the first pass nobody knows that they are down, and eight of them at once are a burst.
    #expect((first?["value"] as? Int ?? 0) >= 1, "\(String(describing: first))")
    for _ in 1...2 { _ = try range.scrape("run") }
    let later = try limits(range).first { $0["limit"] as? String == "hosts" }
    #expect(later?["value"] as? Int == first?["value"] as? Int)
    #expect(later?["refusals"] as? Int == 0, "\(String(describing: later))")
    // Those that wait for a limit of one at the end of the pass say so, and the pass ends in time.
    try run("/usr/bin/sqlite3", [range.store, "UPDATE governed SET value = 1"])
    let silent = SilentPort()
    range.scratch.write(
      "inventory/hosts.yml",
      (range.scratch.read("inventory/hosts.yml") ?? "").replacing(
        "port: \(closed)", with: "port: \(silent.port)"))
    let begun = Date()
    let late = try range.scrape("run", "--deadline", "6", "--stdout")
    #expect(Date().timeIntervalSince(begun) < 12)
    let reasons = Line.all(late.output).filter { $0.measurement == "scrape" }
      .compactMap { $0.fields["reason"] }
    #expect(reasons.count == 8 && reasons.contains("\"not_reached\""), "\(reasons)")
    #expect(late.errors.contains("status --limits"), "\(late)")
  }

  @Test func `BMCs of one subnet are limited together, and by the settings`() throws {
    let scratch = Scratch()
    let file = scratch.write(
      "hosts.yml",
      """
      all:
        hosts:
          a: {bmc: 10.0.7.25}
          b: {bmc: 10.0.70.25}
          c: {bmc: "fd00:1:2:3::9"}
          d: {bmc: "fd00:1:2:3:4::9"}
          e: {bmc: "2001:db8::1"}
          f: {bmc: bmc1.lab}
      """)
    let subnets = try Inventory.load(file).hosts.compactMap(\.bmc?.subnet)
    #expect(
      subnets == [
        "10.0.7.0/24", "10.0.70.0/24", "fd00:1:2:3::/64", "fd00:1:2:3::/64", "2001:db8:0:0::/64",
        "bmc1.lab",
      ])
  }

  @Test func `a busy BMC halves the limit of its subnet`() throws {
    let bmcs = try (1...3).map { number in
      var configuration = BMC.Configuration()
      configuration.users = [.init("monitor", "p", limit: 2)]
      if number == 1 { configuration.sessionLimit = 0 }
      return try BMC(configuration)
    }
    let hosts = bmcs.enumerated().map {
      "    h\($0 + 1): {address: 127.0.0.1, port: 9, bmc: {address: \($1.address), port: \($1.port)}}"
    }
    let range = Range(
      hosts: """
        all:
          vars: {bmc: {user: monitor, password: "file:p", timeout: 800ms, retransmit: 200ms}}
          hosts:
        \(hosts.joined(separator: "\n"))
        """, settings: "bmc: {per_subnet: 12}\n")
    range.scratch.write("inventory/p", "p\n")
    let run = try range.scrape("run", "--only", "bmc")
    #expect(run.errors.contains("3 BMCs (2 up)"), "\(run)")
    let limit = try limits(range).first { $0["of"] as? String == "BMC subnet" }
    #expect(limit?["name"] as? String == "127.0.0.0/24" && limit?["value"] as? Int == 6)
    #expect((limit?["message"] as? String)?.hasPrefix("h1: busy: ") == true)
    // It rests now, and its subnet has no refusal.
    _ = try range.scrape("run", "--only", "bmc")
    let later = try limits(range).first { $0["of"] as? String == "BMC subnet" }
    #expect(later?["refusals"] as? Int == 0 && later?["value"] as? Int == 6)
  }
}
