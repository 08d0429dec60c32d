import Metrics
import Parsers

/// What each network interface received and sent, under Telegraf's `net`.
///
/// Tag `interface`. Fields, all integers: bytes_recv, bytes_sent, packets_recv, packets_sent, err_in,
/// err_out, drop_in, drop_out, counted since boot (32-bit kernels start anew after 2^32), and speed
/// in Mbit/s where the host knows it. Beside Telegraf's, as floats in bytes a second since the
/// previous turn: recv_rate and sent_rate; a counter that went back yields none. As in Telegraf, only interfaces that are up and do not loop
/// back; beyond that, those of containers are left out, which come and go by the thousand.
///
/// A further point with the tag `interface` `all` holds the counters of the protocols, as Telegraf's
/// does: `ip_`, `icmp_`, `icmpmsg_`, `tcp_`, `udp_` and `udplite_` with the kernel's names in small
/// letters (/proc/net/snmp).
public enum NetCollector: Collector {
  public static let name = "net"
  public static let summary = "what each network interface received and sent"
  public static let files = ["/proc/net/dev", "/proc/net/snmp"]
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
    if let point = protocols(of: host) { sample.points.append(point) }
  }

  /// What all interfaces have in common; nil where the host shows no such counters.
  private static func protocols(of host: HostView) -> Point? {
    guard let reading = try? host.parse("/proc/net/snmp", as: NetSNMP.self) else { return nil }
    var point = Point("net")
    point.tag("interface", "all")
    for (name, value) in reading.values.sorted(by: { $0.key < $1.key }) {
      if let field = counters[name] { point.integer(field, value) }
    }
    return point.fields.isEmpty ? nil : point
  }

  /// The kernel's names of the counters, and ours.
  private static let counters: [String: String] = {
    var names: [String: String] = [:]
    for (family, words) in kernelNames {
      for word in words.split(separator: " ") {
        names[family + word] = "\(family)_\(word)".lowercased()
      }
    }
    return names
  }()

  private static let kernelNames = [
    "Ip": """
    Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos \
    InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs \
    ReasmFails FragOKs FragFails FragCreates OutTransmits
    """,
    "Icmp": """
    InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects \
    InEchos InEchoReps InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors \
    OutRateLimitGlobal OutRateLimitHost OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs \
    OutRedirects OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps
    """,
    "IcmpMsg": """
    InType0 InType3 InType4 InType5 InType8 InType9 InType10 InType11 InType12 InType13 InType14 \
    OutType0 OutType3 OutType4 OutType5 OutType8 OutType9 OutType10 OutType11 OutType12 OutType13 \
    OutType14
    """,
    "Tcp": """
    RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab \
    InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors
    """,
    "Udp": udp, "UdpLite": udp,
  ]
  private static let udp = """
    InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti \
    MemErrors
    """
}
