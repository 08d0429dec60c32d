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
    var listener: Int32 = -1
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
    signal(SIGPIPE, SIG_IGN)
    number = freePort()
  }

  private static func listen(on port: UInt16) throws -> (Int32, UInt16) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var one: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && Glibc.listen(listener, 128) == 0
          ? getsockname(listener, $0, &length) : -1
      }
    }
    guard code == 0 else {
      close(listener)
      throw Unavailable(description: "no port")
    }
    return (listener, UInt16(bigEndian: address.sin_port))
  }

  func start() throws {
    let (listener, _) = try Self.listen(on: number)
    open.withLock { $0.listener = listener }
    Thread.detachNewThread { [weak self] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { break }
        guard let self else {
          close(connection)
          break
        }
        let isOpen = open.withLock { open in
          guard open.listener == listener else { return false }
          open.connections.insert(connection)
          return true
        }
        guard isOpen else {
          close(connection)
          break
        }
        Thread.detachNewThread { [weak self] in
          Self.serve(connection) { self?.answer?($0) ?? .close }
          self?.open.withLock { _ = $0.connections.remove(connection) }
          close(connection)
        }
      }
      close(listener)
    }
  }

  func stop() {
    open.withLock { open in
      guard open.listener >= 0 else { return }
      shutdown(open.listener, Int32(SHUT_RDWR))
      open.listener = -1
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
