import Foundation
import Lab
import Testing

/// A pass with probes, on servers that the tests start.
@Suite struct ServicePassTests {
  @Test func `services are asked beside their hosts, and each has its point`() throws {
    let sshd = try Sshd()
    let silent = SilentPort()
    let closed = freePort()
    let range = Range(
      hosts: """
        all:
          vars: {tags: {team: blue}}
          hosts:
            h1:
              address: 127.0.0.1
              port: \(sshd.port)
              key: \(sshd.key)
              known_hosts: \(sshd.knownHosts)
              probes: ["ssh:\(sshd.port)", "tcp:\(closed) closed",
                {http: {port: \(silent.port), timeout: 500ms, name: shop}}]
        """)
    let outcome = try range.scrape("run", "--stdout")
    #expect(outcome.status == 1)
    let lines = Line.all(outcome.output)
    let services = lines.filter { $0.measurement == "service" }
    #expect(
      services.map { $0.tags["service"] ?? "" }
        == ["ssh:\(sshd.port)", "tcp:\(closed)", "shop"], "\(outcome.errors)")
    #expect(services.allSatisfy { $0.tags["host"] == "h1" && $0.tags["team"] == "blue" })
    let shop = services.first { $0.tags["service"] == "shop" }
    #expect(shop?.fields["state"] == "3i" && shop?.fields["reason"] == "\"timeout\"")
    #expect(shop?.tags["probe"] == "http" && shop?.fields["up"] == "0i")
    // The collectors' session was the SSH check: the server saw one connection.
    let ssh = services.first { $0.tags["probe"] == "ssh" }
    #expect(ssh?.fields["state"] == "0i", "\(String(describing: ssh))")
    #expect(lines.contains { $0.measurement == "mem" })
    #expect(outcome.errors.contains("1 host, 3 services (2 ok) in"), "\(outcome.errors)")
    let status = try range.scrape("status").output
    #expect(status.contains("service shop since") && status.contains("timeout"))
    let host = try range.scrape("host", "h1", "--only", "probes", "--explain").output
    #expect(host.contains("probe shop") && host.contains("✗") && host.contains("by hand"))
    let list = try range.scrape("list").output
    #expect(list.contains("shop"))
  }

  @Test func `a host that is down leaves its services their own verdicts`() throws {
    let port = freePort()
    let range = Range(
      hosts: """
        all:
          hosts:
            h1: {address: 127.0.0.1, port: \(port), probes: [icmp, "ssh:\(port)"]}
        """)
    let lines = Line.all(try range.scrape("run", "--stdout").output)
    let services = lines.filter { $0.measurement == "service" }
    #expect(services.first { $0.tags["probe"] == "icmp" }?.fields["state"] == "0i")
    #expect(
      services.first { $0.tags["probe"] == "ssh" }?.fields["reason"] == "\"connection_refused\"")
    #expect(lines.contains { $0.measurement == "ping" })
  }

  @Test func `a service that is asked no more is shown no more`() throws {
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local, probes: [\"tcp:\(freePort())\"]}}}\n")
    try range.scrape("run", "--only", "probes")
    #expect(try range.scrape("status").output.contains("service tcp"))
    range.scratch.write("inventory/hosts.yml", "all: {hosts: {me: {connection: local}}}\n")
    #expect(!(try range.scrape("status").output.contains("service tcp")))
  }

  @Test func `only what is named is asked`() throws {
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local, probes: [icmp]}}}\n")
    let probes = Line.all(try range.scrape("run", "--only", "probes", "--stdout").output)
    #expect(Set(probes.map(\.measurement)) == ["service", "service_summary", "ping"])
    let mem = Line.all(try range.scrape("run", "--only", "mem", "--stdout").output)
    #expect(!mem.contains { $0.measurement == "service" })
    let dry = try range.scrape("run", "--dry-run").output
    #expect(dry.contains("probes icmp"))
  }
}
