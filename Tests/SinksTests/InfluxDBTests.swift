import Transfer
import Engine
import Foundation
import Lab
import Metrics
import Testing

@testable import Sinks
@testable import Store

extension Reactor {
  func run<Value: Sendable, Failure: Error>(
    _ body: @Sendable (isolated Reactor) async throws(Failure) -> Value
  ) async throws(Failure) -> Value { try await body(self) }
}

let noon = Timestamp(seconds: 1_767_268_800)

func batch(_ points: [Point], host: String = "web1", at time: Timestamp = noon) -> PointBatch {
  PointBatch(
    host: host, tags: [Tag("host", host), Tag("group", "web")], time: time, points: points)
}

/// Writes as a pass does: encoded, and delivered piece by piece.
func write(
  _ batches: [PointBatch], to sink: some Sink, within timeout: Duration = .seconds(20)
) async -> Delivery {
  let payloads = sink.payloads(batches)
  return await Reactor().run { reactor in
    await sink.deliver(payloads, on: reactor, by: .after(timeout))
  }
}

@Suite(.serialized, .enabled(if: InfluxServer.isInstalled), .timeLimit(.minutes(2)))
struct InfluxDBTests {
  /// For tests that do not stop it; each has a database of its own.
  private static let server = Result { try InfluxServer() }

