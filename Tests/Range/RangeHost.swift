import Foundation
import Lab

/// One host of the range: an address, its sshd, and services with the entries of `probes:` that ask them.
struct RangeHost {
  var name: String
  var group: String
  var address: String
  var sshd: Sshd
  /// Each service's name and its entry without the name: `http`, `port: 20080, path: /`.
  var services: [(name: String, probe: String, options: String)] = []
  /// The mapping of `bmc:`, where it has one.
  var bmc: String?
  /// What the BMC always complains of: OpenIPMI's simulator knows no DCMI.
  var bmcFinding = Finding.ok

  init(_ name: String, group: String, address: String) throws {
    self.name = name
    self.group = group
    self.address = address
    sshd = try Sshd(addresses: [address], port: Port.ssh)
    services = [("icmp", "icmp", "count: 1"), ("ssh", "ssh", "port: \(Port.ssh)")]
  }

  mutating func add(_ name: String, _ probe: String, _ options: String) {
    services.append((name, probe, options))
  }

  /// Its checks, and their state while no fault is on.
  var healthy: [Check: [Finding]] {
    var healthy = [Check(host: name, name: "ssh"): [Finding.ok]]
    for service in services { healthy[Check(host: name, name: "service \(service.name)")] = [.ok] }
    if bmc != nil { healthy[Check(host: name, name: "bmc")] = [bmcFinding] }
    return healthy
  }

  /// Its entry among a group's `hosts:`.
  var yaml: String {
    var lines = [
      "\(name):", "  address: \(address)", "  key: \(sshd.key)",
      "  known_hosts: \(sshd.knownHosts)", "  probes:",
    ]
    for service in services {
      lines.append("    - \(service.probe): {name: \(service.name), \(service.options)}")
    }
    if let bmc { lines.append("  bmc: {\(bmc)}") }
    return lines.map { "        \($0)\n" }.joined()
  }
}
