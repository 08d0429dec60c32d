import Metrics
import Parsers

/// What each network interface received and sent, under Telegraf's `net`.
///
/// Tag `interface`. Fields, all integers: bytes_recv, bytes_sent, packets_recv, packets_sent, err_in,
/// err_out, drop_in, drop_out, counted since boot (32-bit kernels start anew after 2^32), and speed
/// in Mbit/s where the host knows it. Beside Telegraf's, as floats in bytes a second since the
/// previous turn: recv_rate and sent_rate; a counter that went back yields none. As in Telegraf, only interfaces that are up and do not loop
/// back; beyond that, those of containers are left out, which come and go by the thousand.
public enum NetCollector: Collector {
  public static let name = "net"
  public static let summary = "what each network interface received and sent"
  public static let files = ["/proc/net/dev"]
  public static let options = [
    CollectorOption(
      "ignore", .strings,
      "Interfaces to leave out, with * and ?; \(ignored.joined(separator: ", ")).")
  ]

  private static let ignored = [
    "veth*", "docker*", "br-*", "cali*", "cni*", "flannel*", "lxc*", "kube*", "fwbr*",
    "fwpr*", "fwln*", "dummy*",
  ]
  /// More interfaces than this are not written.
  static let mostInterfaces = 256

  /// All builtins of the shell: it starts no process. Reading the speed of an interface without a
  /// carrier fails (EINVAL), and the error belongs to nobody.
  public static func script(_ options: CollectorOptions) -> String? {
    """
    for i in /sys/class/net/*; do
      f=- s=-
      { read -r f <"$i/flags"; read -r s <"$i/speed"; } 2>/dev/null
      printf '%s %s %s\\n' "${i##*/}" "${f:--}" "${s:--}"
    done
    """
  }

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    let interfaces = try host.parse("/proc/net/dev", as: NetDev.self).interfaces
    // Without /sys (some containers) every interface counts as up, and none has a speed.
    let links = (try? host.parseOutput(as: LinkStates.self))?.links ?? [:]
    let ignore = host.options.strings("ignore", default: ignored)
    var count = 0
    for interface in interfaces {
      let link = links[interface.name]
      if link?.isUp == false || link?.isLoopback ?? (interface.name == "lo") { continue }
      if matches(interface.name, anyOf: ignore) { continue }
      count += 1
      if count > mostInterfaces {
        throw CollectorError(
          .outputTooLarge, "more than \(mostInterfaces) interfaces; the rest is left out")
      }
      var point = Point("net")
      point.tag("interface", interface.name)
      point.integer("bytes_recv", interface.bytesReceived)
      point.integer("bytes_sent", interface.bytesSent)
      point.integer("packets_recv", interface.packetsReceived)
      point.integer("packets_sent", interface.packetsSent)
      point.integer("err_in", interface.receiveErrors)
      point.integer("err_out", interface.sendErrors)
      point.integer("drop_in", interface.receiveDrops)
      point.integer("drop_out", interface.sendDrops)
      point.integer("speed", link?.speed)
      let counters = [interface.bytesReceived, interface.bytesSent]
      sample.memory[interface.name] = counters
      if let elapsed = host.elapsed, let before = host.previous?.values[interface.name],
        before.count == counters.count
      {
        for (index, name) in ["recv_rate", "sent_rate"].enumerated() {
          let (grown, backwards) = counters[index].subtractingReportingOverflow(before[index])
          if !backwards { point.float(name, (Double(grown) / elapsed).rounded()) }
        }
      }
      sample.points.append(point)
    }
  }
}
