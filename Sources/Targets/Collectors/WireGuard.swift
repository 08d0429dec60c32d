public import Metrics
import Parsers

/// Interfaces and peers of WireGuard, under Telegraf's `wireguard_device` and `wireguard_peer`.
public enum WireGuardCollector: Collector {
  public static let name = "wireguard"
  public static let summary = "WireGuard: interfaces, peers, handshakes, traffic"
  private static let source = "`wg show all dump`"
  public static let measurements = [
    Measurement(
      "wireguard_device", "One point per interface of WireGuard.", source: source,
      tags: ["name": "the interface", "type": "`linux_kernel`, `userspace`"],
      fields: [
        .integer("listen_port", means: "UDP port"),
        .integer("firewall_mark", means: "Mark of its packets; 0 without one"),
        .integer("peers", means: "Number of its peers"),
      ]),
    Measurement(
      "wireguard_peer",
      """
      One point per peer; at most 512 of a host. Telegraf has `protocol_version` too, and no \
      `handshake_age_s`.
      """, source: source,
      tags: ["device": "the interface", "public_key": "the peer's"],
      fields: [
        .integer("persistent_keepalive_interval_ns", means: "Nanoseconds; 0 if it is off"),
        .integer("allowed_ips", means: "Number of allowed networks"),
        .string("allowed_peer_cidr", means: "Those networks, at most 256 bytes"),
        .string("endpoint", means: "Its address and port; absent before it is known"),
        .integer(
          "last_handshake_time_ns",
          means: "Nanoseconds since 1970, by the host's clock; absent before the first"),
        .integer(
          "handshake_age_s", unit: .seconds,
          means: "Time since then; more than 180 in a session with traffic means that it is broken"),
        .integer("rx_bytes", "tx_bytes", unit: .bytes, means: "Counted"),
      ]),
  ]
  public static let mayHang = true
  /// A thousand peers with 200 bytes each.
  public static let byteLimit = 1 << 20

  /// More peers than this are not written.
  static let mostPeers = 512
  private static let longestText = 256

  /// The second word of an interface is its private key, the third of a peer may be a key both share:
  /// neither is printed. The last line of the pipe carries the status of `wg`.
  public static func script(_ options: CollectorOptions) -> String? {
    """
    command -v wg >/dev/null 2>&1 || exit 0
    { $limit wg show all dump; echo "- $?"; } | while read -r i a b c d e f g h; do
      if [ "$i" = - ]; then
        exit "$a"
      elif [ -n "$e" ]; then
        printf '%s %s %s %s %s %s %s %s\\n' "$i" "$a" "$c" "$d" "$e" "$f" "$g" "$h"
      else
        y=linux_kernel
        [ -S "/var/run/wireguard/$i.sock" ] && y=userspace
        printf '%s %s %s %s %s\\n' "$i" "$y" "$b" "$c" "$d"
      fi
    done
    """
  }

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    guard let output = host.output else {
      throw CollectorError(.notReached, "the script did not run")
    }
    let devices: [WireGuardDump.Device]
    do { devices = try WireGuardDump.parse(output.standardOutput.span).devices } catch {
      throw CollectorError(error)
    }
    var count = 0
    for device in devices {
      var point = Point("wireguard_device")
      point.tag("name", device.name.clipped(to: longestText))
      point.tag("type", device.type.clipped(to: longestText))
      point.integer("listen_port", device.port)
      point.integer("firewall_mark", device.mark)
      point.integer("peers", Int64(device.peers.count))
      sample.points.append(point)
      for peer in device.peers where count < mostPeers {
        count += 1
        sample.points.append(Self.point(of: peer, device.name, at: host.time))
      }
    }
    // A command that may not read one interface reads the others.
    if output.status != 0 || !output.standardError.isEmpty {
      var failure = output.failure
      if failure.detail.contains("not permitted") { failure.reason = .permission }
      throw failure
    }
    if devices.reduce(0, { $0 + $1.peers.count }) > mostPeers {
      throw CollectorError(.outputTooLarge, "more than \(mostPeers) peers; the rest is left out")
    }
    if devices.isEmpty { throw CollectorError(.notApplicable, "no interface of WireGuard") }
  }

  private static func point(
    of peer: WireGuardDump.Peer, _ device: String, at now: Timestamp
  ) -> Point {
    var point = Point("wireguard_peer")
    point.tag("device", device.clipped(to: longestText))
    point.tag("public_key", peer.publicKey.clipped(to: longestText))
    func nanoseconds(_ seconds: UInt64?) -> UInt64? {
      guard let (product, overflow) = seconds?.multipliedReportingOverflow(by: 1_000_000_000) else {
        return nil
      }
      return overflow ? nil : product
    }
    point.integer("persistent_keepalive_interval_ns", nanoseconds(peer.keepalive))
    point.integer("allowed_ips", Int64(peer.allowed.count))
    if !peer.allowed.isEmpty {
      point.string(
        "allowed_peer_cidr", peer.allowed.joined(separator: ",").clipped(to: longestText))
    }
    point.string("endpoint", peer.endpoint?.clipped(to: longestText))
    point.integer("last_handshake_time_ns", nanoseconds(peer.handshake))
    if let handshake = peer.handshake.flatMap({ Int64(exactly: $0) }) {
      let (age, overflow) = now.seconds.subtractingReportingOverflow(handshake)
      if !overflow { point.integer("handshake_age_s", max(0, age)) }
    }
    point.integer("rx_bytes", peer.received)
    point.integer("tx_bytes", peer.sent)
    return point
  }
}
