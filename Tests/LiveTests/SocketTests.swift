import Engine
import Foundation
import Glibc
import Lab
import Metrics
import Synchronization
import Testing

@testable import Live

/// The view through a Unix socket, between real processes where that matters.
@Suite struct LiveSocketTests {
  /// Counts what is asked.
  final class Planted: LiveContents {
    let made = Mutex(0)
    let asked = Mutex<[LiveRequest]>([])
    let hosts: Int
    init(hosts: Int = 400) { self.hosts = hosts }

    func snapshot() async throws -> Snapshot {
      let number = made.withLock { made in
        made += 1
        return made
      }
      var snapshot = PlantedSnapshot(hosts: hosts).snapshot
      snapshot.title = "number \(number)"
      return snapshot
    }

    func answer(_ request: LiveRequest) async -> LiveAnswer {
      asked.withLock { $0.append(request) }
      switch request {
      case .select(let pattern): return pattern == "none" ? .failed("no host") : .hosts(["a", "b"])
      case .host(let name): return .host(PlantedSnapshot(hosts: 60).detail(name))
      default: return .done("done")
      }
    }
  }

  /// A server on a reactor of its own, until `stop`.
  final class Service {
    let scratch = Scratch()
    let contents: Planted
    let feed: LiveFeed
    let server: LiveServer
    let reactor = Reactor()
    private var task: Task<Void, Never>?
    var path: String { server.path }

    init(hosts: Int = 400, name: String = "scrape.db.live") throws {
      contents = Planted(hosts: hosts)
      feed = LiveFeed(contents, pause: .milliseconds(20))
      let folder = scratch.path
      chmod(folder, 0o755)
      server = try LiveServer(at: "\(folder)/\(name)", feed)
      task = Task { [feed, server, reactor] in
        await withTaskGroup(of: Void.self) { group in
          group.addTask { await feed.run(on: reactor) }
          group.addTask { await server.serve(on: reactor) }
        }
      }
    }

    func stop() async {
      task?.cancel()
      await task?.value
    }
  }

  private func titles(
    _ client: any SnapshotSource, _ count: Int, on reactor: Reactor,
    _ each: @escaping @Sendable () -> Void = {}
  ) async -> [String] {
    let seen = Mutex<[String]>([])
    let (stream, end) = AsyncStream<Void>.makeStream()
    let task = Task {
      await reactor.open { reactor in
        try? await client.follow(on: reactor) { snapshot in
          let have = seen.withLock { seen in
            seen.append(snapshot.title)
            return seen.count
          }
          each()
          if have == count { end.finish() }
        }
      }
    }
    let limit = Task {
      try? await Task.sleep(for: .seconds(20))
      end.finish()
    }
    for await _ in stream {}
    limit.cancel()
    task.cancel()
    await task.value
    return seen.withLock { $0 }
  }

