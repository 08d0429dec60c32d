import Glibc
import Lab
import Synchronization

/// A server at the level of bytes: it answers each request with what the test gives it, however wrong.
final class FakeServer: Sendable {
  enum Answer: Sendable {
    /// These bytes, and then the next request is waited for on the same connection.
    case bytes(String)
    /// An answer of that status with that body.
    case status(Int, headers: String = "", body: String = "")
    /// A head, and then a body without end.
    case endless
    /// Nothing, ever.
    case silence
    /// The connection is reset.
    case reset
    /// The connection is closed without a byte.
    case hangUp
  }

  private let listener: Listener
  private let answers: Mutex<[Answer]>
  private let seen = Mutex<[String]>([])
  var url: String { "http://127.0.0.1:\(listener.port)" }
  /// The heads of the requests that came.
  var requests: [String] { seen.withLock { $0 } }

  /// The answers are given in turn; after the last, everything is taken with 204.
  init(_ answers: [Answer]) throws {
    listener = try Listener()
    self.answers = Mutex(answers)
    listener.serve { [self] fd in
      var rest: UInt8 = 0
      if talk(fd) { while read(fd, &rest, 1) > 0 {} }
    }
  }

  func stop() { listener.stop() }

  /// Answers on one connection until it ends; true where it is to stay open in silence.
  private func talk(_ fd: Int32) -> Bool {
    while let head = request(fd) {
      seen.withLock { $0.append(head) }
      let answer = answers.withLock { $0.isEmpty ? Answer.status(204) : $0.removeFirst() }
      switch answer {
      case .bytes(let text): send(text, fd)
      case .status(let status, let headers, let body):
        send(
          "HTTP/1.1 \(status) X\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)", fd)
      case .endless:
        send("HTTP/1.1 500 X\r\n\r\n", fd)
        while send(String(repeating: "x", count: 65_536), fd) {}
        return false
      case .silence: return true
      case .reset:
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
          fd, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
        return false
      case .hangUp: return false
      }
    }
    return false
  }

  @discardableResult private func send(_ text: String, _ fd: Int32) -> Bool {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  /// Reads a request with its body; the head is returned.
  private func request(_ fd: Int32) -> String? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      if let end = bytes.indices.first(where: { bytes[$0...].starts(with: "\r\n\r\n".utf8) }) {
        let head = String(decoding: bytes[..<end], as: UTF8.self)
        var length = 0
        for line in head.lowercased().split(separator: "\r\n")
        where line.hasPrefix("content-length:") {
          length = Int(line.dropFirst(15).drop { $0 == " " }) ?? 0
        }
        if bytes.count >= end + 4 + length { return head }
      }
      let count = read(fd, &buffer, buffer.count)
      guard count > 0 else { return nil }
      bytes += buffer[..<count]
    }
  }
}
