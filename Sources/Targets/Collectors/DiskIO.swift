public import Metrics
import Parsers

/// Requests to each disk and the time they took, under Telegraf's `diskio`.
public enum DiskIOCollector: Collector {
  public static let name = "diskio"
  public static let summary = "traffic and I/O time of each disk"
  public static let measurements = [
    Measurement(
      "diskio", "Requests to each disk. A disk whose counters decreased has no rates.",
      source: "`/proc/diskstats`", tags: ["name": "the device's"],
      fields: [
        .counter("reads", "writes", "merged_reads", "merged_writes", means: "Requests, counted"),
        .counter("read_bytes", "write_bytes", unit: .bytes, means: "Counted"),
        .counter(
          "read_time", "write_time", "io_time", "weighted_io_time", unit: .milliseconds,
          means: "Time spent, counted"),
        .integer("iops_in_progress", means: "Requests in progress now"),
        .float(
          "io_util", unit: .percent, means: "Share of the time the device was busy (rate)"),
        .float(
          "io_await", "io_svctm", unit: .milliseconds,
          means: "Time per request, with and without its wait in the queue (rate)"),
      ])
  ]
  public static let files = ["/proc/diskstats"]
  public static let options = [
    CollectorOption("partitions", .boolean, default: "no", "Whether partitions have points, too."),
    CollectorOption(
      "ignore", .strings, default: ignored.joined(separator: ", "), "Devices to leave out; globs."),
  ]

  private static let ignored = ["loop*", "ram*", "fd*"]
  /// More disks than this are not written.
  static let mostDisks = 256

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    let devices = try host.parse("/proc/diskstats", as: Diskstats.self).devices
    let ignore = host.options.strings("ignore", default: ignored)
    let partitions = host.options.boolean("partitions", default: false)
    var count = 0
    for device in devices where partitions || !device.isPartition {
      if matches(device.name, anyOf: ignore) { continue }
      count += 1
      if count > mostDisks {
        throw CollectorError(.outputTooLarge, "more than \(mostDisks) disks; the rest is left out")
      }
      var point = Point("diskio", room: 14)
      point.tag("name", device.name)
      point.integer("reads", device.reads)
      point.integer("writes", device.writes)
      point.integer("merged_reads", device.mergedReads)
      point.integer("merged_writes", device.mergedWrites)
      point.integer("read_bytes", bytes(device.sectorsRead))
      point.integer("write_bytes", bytes(device.sectorsWritten))
      point.integer("read_time", device.readTime)
      point.integer("write_time", device.writeTime)
      point.integer("io_time", device.busyTime)
      point.integer("weighted_io_time", device.weightedTime)
      point.integer("iops_in_progress", device.inProgress)
      let counters = [
        device.reads, device.writes, device.readTime, device.writeTime, device.busyTime,
      ]
      sample.memory[device.name] = counters
      if let before = host.previous?.values[device.name] {
        addRates(to: &point, counters, since: before, elapsed: host.elapsed)
      }
      sample.points.append(point)
    }
  }

  private static func addRates(
    to point: inout Point, _ counters: [UInt64], since before: [UInt64], elapsed: Double?
  ) {
    guard before.count == counters.count else { return }
    var growth: [Double] = []
    for (now, then) in zip(counters, before) {
      guard now >= then else { return }
      growth.append(Double(now - then))
    }
    let requests = growth[0] + growth[1]
    if requests > 0 {
      point.float("io_await", round((growth[2] + growth[3]) / requests))
      point.float("io_svctm", round(growth[4] / requests))
    }
    // The kernel's milliseconds and our two readings of the uptime (hundredths of a second) do not
    // begin and end together, so a busy disk may seem busy for a little more than all the time.
    if let elapsed { point.percent("io_util", min(100, growth[4] / (10 * elapsed))) }
  }

  /// To the microsecond, which is finer than the kernel's milliseconds mean.
  private static func round(_ milliseconds: Double) -> Double {
    (milliseconds * 1000).rounded() / 1000
  }

  /// A sector of /proc/diskstats has 512 bytes.
  private static func bytes(_ sectors: UInt64) -> UInt64? {
    let (bytes, overflow) = sectors.multipliedReportingOverflow(by: 512)
    return overflow ? nil : bytes
  }
}
