import Foundation
import Lab

/// What `scrape watch` is tried on: real sshds, some of them behind a cable of their own, an InfluxDB and a
/// program that takes notifications.
final class WatchRange {
  struct Host {
    var name: String
    var server: Sshd
    /// Whether it is behind the cable.
    var isRemote = false
  }

  static let database = "soak"
  /// Seconds between two scrapes of a host.
  static let every = 2.0
  /// Seconds until a connection that is not answered is given up.
  static let patience = 3

  let scratch = Scratch()
  let cable: Cable?
  let influx: InfluxServer?
  private(set) var hosts: [Host] = []

  var inventory: String { "\(scratch.path)/inventory" }
  /// The file that takes every point, as line protocol.
  var points: String { "\(scratch.path)/points.lp" }
  var log: String { scratch.read("log") ?? "" }
  /// The notifications, a line each: incident, occasion, severity.
  var notifications: [String] {
    (scratch.read("notifications") ?? "").split(separator: "\n").map(String.init)
  }

  init(hosts count: Int, lifetime: Int) throws {
    cable = Cable.isPossible ? try Cable() : nil
    influx = InfluxServer.isInstalled ? try InfluxServer(lifetime: lifetime) : nil
    for index in 0..<count {
      // A fifth of them, and never the first one, which is killed on its own.
      if let cable, index > 0, index >= count - max(1, count / 5) {
        let server = try Sshd(addresses: [cable.address], namespace: cable.process)
        hosts.append(Host(name: "r\(index)", server: server, isRemote: true))
      } else {
        hosts.append(Host(name: "h\(index)", server: try Sshd()))
      }
    }
    let notify = scratch.write(
      "notify",
      """
      #!/bin/sh
      cat > /dev/null
      echo "$SCRAPE_INCIDENT $SCRAPE_OCCASION $SCRAPE_SEVERITY" >> \(scratch.path)/notifications
      """, mode: 0o755)
    write()
    let sink = influx.map { ", {influxdb: {url: \"\($0.url)\", database: \(Self.database)}}" } ?? ""
    scratch.write(
      "inventory/scrape.yml",
      """
      watch: {every: 5s}
      connect_timeout: \(Self.patience)s
      self: off
      store: {path: \(scratch.path)/state/scrape.db}
      sinks: [{file: {path: \(points), format: influx, rotate: off, sync: no}}\(sink)]
      contacts: {ops: {exec: {command: [\(notify)]}}}
      alerts: {routes: [{to: [ops], severities: [major, critical], repeat: off}]}

      """)
  }

  /// Writes the inventory, with further hosts.
  func write(_ more: String = "") {
    var text =
      "all:\n  vars: {user: \(NSUserName()), every: \(Int(Self.every))s}\n  hosts:\n"
    for host in hosts {
      text += "    \(host.name): {address: \(host.server.addresses[0]), port: \(host.server.port), "
      text += "key: \(host.server.key), known_hosts: \(host.server.knownHosts)}\n"
    }
    scratch.write("inventory/hosts.yml", text + more)
  }

  var local: [Host] { hosts.filter { !$0.isRemote } }
  var remote: [Host] { hosts.filter(\.isRemote) }

  /// Kills a server with all its sessions.
  func kill(_ host: Host) {
    host.server.killSessions()
    host.server.stop()
  }
}

/// A network namespace behind a cable that can be cut: whoever is there is gone all at once.
final class Cable {
  static let isPossible = RoutedRange.isPossible

  /// The address of the far end.
  let address: String
  private let holder: Daemon
  private let scratch = Scratch()

  /// The process that keeps the namespace.
  var process: Int32 { holder.identifier }

  init() throws {
    // Two of them on one machine must not meet.
    let number = Int(getpid()) % 250 + 1
    address = "10.94.\(number).2"
    holder = try Daemon(
      "/usr/bin/unshare", ["-n", "/bin/sleep", "7200"], log: "\(scratch.path)/holder")
    let ours = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
    let path = "/proc/\(holder.identifier)/ns/net"
    _ = eventually {
      (try? FileManager.default.destinationOfSymbolicLink(atPath: path)).map { $0 != ours } ?? false
    }
    try shell(
      """
      ip link add soak\(number) type veth peer name u0 netns \(holder.identifier)
      ip address add 10.94.\(number).1/24 dev soak\(number); ip link set soak\(number) up
      """)
    try inside("ip link set lo up; ip link set u0 up; ip address add \(address)/24 dev u0")
  }

  /// What is sent on either side arrives nowhere.
  func cut() throws { try inside("ip link set u0 down") }
  func mend() throws { try inside("ip link set u0 up") }

  private func inside(_ script: String) throws {
    try shell("nsenter -n -t \(holder.identifier) /bin/sh -e -c '\(script)'")
  }

  private func shell(_ script: String) throws {
    let outcome = try run("/bin/sh", ["-e", "-c", script])
    guard outcome.status == 0 else { throw Unavailable(description: "\(script): \(outcome)") }
  }
}
