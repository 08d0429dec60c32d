import Foundation
import Glibc
import Lab
import Synchronization

@testable import Sinks
@testable import Store

/// Stands before a real InfluxDB and spoils some of what passes: busy, too large, not allowed, lines
/// that cannot be read, answers that get lost. What it lets through, the real server checks.
final class FaultyProxy: Sendable {
  enum Fault: CaseIterable, Sendable {
    /// 503, 429, 413 and 401 instead of the server's answer, which is not asked.
    case unavailable, tooMany, tooLarge, unauthorized
    /// A line that cannot be read is added: the server takes the others, and says so.
    case badLine
    /// The server takes all, and its answer is lost.
    case answerLost
    /// The connection is closed without a word.
    case hangUp
    /// A page of HTML, as a proxy gives that has lost its server.
    case page
  }

  private struct State {
    var generator: Generator
    var share = 0
    var counts: [Fault: Int] = [:]
    /// What comes next: all of them in some order, again and again.
    var deck: [Fault] = []
  }

  private let listener: Listener
  private let upstream: UInt16
  private let state: Mutex<State>
  var url: String { "http://127.0.0.1:\(listener.port)" }
  /// How often each fault has been.
  var counts: [Fault: Int] { state.withLock { $0.counts } }

  init(before url: String, seed: UInt64) throws {
    upstream = UInt16(url.split(separator: ":").last ?? "") ?? 0
    state = Mutex(State(generator: Generator(state: seed)))
    listener = try Listener()
    listener.serve(inTurn: true) { [self] in serve($0) }
  }

  func stop() { listener.stop() }

  /// How many of a hundred requests are spoiled from now on.
  func spoil(_ share: Int) { state.withLock { $0.share = share } }

  private func serve(_ client: Int32) {
    var timeout = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    guard let (head, asked) = request(client) else { return }
    var body = asked
    let isWrite = head.hasPrefix("POST /write")
    let fault = state.withLock { state -> Fault? in
      guard isWrite, Int.random(in: 0..<100, using: &state.generator) < state.share else {
        return nil
      }
      if state.deck.isEmpty { state.deck = Fault.allCases.shuffled(using: &state.generator) }
      // One line cannot be halved: it would be given up.
      let fits = state.deck.lastIndex { $0 != .tooLarge || body.count > 500 }
      guard let fits else { return nil }
      let fault = state.deck.remove(at: fits)
      state.counts[fault, default: 0] += 1
      return fault
    }
    switch fault {
    case .unavailable: answer("503 Service Unavailable", "Retry-After: 0\r\n", "", client)
    case .tooMany: answer("429 Too Many Requests", "", "{\"error\":\"slow down\"}", client)
    case .tooLarge: answer("413 Request Entity Too Large", "", "", client)
    case .unauthorized:
      answer("401 Unauthorized", "", "{\"error\":\"authorization failed\"}", client)
    case .page: answer("502 Bad Gateway", "", "<html><h1>Bad Gateway</h1></html>", client)
    case .hangUp: break
    case .answerLost: _ = forward(head, body)
    case .badLine:
      // Gzip's members follow one another.
      body += Compressor(.gzip, level: 1).pack(Array("no line at all\n".utf8))
      send(forward(head, body), client)
    case nil: send(forward(head, body), client)
    }
  }

  private func answer(_ status: String, _ headers: String, _ body: String, _ client: Int32) {
    let text =
      "HTTP/1.1 \(status)\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n"
      + "\(headers)\r\n\(body)"
    send(Array(text.utf8), client)
  }

  private func send(_ bytes: [UInt8], _ fd: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  /// The server's answer, whole; nothing where it is away.
  private func forward(_ head: String, _ body: [UInt8]) -> [UInt8] {
    guard let fd = connection(to: upstream) else { return [] }
    defer { close(fd) }
    let lines = head.components(separatedBy: "\r\n").filter { line in
      !line.lowercased().hasPrefix("content-length:") && !line.lowercased().hasPrefix("expect:")
    }
    let own = lines + ["Connection: close", "Content-Length: \(body.count)", "", ""]
    send(Array(own.joined(separator: "\r\n").utf8) + body, fd)
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(fd, &buffer, buffer.count)
      guard count > 0 else { break }
      answer += buffer[..<count]
    }
    return answer
  }

  private func request(_ fd: Int32) -> (head: String, body: [UInt8])? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
        let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
        var length = 0
        for line in head.lowercased().components(separatedBy: "\r\n")
        where line.hasPrefix("content-length:") {
          length = Int(line.dropFirst(15).drop { $0 == " " }) ?? 0
        }
        if bytes.count >= end.upperBound + length {
          return (head, Array(bytes[end.upperBound..<(end.upperBound + length)]))
        }
      }
      let count = read(fd, &buffer, buffer.count)
      guard count > 0 else { return nil }
      bytes += buffer[..<count]
    }
  }
}

/// The same numbers for the same seed (SplitMix64).
struct Generator: RandomNumberGenerator, Sendable {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
