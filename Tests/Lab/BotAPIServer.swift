import Foundation
import Synchronization

/// HTTP for `BotAPI`: a thread per connection, which is kept until the client goes.
final class BotAPIServer: Sendable {
  struct Request: Sendable {
    var method: String
    var path: String
    /// Names in lower case.
    var headers: [String: String]
    var body: [UInt8]
  }

  enum Reply: Sendable {
    case bytes([UInt8])
    case close
    case hang
  }

  private struct Open {
    var listener: Listener?
    var connections: Set<Int32> = []
    var answer: (@Sendable (Request) -> Reply)?
  }

  private let open = Mutex(Open())
  private let number: UInt16

  var port: UInt16 { number }

  var answer: (@Sendable (Request) -> Reply)? {
    get { open.withLock { $0.answer } }
    set { open.withLock { $0.answer = newValue } }
  }

  init() throws {
    number = freePort()
  }

  func start() throws {
    let listener = try Listener(port: number)
    let current = ObjectIdentifier(listener)
    open.withLock { $0.listener = listener }
    listener.serve { [weak self] connection in
      let isOpen = self?.open.withLock { open in
        guard open.listener.map(ObjectIdentifier.init) == current else { return false }
        open.connections.insert(connection)
        return true
      }
      guard isOpen == true else { return }
      Self.serve(connection) { self?.answer?($0) ?? .close }
      self?.open.withLock { _ = $0.connections.remove(connection) }
    }
  }

  func stop() {
    open.withLock { open in
      guard let listener = open.listener else { return }
      listener.stop()
      open.listener = nil
      for connection in open.connections {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
          connection, SOL_SOCKET, SO_LINGER, &linger,
          socklen_t(MemoryLayout.size(ofValue: linger)))
        shutdown(connection, Int32(SHUT_RDWR))
      }
    }
  }

  private static func serve(_ connection: Int32, _ answer: (Request) -> Reply) {
    var reader = Reader(connection: connection)
    while let request = reader.request() {
      switch answer(request) {
      case .bytes(var rest):
        while !rest.isEmpty {
          let count = write(connection, rest, rest.count)
          guard count > 0 else { return }
          rest.removeFirst(count)
        }
      case .close: return
      case .hang:
        while reader.byte() != nil {}
        return
      }
    }
  }

  private struct Reader {
    let connection: Int32
    private var room: [UInt8] = []
    private var place = 0

    init(connection: Int32) { self.connection = connection }

    mutating func byte() -> UInt8? {
      if place == room.count {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = read(connection, &buffer, buffer.count)
        guard count > 0 else { return nil }
        (room, place) = (Array(buffer[..<count]), 0)
      }
      defer { place += 1 }
      return room[place]
    }

    private mutating func line() -> String? {
      var line: [UInt8] = []
      while let byte = byte(), line.count < 65_536 {
        if byte == 0x0a { return String(decoding: line, as: UTF8.self) }
        if byte != 0x0d { line.append(byte) }
      }
      return nil
    }

    private mutating func bytes(_ count: Int) -> [UInt8]? {
      var bytes: [UInt8] = []
      bytes.reserveCapacity(count)
      while bytes.count < count {
        guard let byte = byte() else { return nil }
        bytes.append(byte)
      }
      return bytes
    }

    mutating func request() -> Request? {
      guard let words = line()?.split(separator: " "), words.count == 3 else { return nil }
      var headers: [String: String] = [:]
      while let line = line(), !line.isEmpty {
        let parts = line.split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
      }
      var body: [UInt8] = []
      if headers["transfer-encoding"]?.lowercased() == "chunked" {
        while let size = line().flatMap({ Int($0, radix: 16) }), let part = bytes(size) {
          body += part
          guard line() != nil else { return nil }
          if size == 0 { break }
        }
      } else if let length = headers["content-length"].flatMap({ Int($0) }), length <= 60 << 20 {
        guard let read = bytes(length) else { return nil }
        body = read
      }
      return Request(
        method: String(words[0]), path: String(words[1]), headers: headers, body: body)
    }
  }
}
