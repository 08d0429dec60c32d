import Engine
import Foundation
import Lab
import Metrics
import Store
import Testing

@testable import Spools

/// Files of a spool: what is written is read, and what is damaged or built to harm is refused.
@Suite struct SpoolFileTests {
  static let identity = "0123456789abcdef0123456789abcdef"
  static let time = Timestamp(seconds: 1_800_000_000)

  /// A host with a value of each kind.
  static func host(_ name: String = "h1") -> SpoolHost {
    var host = SpoolHost(name: name, seen: time)
    host.isWhole = true
    var state = CheckState(.critical, at: time.before(.seconds(60)), reason: .timeout)
    state.message = "no answer\tfor 5 s"
    state.pending = .ok
    state.pendingCount = 2
    state.changes = 5
    state.isFlapping = true
    host.states = ["ssh": state, "service https": CheckState(.ok, at: time)]
    var disk = Point("disk", tags: [Tag("path", "/a b,c=d"), Tag("fs", "ext4")])
    disk.float("used_percent", 12.5)
    disk.float("whole", 5)
    disk.integer("free", Int64(-3))
    disk.string("text", "a \"quoted\" \\ word")
    disk.boolean("ok", true)
    var event = Point("event", time: time.before(.seconds(7)))
    event.string("subject", "ssh")
    var result = HostResult(
      batch: PointBatch(host: name, tags: [], time: time, points: [disk, event]),
      ran: ["disk", "mem"], facts: ["os": "Debian\n12"],
      outcomes: [
        TargetOutcome(
          target: "ssh", up: false, severity: .critical, reason: .timeout, message: "no answer",
          milliseconds: 12.25, bytes: 70)
      ],
      problems: [CollectorProblem(collector: "disk", reason: .missingTool, detail: "df")])
    result.transitions = [
      CheckTransition(
        "ssh", from: .ok, to: .critical, time: time, since: nil, reason: .timeout,
        message: "no answer")
    ]
    host.results = [result]
    return host
  }

  static func file(_ hosts: [SpoolHost], number: Int64 = 7) -> SpoolWriter.File {
    var writer = SpoolWriter(identity: identity, number: number, time: time)
    for host in hosts { writer.append(host) }
    return writer.finish()[0]
  }

  @Test func `what is written is read`() throws {
    let file = Self.file([Self.host(), Self.host("h2")])
    #expect(SpoolReader.name(of: file.bytes) == file.name && file.points == 4)
    let pass = try SpoolReader().read(file.bytes, named: file.name)
    #expect(pass.time == Self.time)
    var wanted = [Self.host(), Self.host("h2")]
    for index in wanted.indices {
      // What goes to a terminal is harmless, and tags are in the order of their names.
      wanted[index].states["ssh"]?.message = "no answer\tfor 5 s".visible
      wanted[index].results[0].batch.points[0].tags.sort { $0.name < $1.name }
    }
    #expect(pass.hosts == wanted)
  }

  @Test func `a large pass goes into several files, and nothing of it is lost`() throws {
    var host = Self.host()
    for number in 0..<5_000 {
      var point = Point("net", tags: [Tag("interface", "eth\(number)")])
      point.integer("bytes", Int64(number))
      host.results[0].batch.points.append(point)
    }
    var writer = SpoolWriter(identity: Self.identity, number: 1, time: Self.time, full: 50_000)
    writer.append(host)
    writer.append(Self.host("h2"))
    let files = writer.finish()
    #expect(files.count > 3 && files.map(\.name.number) == Array(1...Int64(files.count)))
    let hosts = try files.flatMap { try SpoolReader().read($0.bytes, named: $0.name).hosts }
    let points = hosts.filter { $0.name == "h1" }.flatMap { $0.results.flatMap(\.batch.points) }
    #expect(points.count == 5_002 && Set(points.compactMap { $0[tag: "interface"] }).count == 5_000)
    #expect(hosts.filter { $0.name == "h1" && $0.isWhole }.count == 1)
    #expect(hosts.last?.states.count == 2)
  }

