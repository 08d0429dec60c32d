import Metrics
import Parsers

/// What each disk read and wrote, under Telegraf's `diskio`.
///
/// Tag `name`. Integers, counted since boot: reads, writes, merged_reads, merged_writes, read_bytes,
/// write_bytes, read_time, write_time, io_time, weighted_io_time (milliseconds), and
/// iops_in_progress, which is of now. Floats, of the time since the last turn: io_util (percent in
/// which the disk was busy), io_await and io_svctm (milliseconds to a request). A disk whose
/// counters ran backwards has none of these three.
public enum DiskIOCollector: Collector {
  public static let name = "diskio"
  public static let summary = "what each disk read and wrote"
  public static let files = ["/proc/diskstats"]
  public static let options = [
    CollectorOption("partitions", .boolean, "Partitions too, not only whole disks; false."),
    CollectorOption(
      "ignore", .strings, "Devices to leave out, with * and ?; \(ignored.joined(separator: ", "))."),
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
      var point = Point("diskio")
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
