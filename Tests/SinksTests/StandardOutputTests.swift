import Engine
import Foundation
import Glibc
import Metrics
import Testing

@testable import Sinks
@testable import Store

@Suite(.timeLimit(.minutes(1))) struct StandardOutputTests {
  static let many = batch(
    (0..<3000).map { number in
      var point = Point("m")
      point.integer("v", Int64(number))
      return point
    })

  /// Reads all from a pipe, slowly, on a thread of its own: the cooperative pool has none to spare.
  private func everything(in fd: Int32) async -> Data {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        var all = Data()
        var buffer = [UInt8](repeating: 0, count: 10_000)
        while true {
          let count = read(fd, &buffer, buffer.count)
          if count <= 0 { break }
          all.append(contentsOf: buffer[..<count])
          usleep(1000)
        }
        continuation.resume(returning: all)
      }
    }
  }

  @Test(arguments: [false, true]) func `a slow reader gets every byte`(
    nonBlocking: Bool
  ) async throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    if nonBlocking { _ = fcntl(ends[1], F_SETFL, O_NONBLOCK) }
    let (source, target) = (ends[0], ends[1])
    async let reading = everything(in: source)
    let delivery = await write([Self.many], to: StandardOutput(descriptor: target))
    close(target)
    let text = await reading
    close(source)
    #expect(delivery == Delivery(receipt: Receipt(taken: 3000)))
    #expect(text.count { $0 == 0x0a } == 3000)
    let first = "m,group=web,host=web1 v=0i \(noon.nanoseconds)\n"
    #expect(text.starts(with: Data(first.utf8)))
  }

  @Test func `a reader that stands still costs the deadline and no more`() async throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    let start = Deadline.now
    let delivery = await write(
      [Self.many], to: StandardOutput(descriptor: ends[1]), within: .milliseconds(200))
    #expect(delivery.error?.reason == .timeout)
    #expect(Deadline.now.since(start) < .seconds(5))
  }

  @Test func `a closed pipe has a reason of its own`() async throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    close(ends[0])
    defer { close(ends[1]) }
    signal(SIGPIPE, SIG_IGN)
    let delivery = await write([Self.many], to: StandardOutput(descriptor: ends[1]))
    #expect(delivery.error?.reason == .closed)
  }

  @Test func `a file takes JSON lines`() async throws {
    try await withFolder { folder in
      let path = folder + "/out"
      let fd = open(path, O_WRONLY | O_CREAT, 0o600)
      var point = Point("login", tags: [Tag("user", "a\"\n"), Tag("group", "own")], time: noon)
      point.string("from", "\u{1b}[2J")
      point.float("nan", 1.5)
      let sink = StandardOutput(.json, descriptor: fd)
      let delivery = await write([batch([point, Point("empty")])], to: sink)
      close(fd)
      #expect(delivery == Delivery(receipt: Receipt(taken: 1)))
      let text = try String(contentsOfFile: path, encoding: .utf8)
      #expect(
        text == """
          {"measurement":"login","time":"2026-01-01T12:00:00.000Z","tags":{"group":"own",\
          "host":"web1","user":"a\\"\\n"},"fields":{"from":"\\u001b[2J","nan":1.5}}

          """)
    }
  }
}
