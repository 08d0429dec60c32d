import Metrics
import Parsers

/// Counters of TCP and UDP that tell of trouble, under Telegraf's `nstat`.
///
/// Tag `name`: the file under /proc/net, `snmp` or `netstat`. Fields are integers, counted since
/// boot, by the kernel's names as `nstat` prints them: TcpRetransSegs, TcpExtListenOverflows and so
/// on (a few dozen of the several hundred; see `snmp` and `netstat` below).
public enum NstatCollector: Collector {
  public static let name = "nstat"
  public static let summary = "retransmissions, refused and dropped connections, UDP errors"
  public static let files = ["/proc/net/snmp", "/proc/net/netstat"]

  private static let snmp = [
    "TcpActiveOpens", "TcpPassiveOpens", "TcpAttemptFails", "TcpEstabResets", "TcpCurrEstab",
    "TcpInSegs", "TcpOutSegs", "TcpRetransSegs", "TcpInErrs", "TcpOutRsts", "UdpInDatagrams",
    "UdpOutDatagrams", "UdpNoPorts", "UdpInErrors", "UdpRcvbufErrors", "UdpSndbufErrors",
  ]
  private static let netstat = [
    "TcpExtListenOverflows", "TcpExtListenDrops", "TcpExtTCPTimeouts", "TcpExtTCPLostRetransmit",
    "TcpExtSyncookiesSent", "TcpExtTCPAbortOnMemory", "TcpExtTCPBacklogDrop",
  ]
  private static let tables = [
    (tag: "snmp", file: "/proc/net/snmp", names: snmp, wanted: Set(snmp)),
    (tag: "netstat", file: "/proc/net/netstat", names: netstat, wanted: Set(netstat)),
  ]

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    for table in tables {
      let bytes = try host.file(table.file)
      let counters: NetSNMP.Reading
      do {
        counters = try NetSNMP.parse(bytes.span, only: table.wanted)
      } catch {
        throw CollectorError(error)
      }
      var point = Point("nstat")
      point.tag("name", table.tag)
      for name in table.names { point.integer(name, counters[name]) }
      if !point.fields.isEmpty { sample.points.append(point) }
    }
  }
}
