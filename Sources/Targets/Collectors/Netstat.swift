public import Metrics
import Parsers

/// Number of sockets in each state, under Telegraf's `netstat`.
public enum NetstatCollector: Collector {
  public static let name = "netstat"
  public static let summary = "number of sockets in each state and address family"
  public static let measurements = [
    Measurement(
      "netstat", "Sockets by state, IPv4 and IPv6 together.",
      source: """
        `/proc/net/tcp`, `/proc/net/tcp6`, `/proc/net/sockstat`, `/proc/net/sockstat6`
        """,
      fields: [
        .integer(
          "tcp_established", "tcp_syn_sent", "tcp_syn_recv", "tcp_fin_wait1", "tcp_fin_wait2",
          "tcp_time_wait", "tcp_close", "tcp_close_wait", "tcp_last_ack", "tcp_listen",
          "tcp_closing", means: "TCP sockets in that state"),
        .integer("udp_socket", means: "UDP sockets"),
        .integer("tcp_none", means: "Telegraf's, for Unix sockets; not written"),
      ]),
    Measurement(
      "sockstat", "Sockets of each address family.",
      source: """
        `/proc/net/sockstat`, `/proc/net/sockstat6`, `/proc/net/tcp`, `/proc/net/tcp6`
        """, isOurs: true,
      tags: ["family": "`ipv4`, `ipv6`"],
      fields: [
        .integer(
          "tcp_inuse", "udp_inuse", "udplite_inuse", "raw_inuse",
          means: "Sockets of that protocol; of TCP in any state but TIME-WAIT"),
        .integer(
          "tcp_orphan", "tcp_tw", "tcp_alloc",
          means: "TCP of both families, with `ipv4`: without a process, in TIME-WAIT, with memory"),
        .integer(
          "tcp_mem", "udp_mem",
          means: "Pages of memory of both families, with `ipv4`"),
        .integer("frag_inuse", means: "Packets that are put together"),
        .integer("frag_memory", unit: .bytes, means: "Their memory"),
        .integer("sockets_used", means: "Sockets of every kind, with `ipv4`"),
        .integer(
          "tcp_established", "tcp_syn_sent", "tcp_syn_recv", "tcp_fin_wait1", "tcp_fin_wait2",
          "tcp_time_wait", "tcp_close", "tcp_close_wait", "tcp_last_ack", "tcp_listen",
          "tcp_closing",
          means: "TCP sockets in that state; one of IPv6 may serve IPv4, too"),
      ]),
  ]
  public static let files = ["/proc/net/sockstat", "/proc/net/sockstat6"]
  public static let byteLimit = 1 << 20

  /// Reading the tables is dear, whoever does it: the kernel walks a hash table that grows with the
  /// memory, 5 ms to each of the two files at 24 GB. Once a minute is often enough.
  ///
  /// A busy server's table has 150 bytes for each of a hundred thousand sockets, so the host counts
  /// where it has awk; where it has none, the table comes as it is, up to 7,000 sockets.
  public static func script(_ options: CollectorOptions) -> String? {
    """
    set -- /proc/net/tcp
    [ -r /proc/net/tcp6 ] && set -- "$@" /proc/net/tcp6
    if command -v awk >/dev/null 2>&1; then
      exec awk '{ n[FILENAME " " $4]++ } END { for (s in n) print s, n[s] }' "$@"
    fi
    exec cat "$@"
    """
  }

  /// The kernel's numbers of the states, include/net/tcp_states.h; a socket of state 12 (a
  /// connection request, before Linux 4.4) is one that Telegraf calls syn_recv.
  private static let fields: [(name: String, codes: [UInt8])] = [
    ("tcp_established", [1]), ("tcp_syn_sent", [2]), ("tcp_syn_recv", [3, 12]),
    ("tcp_fin_wait1", [4]), ("tcp_fin_wait2", [5]), ("tcp_time_wait", [6]), ("tcp_close", [7]),
    ("tcp_close_wait", [8]), ("tcp_last_ack", [9]), ("tcp_listen", [10]), ("tcp_closing", [11]),
  ]

  private static let sockets = measurements[1].fields.flatMap(\.names)

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    var point = Point("netstat", room: 16)
    var failure: CollectorError?
    var states: TCPStates.Reading?
    do {
      let reading = try host.parseOutput(as: TCPStates.self)
      states = reading
      add([reading.four ?? [:], reading.six ?? [:]], to: &point)
    } catch {
      failure = error
    }
    let four = try? host.parse("/proc/net/sockstat", as: Sockstat.self)
    // Hosts without IPv6 have no second file.
    let six = try? host.parse("/proc/net/sockstat6", as: Sockstat.self)
    if let udp = four?.udp {
      let (sum, overflow) = udp.addingReportingOverflow(six?.udp ?? 0)
      point.integer("udp_socket", overflow ? nil : sum)
    }
    if !point.fields.isEmpty { sample.points.append(point) }
    for (family, reading, counts) in [("ipv4", four, states?.four), ("ipv6", six, states?.six)] {
      var point = Point("sockstat", tags: [Tag("family", family)])
      for name in sockets {
        point.integer(name, reading?.values[name])
      }
      if let counts { add([counts], to: &point) }
      if !point.fields.isEmpty { sample.points.append(point) }
    }
    if let failure { throw failure }
  }

  /// Adds the sums of these counts by state.
  private static func add(_ counts: [[UInt8: UInt64]], to point: inout Point) {
    for (name, codes) in fields {
      var sum: UInt64 = 0
      for counts in counts {
        for code in codes { sum = sum.addingReportingOverflow(counts[code] ?? 0).partialValue }
      }
      point.integer(name, sum)
    }
  }
}
