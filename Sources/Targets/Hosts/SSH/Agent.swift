internal import Metrics
internal import Engine
internal import Glibc
internal import Inventory

/// A client of an ssh-agent, which holds keys and signs with them.
///
/// Protocol: draft-miller-ssh-agent. libssh2's client is not used: it blocks, and asks for SHA-1
/// signatures of RSA keys only.
struct Agent: Sendable {
  /// The socket's path, from `SSH_AUTH_SOCK`.
  let path: String

  /// A key that the agent holds.
  struct Identity: Sendable, Equatable {
    var blob: [UInt8]
    var comment: String

    var isRSA: Bool { HostKey(blob: blob).type == "ssh-rsa" }

    /// The key under the name of the requested algorithm.
    var publicBlob: [UInt8] {
      guard isRSA else { return blob }
      var reader = WireReader(blob)
      var renamed = WireWriter()
      _ = reader.string()
      renamed.string("rsa-sha2-256".utf8)
      return renamed.bytes + (reader.raw(blob.count - reader.position) ?? [])
    }
  }

  private static let longestAnswer: UInt32 = 256 << 10

  /// The keys that the agent holds.
  func identities(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> [Identity] {
    let answer = try await ask([11], on: reactor, by: deadline)
    var reader = WireReader(answer)
    guard reader.byte() == 12, let count = reader.uint32() else { throw damaged }
    var identities: [Identity] = []
    for _ in 0..<min(count, 256) {
      guard let blob = reader.string(), let comment = reader.text() else { throw damaged }
      identities.append(Identity(blob: Array(blob), comment: comment))
    }
    return identities
  }

  /// The signature of the data as libssh2's sign callback returns it.
  func sign(
    _ data: [UInt8], with identity: Identity, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> [UInt8] {
    var request = WireWriter()
    request.byte(13)
    request.string(identity.blob)
    request.string(data)
    request.uint32(identity.isRSA ? 2 : 0)  // SSH_AGENT_RSA_SHA2_256
    let answer = try await ask(request.bytes, on: reactor, by: deadline)
    var reader = WireReader(answer)
    guard reader.byte() == 14, let signature = reader.string() else {
      throw TargetError(.authFailed, "the agent would not sign with \(identity.comment)")
    }
    var parts = WireReader(signature)
    guard parts.string() != nil, let raw = parts.string() else { throw damaged }
    return Array(raw)
  }

  private var damaged: TargetError {
    TargetError(.localError, "the agent at \(path) answered something else than a key agent would")
  }

  private func ask(
    _ request: [UInt8], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> [UInt8] {
    let socket = try connect()
    var framed = WireWriter()
    framed.string(request)
    try await transfer(framed.bytes.count, .write, socket.number, on: reactor, by: deadline) {
      write(socket.number, Array(framed.bytes[$0...]), framed.bytes.count - $0)
    }
    func read(_ count: Int) async throws(TargetError) -> [UInt8] {
      let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: max(count, 1))
      defer { buffer.deallocate() }
      try await transfer(count, .read, socket.number, on: reactor, by: deadline) {
        Glibc.read(socket.number, buffer + $0, count - $0)
      }
      return Array(UnsafeBufferPointer(start: buffer, count: count))
    }
    var header = WireReader(try await read(4))
    guard let size = header.uint32(), size > 0, size <= Agent.longestAnswer else { throw damaged }
    return try await read(Int(size))
  }

  /// Reads or writes all bytes.
  private func transfer(
    _ total: Int, _ readiness: Readiness, _ fd: Int32, on reactor: isolated Reactor,
    by deadline: Deadline, _ call: (_ done: Int) -> Int
  ) async throws(TargetError) {
    var done = 0
    while done < total {
      let count = call(done)
      if count > 0 {
        done += count
      } else if count < 0, errno == EAGAIN {
        do {
          try await reactor.wait(fd, for: readiness, by: deadline)
        } catch {
          throw TargetError(error, while: "asking the agent at \(path)")
        }
      } else if count == 0 || errno != EINTR {
        throw TargetError(.localError, "the agent at \(path) hung up")
      }
    }
  }

  private func connect() throws(TargetError) -> FileDescriptor {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = FileDescriptor(owning: socket(AF_UNIX, kind, 0))
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard path.utf8.count < room else {
      throw TargetError(.localError, "SSH_AUTH_SOCK is too long: \(path)")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor.number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard code == 0 else {
      throw TargetError(.localError, "no agent at \(path): \(SystemError("connect").message)")
    }
    return descriptor
  }
}
