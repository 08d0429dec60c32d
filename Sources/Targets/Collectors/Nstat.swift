public import Metrics
import Parsers

/// Counters of TCP and UDP that show trouble, under Telegraf's `nstat`, as `nstat` prints their names:
/// a few dozen of the several hundred.
public enum NstatCollector: Collector {
  public static let name = "nstat"
  public static let summary = "retransmissions, refused and dropped connections, UDP errors"
  public static let measurements = [
    Measurement(
      "nstat", "Counters of TCP and UDP that indicate problems, with the kernel's names.",
      source: "`/proc/net/snmp`, `/proc/net/netstat`", tags: ["name": "`snmp`, `netstat`"],
      fields: [
        .counter(
          "TcpActiveOpens", "TcpPassiveOpens", "TcpAttemptFails", "TcpEstabResets", "TcpInSegs",
          "TcpOutSegs", "TcpRetransSegs", "TcpInErrs", "TcpOutRsts", means: "TCP, counted"),
        .integer("TcpCurrEstab", means: "Connections now"),
        .counter(
          "UdpInDatagrams", "UdpOutDatagrams", "UdpNoPorts", "UdpInErrors", "UdpRcvbufErrors",
          "UdpSndbufErrors", means: "UDP, counted"),
        .counter(
          "TcpExtListenOverflows", "TcpExtListenDrops", "TcpExtTCPTimeouts",
          "TcpExtTCPLostRetransmit", "TcpExtSyncookiesSent", "TcpExtTCPAbortOnMemory",
          "TcpExtTCPBacklogDrop", means: "Problems of TCP, counted"),
      ])
  ]
  public static let files = ["/proc/net/snmp", "/proc/net/netstat"]

  private static let snmp =
    [
      "ActiveOpens", "PassiveOpens", "AttemptFails", "EstabResets", "CurrEstab", "InSegs",
      "OutSegs", "RetransSegs", "InErrs", "OutRsts",
    ].map { NetSNMP.Counter("Tcp", $0) }
    + ["InDatagrams", "OutDatagrams", "NoPorts", "InErrors", "RcvbufErrors", "SndbufErrors"]
    .map { NetSNMP.Counter("Udp", $0) }
  private static let netstat = [
    "ListenOverflows", "ListenDrops", "TCPTimeouts", "TCPLostRetransmit", "SyncookiesSent",
    "TCPAbortOnMemory", "TCPBacklogDrop",
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
