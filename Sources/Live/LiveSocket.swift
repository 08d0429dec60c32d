internal import CLinux
internal import Engine
internal import Glibc
internal import Metrics

/// A message on the socket: its length in four bytes, the greatest first, and JSON.
enum Frame {
  /// The limit of a request.
  static let request = 64 << 10
  /// The limit of a snapshot or an answer: 400 hosts take 0.3 MB.
  static let answer = 32 << 20
  /// The form of the messages; both sides must have the same.
  static let version: Int64 = 1

  static func bytes(_ json: JSON) -> [UInt8] {
    var bytes: [UInt8] = [0, 0, 0, 0]
    json.encode(into: &bytes)
    let count = UInt32(clamping: bytes.count - 4)
    for place in 0..<4 {
      bytes[place] = UInt8(truncatingIfNeeded: count >> UInt32(24 - 8 * place))
    }
    return bytes
  }
}

/// Takes frames from bytes as they arrive.
struct FrameReader {
  let limit: Int
  private var bytes: [UInt8] = []

  init(limit: Int) { self.limit = limit }

  mutating func append(_ more: ArraySlice<UInt8>) { bytes += more }

  /// The next whole message; nil until it is there.
  mutating func next() throws(LiveError) -> JSON? {
    guard bytes.count >= 4 else { return nil }
    let count = bytes[..<4].reduce(0) { $0 << 8 | Int($1) }
    guard count <= limit else { throw LiveError("a message of \(Format.bytes(Double(count)))") }
    guard bytes.count >= 4 + count else { return nil }
    let text = Array(bytes[4..<(4 + count)])
    bytes.removeFirst(4 + count)
    guard let json = JSON(reading: text) else { throw LiveError("a message that is not JSON") }
    return json
  }
}

/// One connection, at either end.
struct LiveConnection: ~Copyable {
  let descriptor: FileDescriptor
  private var reader: FrameReader

  init(_ descriptor: consuming FileDescriptor, limit: Int) {
    self.descriptor = descriptor
    reader = FrameReader(limit: limit)
  }

  /// The user of the other end; nil if it is not known.
  var peer: uid_t? {
    let user = scrape_peer_user(descriptor.number)
    return user < 0 ? nil : uid_t(truncatingIfNeeded: user)
  }

  /// Sends a frame; an end that takes nothing until the deadline is an error.
  func send(
    _ frame: [UInt8], by deadline: Deadline, on reactor: isolated Reactor
  ) async throws(LiveError) {
    var sent = 0
    while sent < frame.count {
      let count = frame.withUnsafeBytes {
        Glibc.send(
          descriptor.number, $0.baseAddress.map { $0 + sent }, frame.count - sent,
          Int32(MSG_NOSIGNAL))
      }
      if count > 0 {
        sent += count
        continue
      }
      guard errno == EAGAIN || errno == EINTR else { throw LiveError(SystemError("send").message) }
      do {
        try await reactor.wait(descriptor.number, for: .write, by: deadline)
      } catch { throw LiveError("the other end takes nothing") }
    }
  }

  /// Reads what is there; false at the end of the connection.
  mutating func fill() throws(LiveError) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = recv(descriptor.number, &buffer, buffer.count, 0)
      if count > 0 {
        reader.append(buffer[..<count])
        return true
      }
      if count == 0 { return false }
      if errno == EINTR { continue }
      if errno == EAGAIN { return true }
      throw LiveError(SystemError("recv").message)
    }
  }

  mutating func next() throws(LiveError) -> JSON? { try reader.next() }

  /// The next message; an error at the end of the connection or at the deadline.
  mutating func receive(
    by deadline: Deadline, on reactor: isolated Reactor
  ) async throws(LiveError) -> JSON {
    while true {
      if let json = try next() { return json }
      do {
        try await reactor.wait(descriptor.number, for: .read, by: deadline)
      } catch { throw LiveError(error == .timedOut ? "no answer" : "interrupted") }
      guard try fill() else { throw LiveError("it closed the connection") }
    }
  }
}

/// The place of a Unix socket. A long path goes through its folder's descriptor: a socket's name has 107
/// bytes at most.
struct SocketPlace {
  let path: String
  private let folder: FileDescriptorBox?
  private let short: String

  /// Keeps a descriptor open as long as the place is used.
  private final class FileDescriptorBox {
    let descriptor: FileDescriptor
    init(_ number: Int32) { descriptor = FileDescriptor(owning: number) }
  }

  init(_ path: String) throws(SystemError) {
    self.path = path
    guard path.utf8.count > 100, let slash = path.lastIndex(of: "/") else {
      folder = nil
      short = path
      return
    }
    let number = open(String(path[..<slash]), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else { throw SystemError("open") }
    folder = FileDescriptorBox(number)
    short = "/proc/self/fd/\(number)\(path[slash...])"
    guard short.utf8.count < 108 else { throw SystemError("bind", ENAMETOOLONG) }
  }

  private func with(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { room in
      room.copyBytes(from: short.utf8.prefix(room.count - 1))
    }
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }

  private static func socket() throws(SystemError) -> FileDescriptor {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let number = Glibc.socket(AF_UNIX, type, 0)
    guard number >= 0 else { throw SystemError("socket") }
    return FileDescriptor(owning: number)
  }

  func connect() throws(SystemError) -> FileDescriptor {
    let descriptor = try Self.socket()
    guard with({ Glibc.connect(descriptor.number, $0, $1) }) == 0 else {
      throw SystemError("connect")
    }
    return descriptor
  }

  /// Listens, for this user only. A file that a dead process left is replaced.
  func listen() throws(SystemError) -> FileDescriptor {
    let descriptor = try Self.socket()
    // The file is made with the mode of the socket: nobody else can connect in between.
    guard fchmod(descriptor.number, 0o600) == 0 else { throw SystemError("fchmod") }
    if with({ bind(descriptor.number, $0, $1) }) != 0 {
      guard errno == EADDRINUSE else { throw SystemError("bind") }
      do throws(SystemError) {
        _ = try connect()
        throw SystemError("bind", EADDRINUSE)
      } catch {
        guard error.code == ECONNREFUSED else { throw SystemError("bind", EADDRINUSE) }
      }
      guard unlink(short) == 0, with({ bind(descriptor.number, $0, $1) }) == 0 else {
        throw SystemError("bind")
      }
    }
    guard chmod(short, 0o600) == 0, Glibc.listen(descriptor.number, 16) == 0 else {
      throw SystemError("listen")
    }
    return descriptor
  }

  /// Removes the file if it is still that of this descriptor's socket.
  func remove() { unlink(short) }
}
