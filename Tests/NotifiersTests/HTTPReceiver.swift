import Foundation
import Lab
import Synchronization

/// A server that keeps each request and answers it with the next of its answers, byte for byte.
final class HTTPReceiver: Sendable {
  struct Request: Sendable {
    var head: String
    var body: [UInt8]

    var json: [String: Any]? {
      (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any]
    }
  }

  var port: UInt16 { listener.port }
  private let listener: Listener
  private let answers: Mutex<[String]>
  private let seen = Mutex<[Request]>([])
  var url: String { "http://127.0.0.1:\(port)/hook" }
  var requests: [Request] { seen.withLock { $0 } }

  /// After the last, everything is taken with 204.
  init(_ answers: [String] = []) throws {
    self.answers = Mutex(answers)
    listener = try Listener()
    listener.serve(inTurn: true) { [self] in serve($0) }
  }

  func stop() { listener.stop() }

  private func serve(_ connection: Int32) {
    var bytes = Data()
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      if let end = bytes.range(of: Data("\r\n\r\n".utf8)) {
        let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
        let length = head.lowercased().components(separatedBy: "content-length: ").last
          .flatMap { Int($0.prefix { $0.isNumber }) }
        if let length, bytes.count >= end.upperBound + length {
          let body = Array(bytes[end.upperBound..<(end.upperBound + length)])
          seen.withLock { $0.append(Request(head: head, body: body)) }
          break
        }
      }
      let count = read(connection, &buffer, buffer.count)
      guard count > 0 else { return }
      bytes.append(contentsOf: buffer[..<count])
    }
    let answer = answers.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    let text = Array((answer ?? "HTTP/1.1 204 X\r\n\r\n").utf8)
    _ = write(connection, text, text.count)
  }
}
