public import Metrics
import Parsers

/// Use of the memory, under Telegraf's `mem`, with the sums of gopsutil 4 (mem_linux.go).
public enum MemoryCollector: Collector {
  public static let name = "mem"
  public static let summary = "usage of the memory"
  public static let measurements = [
    Measurement(
      "mem", "Use of the memory. A kernel that has no line for a field has no field.",
      source: "`/proc/meminfo`",
      fields: [
        .integer(
          "total", "free", "available", "used", unit: .bytes,
          means: "`used` is total less available"),
        .float("used_percent", "available_percent", unit: .percent, means: "Share of `total`"),
        .integer(
          "buffered", "cached", "active", "inactive", "shared", "mapped", unit: .bytes,
          means: "`cached` includes reclaimable slab"),
        .integer("slab", "sreclaimable", "sunreclaim", unit: .bytes, means: "The kernel's own"),
        .integer(
          "dirty", "write_back", "write_back_tmp", unit: .bytes,
          means: "Not yet written to disk"),
        .integer(
          "page_tables", "commit_limit", "committed_as", unit: .bytes,
          means: "Page tables; memory that may be promised, and that is"),
        .integer(
          "swap_total", "swap_free", "swap_cached", unit: .bytes, means: "Swap, as in `swap`"),
        .integer("huge_pages_total", "huge_pages_free", means: "Number of huge pages"),
        .integer("huge_page_size", unit: .bytes, means: "Size of one"),
        .integer(
          "vmalloc_total", "vmalloc_used", "vmalloc_chunk", unit: .bytes,
          means: "The kernel's virtual address space"),
        .integer(
          "high_total", "high_free", "low_total", "low_free", unit: .bytes,
          means: "32-bit kernels only"),
      ])
  ]
  public static let files = ["/proc/meminfo"]

  /// Fields that are a line of the file as it stands.
  private static let plain: [(field: String, line: String)] = [
    ("active", "Active"), ("inactive", "Inactive"), ("buffered", "Buffers"), ("free", "MemFree"),
    ("shared", "Shmem"), ("slab", "Slab"), ("sreclaimable", "SReclaimable"),
    ("sunreclaim", "SUnreclaim"), ("dirty", "Dirty"), ("write_back", "Writeback"),
    ("write_back_tmp", "WritebackTmp"), ("mapped", "Mapped"), ("page_tables", "PageTables"),
    ("commit_limit", "CommitLimit"), ("committed_as", "Committed_AS"),
    ("swap_cached", "SwapCached"), ("swap_total", "SwapTotal"), ("swap_free", "SwapFree"),
    ("huge_pages_total", "HugePages_Total"), ("huge_pages_free", "HugePages_Free"),
    ("huge_page_size", "Hugepagesize"), ("vmalloc_total", "VmallocTotal"),
    ("vmalloc_used", "VmallocUsed"), ("vmalloc_chunk", "VmallocChunk"),
    ("high_total", "HighTotal"), ("high_free", "HighFree"), ("low_total", "LowTotal"),
    ("low_free", "LowFree"),
  ]

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    let memory = try host.parse("/proc/meminfo", as: Meminfo.self)
    var point = Point("mem", room: 36)
    let total = memory["MemTotal"]
    point.integer("total", total)
    // A lying host may claim more available than it has; there is no figure for that.
    if let total, let available = available(memory), available <= total {
      point.integer("available", available)
      point.integer("used", total - available)
      if total > 0 {
        point.percent("used_percent", 100 * Double(total - available) / Double(total))
        point.percent("available_percent", 100 * Double(available) / Double(total))
      }
    }
    point.integer("cached", sum(memory["Cached"], memory["SReclaimable"] ?? 0))
    for (field, line) in plain { point.integer(field, memory[line]) }
    sample.points.append(point)
  }

  /// The memory that programs could get without swapping.
  ///
  /// Kernels before 3.14 do not report it. Then it is free memory, page cache on files and
  /// reclaimable slab: the kernel's own sum without its small reserves.
  private static func available(_ memory: Meminfo.Reading) -> UInt64? {
    if let available = memory["MemAvailable"] { return available }
    guard let free = memory["MemFree"], let active = memory["Active(file)"],
      let inactive = memory["Inactive(file)"]
    else { return nil }
    return sum(free, active, inactive, memory["SReclaimable"] ?? 0)
  }

  private static func sum(_ values: UInt64?...) -> UInt64? {
    var sum: UInt64 = 0
    for value in values {
      guard let value else { return nil }
      let (next, overflow) = sum.addingReportingOverflow(value)
      if overflow { return nil }
      sum = next
    }
    return sum
  }
}
