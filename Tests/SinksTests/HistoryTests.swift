import Glibc
import Metrics
import Testing

@testable import Sinks
@testable import Store

extension Point {
  fileprivate init(event number: Int) {
    self.init("large", tags: [Tag("name", "n\(number)")])
    integer("number", Int64(number) << 32)
  }
}

struct HistoryTests {
  /// Points of every type that come, go, repeat and change, the same for the same number.
  static func points(_ number: Int) -> [Point] {
    var cpu = Point("cpu", tags: [Tag("cpu", "cpu-total")])
    cpu.percent("usage", Double(number * 37 % 10_000) / 100)
    cpu.float("exact", Double(number) / 3)
    cpu.float("odd", [0.0, -0.0, .pi, 1e300, -1e-300, -1e-307][number % 6])
    cpu.float("thousandths", Double(number * number % 977) / 1000)
    cpu.float("whole", Double(number % 9))
    cpu.integer("counter", Int64.max - Int64(number % 3))
    cpu.integer("used", Int64((number * 7919 % 1013) << 12))
    cpu.integer("available", Int64((5000 - number * 7919 % 1013) << 12))
    cpu.integer("least", Int64.min &+ Int64(number * 7919 % 1013) << 12)
    cpu.integer("jumps", number % 2 == 0 ? Int64.min : Int64.max)
    cpu.boolean("ok", number % 5 != 0)
    cpu.string("text", number % 4 == 0 ? "" : "ü\u{0}\(number / 10)")
    var points = [cpu]
    if number % 3 == 0 {
      var disk = Point("disk", tags: [Tag("path", "/"), Tag("device", "")])
      disk.integer("free", Int64(number))
      points.append(disk)
    }
    for event in 0..<(number % 3) {
      var login = Point("login", tags: [Tag("user", "u")], time: time(number - 10 + event))
      login.string("from", "10.0.0.\(event)")
      points.append(login)
    }
    var process = Point("process", tags: [Tag("name", "p\(number % 17)")])
    process.integer("pid", Int64(number))
    points.append(process)
    return points
  }

