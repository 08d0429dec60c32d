public import Metrics
import Parsers

/// Use of swap and its traffic, under Telegraf's `swap`.
///
/// The kernel counts the traffic in pages.
public enum SwapCollector: Collector {
  public static let name = "swap"
  public static let summary = "usage of swap, and its traffic"
  public static let measurements = [
    Measurement(
      "swap", "Use of swap, and traffic to and from it.",
      source: "`/proc/meminfo`, `/proc/vmstat`",
      fields: [
        .integer("total", "used", "free", unit: .bytes, means: "Space"),
        .float(
          "used_percent", unit: .percent,
          means: "Share of `total`; 0 without swap, as in Telegraf"),
        .counter(
          "in", "out", unit: .bytes,
          means: "Traffic, counted; absent if the page size is unknown, as in some containers"),
      ])
  ]
  public static let files = ["/proc/meminfo", "/proc/vmstat"]

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    let memory = try host.parse("/proc/meminfo", as: Meminfo.self)
    var point = Point("swap")
    point.integer("total", memory["SwapTotal"])
    point.integer("free", memory["SwapFree"])
    if let total = memory["SwapTotal"], let free = memory["SwapFree"], free <= total {
      point.integer("used", total - free)
      point.percent(
        "used_percent", total > 0 ? 100 * Double(total - free) / Double(total) : 0)
    }
    if let pages = try? host.parse("/proc/vmstat", as: Vmstat.self),
      let size = PageSize.infer(memory, pages)
    {
      point.integer("in", bytes(pages.swappedIn, size))
      point.integer("out", bytes(pages.swappedOut, size))
    }
    sample.points.append(point)
  }

  private static func bytes(_ pages: UInt64?, _ size: UInt64) -> UInt64? {
    guard let pages else { return nil }
    let (bytes, overflow) = pages.multipliedReportingOverflow(by: size)
    return overflow ? nil : bytes
  }
}
