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

  private static let snmp =
    [
      "ActiveOpens", "PassiveOpens", "AttemptFails", "EstabResets", "CurrEstab", "InSegs",
      "OutSegs", "RetransSegs", "InErrs", "OutRsts",
    ].map { NetSNMP.Counter("Tcp", $0) }
    + [
      "InDatagrams", "OutDatagrams", "NoPorts", "InErrors", "RcvbufErrors", "SndbufErrors",
      "InCsumErrors",
    ].map { NetSNMP.Counter("Udp", $0) }
    + [
      "InHdrErrors", "InAddrErrors", "InUnknownProtos", "InDiscards", "OutDiscards", "OutNoRoutes",
    ].map { NetSNMP.Counter("Ip", $0) }
    + [
      "InErrors", "InCsumErrors", "InEchos", "InEchoReps", "OutErrors", "OutEchos", "OutEchoReps",
    ].map { NetSNMP.Counter("Icmp", $0) }
  private static let netstat = [
    "ListenOverflows", "ListenDrops", "TCPTimeouts", "TCPLostRetransmit", "SyncookiesSent",
    "TCPAbortOnMemory", "TCPBacklogDrop", "SyncookiesRecv", "SyncookiesFailed", "TCPAbortOnData",
    "TCPAbortOnClose", "TCPAbortOnTimeout", "TCPAbortOnLinger", "TCPAbortFailed",
  ].map { NetSNMP.Counter("TcpExt", $0) }
  private static let snmp6 = [
    "Ip6InHdrErrors", "Ip6InTooBigErrors", "Ip6InNoRoutes", "Ip6InAddrErrors",
    "Ip6InUnknownProtos", "Ip6InTruncatedPkts", "Ip6InDiscards", "Ip6OutDiscards",
    "Ip6OutNoRoutes", "Icmp6InErrors", "Icmp6OutErrors", "Icmp6InCsumErrors", "Udp6NoPorts",
    "Udp6InErrors", "Udp6RcvbufErrors", "Udp6SndbufErrors", "Udp6InCsumErrors",
  ]
  private static let tables = [
    (tag: "snmp", file: "/proc/net/snmp", counters: snmp),
    (tag: "netstat", file: "/proc/net/netstat", counters: netstat),
  ]

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    for table in tables {
      let bytes = try host.file(table.file)
      let reading: NetSNMP.Reading
      do {
        reading = try NetSNMP.parse(bytes.span, only: table.counters)
      } catch {
        throw CollectorError(error)
      }
      var point = Point("nstat")
      point.tag("name", table.tag)
      for counter in table.counters {
        let name = counter.protocol + counter.name
        point.integer(name, reading[name])
      }
      if !point.fields.isEmpty { sample.points.append(point) }
    }
    // Absent where IPv6 is off.
    if let bytes = try? host.file("/proc/net/snmp6") {
      do {
        let reading = try SNMP6.parse(bytes.span, only: snmp6)
        var point = Point("nstat")
        point.tag("name", "snmp6")
        for name in snmp6 { point.integer(name, reading[name]) }
        if !point.fields.isEmpty { sample.points.append(point) }
      } catch {
        throw CollectorError(error)
      }
    }
  }
}
