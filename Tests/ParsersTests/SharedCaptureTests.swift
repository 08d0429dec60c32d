import Foundation
import Parsers
import Testing

/// Captures of other people's machines, which lie beside the checkout (`../shared/captures` from the
/// repository's root) and are not ours to keep in it. Without them these tests are skipped.
@Suite(.enabled(if: SharedCaptures.areThere, "no ../shared/captures beside the checkout"))
struct SharedCaptureTests {
  @Test func `an old kernel's counters`() throws {
    let stat = try parse(try SharedCaptures.archived("proc/stat"), as: ProcStat.self)
    #expect(stat.cpus.count == 9)
    #expect(stat.cpus.last?.ticks == [29098, 268, 10164, 1_139_282, 555, 0, 31, 0, 0, 0])
    #expect(stat.bootTime == 1_418_183_276)
    #expect(stat.contextSwitches == 38_014_093)
    #expect(stat.interrupts == 73_777_505)
    #expect(stat.forks == 26442)
  }

  @Test func `block devices with 14, 18 and 20 columns`() throws {
    let devices = try parse(
      try SharedCaptures.archived("proc/diskstats"), as: Diskstats.self
    ).devices
    #expect(devices.count == 52)
    let disks = devices.filter { !$0.isPartition }.map(\.name)
    #expect(disks.suffix(6) == ["fd0", "vda", "sr0", "nvme0n1", "sdb", "sdc"])
    #expect(devices.filter(\.isPartition).count == 14)
  }

  @Test func `every array of a busy mdstat`() throws {
    let arrays = try parse(try SharedCaptures.archived("proc/mdstat"), as: Mdstat.self).arrays
    #expect(arrays.count == 18)
    let md42 = try #require(arrays.first { $0.name == "md42" })
    #expect(md42.action?.name == "reshape")
    #expect(md42.action?.minutesLeft == 1868.1)
    #expect(md42.down == 1)
    let md9 = try #require(arrays.first { $0.name == "md9" })
    #expect(md9.disks.filter(\.isFailed).count == 2)
    #expect(md9.action?.isWaiting == true)
    let md219 = try #require(arrays.first { $0.name == "md219" })
    #expect(md219.isActive == false)
    #expect(md219.level == nil)
    #expect(md219.blocks == 7932)
  }

  @Test(arguments: [
    ("26231", "vim", 1677), ("27079", "pthread_load", 58125), ("26232", "ata_sff", 0),
  ])
  func `a process`(_ pid: String, _ name: String, _ userTime: UInt64) throws {
    let text = try SharedCaptures.archived("proc/\(pid)/stat")
    let process = try #require(try parse(text, as: Processes.self).processes.first)
    #expect(process.name == name)
    #expect(process.userTime == userTime)
  }

  @Test func `memory, pressure, interfaces and sockets of the archive`() throws {
    let memory = try parse(try SharedCaptures.archived("proc/meminfo"), as: Meminfo.self)
    #expect(memory["MemTotal"] == 15_666_184 * 1024)
    #expect(memory["MemAvailable"] == nil)
    let pressure = try parse(try SharedCaptures.archived("proc/pressure/io"), as: Pressure.self)
    #expect(pressure.full != nil)
    let net = try parse(try SharedCaptures.archived("proc/net/dev"), as: NetDev.self)
    #expect(net.interfaces.map(\.name) == ["vethf345468", "lo", "docker0", "eth0"])
    let six = try parse(try SharedCaptures.archived("proc/net/sockstat6"), as: Sockstat.self)
    #expect(six.udp == 9)
    let tcp = try parse(try SharedCaptures.archived("proc/net/tcp"), as: TCPStates.self)
    #expect(tcp.four == [10: 3] && tcp.six == nil)
  }

  @Test func `captures of an Ubuntu and a CentOS`() throws {
    #expect(try parse(try SharedCaptures.file("proc_loadavg"), as: Loadavg.self).load1 >= 0)
    #expect(
      try parse(try SharedCaptures.file("proc_meminfo"), as: Meminfo.self)["MemAvailable"] != nil)
    #expect(
      try parse(try SharedCaptures.file("proc_net_dev"), as: NetDev.self).interfaces.count > 1)
    let disks = try parse(try SharedCaptures.file("proc_diskstats"), as: Diskstats.self).devices
    #expect(disks.contains { $0.isPartition })
    let tcp = try parse(try SharedCaptures.file("proc_net_tcp"), as: TCPStates.self)
    #expect(tcp.four?[10] ?? 0 > 0)
    let netstat = try parse(try SharedCaptures.file("proc_net_netstat"), as: NetSNMP.self)
    #expect(netstat["TcpExtListenOverflows"] != nil)
    let df = try parse(try SharedCaptures.file("centos-7.7_df"), as: Df.self).rows
    #expect(
      df.map(\.path) == [
        "/dev", "/dev/shm", "/run", "/sys/fs/cgroup", "/", "/boot", "/run/user/1000",
      ])
    let long = try parse(try SharedCaptures.file("generic_df-long-filesystem"), as: Df.self).rows
    #expect(long.map(\.path) == ["/", "/proc", "/sys"])
  }
}

enum SharedCaptures {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../shared/captures/hosts").standardized

  static let areThere = FileManager.default.fileExists(
    atPath: folder.appending(path: "procfs-fixtures.ttar").path())

  static func file(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: folder.appending(path: "\(name).txt")))
  }

  /// A file of the text archive: `Path: fixtures/…`, `Lines: n`, then so many lines.
  static func archived(_ path: String) throws -> [UInt8] {
    let archive = try Data(contentsOf: folder.appending(path: "procfs-fixtures.ttar"))
    let lines = String(decoding: archive, as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex { $0 == "Path: fixtures/\(path)" })
    let count = try #require(Int(lines[start + 1].dropFirst("Lines: ".count)))
    return Array((lines[(start + 2)..<(start + 2 + count)].joined(separator: "\n") + "\n").utf8)
  }
}
