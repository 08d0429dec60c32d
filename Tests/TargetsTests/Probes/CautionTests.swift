import Configuration
import Testing

@testable import Probes

/// What `scrape lint` says of probes that set off a protection, with the line that exempts us.
struct CautionTests {
  private static let ssh = "PerSourcePenaltyExemptList"
  private static let mysql = "max_connect_errors = 4294967295"
  private static let postgres = "the probe postgres"
  private static let vnc = "-BlacklistThreshold 1000000"
  private static let ban = "ignoreip = "

  @Test(
    arguments: [
      // On the host's own port the collectors' session is the answer.
      ("ssh", []), ("ssh:2222", [ssh]), ("{ssh: {login: yes}}", []), ("ssh closed", []),
      ("tcp:22", [ssh]), ("{tcp: {port: 22, expect: SSH}}", [ssh]), ("tcp:22 closed", []),
      ("tcp:3306", [mysql]), ("{tcp: {port: 3306, expect: Maria}}", [mysql]),
      ("mysql", [ban]), ("{mysql: {user: mon}}", []),
      ("tcp:5432", [postgres]), ("{tcp: {port: 5432, send: x}}", []), ("postgres", []),
      ("vnc", [vnc]), ("vnc:1", [vnc]), ("{vnc: {password: '${X}'}}", []),
      ("tcp:5901", [vnc]), ("{tcp: {port: 5900, expect: RFB}}", [vnc]),
      ("{ports: {scan: 1-65535}}", [ssh, mysql, postgres, vnc]),
      ("{ports: {open: [22, 80], closed: [3306]}}", [ssh]),
      ("icmp", []), ("http", []), ("rdp", []), ("dhcp", []), ("dns", []), ("ntp", []), ("smb", []),
    ] as [(String, [String])])
  func `each protection is named with its exemption`(entry: String, exemptions: [String]) throws {
    let inventory = try InventoryFolder.inventory(
      "all: {hosts: {h: {address: 192.0.2.1, port: 2022, probes: [\(flow(entry))]}}}\n")
    var findings = Findings()
    var reader = ProbeReader(modules: nil, &findings)
    let host = try #require(inventory.host("h"))
    #expect(reader.plans(of: host, &findings).count == 1)
    let said = findings.warnings.map(\.description)
    #expect(said.count == exemptions.count, "\(said)")
    for (text, exemption) in zip(said, exemptions) {
      #expect(text.contains(exemption), "\(text)")
    }
  }

  private func flow(_ entry: String) -> String { entry.hasPrefix("{") ? entry : "'\(entry)'" }
}
