import Foundation
import Metrics
import Testing

@testable import Passes

/// What boards of others ask for, and which of it our points have.
///
/// Run the tests with SCRAPE_UPDATE=1 in the environment to write the table of the page anew.
@Suite struct CommunityBoardTests {
  /// The fields of a measurement that a board's statements name, and the tags in their conditions and groups,
  /// besides `host`.
  struct Measurement {
    var name: String
    var fields: [String]
    var tags: [String]

    init(_ name: String, _ fields: String, tags: String = "") {
      self.name = name
      self.fields = fields.split(separator: " ").map(String.init)
      self.tags = tags.split(separator: " ").map(String.init)
    }
  }

  struct Needs {
    var number: Int
    var title: String
    var measurements: [Measurement]
    /// Measurements of services, with the number of their fields.
    var others: KeyValuePairs<String, Int> = [:]
  }

  /// Read from public copies of each board: names only.
  static let boards = [
    Needs(
      number: 928, title: "Telegraf: system dashboard",
      measurements: [
        Measurement("conntrack", "ip_conntrack_count ip_conntrack_max", tags: ""),
        Measurement(
          "cpu",
          "usage_guest usage_guest_nice usage_idle usage_iowait usage_irq usage_nice usage_softirq usage_steal usage_system usage_user",
          tags: "cpu"),
        Measurement("disk", "inodes_free inodes_used total used used_percent", tags: "path"),
        Measurement(
          "diskio", "read_bytes read_time reads write_bytes write_time writes", tags: "name"),
        Measurement("internal_agent", "gather_errors metrics_dropped metrics_written", tags: ""),
        Measurement("internal_gather", "gather_time_ns", tags: ""),
        Measurement("internal_write", "write_time_ns", tags: ""),
        Measurement("interrupts", "total", tags: "irq"),
        Measurement("kernel", "context_switches processes_forked", tags: ""),
        Measurement("linux_sysctl_fs", "file-max file-nr", tags: ""),
        Measurement("mem", "available buffered cached free total used used_percent", tags: ""),
        Measurement(
          "net",
          "bytes_recv bytes_sent drop_in drop_out err_in err_out packets_recv packets_sent tcp_activeopens tcp_estabresets tcp_outrsts tcp_passiveopens udp_indatagrams udp_outdatagrams",
          tags: "interface"),
        Measurement(
          "netstat",
          "tcp_close tcp_close_wait tcp_closing tcp_established tcp_fin_wait1 tcp_fin_wait2 tcp_last_ack tcp_syn_recv tcp_syn_sent tcp_time_wait",
          tags: ""),
        Measurement(
          "nstat",
          "IcmpInCsumErrors IcmpInEchoReps IcmpInEchos IcmpInErrors IcmpOutEchoReps IcmpOutEchos IcmpOutErrors Ip6InAddrErrors Ip6InDiscards Ip6InHdrErrors Ip6InUnknownProtos Ip6OutDiscards Ip6OutNoRoutes IpInAddrErrors IpInDiscards IpInHdrErrors IpInUnknownProtos IpOutDiscards IpOutNoRoutes TcpExtSyncookiesFailed TcpExtSyncookiesRecv TcpExtSyncookiesSent TcpExtTCPAbortFailed TcpExtTCPAbortOnClose TcpExtTCPAbortOnData TcpExtTCPAbortOnLinger TcpExtTCPAbortOnMemory TcpExtTCPAbortOnTimeout UdpInCsumErrors UdpInErrors UdpNoPorts UdpRcvbufErrors UdpSndbufErrors",
          tags: ""),
        Measurement(
          "processes",
          "blocked paging running sleeping stopped total total_threads unknown zombies", tags: ""),
        Measurement("swap", "in out total used used_percent", tags: ""),
        Measurement("system", "load1 load15 load5 uptime", tags: ""),
      ]),
    Needs(
      number: 5955, title: "Telegraf - system metrics",
      measurements: [
        Measurement(
          "cpu",
          "usage_guest usage_guest_nice usage_idle usage_iowait usage_irq usage_nice usage_softirq usage_steal usage_system usage_user",
          tags: "cpu"),
        Measurement(
          "disk", "free inodes_free inodes_total inodes_used total used used_percent",
          tags: "device fstype path"),
        Measurement(
          "diskio", "read_bytes read_time reads write_bytes write_time writes", tags: "name"),
        Measurement("kernel", "context_switches", tags: ""),
        Measurement("mem", "buffered cached free total used used_percent", tags: ""),
        Measurement(
          "net",
          "bytes_recv bytes_sent drop_in drop_out err_in err_out packets_recv packets_sent tcp_activeopens tcp_estabresets tcp_outrsts tcp_passiveopens",
          tags: "interface"),
        Measurement(
          "netstat",
          "tcp_close tcp_close_wait tcp_closing tcp_established tcp_fin_wait1 tcp_fin_wait2 tcp_last_ack tcp_syn_recv tcp_syn_sent tcp_time_wait",
          tags: ""),
        Measurement(
          "processes",
          "blocked paging running sleeping stopped total total_threads unknown zombies", tags: ""),
        Measurement("swap", "free in out total used used_percent", tags: ""),
        Measurement("system", "load1 load15 load5 n_cpus n_users uptime_format", tags: ""),
      ]),
    Needs(
      number: 61, title: "Telegraf metrics",
      measurements: [
        Measurement(
          "cpu",
          "usage_guest usage_guest_nice usage_idle usage_iowait usage_irq usage_nice usage_softirq usage_steal usage_system usage_user",
          tags: "cpu"),
        Measurement("disk", "free inodes_free inodes_used total used", tags: "path"),
        Measurement(
          "diskio", "read_bytes read_time reads write_bytes write_time writes", tags: "name"),
        Measurement("mem", "available_percent buffered cached free total used", tags: ""),
        Measurement(
          "net", "bytes_recv bytes_sent drop_in drop_out err_in err_out packets_recv packets_sent",
          tags: "interface"),
        Measurement("swap", "free in out total used used_percent", tags: ""),
        Measurement("system", "load1 load15 load5 uptime", tags: ""),
      ],
      others: [
        "elasticsearch_breakers": 12, "elasticsearch_fs": 3, "elasticsearch_indices": 57,
        "elasticsearch_jvm": 25, "elasticsearch_process": 2, "elasticsearch_thread_pool": 95,
        "elasticsearch_transport": 2, "mongodb": 24, "mysql": 6, "nginx": 7,
      ]),
    Needs(
      number: 79, title: "Dynamic Dashboard",
      measurements: [
        Measurement("cpu", "usage_iowait usage_system usage_user", tags: ""),
        Measurement("disk", "inodes_total inodes_used total used used_percent", tags: "path"),
        Measurement("diskio", "read_bytes write_bytes", tags: ""),
        Measurement("mem", "total used", tags: ""),
        Measurement(
          "net", "bytes_recv bytes_sent drop_in drop_out err_in err_out", tags: "interface"),
        Measurement("processes", "total total_threads", tags: ""),
        Measurement("swap", "total used", tags: ""),
        Measurement("system", "load1 load15 load5 n_cpus n_users uptime", tags: ""),
      ]),
  ]

