public import Metrics
import Parsers

/// Counters of IP, ICMP, TCP and UDP that show trouble, under Telegraf's `nstat`, as `nstat` prints their names:
/// a few dozen of the several hundred.
public enum NstatCollector: Collector {
  public static let name = "nstat"
  public static let summary =
    "retransmissions, refused and dropped connections, errors of IP, ICMP and UDP"
  public static let measurements = [
    Measurement(
      "nstat", "Counters of IP, ICMP, TCP and UDP that indicate problems, with the kernel's names.",
      source: "`/proc/net/snmp`, `/proc/net/netstat`", tags: ["name": "`snmp`, `netstat`"],
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
          "TcpExtListenOverflows", "TcpExtListenDrops", "TcpExtTCPTimeouts",
          "TcpExtTCPLostRetransmit", "TcpExtSyncookiesSent", "TcpExtTCPAbortOnMemory",
          "TcpExtTCPBacklogDrop", "TcpExtSyncookiesRecv", "TcpExtSyncookiesFailed",
          "TcpExtTCPAbortOnData", "TcpExtTCPAbortOnClose", "TcpExtTCPAbortOnTimeout",
          "TcpExtTCPAbortOnLinger", "TcpExtTCPAbortFailed", means: "Problems of TCP, counted"),
      ])
  ]
  public static let files = ["/proc/net/snmp", "/proc/net/netstat"]

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
  }
}
