import Foundation
import Lab
import Probes
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper

@Suite struct ProbeCommandTests {
  let server = FakeServer([.send("220 mail\r\n"), .silence])
  let free = freePort()

  private func lab(_ probes: String = "[]") -> Range {
    Range(
      hosts: """
        all:
          hosts:
            web1: {address: 127.0.0.1, probes: \(probes)}
        """, settings: "modules: {mail: {tcp: {port: \(server.port), expect: '220 '}}}\n")
  }

  @Test func `a service that works is exit code 0, one that does not is 1`() throws {
    let range = lab()
    let good = try range.scrape("probe", "mail", "web1")
    #expect(good.status == 0, "\(good.errors)")
    #expect(good.output.hasPrefix("ok  mail on web1 (127.0.0.1)  "))
    let bad = try range.scrape("probe", "tcp:\(free)", "web1")
    #expect(bad.status == 1)
    #expect(bad.output.contains("connection_refused: 127.0.0.1:\(free): Connection refused"))
    let closed = try range.scrape("probe", "tcp:\(free) closed", "127.0.0.1")
    #expect(closed.status == 0)
  }

  @Test func `an ssh probe asks the port that the inventory gives the host`() throws {
    let sshd = try Sshd()
    let range = Range(
      hosts: """
        all:
          vars: {key: \(sshd.key), known_hosts: \(sshd.knownHosts), user: \(NSUserName())}
          hosts:
            web1: {address: 127.0.0.1, port: \(sshd.port), profile: none, probes: [ssh]}
            web2: {address: 127.0.0.1, port: \(sshd.port), probes: ["ssh:\(free)"]}
        """, settings: "profiles: {none: {collectors: {}}}\n")
    let asked = try range.scrape("probe", "ssh", "web1", "--json")
    #expect(asked.status == 0, "\(asked.output)\(asked.errors)")
    #expect(asked.output.contains("\"port\":\(sshd.port)"))
    // In a pass as well; a port that the entry names stays.
    let pass = try range.scrape("run", "--stdout")
    let services = Line.all(pass.output).filter { $0.measurement == "service" }
    #expect(services.first { $0.tags["host"] == "web1" }?.tags["port"] == "\(sshd.port)")
    #expect(services.first { $0.tags["host"] == "web2" }?.tags["port"] == "\(free)")
  }

  @Test func `explain shows what was sent and received, and how to repeat it`() throws {
    let outcome = try lab().scrape("probe", "mail", "web1", "--explain")
    #expect(outcome.output.contains("\"220 mail\\x0d\\x0a\""), "\(outcome.output)")
    #expect(outcome.output.contains("by hand\n  nc -v 127.0.0.1 \(server.port)"))
  }

  @Test func `json is one object with the points`() throws {
    let outcome = try lab().scrape("probe", "{mail: {name: post}}", "web1", "--json")
    let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
    #expect(object?["state"] as? String == "ok" && object?["up"] as? Bool == true)
    #expect(object?["service"] as? String == "post" && object?["port"] as? Int == Int(server.port))
    #expect((object?["points"] as? [[String: Any]])?.count == 2)
  }

  @Test func `all probes are listed, and each says when it is ok`() throws {
    let outcome = try run(Scrape.program, ["probe", "--list"])
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == Probes.all.count)
    #expect(lines.allSatisfy { $0.hasSuffix(".") && $0.count <= 100 }, "\(outcome.output)")
  }

  @Test(
    arguments: [
      (["probe", "tcp:22"], "name a probe and a host"),
      (["probe", "tpc:22", "127.0.0.1"], "did you mean \"tcp\"?"),
      (["probe", "tcp:22", "127.0.0.1", "x"], "unexpected \"x\""),
      (["probe", "tcp:22", "a b"], "is no host and no address"),
    ] as [([String], String)])
  func `what cannot be asked is exit code 2`(words: [String], says: String) throws {
    let outcome = try run(Scrape.program, words)
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains(says), "\(outcome.errors)")
  }

  @Test func `lint finds faults in probes, and names protections with their exemption`() throws {
    let wrong = try lab("[icmp, htpp, 'tcp:http closd']").scrape("lint")
    #expect(wrong.status == 2)
    #expect(wrong.errors.contains("unknown probe \"htpp\""), "\(wrong.errors)")
    #expect(wrong.errors.contains("unknown word \"closd\""))
    let rude = try lab(
      "[ssh, 'ssh:2222', vnc, 'tcp:3306', {ports: {scan: 5430-5440}}, 'tcp:22 closed']"
    ).scrape("lint")
    #expect(rude.status == 0, "\(rude.errors)")
    #expect(rude.errors.contains("ssh:2222: OpenSSH"))
    #expect(rude.errors.contains("PerSourcePenaltyExemptList"))
    #expect(rude.errors.contains("-BlacklistThreshold"))
    #expect(rude.errors.contains("max_connect_errors = 4294967295"))
    #expect(rude.errors.contains("incomplete startup packet"))
    #expect(!rude.errors.contains(" ssh: OpenSSH") && !rude.errors.contains("tcp:22: "))
  }

  @Test func `a host's key is compared by the probe ssh`() throws {
    let sshd = try Sshd()
    let range = Range(
      hosts: """
        all:
          hosts:
            web1: {address: 127.0.0.1, port: \(sshd.port), known_hosts: \(sshd.knownHosts)}
        """)
    let known = try range.scrape("probe", "ssh:\(sshd.port)", "web1")
    #expect(known.output.contains("host key ssh-ed25519"), "\(known.output) \(known.errors)")
    _ = FileManager.default.createFile(atPath: sshd.knownHosts, contents: Data())
    let unknown = try range.scrape("probe", "ssh:\(sshd.port)", "web1")
    #expect(unknown.status == 1)
    #expect(unknown.output.contains("host_key_unknown"), "\(unknown.output)")
  }
}
