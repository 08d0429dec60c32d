/// Reads /proc/diskstats: the I/O counters of each block device.
///
/// Format: the kernel's Documentation/admin-guide/iostats.rst. Major, minor, name, then 11
/// counters; 15 since Linux 4.18 (discards), 17 since 5.5 (flushes). Sectors have 512 bytes
/// whatever the device; times are milliseconds in 32 bits, which overflow after 49 days.
public enum Diskstats: Parser {
  public struct Device: Sendable, Equatable {
    /// The kernel's name: `sda`, `nvme0n1p1`, `dm-0`, `cciss/c0d0`.
    public var name: String
    public var reads: UInt64
    public var mergedReads: UInt64
    public var sectorsRead: UInt64
    /// Milliseconds, summed over all reads.
    public var readTime: UInt64
    public var writes: UInt64
    public var mergedWrites: UInt64
    public var sectorsWritten: UInt64
    /// Milliseconds, summed over all writes.
    public var writeTime: UInt64
    public var inProgress: UInt64
    /// Milliseconds in which the device was busy.
    public var busyTime: UInt64
    /// Milliseconds of all requests, waiting ones included.
    public var weightedTime: UInt64
    /// Whether it is a partition of another device in the list.
    public var isPartition = false
  }

  public struct Reading: Sendable, Equatable {
    public var devices: [Device] = []
  }

  /// The limit of devices; the rest is left out.
  static let mostDevices = 10_000

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    var number = 0
    while let line = lines.line() {
      number &+= 1
      guard reading.devices.count < mostDevices else { break }
      var words = Scanner(line)
      guard words.skip(words: 2), let name = words.word(), name.count <= 64 else {
        if line.trimmed.isEmpty { continue }
        throw ParseError("/proc/diskstats", "expected a device", line: number, at: line)
      }
      var counters: [11 of UInt64] = .init(repeating: 0)
      var count = 0
      while count < 11, let value = words.unsigned() {
        counters[count] = value
        count &+= 1
      }
      if count < 11 {
        // Linux 2.6 printed four counters for a partition, which are too few.
        if count == 4, words.word() == nil { continue }
        throw ParseError("/proc/diskstats", "expected 11 counters", line: number, at: line)
      }
      reading.devices.append(
        Device(
          name: name.string, reads: counters[0], mergedReads: counters[1],
          sectorsRead: counters[2], readTime: counters[3], writes: counters[4],
          mergedWrites: counters[5], sectorsWritten: counters[6], writeTime: counters[7],
          inProgress: counters[8], busyTime: counters[9], weightedTime: counters[10]))
    }
    markPartitions(&reading.devices)
    return reading
  }

  /// The kernel names partition 2 of `sda` `sda2`, and that of `nvme0n1` (which ends in a digit)
  /// `nvme0n1p2`: a device is a partition exactly if the rest of its name is a device too. So
  /// /sys/block need not be read, and `xvda1` without an `xvda` is a whole disk, as it should be.
  private static func markPartitions(_ devices: inout [Device]) {
    let names = Set(devices.map(\.name))
    for index in devices.indices {
      let name = devices[index].name.utf8
      guard let end = name.lastIndex(where: { !$0.isDigit }), end != name.indices.last,
        end != name.startIndex
      else { continue }
      if names.contains(String(devices[index].name[...end])) {
        devices[index].isPartition = true
      } else if name[end] == UInt8(ascii: "p"), name[name.index(before: end)].isDigit {
        devices[index].isPartition = names.contains(String(devices[index].name[..<end]))
      }
    }
  }
}
