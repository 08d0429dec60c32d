import Transfer
import Configuration
import Engine
import Foundation
import Lab
import Metrics
import Testing

@testable import Sinks
@testable import Store

@Suite(.timeLimit(.minutes(1))) struct GraphiteNamesTests {
  static let point: Point = {
    var point = Point("disk", tags: [Tag("path", "/var/lib"), Tag("device", "sd a.1")])
    point.float("used_percent", 12.5)
    return point
  }()

  @Test(
    arguments: [
      ("host.tags.measurement.field", "used_percent", "web1.sd_a_1.web.-var-lib.disk.used_percent"),
      ("measurement.field", "used_percent", "disk.used_percent"),
      ("measurement.field", "value", "disk"),
      ("measurement.host.field.path", "value", "disk.web1.-var-lib"),
      ("field.measurement", "value", "value.disk"),
      ("measurement.absent.field", "x", "disk.x"),
      ("path.measurement.field.tags", "a b/c", "-var-lib.disk.a_b-c.sd_a_1.web.web1"),
    ])
  func `names follow the template as in Telegraf`(template: String, field: String, name: String) {
    var names = GraphiteNames()
    names.template = template.split(separator: ".").map(String.init)
    #expect(names.bucket(of: Self.point, in: batch([])).name(of: field) == name)
  }

  @Test func `a tagged name carries every tag`() {
    var names = GraphiteNames()
    names.isTagged = true
    names.prefix = "range a.x"
    let bucket = names.bucket(of: Self.point, in: batch([]))
    #expect(
      bucket.name(of: "free")
        == "range_a.x.disk.free;device=sd_a.1;group=web;host=web1;path=-var-lib")
    #expect(
      bucket.name(of: "value") == "range_a.x.disk;device=sd_a.1;group=web;host=web1;path=-var-lib")
  }

  @Test(
    arguments: [
      ("plain", "plain"), ("a.b", "a_b"), ("../../etc", "__-__-etc"), ("a b\n1 2\n", "a_b_1_2_"),
      ("", "_"), ("ünï", "ünï"), ("\u{202e}x", "_x"), ("a;b=c", "a_b_c"), ("*?{}[]", "-_____"),
      ("😀", "_"), (String(repeating: "x", count: 999), String(repeating: "x", count: 200)),
    ])
  func `no word leaves its place in a name`(text: String, word: String) {
    #expect(GraphiteNames.word(text) == word)
  }

  @Test func `only numbers become lines, and only finite ones`() throws {
    var point = Point("m", time: Timestamp(nanoseconds: 1_999_999_999))
    point.integer("i", Int64.min)
    point.float("f", 0.1)
    point.string("s", "text")
    point.boolean("b", true)
    point.fields.append(Field("n", .float(.nan)))
    let payload = try #require(Graphite(.init()).encode([batch([point, Point("empty")])]).first)
    let text = try #require(Decompressor().unpack(payload.body, limit: 1000))
    #expect(payload.lines == 2)
    #expect(
      String(decoding: text, as: UTF8.self)
        == "web1.web.m.i -9223372036854775808 1\nweb1.web.m.f 0.1 1\n")
  }
}

@Suite(.serialized, .enabled(if: Carbon.isInstalled), .timeLimit(.minutes(2)))
struct GraphiteTests {
  private func sink(_ port: UInt16) -> Graphite {
    var configuration = Graphite.Configuration()
    configuration.port = port
    return Graphite(configuration)
  }

  private func points(_ range: Range<Int>, from start: Int64) -> [Point] {
    range.map { number in
      var point = Point("m", time: Timestamp(seconds: start + Int64(number)))
      point.integer("v", Int64(number))
      return point
    }
  }

  @Test func `every number is in carbon's files`() async throws {
    let carbon = try Carbon()
    let sink = sink(carbon.port)
    let start = Timestamp.now.seconds - 200
    var disk = GraphiteNamesTests.point
    disk.time = Timestamp(seconds: start)
    let delivery = await write([batch(points(0..<100, from: start) + [disk])], to: sink)
    #expect(delivery == Delivery(receipt: Receipt(taken: 101)))
    #expect(eventually { carbon.names.count == 2 })
    #expect(carbon.names == ["web1.sd_a_1.web.-var-lib.disk.used_percent", "web1.web.m.v"])
    #expect(eventually { (try? carbon.values("web1.web.m.v").count) == 100 })
    let values = try carbon.values("web1.web.m.v")
    #expect(values[Int(start) + 42] == 42)
    #expect(try carbon.values(carbon.names[0]) == [Int(start): 12.5])
    // Twice is once.
    let again = await write([batch(points(0..<100, from: start))], to: sink)
    #expect(again.receipt.taken == 100)
    #expect(try carbon.values("web1.web.m.v").count == 100)
  }

  @Test func `what is sent while carbon is gone is kept, and arrives when it is back`()
    async throws
  {
    let carbon = try Carbon()
    let sink = sink(carbon.port)
    let start = Timestamp.now.seconds - 200
    #expect(await write([batch(points(0..<10, from: start))], to: sink).error == nil)
    // What carbon itself has only in memory dies with it.
    #expect(eventually { (try? carbon.values("web1.web.m.v").count) == 10 })
    carbon.stop()
    let lost = await write([batch(points(10..<20, from: start))], to: sink)
    #expect(lost.error?.reason == .unreachable)
    #expect(lost.error?.message.contains("is carbon running") == true)
    try carbon.start()
    // The very first send after the return is not lost.
    #expect(await write([batch(points(10..<20, from: start))], to: sink).error == nil)
    #expect(eventually { (try? carbon.values("web1.web.m.v").count) == 20 })
  }

  @Test func `a carbon that stands still has taken nothing`() async throws {
    let carbon = try Carbon()
    carbon.freeze()
    defer { carbon.thaw() }
    let begin = Deadline.now
    let start = Timestamp.now.seconds - 200
    let delivery = await write(
      [batch(points(0..<10, from: start))], to: sink(carbon.port), within: .milliseconds(500))
    #expect(delivery.error?.reason == .timeout)
    #expect(delivery.receipt.taken == 0)
    #expect(Deadline.now.since(begin) < .seconds(5))
  }

  @Test(
    arguments: [
      // One that closes before it has read resets the connection, as does one that is killed.
      ([.close], .unreachable),
      ([.read(10), .reset], .unreachable),
      ([.reset], .unreachable),
      // This one reads to the end and closes: all that can be known of a carbon.
      ([.silence], nil),
      ([.flood(Array("no".utf8))], .protocolError),
    ] as [([Lab.FakeServer.Act], DeliveryError.Reason?)])
  func `a peer that is no carbon ends in a reason`(
    acts: [Lab.FakeServer.Act], reason: DeliveryError.Reason?
  ) async throws {
    let server = Lab.FakeServer(acts)
    let many = points(0..<50_000, from: 1_700_000_000)
    let begin = Deadline.now
    let delivery = await write([batch(many)], to: sink(server.port), within: .seconds(2))
    #expect(delivery.error?.reason == reason)
    #expect(Deadline.now.since(begin) < .seconds(8))
  }
}