  @Test func `a file that is cut off or changed anywhere is refused`() {
    let file = Self.file([Self.host()])
    let reader = SpoolReader()
    for length in 0..<file.bytes.count {
      #expect(throws: SpoolError.self) {
        try reader.read(Array(file.bytes[..<length]), named: file.name)
      }
    }
    for place in file.bytes.indices {
      var bytes = file.bytes
      bytes[place] ^= 0x20
      #expect(throws: SpoolError.self, "\(place)") { try reader.read(bytes, named: file.name) }
    }
    #expect(throws: SpoolError.self) { try reader.read(file.bytes + [0], named: file.name) }
  }

  /// A file of this text with a right checksum, as somebody would build it.
  static func file(of body: String) -> (bytes: [UInt8], name: SpoolName) {
    let packed = Compressor(.zlib, level: 6).pack(Array(body.utf8))
    let name = SpoolName(identity: identity, number: 1, digest: packed.fnv1a)
    let head = "scrape-spool 1 \(identity) 1 \(packed.count) \(SpoolName.hex(name.digest))\n"
    return (Array(head.utf8) + packed, name)
  }

  @Test(arguments: [
    ("", "end"), ("end\n", "expected pass"), ("pass\t1\n", "end is missing"),
    ("pass\tx\nend\n", "number"), ("pass\t1\nend\nhost\ta\t1\n", "too many lines"),
    ("pass\t1\npart\t1\nend\n", "without a host"), ("pass\t1\nhost\t\t1\nend\n", "name"),
    ("pass\t1\nhost\ta\t1\npoint\tcpu v=1 1\nend\n", "without a part"),
    ("pass\t1\nhost\ta\t1\npart\t1\npoint\tcpu v=1\nend\n", "without its time"),
    ("pass\t1\nhost\ta\t1\npart\t1\npoint\tcpu v=nan 1\nend\n", "number"),
    ("pass\t1\nhost\ta\t1\npart\t1\npoint\tcpu\u{1},a=b v=1 1\nend\n", "control"),
    ("pass\t1\nhost\ta\t1\npart\t1\noutcome\tssh\t2\nend\n", "0 or 1"),
    ("pass\t1\nhost\ta\t1\npart\t1\noutcome\tssh\t1\tbad\t-\t1\t1\t\nend\n", "severity"),
    ("pass\t1\nhost\ta\t1\npart\t1\noutcome\tssh\t1\tok\t-\tinf\t1\t\nend\n", "milliseconds"),
    ("pass\t1\nhost\ta\t1\nstate\tssh\tok\nend\n", "without states"),
    ("pass\t1\nhost\ta\t1\nstates\nstate\tssh\tok\nend\n", "missing"),
    ("pass\t1\nhost\ta\t1\npart\t1\nboom\t1\nend\n", "unknown word"),
    ("pass\t99999999999999999999\nend\n", "number"),
  ])
  func `a line that does not have its format refuses the file`(body: String, why: String) {
    let (bytes, name) = Self.file(of: body)
    let error = #expect(throws: SpoolError.self) { try SpoolReader().read(bytes, named: name) }
    #expect(error?.message.contains(why) == true, "\(String(describing: error))")
  }

  @Test func `a file of a later version says so, and one that unpacks without end is refused`() {
    let file = Self.file([Self.host()])
    let text = Array("scrape-spool 2".utf8) + file.bytes[14...]
    let later = #expect(throws: SpoolError.self) { try SpoolReader().read(text, named: file.name) }
    #expect(later?.reason == .notSupported)
    let bomb = Self.file(of: String(repeating: "\n", count: 40 << 20))
    #expect(throws: SpoolError.self) { try SpoolReader().read(bomb.bytes, named: bomb.name) }
    let states = Self.file(
      of: "pass\t1\nhost\ta\t1\npart\t1\n" + String(repeating: "fact\ta\tb\n", count: 10_001)
        + "end\n")
    #expect(throws: SpoolError.self) { try SpoolReader().read(states.bytes, named: states.name) }
    let empty = Self.file(of: "pass\t1\n" + String(repeating: "\n", count: 2_000_000))
    #expect(throws: SpoolError.self) { try SpoolReader().read(empty.bytes, named: empty.name) }
  }

  @Test func `no mutation of a good file traps`() throws {
    var body = ""
    let packed = Self.file([Self.host()])
    let start = try #require(packed.bytes.firstIndex(of: 0x0a))
    let unpacked = Decompressor().unpack(Array(packed.bytes[(start + 1)...]), limit: 1 << 20)
    body = String(decoding: try #require(unpacked), as: UTF8.self)
    var seed: UInt64 = 42
    func next(_ limit: Int) -> Int {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(seed >> 33) % limit
    }
    var read = 0
    for _ in 0..<3_000 {
      var bytes = Array(body.utf8)
      for _ in 0...next(3) {
        let place = next(bytes.count)
        switch next(4) {
        case 0: bytes[place] = UInt8(next(256))
        case 1: bytes.remove(at: place)
        case 2: bytes.insert(contentsOf: Array("\t-9\n\\\u{fffd}".utf8), at: place)
        default: bytes.replaceSubrange(place..., with: bytes[next(place + 1)...].prefix(200))
        }
      }
      let packed = Compressor(.zlib, level: 1).pack(bytes)
      let name = SpoolName(identity: Self.identity, number: 1, digest: packed.fnv1a)
      let head =
        "scrape-spool 1 \(Self.identity) 1 \(packed.count) \(SpoolName.hex(name.digest))\n"
      if (try? SpoolReader().read(Array(head.utf8) + packed, named: name)) != nil { read += 1 }
    }
    // Some change a letter of a text only.
    #expect(read > 50 && read < 2_500, "\(read)")
  }

  @Test(arguments: [
    "", "scrape.db", "../scrape-\(identity)-000000000001-0123456789abcdef.spool",
    "scrape-\(identity)-000000000000-0123456789abcdef.spool",
    "scrape-\(identity)-00000000001-0123456789abcdef.spool",
    "scrape-\(identity)-000000000001-0123456789ABCDEF.spool",
    "scrape-\(identity)-000000000001-0123456789abcdef.spool.new",
    "scrape-\(identity)-000000000001-0123456789abcde;.spool",
    "scrape-0123456789abcdef0123456789abcde$-000000000001-0123456789abcdef.spool",
  ])
  func `a file with another name is left alone`(text: String) {
    #expect(SpoolName(text) == nil)
  }

  @Test func `a name is its text`() throws {
    let name = SpoolName(identity: Self.identity, number: 12, digest: 0xab)
    #expect(SpoolName(name.text) == name)
    #expect(name.text == "scrape-\(Self.identity)-000000000012-00000000000000ab.spool")
  }

  @Test func `a folder keeps the newest files within its limit`() throws {
    let scratch = Scratch()
    let folder = SpoolFolder("\(scratch.path)/spool")
    var size = 0
    for number in 1...10 {
      let file = Self.file([Self.host()], number: Int64(number))
      try folder.write(file.bytes, as: file.name)
      try folder.write(file.bytes, as: file.name)
      size = max(size, file.bytes.count)
    }
    scratch.write("spool/other", "not ours")
    #expect(try folder.prune(to: Int64(size * 10)) == 0)
    #expect(try folder.prune(to: Int64(size * 3)) == 7)
    #expect(try folder.names().map(\.number) == [8, 9, 10])
    #expect(try folder.prune(to: 1) == 2)
    #expect(try folder.names().map(\.number) == [10])
    #expect(scratch.read("spool/other") == "not ours")
    try folder.remove(folder.names()[0])
    #expect(try folder.names().isEmpty)
  }
}
