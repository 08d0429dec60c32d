import Engine
import Foundation
import Lab
import Testing

@testable import Transfer

extension Reactor {
  func run<Value: Sendable, Failure: Error>(
    _ body: @Sendable (isolated Reactor) async throws(Failure) -> Value
  ) async throws(Failure) -> Value { try await body(self) }
}

func fetch(
  _ request: TransferRequest, within timeout: Duration = .seconds(10)
) async -> TransferAnswer {
  await Reactor().run { reactor in
    await Transfers().run(request, on: reactor, by: .after(timeout))
  }
}

@Suite(.serialized, .enabled(if: Nginx.isInstalled), .timeLimit(.minutes(2)))
struct TransferTests {
  @Test func `a page comes with its phases, headers and address`() async throws {
    let server = try Nginx()
    var request = TransferRequest("GET", "http://web.invalid:\(server.port)/")
    request.address = "127.0.0.1"
    let answer = await fetch(request)
    #expect(answer.error == nil)
    #expect(answer.status == 200 && answer.lines == ["HTTP/1.1 200 OK"])
    #expect(answer[header: "server"]?.hasPrefix("nginx") == true)
    #expect(String(decoding: answer.body, as: UTF8.self).contains("it works"))
    #expect(answer.address == "127.0.0.1")
    #expect(answer.phases.secured == nil)
    let (connected, answered) = (answer.phases.connected, answer.phases.answered)
    #expect(connected.map { $0 > .zero } == true)
    #expect(answered.map { $0 <= answer.phases.total } == true)
    #expect(answer.certificates.isEmpty && answer.faults.isEmpty)
  }

  @Test func `redirects are followed only as often as allowed`() async throws {
    let server = try Nginx(
      "location = /a { return 302 /b; } location = /b { return 301 /; } "
        + "location = /ring { return 302 /ring; }")
    var request = TransferRequest("GET", "http://127.0.0.1:\(server.port)/a")
    request.address = "127.0.0.1"
    #expect(await fetch(request).status == 302)
    request.redirects = 5
    let answer = await fetch(request)
    #expect(answer.status == 200 && answer.redirects == 2)
    #expect(answer.url == "http://127.0.0.1:\(server.port)/")
    request.url = "http://127.0.0.1:\(server.port)/ring"
    #expect(await fetch(request).error?.reason == .failed)
  }

  @Test(
    arguments: [
      ("good", "IP:127.0.0.1", -1, 90, nil),
      ("expired", "IP:127.0.0.1", -90, -1, "expired 1 day ago"),
      ("early", "IP:127.0.0.1", 1, 90, "is valid only in"),
      ("other", "DNS:other.example", -1, 90, "it is for other.example, not for 127.0.0.1"),
    ] as [(String, String, Double, Double, String?)])
  func `a certificate is verified, and shown where it is refused`(
    name: String, names: String, from: Double, to: Double, distrust: String?
  ) async throws {
    let authority = try Authority()
    let server = try Nginx(
      certificate: authority.certificate(name, names: names, from: from, to: to))
    var request = TransferRequest("GET", "https://127.0.0.1:\(server.port)/")
    request.address = "127.0.0.1"
    request.trust = .systemAnd(authority.file)
    let answer = await fetch(request)
    #expect(answer.error?.reason == (distrust == nil ? nil : .untrusted), "\(answer)")
    #expect(answer.certificates.first?.commonName == name)
    #expect(answer.certificates.first?.names == [String(names.drop { $0 != ":" }.dropFirst())])
    #expect(answer.certificates.first?.issuer == "CN=Lab")
    #expect(answer.certificates.first?.subject == "O=Range,CN=\(name)")
    let days = answer.certificates.first.map {
      Double($0.notAfter) - Date().timeIntervalSince1970
    }
    #expect(abs((days ?? 0) / 86_400 - to) < 0.01)
    #expect(answer.faults.first?.message.contains(distrust ?? "") ?? (distrust ?? "").isEmpty)
    request.trust = .system
    let stranger = await fetch(request)
    #expect(stranger.error?.reason == .untrusted)
    #expect(stranger.faults.first?.message.isEmpty == false)
    #expect(stranger.certificates.first?.commonName == name)
  }

  @Test func `a file without certificates is an error that names it`() async throws {
    let scratch = Scratch()
    var request = TransferRequest("GET", "https://127.0.0.1:1/")
    for path in [scratch.write("empty", ""), scratch.path + "/missing"] {
      request.trust = .only(path)
      let error = await fetch(request).error
      #expect(error?.reason == .invalid)
      #expect(error?.message.contains(path) == true)
    }
  }

