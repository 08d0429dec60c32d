import Foundation
import Synchronization

/// A web server that answers each request with what the function makes of it, and keeps the requests.
public final class Answerer: Sendable {
  public let port: UInt16
  private let listener: Int32
  private let seen = Seen()

  private final class Seen: Sendable {
    let requests = Mutex<[String]>([])
  }

  /// The requests, with their bodies.
  public var requests: [String] { seen.requests.withLock { $0 } }

  public init(_ answer: @escaping @Sendable (String) -> String) throws {
    signal(SIGPIPE, SIG_IGN)
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && listen(listener, 64) == 0
          ? getsockname(listener, $0, &size) : -1
      }
    }
    guard code == 0 else { throw CocoaError(.fileWriteUnknown) }
    self.listener = listener
    port = UInt16(bigEndian: address.sin_port)
    Thread.detachNewThread { [seen] in
      while true {
        let client = accept(listener, nil, nil)
        if client < 0 { return }
        Thread.detachNewThread {
          let request = Self.request(from: client)
          seen.requests.withLock { $0.append(request) }
          let bytes = Array(answer(request).utf8)
          _ = bytes.withUnsafeBytes { send(client, $0.baseAddress, $0.count, 0) }
          shutdown(client, Int32(SHUT_WR))
          var rest = [UInt8](repeating: 0, count: 4096)
          while recv(client, &rest, rest.count, 0) > 0 {}
          close(client)
        }
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  /// The head, and as much of a body as it announces.
  private static func request(from client: Int32) -> String {
    var text = ""
    var room = [UInt8](repeating: 0, count: 4096)
    while true {
      if let end = text.range(of: "\r\n\r\n") {
        let length = text.range(of: "Content-Length: ", options: .caseInsensitive)
          .flatMap { Int(text[$0.upperBound...].prefix { $0.isNumber }) }
        if text[end.upperBound...].utf8.count >= length ?? 0 { return text }
      }
      let count = recv(client, &room, room.count, 0)
      if count <= 0 { return text }
      text += String(decoding: room[..<count], as: UTF8.self)
    }
  }
}