  /// Boards whose statements were not at hand; those whose page lists Telegraf's inputs, with these.
  static let unread: [(number: Int, title: String, inputs: String)] = [
    (
      10581, "Host Dashboard",
      "cpu disk diskio kernel mem swap net netstat processes system"
    ),
    (
      11513, "Telegraf_System_Dashboard_Core",
      "cpu disk diskio kernel mem processes swap system net netstat interrupts linux_sysctl_fs"
    ),
    (11514, "", ""), (11853, "", ""),
    (13095, "Single System Dashboard (Using Telegraf and InfluxDB)", ""), (20762, "", ""),
  ]

  private static func row(_ board: Needs) -> String {
    var (count, absent, missing) = (0, 0, [String]())
    for measurement in board.measurements {
      count += measurement.fields.count
      let known = Set(Catalog.all.fields(of: measurement.name) ?? [])
      let unknown = measurement.fields.filter { !known.contains($0) }
      absent += unknown.count
      missing +=
        known.isEmpty
        ? ["`\(measurement.name)` (\(unknown.count))"]
        : unknown.map { "`\(measurement.name).\($0)`" }
      let declared = Catalog.all.entries.filter { $0.measurement.name == measurement.name }
        .flatMap { $0.measurement.tags.map(\.name) }
      if !known.isEmpty {
        missing += measurement.tags.filter { !declared.contains($0) }
          .map { "tag `\($0)` of `\(measurement.name)`" }
      }
    }
    for (name, fields) in board.others {
      count += fields
      absent += fields
      missing.append("`\(name)` (\(fields))")
    }
    let list = missing.isEmpty ? "–" : missing.joined(separator: ", ")
    return "| \(board.number) | \(board.title) | \(count - absent) of \(count) | \(list) |"
  }

  private static func row(_ number: Int, _ title: String, _ inputs: [String]) -> String {
    let missing = inputs.filter { Catalog.all.fields(of: $0) == nil }.map { "`\($0)`" }
    let found =
      inputs.isEmpty
      ? "not examined"
      : "inputs on its page: \(inputs.count - missing.count) of \(inputs.count)"
    let list = missing.isEmpty ? "–" : missing.joined(separator: ", ")
    return "| \(number) | \(title) | \(found) | \(inputs.isEmpty ? "" : list) |"
  }

  @Test func `the page says which fields of community boards have points`() throws {
    let rows =
      Self.boards.map(Self.row)
      + Self.unread.map {
        Self.row($0.number, $0.title, $0.inputs.split(separator: " ").map(String.init))
      }
    let table = rows.joined(separator: "\n") + "\n"
    var page = try BoardSites.text("docs/grafana.md")
    if ProcessInfo.processInfo.environment["SCRAPE_UPDATE"] != nil {
      let head =
        "| board | title | fields with a declaration | without |\n| --- | --- | --- | --- |\n"
      let start = try #require(page.range(of: head))
      let end = try #require(page[start.upperBound...].range(of: "\n\n"))
      page.replaceSubrange(start.upperBound..<end.lowerBound, with: table.dropLast())
      try page.write(
        to: BoardSites.root.appending(path: "docs/grafana.md"), atomically: true, encoding: .utf8)
    }
    #expect(
      page.contains(table), "docs/grafana.md lacks the table: run the tests with SCRAPE_UPDATE=1")
  }

  @Test func `measurements of services are not ours`() {
    for board in Self.boards {
      for (name, _) in board.others { #expect(Catalog.all.fields(of: name) == nil, "\(name)") }
    }
  }
}