  @Test(
    arguments: [
      ([.silence], .timeout, "no answer"), ([.line, .reset], .lost, ""), ([.close], .lost, ""),
      ([.line, .say("SSH-2.0-x\r\n"), .close], .malformed, ""),
      ([.line, .flood("HTTP/1.1 100 x\r\n\r\n")], .malformed, ""),
      ([.line, .say("HTTP/1.1 200 OK\r\n"), .flood("a: b\r\n")], .malformed, ""),
      ([.line, .flood("x")], .malformed, ""),
      ([.line, .say("HTTP/1.1 200 OK\r\n"), .silence], .timeout, "no end of the answer"),
      ([.line, .say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"), .close], .lost, ""),
      ([.line, .drip("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", 100)], .timeout, ""),
    ] as [([Peer.Step], TransferError.Reason, String)])
  func `a server that misbehaves ends in a reason, in time`(
    steps: [Peer.Step], reason: TransferError.Reason, words: String
  ) async throws {
    let peer = try Peer(steps)
    defer { peer.stop() }
    let start = Deadline.now
    let answer = await fetch(
      TransferRequest("GET", "http://127.0.0.1:\(peer.port)/"), within: .milliseconds(1_500))
    #expect(answer.error?.reason == reason, "\(answer)")
    #expect(words.isEmpty || answer.error?.message.contains(words) == true)
    #expect(Deadline.now.since(start) < .seconds(3))
    #expect(answer.body.count <= 1 << 20)
  }

  @Test func `a body is read to its limit`() async throws {
    let peer = try Peer([.line, .say("HTTP/1.1 200 OK\r\n\r\n"), .flood("abcdefgh")])
    defer { peer.stop() }
    var request = TransferRequest("GET", "http://127.0.0.1:\(peer.port)/")
    request.bodyLimit = 1_000
    let answer = await fetch(request)
    #expect(answer.error == nil && answer.isCut && answer.body.count == 1_000)
  }

  @Test func `a port where nobody listens is refused`() async throws {
    let answer = await fetch(TransferRequest("GET", "http://127.0.0.1:\(freePort())/"))
    #expect(answer.error?.reason == .refused)
    #expect(answer.phases.connected == nil)
  }

  @Test func `a transcript shows what was said, and no secret`() async throws {
    let server = try Nginx("return 200 'echo $http_authorization $http_x_key';")
    var request = TransferRequest("GET", "http://127.0.0.1:\(server.port)/")
    request.wantsTranscript = true
    request.user = "alice"
    request.password = "hidden-word"
    request.headers = [("X-Key", "other-word")]
    request.secrets = ["other-word"]
    let answer = await fetch(request)
    let text = answer.transcript.joined(separator: "\n")
    #expect(text.contains("> GET / HTTP/1.1"))
    #expect(text.contains("< HTTP/1.1 200 OK"))
    #expect(text.contains("> Authorization: •••"))
    #expect(text.contains("> X-Key: •••"))
    #expect(!text.contains("hidden-word") && !text.contains("other-word"))
    request.user = nil
    request.bearer = "token-word"
    let bearer = await fetch(request)
    #expect(String(decoding: bearer.body, as: UTF8.self) == "echo Bearer ••• •••")
    #expect(!bearer.transcript.joined().contains("token-word"))
  }

  @Test func `hundreds run at the same time on one thread, dead ones among them`() async throws {
    let server = try Nginx()
    let silent = try Peer([.silence])
    defer { silent.stop() }
    let transfers = Transfers()
    let reactor = Reactor()
    let start = Deadline.now
    let ends = await withTaskGroup(of: Bool.self) { group in
      for index in 0..<300 {
        let port = index % 10 == 0 ? silent.port : server.port
        group.addTask(executorPreference: reactor.executor) {
          await reactor.run { reactor in
            let request = TransferRequest("GET", "http://127.0.0.1:\(port)/")
            return await transfers.run(request, on: reactor, by: .after(.seconds(3))).status == 200
          }
        }
      }
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(ends == 270)
    #expect(Deadline.now.since(start) < .seconds(6))
  }

  @Test func `the number of descriptors is that of the connections`() async throws {
    let silent = try Peer([.silence])
    defer { silent.stop() }
    let transfers = Transfers()
    let reactor = Reactor()
    let count = { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count }
    let before = try count()
    let port = silent.port
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<100 {
        group.addTask {
          _ = await reactor.run { reactor in
            let request = TransferRequest("GET", "http://127.0.0.1:\(port)/")
            return await transfers.run(request, on: reactor, by: .after(.seconds(1)))
          }
        }
      }
      try await Task.sleep(for: .milliseconds(500))
      // The peer is in this process, too.
      #expect(try count() <= before + 210)
      try await group.waitForAll()
    }
    transfers.close()
    #expect(eventually(within: 5) { (try? count()) ?? .max <= before + 8 })
  }
}
