import Metrics
import Parsers

/// How swap is used and how much was read and written, under Telegraf's `swap`.
///
/// Fields: total, used, free (integer, bytes), used_percent (float; 0 where there is no swap, as in
/// Telegraf), in
/// and out (integer, bytes since boot). The kernel counts in and out in pages: where the page size
/// cannot be told (a container that shows made-up memory), they are left out.
public enum SwapCollector: Collector {
  public static let name = "swap"
  public static let summary = "how swap is used"
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
