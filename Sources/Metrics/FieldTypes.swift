/// The type of a field, which InfluxDB fixes with the first point that is written.
public enum FieldType: String, Sendable {
  case integer, float, string, boolean
}

extension FieldValue {
  /// The type as which the line protocol writes this value.
  public var type: FieldType {
    switch self {
    case .integer: .integer
    case .float: .float
    case .string: .string
    case .boolean: .boolean
    }
  }
}

/// Tells the type of every field that is ever written.
///
/// A database refuses a point whose field has another type than before, and other writers (Telegraf)
/// may share it: the types are Telegraf's, and a test holds every collector to this table.
public enum FieldTypes {
  /// The type of a field by its measurement and name; nil where nothing of that name is written.
  public static func type(of field: String, in measurement: String) -> FieldType? {
    all[measurement]?[field]
  }

  /// All fields by measurement. A new field is a word in its line.
  public static let all: [String: [String: FieldType]] = [
    "cpu": fields(
      float: """
        usage_user usage_system usage_idle usage_nice usage_iowait usage_irq usage_softirq \
        usage_steal usage_guest usage_guest_nice usage_active
        """),
    "disk": fields(
      integer: "total free used inodes_total inodes_free inodes_used",
      float: "used_percent inodes_used_percent"),
    "diskio": fields(
      integer: """
        reads writes read_bytes write_bytes read_time write_time io_time weighted_io_time \
        iops_in_progress merged_reads merged_writes
        """,
      float: "io_util io_await io_svctm"),
    "kernel": fields(
      integer: "boot_time context_switches interrupts processes_forked entropy_avail"),
    "mdstat": fields(
      integer: """
        DisksActive DisksFailed DisksSpare DisksTotal DisksDown BlocksTotal BlocksSynced
        """,
      float: "BlocksSyncedPct BlocksSyncedFinishTime BlocksSyncedSpeed"),
    "mem": fields(
      integer: """
        total available used free buffered cached active inactive slab sreclaimable sunreclaim \
        shared dirty write_back write_back_tmp mapped page_tables commit_limit committed_as \
        swap_cached swap_total swap_free huge_pages_total huge_pages_free huge_page_size \
        vmalloc_total vmalloc_used vmalloc_chunk high_total high_free low_total low_free
        """,
      float: "used_percent available_percent"),
    "net": fields(
      integer: """
        bytes_sent bytes_recv packets_sent packets_recv err_in err_out drop_in drop_out speed
        """),
    "netstat": fields(
      integer: """
        tcp_established tcp_syn_sent tcp_syn_recv tcp_fin_wait1 tcp_fin_wait2 tcp_time_wait \
        tcp_close tcp_close_wait tcp_last_ack tcp_listen tcp_closing tcp_none udp_socket
        """),
    "nstat": fields(
      integer: """
        TcpActiveOpens TcpPassiveOpens TcpAttemptFails TcpEstabResets TcpCurrEstab TcpInSegs \
        TcpOutSegs TcpRetransSegs TcpInErrs TcpOutRsts UdpInDatagrams UdpOutDatagrams UdpNoPorts \
        UdpInErrors UdpRcvbufErrors UdpSndbufErrors TcpExtListenOverflows TcpExtListenDrops \
        TcpExtTCPTimeouts TcpExtTCPLostRetransmit TcpExtSyncookiesSent TcpExtTCPAbortOnMemory \
        TcpExtTCPBacklogDrop
        """),
    "pressure": fields(integer: "total", float: "avg10 avg60 avg300"),
    "processes": fields(
      integer: """
        running sleeping blocked zombies stopped idle paging dead parked unknown total \
        total_threads
        """),
    "procstat": fields(
      integer: "pid ppid num_threads memory_rss memory_vms",
      float: "cpu_usage cpu_time_user cpu_time_system memory_usage", string: "status process"),
    "scrape": fields(integer: "up duration_ms bytes", string: "reason"),
    "swap": fields(integer: "total used free in out", float: "used_percent"),
    "system": fields(
      integer: "n_cpus n_users n_unique_users uptime", float: "load1 load5 load15",
      string: "uptime_format"),
  ]

  private static func fields(
    integer: String = "", float: String = "", string: String = "", boolean: String = ""
  ) -> [String: FieldType] {
    var types: [String: FieldType] = [:]
    let lists: [(FieldType, String)] = [
      (.integer, integer), (.float, float), (.string, string), (.boolean, boolean),
    ]
    for (type, names) in lists {
      for name in names.utf8.split(separator: UInt8(ascii: " ")) {
        types[String(decoding: name, as: UTF8.self)] = type
      }
    }
    return types
  }
}
