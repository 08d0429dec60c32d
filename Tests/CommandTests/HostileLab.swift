import Foundation
import Lab

/// Servers for hosts of the lab, and the inventory that names them.
final class HostileLab: Sendable {
  let scratch = Scratch()
  let inventory: String
  private let daemons: [Sshd]
  private let servers: [HostileServer]

  init(_ hosts: [LabHost], net: Int = 9) throws {
    let real = hosts.filter(\.isReal)
    var inventory = "all:\n  vars: {user: \(NSUserName())}\n  hosts:\n"
    let scratch = self.scratch
    // An sshd listens on 16 addresses at most.
    daemons = try stride(from: 0, to: real.count, by: 16).map { start in
      let part = Array(real[start..<min(real.count, start + 16)])
      let addresses = part.indices.map { "127.0.\(net + start / 16).\($0 + 1)" }
      var rules = ""
      for (host, address) in zip(part, addresses) {
        rules += "Match LocalAddress \(address)\n"
        switch host.kind {
        case .script(let script):
          let file = scratch.write(
            "\(host.name).sh", "LAB='\(scratch.path)/\(host.name)'; export LAB\n\(script)\n")
          rules += "  ForceCommand sh \(file)\n"
        case .banner(let text):
          rules += "  Banner \(scratch.write("\(host.name).banner", text))\n"
        default: break
        }
      }
      // A block within an included file ends with it.
      let sshd = try Sshd(
        addresses: addresses, options: ["Include \(scratch.write("rules\(start)", rules))"])
      let keys = sshd.knownHostsLines().split(separator: " ", maxSplits: 1)
      for (host, address) in zip(part, addresses) {
        var known = sshd.knownHosts
        if case .knownHosts(let lines) = host.kind {
          known = scratch.write(
            "\(host.name).known",
            lines.replacing("NAME", with: "[\(address)]:\(sshd.port)")
              .replacing("KEY", with: keys[1].trimmingCharacters(in: .newlines))
              .replacing("OTHER", with: Self.otherKey) + "\n")
        }
        inventory += """
              \(host.name): {address: \(address), port: \(sshd.port), key: \(sshd.key), \
          known_hosts: \(known)}

          """
      }
      return sshd
    }
    var servers: [HostileServer] = []
    for host in hosts {
      switch host.kind {
      case .server(let manner):
        let server = try HostileServer(manner)
        servers.append(server)
        inventory += "    \(host.name): {address: 127.0.0.1, port: \(server.port)}\n"
      case .nobody(let address):
        inventory += "    \(host.name): {address: \(address), port: \(freePort())}\n"
      default: break
      }
    }
    self.servers = servers
    self.inventory = inventory
  }

  /// A key that no host of the lab has.
  private static let otherKey =
    "AAAAC3NzaC1lZDI1NTE5AAAAIIHHMXqsgjxxfB57b9Q8qEYWkY7bWXWwBqDYFzJaYgzG"
}

/// The lines of line protocol by host.
func linesByHost(_ output: Data) -> [String: [String]] {
  var lines: [String: [String]] = [:]
  for line in String(decoding: output, as: UTF8.self).split(separator: "\n") {
    guard let start = line.range(of: ",host=") else { continue }
    let host = line[start.upperBound...].prefix { $0 != "," && $0 != " " }
    lines[String(host), default: []].append(String(line))
  }
  return lines
}
