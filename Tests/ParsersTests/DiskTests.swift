import Testing

@testable import Parsers

@Suite struct DiskTests {
  @Test(arguments: [
    "   8 0 sda 1 2 3 4 5 6 7 8 9 10\n", "   8 0 sda\n", "   8\n",
    "8 0 sda 1 2 3 4 5 6 7 8 9 10 x\n",
    "8 0 sda 1 2 3 4 5 6 7 8 9 10 99999999999999999999999\n",
  ])
  func `a device without its eleven counters is an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: Diskstats.self) }
  }

  @Test func `a partition of Linux 2-6 with four counters is left out`() throws {
    let text = "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n8 1 sda1 1 2 3 4\n"
    #expect(try parse(text, as: Diskstats.self).devices.map(\.name) == ["sda"])
  }

  @Test(
    arguments: [
      (["sda", "sda1", "sda12"], ["sda1", "sda12"]),
      (["nvme0n1", "nvme0n1p1", "nvme0n11"], ["nvme0n1p1"]),
      (["md1", "md12", "md1p2"], ["md1p2"]),
      (["dm-1", "dm-10"], []),
      (["xvda1"], []),
      (["1", "12"], []),
      (["p1"], []),
      (["mmcblk0", "mmcblk0boot0", "mmcblk0p1"], ["mmcblk0p1"]),
    ] as [([String], [String])])
  func `a partition is recognised by its name`(_ names: [String], _ partitions: [String]) throws {
    let text = names.map { "8 0 \($0) 1 2 3 4 5 6 7 8 9 10 11\n" }.joined()
    let devices = try parse(text, as: Diskstats.self).devices
    #expect(devices.filter(\.isPartition).map(\.name) == partitions)
  }

  @Test(arguments: [
    ("/dev/sda1", "/dev/sda1"), ("a\\040b\\011c\\012d\\134e\\043", "a b\tc\nd\\e#"),
    ("\\134040", "\\040"), ("\\", "\\"), ("\\04", "\\04"), ("\\999", "\\999"), ("\\777", "\\777"),
    ("x\\040", "x "),
  ])
  func `a mount point is unescaped`(_ text: String, _ plain: String) {
    let bytes = Array(text.utf8)
    #expect(Mounts.unescaped(bytes.span) == plain)
  }

  @Test(
    arguments: [
      ("rw,relatime", false), ("ro", true), ("nosuid,ro,x", true), ("errors=remount-ro", nil),
    ] as [(String, Bool?)])
  func `a mount is for reading only where it says so`(_ options: String, _ isReadOnly: Bool?) throws
  {
    let mounts = try parse("/dev/a /b ext4 \(options) 0 0\n", as: Mounts.self).mounts
    #expect(mounts.map(\.isReadOnly) == [isReadOnly])
  }

  @Test(
    arguments: [
      ("/dev/sda1 100 60 40 60% /", "/dev/sda1", "/", 100, 60, 40),
      ("map a b  100 60 40 60% /mnt/c d ", "map a b", "/mnt/c d ", 100, 60, 40),
      ("none - - - - /odd", "none", "/odd", nil, nil, nil),
      ("/dev/x 100 104 -4 104% /full", "/dev/x", "/full", 100, 104, nil),
      ("x 1 2 3 4% /y 100 60 40 60% /known", "x 1 2 3 4% /y", "/known", 100, 60, 40),
      ("/a/very/long/device\n   100 60 40 60% /w", "/a/very/long/device", "/w", 100, 60, 40),
    ] as [(String, String, String, UInt64?, UInt64?, UInt64?)])
  func `a row of df`(
    _ row: String, _ device: String, _ path: String, _ total: UInt64?, _ used: UInt64?,
    _ free: UInt64?
  ) throws {
    let bytes = Array("Filesystem 1024-blocks Used Available Capacity Mounted on\n\(row)\n".utf8)
    let rows = try Df.parse(bytes.span, paths: [path]).rows
    #expect(rows == [Df.Row(device: device, path: path, total: total, used: used, free: free)])
  }

  // Each reading of a row looks at the rest of it: found by the fuzzer as 20 s for 256 KiB.
  @Test func `a row that could be read in a thousand ways is soon given up`() throws {
    let heading = "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
    let long = String(repeating: "x 1 2 3 4% /y ", count: 20_000)
    let short = String(repeating: "x 1 2 3 4% /y ", count: 40)
    let bytes = Array("\(heading)\(long)\n/dev/a 100 60 40 60% /b\n\(short) 1 1 1 1% /c\n".utf8)
    let rows = try Df.parse(bytes.span, paths: ["/b", "/c"]).rows
    #expect(rows.count == 2)
    #expect(rows.first?.path == "/b")
    #expect(rows.last?.path.hasPrefix("/y x 1 2") == true)
  }

  @Test(arguments: ["", "df: /: Input/output error\n", "BusyBox v1.35.0 multi-call binary.\n"])
  func `what df does not head is an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: Df.self) }
  }
}
