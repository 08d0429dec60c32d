public import Metrics
import Parsers

/// Counters of IP, IPv6, ICMP, TCP and UDP that show trouble, under Telegraf's `nstat`, as `nstat` prints their names:
/// a few dozen of the several hundred.
public enum NstatCollector: Collector {
  public static let name = "nstat"
  public static let summary =
    "retransmissions, refused and dropped connections, errors of IP, ICMP and UDP"
  public static let measurements = [
    Measurement(
      "nstat",
      "Counters of IP, IPv6, ICMP, TCP and UDP that indicate problems, with the kernel's names.",
      source: "`/proc/net/snmp`, `/proc/net/netstat`, `/proc/net/snmp6`",
      tags: ["name": "`snmp`, `netstat`, `snmp6`"],
      fields: [
        .counter(
          "TcpActiveOpens", "TcpPassiveOpens", "TcpAttemptFails", "TcpEstabResets", "TcpInSegs",
          "TcpOutSegs", "TcpRetransSegs", "TcpInErrs", "TcpOutRsts", means: "TCP, counted"),
        .integer("TcpCurrEstab", means: "Connections now"),
        .counter(
          "UdpInDatagrams", "UdpOutDatagrams", "UdpNoPorts", "UdpInErrors", "UdpRcvbufErrors",
          "UdpSndbufErrors", "UdpInCsumErrors", means: "UDP, counted"),
        .counter(
          "IpInHdrErrors", "IpInAddrErrors", "IpInUnknownProtos", "IpInDiscards", "IpOutDiscards",
          "IpOutNoRoutes", means: "IPv4 packets that were not delivered, counted"),
        .counter(
          "IcmpInErrors", "IcmpInCsumErrors", "IcmpInEchos", "IcmpInEchoReps", "IcmpOutErrors",
          "IcmpOutEchos", "IcmpOutEchoReps", means: "ICMP, counted"),
        .counter(
          "Ip6InHdrErrors", "Ip6InTooBigErrors", "Ip6InNoRoutes", "Ip6InAddrErrors",
          "Ip6InUnknownProtos", "Ip6InTruncatedPkts", "Ip6InDiscards", "Ip6OutDiscards",
          "Ip6OutNoRoutes", means: "IPv6 packets that were not delivered, counted"),
        .counter(
          "Icmp6InErrors", "Icmp6OutErrors", "Icmp6InCsumErrors", "Udp6NoPorts", "Udp6InErrors",
          "Udp6RcvbufErrors", "Udp6SndbufErrors", "Udp6InCsumErrors",
          means: "ICMP and UDP over IPv6, counted"),
        .counter(
          "TcpExtListenOverflows", "TcpExtListenDrops", "TcpExtTCPTimeouts",
          "TcpExtTCPLostRetransmit", "TcpExtSyncookiesSent", "TcpExtTCPAbortOnMemory",
          "TcpExtTCPBacklogDrop", "TcpExtSyncookiesRecv", "TcpExtSyncookiesFailed",
          "TcpExtTCPAbortOnData", "TcpExtTCPAbortOnClose", "TcpExtTCPAbortOnTimeout",
          "TcpExtTCPAbortOnLinger", "TcpExtTCPAbortFailed", means: "Problems of TCP, counted"),
      ])
  ]
  public static let files = ["/proc/net/snmp", "/proc/net/netstat", "/proc/net/snmp6"]

  private static let snmp = NetSNMP.Selection([
    "Tcp": [
      "ActiveOpens", "PassiveOpens", "AttemptFails", "EstabResets", "CurrEstab", "InSegs",
      "OutSegs", "RetransSegs", "InErrs", "OutRsts",
    ],
    "Udp": [
      "InDatagrams", "OutDatagrams", "NoPorts", "InErrors", "RcvbufErrors", "SndbufErrors",
      "InCsumErrors",
    ],
    "Ip": [
      "InHdrErrors", "InAddrErrors", "InUnknownProtos", "InDiscards", "OutDiscards", "OutNoRoutes",
    ],
    "Icmp": [
      "InErrors", "InCsumErrors", "InEchos", "InEchoReps", "OutErrors", "OutEchos", "OutEchoReps",
    ],
  ])
  private static let netstat = NetSNMP.Selection([
    "TcpExt": [
      "ListenOverflows", "ListenDrops", "TCPTimeouts", "TCPLostRetransmit", "SyncookiesSent",
      "TCPAbortOnMemory", "TCPBacklogDrop", "SyncookiesRecv", "SyncookiesFailed", "TCPAbortOnData",
      "TCPAbortOnClose", "TCPAbortOnTimeout", "TCPAbortOnLinger", "TCPAbortFailed",
    ]
  ])
  private static let snmp6 = Names([
    "Ip6InHdrErrors", "Ip6InTooBigErrors", "Ip6InNoRoutes", "Ip6InAddrErrors",
    "Ip6InUnknownProtos", "Ip6InTruncatedPkts", "Ip6InDiscards", "Ip6OutDiscards",
    "Ip6OutNoRoutes", "Icmp6InErrors", "Icmp6OutErrors", "Icmp6InCsumErrors", "Udp6NoPorts",
    "Udp6InErrors", "Udp6RcvbufErrors", "Udp6SndbufErrors", "Udp6InCsumErrors",
  ])

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    for (table, selection) in [("snmp", snmp), ("netstat", netstat)] {
      let bytes = try host.file("/proc/net/\(table)")
      do {
        add(
          selection.all, try NetSNMP.parse(bytes.span, only: selection), of: table, to: &sample)
      } catch {
        throw CollectorError(error)
      }
    }
    // Absent where IPv6 is off.
    guard let bytes = host.files["/proc/net/snmp6"] else { return }
    do {
      add(snmp6.all, try SNMP6.parse(bytes.span, only: snmp6), of: "snmp6", to: &sample)
    } catch {
      throw CollectorError(error)
    }
  }

  private static func add(
    _ names: [String], _ values: [Int64?], of table: String, to sample: inout Sample
  ) {
    var point = Point("nstat", tags: [Tag("name", table)], room: names.count)
    for (name, value) in zip(names, values) { point.integer(name, value) }
    if !point.fields.isEmpty { sample.points.append(point) }
  }
}