  @Test func `a snapshot, a host and all requests cross the socket unchanged`() async throws {
    let snapshot = PlantedSnapshot().snapshot
    let text = snapshot.json.bytes
    let back = Snapshot(try #require(JSON(reading: text)))
    #expect(back == snapshot)
    #expect(text.count < 400_000, "\(text.count)")
    var hostile = PlantedSnapshot(hosts: 20)
    hostile.text = { $0 + PlantedSnapshot.hostile[0] + PlantedSnapshot.hostile[6] }
    let other = hostile.snapshot
    #expect(Snapshot(try #require(JSON(reading: other.json.bytes))) == other)
    for request: LiveRequest in [
      .greeting, .select(pattern: "web*,!x"), .host("a\u{1b}"),
      .acknowledge(pattern: "a", check: "b*", why: "c", who: "d"),
      .acknowledge(pattern: "a", check: nil, why: "", who: ""),
      .silence(pattern: "a", check: nil, length: "2h", why: "c", who: "d"),
    ] {
      #expect(LiveRequest(request.json) == request)
    }
    for answer: LiveAnswer in [
      .hosts(["a"]), .hosts([]), .host(PlantedSnapshot(hosts: 60).detail("x")), .done("a"),
      .failed("b"),
    ] {
      #expect(LiveAnswer(answer.json) == answer)
    }
    #expect(LiveRequest(.object([("ask", .string("what"))])) == nil)
  }

  @Test func `several clients see each change, and ask`() async throws {
    let service = try Service()
    let client = LiveClient(at: service.path)
    let reactor = Reactor()
    let feed = service.feed
    async let one = titles(client, 3, on: reactor) { feed.changed() }
    async let two = titles(client, 3, on: reactor)
    let (first, second) = await (one, two)
    #expect(first.count >= 3 && second.count >= 3, "\(first) \(second)")
    #expect(first == first.sorted { $0.count == $1.count ? $0 < $1 : $0.count < $1.count })
    let ask = { (request: LiveRequest) in
      await reactor.open { reactor in await client.ask(request, on: reactor) }
    }
    #expect(await ask(.select(pattern: "x")) == .hosts(["a", "b"]))
    #expect(await ask(.select(pattern: "none")) == .failed("no host"))
    let request = LiveRequest.acknowledge(pattern: "x", check: nil, why: "y", who: "z")
    #expect(await ask(request) == .done("done"))
    #expect(service.contents.asked.withLock { $0.last } == request)
    #expect(await ask(.greeting) == .done(""))
    await service.stop()
  }

  @Test func `nothing is made while nobody watches`() async throws {
    let service = try Service()
    for _ in 0..<20 {
      service.feed.changed()
      try await Task.sleep(for: .milliseconds(5))
    }
    #expect(service.contents.made.withLock { $0 } == 0)
    let reactor = Reactor()
    _ = await titles(LiveClient(at: service.path), 1, on: reactor)
    try await Task.sleep(for: .milliseconds(200))
    let made = service.contents.made.withLock { $0 }
    service.feed.changed()
    try await Task.sleep(for: .milliseconds(200))
    #expect(service.contents.made.withLock { $0 } <= made + 1)
    await service.stop()
  }

  @Test func `a client that reads nothing holds up nobody`() async throws {
    let service = try Service(hosts: 1200)
    let slow = try SocketPlace(service.path).connect()
    let hello = JSON.object([("version", .integer(1)), ("watch", .boolean(true))])
    let frame = Frame.bytes(hello)
    #expect(write(slow.number, frame, frame.count) == frame.count)
    let reactor = Reactor()
    let begun = ContinuousClock.now
    let feed = service.feed
    let seen = await titles(LiveClient(at: service.path), 5, on: reactor) { feed.changed() }
    #expect(seen.count >= 5, "\(seen)")
    #expect(ContinuousClock.now - begun < .seconds(30))
    await service.stop()
  }

  @Test(
    arguments: [
      [0xff, 0xff, 0xff, 0xff, 0x7b], [0, 0, 0, 2, 0x7b, 0x7b], [0, 1, 0, 1],
      Array("GET / HTTP/1.1\r\n\r\n".utf8),
    ] as [[UInt8]])
  func `what is no request ends that connection only`(_ bytes: [UInt8]) async throws {
    let service = try Service(hosts: 8)
    let strange = try SocketPlace(service.path).connect()
    #expect(write(strange.number, bytes, bytes.count) == bytes.count)
    var ready = pollfd(fd: strange.number, events: Int16(POLLIN), revents: 0)
    #expect(poll(&ready, 1, 10_000) == 1)
    var byte: UInt8 = 0
    #expect(read(strange.number, &byte, 1) <= 0)
    let reactor = Reactor()
    let answer = await reactor.open { [path = service.path] reactor in
      await LiveClient(at: path).ask(.greeting, on: reactor)
    }
    #expect(answer == .done(""))
    await service.stop()
  }

  @Test func `another version is told to restart, and too many are left out`() async throws {
    let service = try Service(hosts: 8)
    let old = try SocketPlace(service.path).connect()
    let frame = Frame.bytes(.object([("version", .integer(0)), ("watch", .boolean(true))]))
    #expect(write(old.number, frame, frame.count) == frame.count)
    var ready = pollfd(fd: old.number, events: Int16(POLLIN), revents: 0)
    #expect(poll(&ready, 1, 10_000) == 1)
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(old.number, &bytes, bytes.count)
    #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).contains("restart it"))
    var many: [Int32] = []
    for _ in 0..<40 {
      var number: Int32?
      // Connections wait for the service in a queue of the system, which may be full.
      for _ in 0..<500 where number == nil {
        if let connection = try? SocketPlace(service.path).connect() {
          number = dup(connection.number)
        } else {
          try await Task.sleep(for: .milliseconds(10))
        }
      }
      many.append(try #require(number))
    }
    try await Task.sleep(for: .milliseconds(300))
    let closed = many.filter { number in
      var ready = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
      return poll(&ready, 1, 0) == 1
    }
    // The one of another version may still be counted.
    #expect(closed.count >= 40 - LiveServer.most, "\(closed.count)")
    for number in many { close(number) }
    try await Task.sleep(for: .milliseconds(300))
    let reactor = Reactor()
    let answer = await reactor.open { [path = service.path] reactor in
      await LiveClient(at: path).ask(.greeting, on: reactor)
    }
    #expect(answer == .done(""))
    await service.stop()
  }

  @Test func `only its user may connect`() async throws {
    let service = try Service(hosts: 8)
    var status = stat()
    #expect(stat(service.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    guard geteuid() == 0 else {
      await service.stop()
      return
    }
    let program = """
      import socket, struct, sys
      s = socket.socket(socket.AF_UNIX); s.settimeout(10)
      try: s.connect(sys.argv[1])
      except OSError as e: print("refused", e.errno); sys.exit()
      m = b'{"version":1,"ask":"greeting"}'
      try:
        s.sendall(struct.pack(">I", len(m)) + m)
        print("answer", len(s.recv(100)))
      except ConnectionError: print("answer 0")
      """
    func ask(as user: String) throws -> String {
      try run(
        "/usr/bin/setpriv",
        ["--reuid=\(user)", "--clear-groups", "/usr/bin/python3", "-c", program, service.path]
      ).output
    }
    #expect(try ask(as: "0").hasPrefix("answer 1"))
    #expect(try ask(as: "65534").hasPrefix("refused 13"))
    // Even if its mode is changed.
    chmod(service.path, 0o666)
    #expect(try ask(as: "65534").hasPrefix("answer 0"))
    await service.stop()
  }

  @Test func `the file of a dead process is replaced, that of a living one is not`() async throws {
    let scratch = Scratch()
    let path = "\(scratch.path)/live"
    do {
      let place = try SocketPlace(path)
      _ = try place.listen()
    }
    #expect(access(path, F_OK) == 0)
    let reactor = Reactor()
    let client = LiveClient(at: path)
    let before = await reactor.open { reactor in await client.ask(.greeting, on: reactor) }
    guard case .failed(let words) = before else {
      Issue.record("\(before)")
      return
    }
    #expect(words.contains("no `scrape watch` runs with this store"))
    let feed = LiveFeed(Planted(hosts: 8))
    var server: LiveServer? = try LiveServer(at: path, feed)
    let error = #expect(throws: LiveError.self) { _ = try LiveServer(at: path, feed) }
    #expect(error?.message.contains("another `scrape watch` serves there") == true)
    withExtendedLifetime(server) {}
    server = nil
    #expect(access(path, F_OK) != 0)
  }

  @Test func `a path longer than a socket's name works`() async throws {
    let scratch = Scratch()
    let folder = scratch.path + "/" + String(repeating: "deep/", count: 30)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let path = folder + "scrape.db.live"
    let feed = LiveFeed(Planted(hosts: 8))
    let server = try LiveServer(at: path, feed)
    let reactor = Reactor()
    let task = Task { await reactor.open { reactor in await server.serve(on: reactor) } }
    let answer = await reactor.open { reactor in
      await LiveClient(at: path).ask(.greeting, on: reactor)
    }
    #expect(answer == .done(""))
    task.cancel()
    await task.value
  }
}