  @Test(arguments: [1, 2, 31, 63, 64, 65, 72, 73, 130, 260])
  func `every point is read back as it was`(
    passes: Int
  ) async throws {
    try await withStore { store in
      for number in 0..<passes {
        try await store.finish(pass(number), [result(number, points: Self.points(number))])
      }
      for measurement in ["cpu", "disk", "login", "process"] {
        for field in [
          "usage", "exact", "odd", "counter", "jumps", "ok", "text", "free", "from", "thousandths",
          "whole", "used", "available", "least",
        ] {
          var wanted: [(Timestamp, FieldValue)] = []
          for number in 0..<passes {
            for point in Self.points(number) where point.measurement == measurement {
              if let value = point[field: field] {
                wanted.append((point.time ?? time(number), value))
              }
            }
          }
          wanted.sort { ($0.0, "\($0.1)") < ($1.0, "\($1.1)") }
          let found = try await store.history(
            host: "web1", measurement: measurement, field: field, from: time(-20), to: time(passes)
          ).sorted { ($0.0, "\($0.1)") < ($1.0, "\($1.1)") }
          #expect(found.map(\.0) == wanted.map(\.0))
          #expect(found.map { "\($0.1)" } == wanted.map { "\($0.1)" }, "\(measurement) \(field)")
        }
      }
      let latest = try await store.latest(host: "web1")
      #expect(latest?.points == Self.points(passes - 1))
      #expect(latest?.time == time(passes - 1))
      #expect(latest?.tags == [Tag("host", "web1")])
      let series = try await store.series(host: "web1", from: time(0), to: time(passes))
      #expect(series.filter { $0.measurement == "process" }.count == min(17, passes))
      #expect(
        series.first
          == Store.Series(
            measurement: "cpu", tags: [Tag("cpu", "cpu-total")],
            fields: [
              "usage", "exact", "odd", "thousandths", "whole", "counter", "used", "available",
              "least", "jumps", "ok", "text",
            ]))
    }
  }

  @Test func `a window is read with its ends, by tag, and only for its host`() async throws {
    try await withStore { store in
      for number in 0..<100 {
        let other = PointBatch(
          host: "web2", tags: [], time: time(number), points: Self.points(number + 1))
        try await store.finish(
          pass(number),
          [result(number, points: Self.points(number)), HostResult(batch: other)])
      }
      let window = try await store.history(
        host: "web1", measurement: "cpu", field: "usage", from: time(20), to: time(30))
      #expect(window.map(\.0) == (20...30).map { time($0) })
      let p3 = try await store.history(
        host: "web1", measurement: "process", field: "pid", tags: [Tag("name", "p3")],
        from: time(0), to: time(100))
      #expect(p3.map(\.1) == [3, 20, 37, 54, 71, 88].map { .integer($0) })
      let none = try await store.history(
        host: "web1", measurement: "process", field: "pid", tags: [Tag("name", "no")],
        from: time(0), to: time(100))
      #expect(none.isEmpty)
    }
  }

  @Test func `a host that is twice in a pass has both parts`() async throws {
    try await withStore { store in
      var first = Point("a")
      first.integer("v", Int64(1))
      var second = Point("b")
      second.integer("v", Int64(2))
      var later = result(5, points: [second])
      later.batch.time = time(6)
      try await store.finish(pass(5), [result(5, points: [first]), later])
      let b = try await store.history(
        host: "web1", measurement: "b", field: "v", from: time(0), to: time(9))
      #expect(b.map(\.0) == [time(6)])
      let a = try await store.history(
        host: "web1", measurement: "a", field: "v", from: time(0), to: time(9))
      #expect(a.map(\.0) == [time(5)])
    }
  }

  @Test func `what is older than the limit goes, and so do hosts that are no more`() async throws {
    try await withStore(.init(keep: .seconds(3600))) { store in
      let gone = PointBatch(host: "gone", tags: [], time: time(0), points: Self.points(1))
      try await store.finish(pass(0), [HostResult(batch: gone)])
      for number in 1...300 {
        try await store.finish(
          pass(number * 60), [result(number * 60, points: Self.points(number))])
      }
      let all = try await store.history(
        host: "web1", measurement: "cpu", field: "usage", from: time(0), to: time(20_000))
      // Blocks of 32 passes go as a whole.
      #expect(all.count >= 60 && all.count < 60 + 64, "\(all.count)")
      #expect(all.last?.0 == time(18_000))
      #expect(try await store.load(["gone"]) == [:])
    }
  }

  @Test func `the file stays within its size whatever a host sends`() async throws {
    try await withFolder { folder in
      let path = folder + "/scrape.db"
      let limits = Store.Limits(size: 1 << 20)
      let store = Store(path: path, limits: limits)
      var random = SystemRandomNumberGenerator()
      for number in 0..<100 {
        var points = Self.points(number)
        for index in 0..<500 {
          // Names and values that never come again, as a hostile host would make them.
          var point = Point("m\(index % 5)", tags: [Tag("t\(random.next())", "\(random.next())")])
          point.integer("f\(random.next())", Int64(truncatingIfNeeded: random.next()))
          points.append(point)
        }
        try await store.finish(pass(number), [result(number, points: points)])
      }
      await store.close()
      var status = stat()
      stat(path, &status)
      // The names of 20,000 shapes, some 2 MB, are permanent; the rest is within the limit.
      #expect(status.st_size < 3 << 20, "\(status.st_size)")
      let latest = try await store.latest(host: "web1")
      #expect(latest?.points.count == 500 + Self.points(99).count)
    }
  }

  @Test func `small rows are kept as they are, large and earlier ones packed`() async throws {
    try await withFolder { folder in
      let path = folder + "/scrape.db"
      let large = (0..<400).map { Point(event: $0) }
      do {
        let store = Store(path: path)
        try await store.finish(pass(0), [result(0, points: Self.points(0))])
        try await store.finish(pass(1), [result(1, points: large)])
        await store.close()
      }
      do {
        let database = try Database(path: path)
        var bodies: [(id: Int64, body: [UInt8])] = []
        try database.rows("SELECT id, body FROM recent ORDER BY id") {
          bodies.append(($0.integer(0), $0.blob(1)))
        }
        #expect(bodies.map { $0.body.first == 0 } == [true, false])
        #expect(bodies[1].body.count < 8_000)
        // As an earlier version wrote it.
        let packed = Compressor(.zlib, level: 1).pack(Array(bodies[0].body.dropFirst()))
        try database.run(
          "UPDATE recent SET body = ? WHERE id = ?", .blob(packed), .integer(bodies[0].id))
      }
      let store = Store(path: path)
      for (field, count) in [("odd", 1), ("number", 400)] {
        let found = try await store.history(
          host: "web1", measurement: count == 1 ? "cpu" : "large", field: field, from: time(-20),
          to: time(10))
        #expect(found.count == count, "\(field)")
      }
    }
  }

  @Test func `damaged rows and blocks end in an error, never in a trap`() throws {
    let shapes = Shapes()
    var generator = Generator(state: 42)
    var writer = ByteWriter()
    writer.varint(3)
    for number in 0..<3 {
      let shape = try Shape(encoded: Self.shape(Self.points(number)[0]))
      writer.varint(0)
      writer.block(shape.encoded)
      writer.string("cpu-total")
      for field in Self.points(number)[0].fields { writer.value(field.value) }
    }
    let rows = try (0..<40).map { number in
      (time: time(number), points: try Row.decode(writer.bytes, at: time(number), shapes))
    }
    let block = Block.encode(rows[...], shapes)
    #expect(try Block.decode(block, shapes).count == 40)
    let memory = Memory(time: noon, uptime: 1, values: ["a": [1, 2, 3], "b": [.max]]).encoded
    var blocks = Blocks()
    blocks["cpu"] = memory
    var refused = 0
    for _ in 0..<20_000 {
      do { _ = try Row.decode(generator.damage(writer.bytes), at: noon, shapes) } catch {
        refused += 1
      }
      do { _ = try Memory(encoded: generator.damage(memory)) } catch { refused += 1 }
      do {
        _ = try Blocks(generator.damage(blocks.bytes)).decode { bytes throws(Damaged) in
          try Memory(encoded: bytes)
        }
      } catch { refused += 1 }
    }
    for _ in 0..<2_000 {
      do { _ = try Block.decode(generator.damage(block), shapes) } catch { refused += 1 }
    }
    #expect(refused > 10_000)
  }

  @Test func `packed bytes that are damaged or endless are refused`() {
    let bytes = Array(repeating: UInt8(7), count: 1 << 20)
    let packed = Compressor(.gzip, level: 6).pack(bytes)
    let decompressor = Decompressor()
    #expect(decompressor.unpack(packed, limit: 1 << 20) == bytes)
    #expect(decompressor.unpack(packed, limit: (1 << 20) - 1) == nil)
    #expect(decompressor.unpack(Array(packed.dropLast(9)), limit: 1 << 21) == nil)
    #expect(decompressor.unpack([], limit: 100) == nil)
    #expect(decompressor.unpack([1, 2, 3], limit: 100) == nil)
    #expect(decompressor.unpack(Compressor(.zlib, level: 1).pack([]), limit: 100) == [])
    #expect(decompressor.unpack(packed, limit: 1 << 20) == bytes)
  }

  static func shape(_ point: Point) -> [UInt8] {
    var writer = ByteWriter()
    Shape.encode(point, into: &writer)
    return writer.bytes
  }
}

/// Changes, cuts and adds bytes, the same way in every run.
struct Generator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 29)
  }

  mutating func damage(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &self) {
      let place = Int.random(in: 0...bytes.count, using: &self)
      switch Int.random(in: 0..<4, using: &self) {
      case 0: bytes.removeSubrange(place...)
      case 1: bytes.insert(UInt8.random(in: 0...255, using: &self), at: place)
      default:
        if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &self) }
      }
    }
    return bytes
  }
}
