import Transfer
import Engine
import Foundation
import Lab
import Metrics
import Testing

@testable import Sinks
@testable import Store

/// Numbers of several kinds, with tags that must be escaped.
private let points: [Point] = {
  var cpu = Point("cpu", tags: [Tag("cpu", "cpu-total")])
  cpu.float("usage_idle", 87.5)
  cpu.string("note", "no number")
  var disk = Point(
    "disk", tags: [Tag("path", "/a \"b\"\\c\n{host=\"x\"},host=\"y\""), Tag("fs-type", "ext4")])
  disk.integer("total", Int64.max)
  disk.boolean("ok", true)
  return [cpu, disk, Point("empty")]
}()

@Suite(.timeLimit(.minutes(1))) struct PrometheusFileTests {
  private func text(_ folder: String) -> String {
    (try? String(contentsOfFile: folder + "/x.prom", encoding: .utf8)) ?? ""
  }

  @Test func `the file is what the format wants`() async throws {
    try await withFolder { folder in
      let sink = PrometheusFile(path: folder + "/x.prom")
      let delivery = await write([batch(points, at: .now)], to: sink)
      #expect(delivery == Delivery(receipt: Receipt(taken: 3)))
      let expected = #"""
        # HELP cpu_usage_idle Field usage_idle of cpu
        # TYPE cpu_usage_idle untyped
        cpu_usage_idle{cpu="cpu-total",group="web",host="web1"} 87.5
        # HELP disk_ok Field ok of disk
        # TYPE disk_ok untyped
        disk_ok{fs_type="ext4",group="web",host="web1",path="/a \"b\"\\c\n{host=\"x\"},host=\"y\""} 1
        # HELP disk_total Field total of disk
        # TYPE disk_total untyped
        disk_total{fs_type="ext4",group="web",host="web1",path="/a \"b\"\\c\n{host=\"x\"},host=\"y\""} 9223372036854775807
        """#
      #expect(text(folder).contains(expected))
      if PrometheusServer.isInstalled {
        let outcome = try PrometheusServer.check(text(folder))
        #expect(outcome.status == 0, "\(outcome.errors)")
      }
      let mode = try FileManager.default.attributesOfItem(atPath: sink.path)[.posixPermissions]
      #expect(mode as? Int == 0o644)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["x.prom"])
    }
  }

  @Test func `what is not due stays, what is gone goes, and what is old too`() async throws {
    try await withFolder { folder in
      func disk(_ path: String) -> Point {
        var point = Point("disk", tags: [Tag("path", path)])
        point.integer("free", Int64(1))
        return point
      }
      let sink = PrometheusFile(path: folder + "/x.prom", expires: .seconds(100))
      let now = Timestamp.now
      let old = Timestamp(seconds: now.seconds - 200)
      _ = await write(
        [
          batch([disk("/"), disk("/mnt")], at: now), batch([disk("/")], host: "web2", at: now),
          batch([disk("/")], host: "web3", at: old),
        ], to: sink)
      #expect(!text(folder).contains("web3"))
      _ = await write([batch([points[0]], at: now)], to: sink)
      for part in ["path=\"/\"", "path=\"/mnt\"", "cpu_usage_idle{", "host=\"web2\""] {
        #expect(text(folder).contains(part), "\(part) in \(text(folder))")
      }
      _ = await write([batch([disk("/")], at: now)], to: sink)
      #expect(!text(folder).contains("/mnt"))
      #expect(text(folder).contains("host=\"web2\""))
    }
  }

  @Test func `a file of another program is kept, and a damaged one of ours is not trusted`()
    async throws
  {
    try await withFolder { folder in
      let sink = PrometheusFile(path: folder + "/x.prom")
      try Data("node_up 1\n".utf8).write(to: URL(fileURLWithPath: sink.path))
      let refused = await write([batch(points, at: .now)], to: sink)
      #expect(refused.error?.message.contains("another program") == true)
      #expect(text(folder) == "node_up 1\n")

      let whole = String(decoding: Exposition([batch(points, at: .now)]).text, as: UTF8.self)
      for cut in stride(from: 70, to: whole.utf8.count, by: 7) {
        let part = Array(whole.utf8.prefix(cut))
        try Data(part).write(to: URL(fileURLWithPath: sink.path))
        #expect(await write([batch(points, at: .now)], to: sink).error == nil)
        #expect(text(folder).split(separator: "\n").filter { !$0.hasPrefix("#") }.count == 3)
      }
    }
  }

  @Test func `a folder that is missing, and a full disk, end in what to do`() async throws {
    try await withFolder { folder in
      let missing = PrometheusFile(path: folder + "/no/x.prom")
      #expect(
        await write([batch(points)], to: missing).error?.message.contains("make the folder") == true
      )
      #expect(mkfifo(folder + "/p.prom", 0o600) == 0)
      let pipe = PrometheusFile(path: folder + "/p.prom")
      #expect(
        await write([batch(points)], to: pipe).error?.message.contains("no regular file") == true)
    }
  }
}

@Suite(.serialized, .enabled(if: PrometheusServer.isInstalled), .timeLimit(.minutes(2)))
struct RemoteWriteTests {
  private func samples(_ values: [Int64], at start: Timestamp, step: Int64 = 1) -> [Point] {
    values.enumerated().map { index, value in
      var point = Point("m", time: Timestamp(seconds: start.seconds + Int64(index) * step))
      point.integer("v", value)
      return point
    }
  }

  private func sink(_ server: PrometheusServer) -> RemoteWrite {
    RemoteWrite(.init(url: server.url + "/api/v1/write"))
  }

  @Test func `numbers arrive with their labels and times`() async throws {
    let server = try PrometheusServer()
    let now = Timestamp.now
    for _ in 0..<2 {
      let delivery = await write([batch(points, at: now)], to: sink(server))
      #expect(delivery == Delivery(receipt: Receipt(taken: 3)))
    }
    #expect(try server.samples(of: "disk_total").count == 1)
    let disk = try #require(try server.samples(of: "disk_total").first)
    #expect(disk.value == Double(Int64.max))
    #expect(disk.time == now.seconds * 1000)
    #expect(
      disk.labels == [
        "__name__": "disk_total", "host": "web1", "group": "web", "fs_type": "ext4",
        "path": "/a \"b\"\\c\n{host=\"x\"},host=\"y\"",
      ])
    #expect(try server.samples(of: "disk_ok").map(\.value) == [1])
    #expect(try server.samples(of: "cpu_usage_idle").map(\.value) == [87.5])
  }

  @Test func `many arrive in order, and twice is once`() async throws {
    let server = try PrometheusServer()
    let start = Timestamp(seconds: Timestamp.now.seconds - 300)
    let batches = (0..<60).map { host in
      // The latest first: the sink puts them in order.
      batch(samples(Array(0..<200), at: start).reversed(), host: "web\(host)")
    }
    #expect(await write(batches, to: sink(server)) == Delivery(receipt: Receipt(taken: 12_000)))
    // Of each series it knows only its latest sample again; what it refuses is there.
    let again = await write(batches, to: sink(server))
    #expect(again.receipt.taken + again.receipt.refused == 12_000)
    let found = try server.samples(of: "m_v{host=\"web7\"}")
    #expect(found.map(\.value) == (0..<200).map(Double.init))
    #expect(try server.samples(of: "m_v").count == 12_000)
  }

  @Test func `only what is out of order is set aside, counted and named`() async throws {
    let server = try PrometheusServer()
    let sink = sink(server)
    let start = Timestamp(seconds: Timestamp.now.seconds - 300)
    #expect(await write([batch(samples([1], at: start))], to: sink).error == nil)
    let others = (0..<50).map { number in
      var point = Point("other", tags: [Tag("n", "\(number)")], time: start)
      point.integer("v", Int64(number))
      return point
    }
    let older = samples([7], at: Timestamp(seconds: start.seconds - 60))
    let different = samples([2], at: start)
    let delivery = await write([batch(others + older + different)], to: sink)
    #expect(delivery.error == nil)
    #expect(delivery.receipt.taken == 50)
    #expect(delivery.receipt.refused == 2)
    let said = delivery.receipt.messages.joined()
    #expect(said.contains("out of order") && said.contains("m_v"), "\(said)")
    #expect(try server.samples(of: "other_v").count == 50)
    #expect(try server.samples(of: "m_v").map(\.value) == [1])
  }

  @Test func `a Prometheus that takes no writes keeps the data and says the flag`() async throws {
    let server = try PrometheusServer(receivesRemoteWrites: false)
    let delivery = await write([batch(points, at: .now)], to: sink(server))
    #expect(delivery.error?.reason == .missing)
    #expect(delivery.error?.message.contains("--web.enable-remote-write-receiver") == true)
  }

  @Test(.enabled(if: VictoriaServer.isInstalled))
  func `VictoriaMetrics takes the same`() async throws {
    let server = try VictoriaServer()
    let now = Timestamp.now
    let delivery = await write(
      [batch(points, at: now)], to: RemoteWrite(.init(url: server.url + "/api/v1/write")))
    #expect(delivery == Delivery(receipt: Receipt(taken: 3)))
    #expect(eventually { (try? server.samples(of: "disk_total").count) == 1 })
    let sample = try #require(try server.samples(of: "disk_total").first)
    #expect(sample.labels["path"] == "/a \"b\"\\c\n{host=\"x\"},host=\"y\"")
    #expect(sample.time == now.seconds * 1000)
  }

  @Test(
    arguments: [
      ([.status(200)], nil, 1),
      ([.status(503, headers: "Retry-After: 1\r\n"), .status(204)], nil, 2),
      ([.status(429, headers: "Retry-After: 86400\r\n")], .unavailable, 1),
      ([.status(413), .status(204), .status(204)], nil, 3),
      ([.status(400, body: "snappy: corrupt input")], .protocolError, 1),
      ([.status(401, body: "<html>log in</html>")], .unauthorized, 1),
      ([.status(302, headers: "Location: http://127.0.0.1:1/\r\n")], .protocolError, 1),
      ([.silence], .timeout, 1), ([.reset], .unreachable, 1), ([.endless], nil, 2),
      ([.bytes("SSH-2.0-OpenSSH_9.2\r\n")], .protocolError, 1),
    ] as [([FakeServer.Answer], DeliveryError.Reason?, Int)])
  func `a server's answer ends in samples taken or in a reason`(
    answers: [FakeServer.Answer], reason: DeliveryError.Reason?, requests: Int
  ) async throws {
    let server = try FakeServer(answers)
    defer { server.stop() }
    var configuration = RemoteWrite.Configuration(url: server.url + "/api/v1/write")
    configuration.token = "hidden"
    let delivery = await write([batch(points)], to: RemoteWrite(configuration), within: .seconds(3))
    #expect(delivery.error?.reason == reason)
    #expect(delivery.receipt.taken == (reason == nil ? 3 : 0))
    #expect(server.requests.count == requests)
    #expect(server.requests.allSatisfy { $0.contains("Authorization: Bearer hidden") })
    #expect(delivery.error?.message.contains("hidden") != true)
  }

  @Test func `a payload of the queue that is damaged is no payload`() {
    let whole = RemoteWrite(.init(url: "http://x/w")).encode([batch(points)])[0]
    let message = Snappy.unpack(whole.body, limit: 1 << 20) ?? []
    #expect(WriteRequest(whole)?.payload == whole)
    for end in message.indices.dropFirst() {
      // Cut between two series it is whole, and shorter.
      let read = WriteRequest(Payload(body: Snappy.pack(Array(message[..<end])), lines: 3))
      #expect(read.map { $0.count < 3 } ?? true)
    }
    #expect(WriteRequest(Payload(body: [0xff, 0xff, 0xff, 0xff, 0x0f], lines: 1)) == nil)
    #expect(WriteRequest(Payload(body: [], lines: 1)) == nil)
  }
}
