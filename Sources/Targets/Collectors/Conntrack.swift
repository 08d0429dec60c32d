public import Metrics
import Parsers

/// Use of the kernel's table of tracked connections, under Telegraf's `conntrack`.
///
/// Format: the kernel's Documentation/networking/nf_conntrack-sysctl.rst, one number per file; kernels before
/// 2.6.20 have the names with `ip_`. /proc/net/stat/nf_conntrack (net/netfilter/nf_conntrack_standalone.c)
/// has a heading and one line of hexadecimal counters per CPU; which columns there are differs.
public enum ConntrackCollector: Collector {
  public static let name = "conntrack"
  public static let summary = "tracked connections of the firewall, and their limit"
  public static let measurements = [
    Measurement(
      "conntrack",
      "Tracked connections. No point without the kernel's module, as on hosts without a firewall.",
      source: "`/proc/sys/net/netfilter`",
      fields: [
        .float("ip_conntrack_count", means: "Connections in the table"),
        .float("ip_conntrack_max", means: "Limit of the table; beyond it new connections fail"),
        .float("used_percent", unit: .percent, means: "Use of the table; not in Telegraf"),
      ]),
    Measurement(
      "conntrack",
      "Counters of the table, in a further point. A field is absent if the kernel lacks the counter.",
      source: "`/proc/net/stat/nf_conntrack`", tags: ["cpu": "`all`, as in Telegraf"],
      fields: [
        .integer("entries", means: "Connections in the table"),
        .integer(
          "searched", "found", "new", "ignore", "delete", "delete_list", "insert", "expect_new",
          "expect_create", "expect_delete", "search_restart",
          means: "Operations on the table, counted"),
        .integer("invalid", "icmp_error", means: "Packets that belong to no connection, counted"),
        .integer(
          "insert_failed", "drop",
          means: "Packets dropped, as an entry was there already or the table was full; counted"),
        .integer(
          "early_drop", means: "Connections given up to make room for new ones, counted"),
      ]),
  ]
  public static let files = folders.flatMap { [$0 + "count", $0 + "max"] } + [statistics]

  private static let folders = [
    "/proc/sys/net/netfilter/nf_conntrack_", "/proc/sys/net/ipv4/netfilter/ip_conntrack_",
  ]
  private static let statistics = "/proc/net/stat/nf_conntrack"
  /// The kernel counts these; older ones have no `clashres`.
  private static let counters = Names([
    "entries", "searched", "found", "new", "invalid", "ignore", "delete", "delete_list", "insert",
    "insert_failed", "drop", "early_drop", "icmp_error", "expect_new", "expect_create",
    "expect_delete", "search_restart",
  ])
  private static let order = counters.all.indices.sorted { counters.all[$0] < counters.all[$1] }
  /// Lines, one per CPU.
  private static let mostCPUs = 4_096

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    var point = Point("conntrack")
    var failure: CollectorError?
    do {
      let count = try number(host, "count")
      let most = try number(host, "max")
      point.float("ip_conntrack_count", count.map { Double($0) })
      point.float("ip_conntrack_max", most.map { Double($0) })
      if let count, let most, most > 0 {
        point.percent("used_percent", 100 * Double(count) / Double(most))
      }
    } catch {
      failure = error
    }
    if !point.fields.isEmpty { sample.points.append(point) }
    if let bytes = host.files[statistics] {
      do { try add(bytes.span, to: &sample) } catch { failure = error }
    }
    if let failure { throw failure }
    if sample.points.isEmpty {
      throw CollectorError(.notApplicable, "the kernel tracks no connections")
    }
  }

  /// The number in the first of the files that is there; nil without one.
  private static func number(_ host: HostView, _ name: String) throws(CollectorError) -> UInt64? {
    for folder in folders {
      guard let bytes = host.files[folder + name] else { continue }
      var lines = Scanner(bytes.span)
      guard let word = lines.line()?.trimmed, let number = word.unsigned else {
        throw CollectorError(
          ParseError(folder + name, "expected a number", line: 1, at: bytes.span))
      }
      return number
    }
    return nil
  }

  private static func add(_ text: Span<UInt8>, to sample: inout Sample) throws(CollectorError) {
    var lines = Scanner(text)
    guard let heading = lines.line() else { return }
    // The place of each column's counter; nil for one that is not written.
    var columns: [Int?] = []
    var words = Scanner(heading)
    while columns.count < 64, let word = words.word() { columns.append(counters.index(of: word)) }
    guard columns.first == 0 else {
      throw CollectorError(
        ParseError(statistics, "expected the heading \"entries\"", line: 1, at: heading))
    }
    var sums = [UInt64?](repeating: nil, count: counters.all.count)
    var number = 1
    while number <= mostCPUs, let line = lines.line() {
      number += 1
      var words = Scanner(line)
      for column in columns {
        guard let word = words.word() else { break }
        guard let value = word.hexadecimal else {
          throw CollectorError(
            ParseError(statistics, "expected a hexadecimal number", line: number, at: line))
        }
        guard let column else { continue }
        // Each CPU's line has the size of the one table.
        sums[column] =
          column == 0 ? value : (sums[column] ?? 0).addingReportingOverflow(value).partialValue
      }
    }
    var point = Point("conntrack", tags: [Tag("cpu", "all")])
    for index in order { point.integer(counters.all[index], sums[index]) }
    if !point.fields.isEmpty { sample.points.append(point) }
  }
}
