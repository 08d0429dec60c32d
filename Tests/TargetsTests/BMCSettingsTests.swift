import Configuration
import Lab
import Testing

@testable import IPMI
@testable import Inventory

@Suite struct BMCSettingsTests {
  private let folder = Scratch()

  private func load(_ text: String) throws -> Inventory {
    try Inventory.load(folder.write("hosts.yml", text), checkingKeys: false)
  }

  @Test func `the mappings of groups and host add up`() throws {
    let inventory = try load(
      """
      all:
        vars: {bmc: {user: monitor, password: "${BMC_PASSWORD}", cipher_suite: 17, timeout: 2s}}
        children:
          gpu:
            vars: {bmc: {user: gpu-monitor, privilege: operator, workarounds: [opensesspriv]}}
            hosts:
              "gpu[1:2]": {address: "10.0.6.[1:2]", bmc: "10.0.7.[1:2]"}
              gpu3: {bmc: {address: 10.0.7.3, port: 6230, cipher_suite: auto, every: 5m}}
              gpu4:
              gpu5: {bmc: none}
      """)
    let second = try #require(inventory.host("gpu2")?.bmc)
    #expect(second.address == "10.0.7.2" && second.port == 623 && second.user == "gpu-monitor")
    #expect(second.password?.description == "${BMC_PASSWORD}" && second.cipherSuite == 17)
    #expect(second.privilege == .operator && second.workarounds.words == ["opensesspriv"])
    #expect(second.timeout == .seconds(2))
    let third = try #require(inventory.host("gpu3")?.bmc)
    #expect(third.address == "10.0.7.3" && third.port == 6230 && third.cipherSuite == nil)
    #expect(third.every == .seconds(300) && third.user == "gpu-monitor")
    #expect(inventory.host("gpu4")?.bmc == nil && inventory.host("gpu5")?.bmc == nil)
  }

  @Test(arguments: [
    ("{address: 10.0.0.1, adress: x}", "unknown key \"adress\" in bmc"),
    ("{address: 10.0.0.1, password: hunter2}", "password never stands in a file in clear"),
    ("{address: 10.0.0.1, user: a-name-of-17-byte}", "a BMC's user has at most 16 bytes"),
    ("{address: 10.0.0.1, cipher_suite: 4}", "FreeIPMI has no cipher suite 4"),
    ("{address: 10.0.0.1, privilege: root}", "unknown privilege \"root\""),
    ("{address: 10.0.0.1, driver: lan_20}", "unknown driver \"lan_20\""),
    ("{address: 10.0.0.1, workarounds: opensespriv}", "unknown workaround \"opensespriv\""),
    ("{address: 10.0.0.1, retransmit: 5s}", "retransmit must be shorter than timeout"),
    ("{address: 10.0.0.1, timeout: 1ms}", "timeout must be from 200ms to"),
    ("\"10.0.0.1:623\"", "bmc is no IP address and no name"),
    ("[10.0.0.1]", "bmc must be a mapping"),
  ])
  func `faults are reported at their place`(bmc: String, problem: String) throws {
    do {
      _ = try load("all: {hosts: {h1: {bmc: \(bmc)}}}\n")
      Issue.record("\(bmc) was taken")
    } catch let errors as ConfigurationErrors {
      #expect(errors.description.contains(problem), "\(errors)")
      #expect(!errors.description.contains("hunter2") || problem.contains("clear"))
      #expect(errors.description.contains("hosts.yml:1:"))
    }
  }

  @Test(arguments: [
    ("0x00ff10", [UInt8(0), 255, 16]), ("plain", Array("plain".utf8)), ("0x1", nil),
    ("0xzz", nil), ("0x" + String(repeating: "00", count: 21), nil),
  ])
  func `k_g is text or hexadecimal`(text: String, bytes: [UInt8]?) throws {
    let file = folder.write("kg", text)
    let inventory = try load(
      "all: {hosts: {h1: {bmc: {address: 127.0.0.1, k_g: \"file:\(file)\"}}}}\n")
    let settings = try #require(inventory.host("h1")?.bmc)
    if let bytes {
      #expect(try BMCTarget(settings, of: "h1", cache: nil).key == bytes)
    } else {
      do {
        _ = try BMCTarget(settings, of: "h1", cache: nil)
        Issue.record("\(text) was taken")
      } catch {
        #expect("\(error)".contains("k_g is at most 20 bytes") && !"\(error)".contains(text))
      }
    }
  }

  @Test func `settings bound how many BMCs are asked at once`() throws {
    let file = folder.write("scrape.yml", "bmc: {fanout: 8, per_subnet: 2}\n")
    let settings = try Settings.load(file)
    #expect(settings.bmcFanout == 8 && settings.bmcPerSubnet == 2)
    let bad = folder.write("bad.yml", "bmc: {fanout: 0, per_net: 2}\n")
    #expect(throws: ConfigurationErrors.self) { try Settings.load(bad) }
  }
}