  @Test func `the database is made, and fields arrive with their types`() async throws {
    let server = try Self.server.get()
    let sink = InfluxDB(.init(url: server.url + "/", database: "ran\"ge 1"))
    var point = Point("cpu")
    point.tag("cpu", "cpu-total")
    point.percent("usage_user", 12.34)
    point.float("usage_idle", 80)
    point.integer("total", Int64.max)
    point.integer("least", Int64.min)
    point.boolean("ok", true)
    point.string("note", "fine")
    let delivery = await write([batch([point])], to: sink)
    #expect(delivery == Delivery(receipt: Receipt(taken: 1)))

    let types = try server.query("SHOW FIELD KEYS", database: "ran\"ge 1")
    #expect(
      types.map { "\($0[1]) \($0[2])" } == [
        "least integer", "note string", "ok boolean", "total integer", "usage_idle float",
        "usage_user float",
      ])
    let values = try server.query(
      "SELECT \"host\", \"group\", \"cpu\", \"usage_user\", \"usage_idle\", \"note\" FROM cpu",
      database: "ran\"ge 1")
    #expect(
      values.first.map { "\($0)" }
        == "[\"cpu\", \(noon.nanoseconds), \"web1\", \"web\", \"cpu-total\", 12.34, 80, \"fine\"]")
    let numbers = try server.get(
      "/query?db=ran%22ge%201&q=SELECT%20total%2Cleast%20FROM%20cpu")
    let text = String(decoding: numbers.1, as: UTF8.self)
    #expect(text.contains("9223372036854775807,-9223372036854775808"))
  }

  /// What stands in the text, and what is read back where that differs.
  static let hostile: [(String, String?)] = [
    ("plain", nil), ("with space", nil), ("a,b", nil), ("a=b", nil), ("a\"b", nil), ("'a'", nil),
    ("=", nil), (",", nil), (" ", nil), ("=,= ,", nil), ("#a", nil), ("ünï ✓ 😀 e\u{301}", nil),
    ("C:\\dir\\x", nil), ("a;DROP MEASUREMENT cpu", nil), ("_field", nil), ("$1 `x` %s", nil),
    ("1", nil), ("true", nil), ("\u{202e}rtl", "\u{fffd}rtl"), ("c1\u{9b}x", "c1\u{fffd}x"),
    ("two\nlines", "two⏎lines"), ("cr\r", "cr⏎"), ("nul\u{0}\u{1b}", "nul\u{fffd}\u{fffd}"),
    ("del\u{7f}", "del\u{fffd}"), ("tab\tx", "tab\u{fffd}x"),
  ]
  /// Texts that a string field can hold and a name cannot.
  static let slashes: [(String, String)] = [
    ("ends\\", "ends⧵"), ("a\\ b", "a⧵ b"), ("a\\,b", "a⧵,b"), ("a\\=b", "a⧵=b"), ("\\\\", "⧵⧵"),
    ("\\", "⧵"), ("\\\"", "⧵\""),
  ]

  @Test func `hostile names and values are read back as they were written`() async throws {
    let server = try Self.server.get()
    let sink = InfluxDB(.init(url: server.url, database: "hostile"))
    let names = Self.hostile.map { ($0, $1 ?? $0) } + Self.slashes
    var points: [Point] = []
    for (index, (text, _)) in names.enumerated() {
      var value = Point("value", time: Timestamp(nanoseconds: noon.nanoseconds + Int64(index)))
      value.tag("n", "\(index)")
      value.tag("t", text)
      value.string("s", text)
      var key = Point("key")
      key.tag("t" + text, "v")
      key.integer("f" + text, Int64(index))
      var measurement = Point("m" + text)
      measurement.integer("n", Int64(index))
      points += [value, key, measurement]
    }
    let delivery = await write([batch(points)], to: sink)
    #expect(delivery == Delivery(receipt: Receipt(taken: points.count)))

    let values = try server.query("SELECT s, t FROM value", database: "hostile")
    #expect(values.count == names.count)
    for (row, (text, inName)) in zip(values, names) {
      let inString = Self.slashes.contains { $0.0 == text } ? text : inName
      #expect(row[2] as? String == inString)
      #expect(row[3] as? String == inName)
    }
    let wanted = Set(names.map(\.1))
    let fields = try server.query("SHOW FIELD KEYS FROM \"key\"", database: "hostile")
    #expect(Set(fields.compactMap { $0[1] as? String }) == Set(wanted.map { "f" + $0 }))
    let tags = try server.query("SHOW TAG KEYS FROM \"key\"", database: "hostile")
    let known = Set(wanted.map { "t" + $0 } + ["host", "group"])
    #expect(Set(tags.compactMap { $0[1] as? String }) == known)
    let measurements = try server.query("SHOW MEASUREMENTS", database: "hostile")
    let found = Set(measurements.compactMap { $0[1] as? String })
    #expect(found == Set(wanted.map { "m" + $0 } + ["value", "key"]))
  }

  @Test func `what the server would refuse is not sent`() async throws {
    let server = try Self.server.get()
    let sink = InfluxDB(.init(url: server.url, database: "refused"))
    var odd = Point("odd", time: Timestamp(nanoseconds: .max))
    odd.tags = [Tag("time", "1"), Tag("a", "1"), Tag("a", "2"), Tag("empty", ""), Tag("", "x")]
    odd.fields = [
      Field("time", .integer(1)), Field("nan", .float(.nan)), Field("inf", .float(.infinity)),
      Field("", .integer(1)), Field("v", .float(1e-300)), Field("z", .float(-0.0)),
    ]
    var hash = Point("#comment")
    hash.integer("v", Int64(1))
    var long = Point("long")
    long.tag("t", String(repeating: "ü ", count: 40_000))
    long.string("s", String(repeating: "\"", count: 70_000))
    var nothing = Point("nothing")
    nothing.fields = [Field("nan", .float(.nan))]
    let delivery = await write([batch([odd, hash, long, nothing])], to: sink)
    #expect(delivery == Delivery(receipt: Receipt(taken: 3)))
    let measurements = try server.query("SHOW MEASUREMENTS", database: "refused")
    #expect(measurements.map { "\($0[1])" } == ["long", "odd", "＃comment"])
  }

  @Test func `a field of another type is named and the rest is kept`() async throws {
    let server = try Self.server.get()
    let sink = InfluxDB(.init(url: server.url, database: "types"))
    var first = Point("m")
    first.integer("v", Int64(1))
    #expect(await write([batch([first])], to: sink).error == nil)
    var wrong = Point("m", time: Timestamp(nanoseconds: noon.nanoseconds + 1))
    wrong.float("v", 1.5)
    var right = Point("m", time: Timestamp(nanoseconds: noon.nanoseconds + 2))
    right.integer("v", Int64(3))
    let delivery = await write([batch([wrong, right])], to: sink)
    #expect(delivery.error == nil)
    #expect(delivery.receipt.taken == 1)
    #expect(delivery.receipt.refused == 1)
    #expect(delivery.receipt.messages.first?.contains("field type conflict") == true)
    let rows = try server.query("SELECT v FROM m", database: "types")
    #expect(rows.count == 2)
  }

  @Test func `only the line that cannot be read is set aside`() async throws {
    let server = try Self.server.get()
    let sink = InfluxDB(.init(url: server.url, database: "lines"))
    func deliver(_ text: String, lines: Int) async -> Delivery {
      let body = Compressor(.gzip, level: 1).pack(Array(text.utf8))
      return await Reactor().run { reactor in
        await sink.deliver(
          [Payload(body: body, lines: lines)], on: reactor, by: .after(.seconds(10)))
      }
    }
    let some = await deliver("m v=1 1\nbad line\nm v=2 2\nworse\nm v=3 3\n", lines: 5)
    #expect(some.error == nil)
    #expect((some.receipt.taken, some.receipt.refused) == (3, 2))
    #expect(some.receipt.messages.joined().contains("bad line"))
    let all = await deliver("bad line\nworse\n", lines: 2)
    #expect(all.error == nil)
    #expect((all.receipt.taken, all.receipt.refused) == (0, 2))
    let rows = try server.query("SELECT v FROM m", database: "lines")
    #expect(rows.count == 3)
  }

  @Test func `what was damaged on the disk is given up, and holds up nothing`() async throws {
    let server = try Self.server.get()
    let sink = InfluxDB(.init(url: server.url, database: "damaged"))
    var point = Point("m")
    point.integer("v", Int64(1))
    let good = sink.payloads([batch([point])])
    for change in [
      { $0[0] ^= 0xff }, { $0.removeLast(3) }, { $0[$0.count / 2] ^= 0xff }, { $0.removeAll() },
    ] as [(inout [UInt8]) -> Void] {
      var bad = good[0]
      change(&bad.body)
      let delivery = await Reactor().run { [bad] reactor in
        await sink.deliver([bad] + good, on: reactor, by: .after(.seconds(10)))
      }
      #expect(delivery.error == nil, "\(delivery)")
      #expect((delivery.receipt.taken, delivery.receipt.refused) == (1, 1), "\(delivery)")
    }
  }

  @Test func `a password is asked for, refused and accepted`() async throws {
    let server = try InfluxServer(["INFLUXDB_HTTP_AUTH_ENABLED": "true"])
    try server.execute("CREATE USER boss WITH PASSWORD 's3cret:/@ü' WITH ALL PRIVILEGES")
    try server.execute(
      "CREATE USER guest WITH PASSWORD 'g'; CREATE DATABASE mine", user: "boss",
      password: "s3cret:/@ü")
    var point = Point("m")
    point.integer("v", Int64(1))
    let cases: [(String?, String?, String, DeliveryError.Reason?)] = [
      (nil, nil, "mine", .unauthorized), ("boss", "wrong", "mine", .unauthorized),
      ("guest", "g", "mine", .unauthorized), ("guest", "g", "none", .unauthorized),
      ("boss", "s3cret:/@ü", "fresh", nil),
    ]
    for (user, password, database, reason) in cases {
      var configuration = InfluxDB.Configuration(url: server.url, database: database)
      configuration.username = user
      configuration.password = password
      let delivery = await write([batch([point])], to: InfluxDB(configuration))
      #expect(delivery.error?.reason == reason, "\(user ?? "nobody") \(delivery)")
      #expect("\(delivery)".contains(password ?? "s3cret") == false || password == "g")
    }
    let rows = try server.query(
      "SELECT v FROM m", database: "fresh", user: "boss", password: "s3cret:/@ü")
    #expect(rows.count == 1)
  }

  @Test func `points wait in the store while the server is away, and arrive once`() async throws {
    let server = try InfluxServer()
    let sink = InfluxDB(.init(url: server.url, database: "x"))
    try await withFolder { folder in
      let store = Store(path: folder + "/scrape.db")
      func pass(_ number: Int) async throws -> Delivery {
        var point = Point("m")
        point.integer("v", Int64(number))
        let time = Timestamp(seconds: 1_767_268_800 + Int64(number))
        let batches = [batch([point], at: time)]
        try await store.finish(
          PassSummary(start: time, end: time, hosts: 1, up: 1, failed: 0, points: 1),
          batches.map { HostResult(batch: $0) }, queue: [sink.name: sink.encode(batches)])
        return await Reactor().run { reactor in
          await sink.drain(store, on: reactor, by: .after(.seconds(10)))
        }
      }
      var delivery = try await pass(1)
      #expect(delivery == Delivery(receipt: Receipt(taken: 1)))
      server.stop()
      delivery = try await pass(2)
      #expect(delivery.error?.reason == .unreachable)
      delivery = try await pass(3)
      #expect(delivery.error?.reason == .unreachable)
      var queues = try await store.queues()
      #expect(queues.map(\.lines) == [2])
      #expect(queues.first?.sink == sink.name)
      try server.start()
      delivery = try await pass(4)
      #expect(delivery == Delivery(receipt: Receipt(taken: 3)))
      queues = try await store.queues()
      #expect(queues.isEmpty)
      let rows = try server.query("SELECT v FROM m", database: "x")
      #expect(rows.compactMap { $0[2] as? Int } == [1, 2, 3, 4])
    }
  }

  @Test func `only the measurements that are wanted are written`() async throws {
    let server = try Self.server.get()
    var configuration = InfluxDB.Configuration(url: server.url, database: "wanted")
    configuration.options.measurements.wanted = ["b"]
    configuration.retentionPolicy = "autogen"
    let points = ["a", "b", "c"].map { name in
      var point = Point(name)
      point.integer("v", Int64(1))
      return point
    }
    let delivery = await write([batch(points)], to: InfluxDB(configuration))
    #expect(delivery == Delivery(receipt: Receipt(taken: 1)))
    configuration.retentionPolicy = "none such"
    let missing = await write([batch(points)], to: InfluxDB(configuration))
    #expect(missing.error?.reason == .missing)
    let measurements = try server.query("SHOW MEASUREMENTS", database: "wanted")
    #expect(measurements.map { "\($0[1])" } == ["b"])
  }

  @Test func `a certificate is verified, by the system's authorities or one's own`() async throws {
    try await withFolder { folder in
      let made = try run(
        "/usr/bin/openssl",
        [
          "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
          "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder + "/key", "-out",
          folder + "/cert",
        ])
      try #require(made.status == 0, "\(made.errors)")
      let server = try InfluxServer(
        [
          "INFLUXDB_HTTP_HTTPS_ENABLED": "true",
          "INFLUXDB_HTTP_HTTPS_CERTIFICATE": folder + "/cert",
          "INFLUXDB_HTTP_HTTPS_PRIVATE_KEY": folder + "/key",
        ], scheme: "https")
      var point = Point("m")
      point.integer("v", Int64(1))
      var configuration = InfluxDB.Configuration(url: server.url, database: "x")
      let unknown = await write([batch([point])], to: InfluxDB(configuration))
      #expect(unknown.error?.reason == .unreachable)
      #expect(unknown.error?.message.contains("certificate") == true, "\(unknown)")
      configuration.authorities = folder + "/cert"
      let known = await write([batch([point])], to: InfluxDB(configuration))
      #expect(known == Delivery(receipt: Receipt(taken: 1)))
    }
  }
}
