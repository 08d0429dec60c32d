import Foundation
import Synchronization

/// A web server that answers each request with what the function makes of it, and keeps the requests.
public final class Answerer: Sendable {
  private let listener: Listener
  private let seen = Seen()

  private final class Seen: Sendable {
    let requests = Mutex<[String]>([])
  }

  public var port: UInt16 { listener.port }
  /// The requests, with their bodies.
  public var requests: [String] { seen.requests.withLock { $0 } }

  public init(_ answer: @escaping @Sendable (String) -> String) throws {
    listener = try Listener()
    listener.serve { [seen] client in
      let request = Self.request(from: client)
      seen.requests.withLock { $0.append(request) }
      let bytes = Array(answer(request).utf8)
      _ = bytes.withUnsafeBytes { send(client, $0.baseAddress, $0.count, 0) }
      shutdown(client, Int32(SHUT_WR))
      var rest = [UInt8](repeating: 0, count: 4096)
      while recv(client, &rest, rest.count, 0) > 0 {}
    }
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
