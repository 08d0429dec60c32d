internal import Engine
internal import Glibc
internal import Metrics
internal import Transfer
internal import Hosts
internal import Inventory

/// The TCP connection of a probe, direct or through jump hosts: it sends, and reads exactly the bytes
/// that are requested.
///
/// Every failure is a verdict that names the current step. Data from a host is bounded: at `limit`
/// bytes the conversation ends.
final class ByteStream {
  private let connection: Connection
  private let trace: Trace?
  /// Received bytes that were not yet requested begin at `start`.
  private var buffer: [UInt8] = []
  private var start = 0
  private var total = 0
  private let limit: Int
  private var tls: TLSSession?
  /// Values that no step may repeat.
  var hidden = HiddenValues([])
  /// The current step, for messages: "reading the banner".
  var doing = "talking"

  private init(_ connection: Connection, trace: Trace?, limit: Int) {
    self.connection = connection
    self.trace = trace
    self.limit = limit
  }

  /// Connects to the first address that accepts.
  static func open(
    _ endpoint: Endpoint, limit: Int = 1 << 20, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(Verdict) -> ByteStream {
    do throws(TargetError) {
      let connection: Connection
      if let tunnel = endpoint.tunnel {
        connection = .tunnel(
          try await tunnel.open(
            to: endpoint.number, port: endpoint.port, on: reactor, by: deadline))
      } else {
        let descriptor = try await Connect.tcp(
          to: endpoint.addresses, from: [endpoint.source].compactMap(\.self), refusedHint: "",
          on: reactor, by: deadline)
        connection = .socket(Socket(descriptor))
      }
      endpoint.note("connect", "\(endpoint.number) port \(endpoint.port)")
      return ByteStream(connection, trace: endpoint.trace, limit: limit)
    } catch {
      endpoint.note("connect", error.detail)
      throw Verdict(error)
    }
  }

  /// The local port of the connection; nil if it is that of a jump host, or unknown.
  var ownPort: UInt16? {
    guard case .socket(let socket) = connection else { return nil }
    var address = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutableBytes(of: &address) { raw in
      guard let base = raw.baseAddress,
        getsockname(
          socket.descriptor.number, base.assumingMemoryBound(to: sockaddr.self), &size) == 0
      else { return nil }
      // Both families have it in the same place, the high byte first.
      return UInt16(raw[2]) << 8 | UInt16(raw[3])
    }
  }

  // MARK: Sending

  func send(
    _ bytes: [UInt8], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) {
    try await put(bytes, on: reactor, by: deadline)
    trace?.note("sent", shown(bytes))
  }

  /// Sends confidential bytes, which no step may show.
  func send(
    secret bytes: [UInt8], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) {
    try await put(bytes, on: reactor, by: deadline)
    trace?.note("sent", "\(bytes.count) secret bytes")
  }

  private func put(
    _ bytes: [UInt8], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) {
    guard let tls else { return try await putRaw(bytes, on: reactor, by: deadline) }
    try verdict { () throws(TransferError) in try tls.write(bytes, while: doing) }
    try await putRaw(tls.outgoing(), on: reactor, by: deadline)
  }

  private func putRaw(
    _ bytes: [UInt8], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) {
    if case .tunnel(let stream) = connection {
      do throws(TargetError) {
        return try await stream.write(bytes, while: doing, on: reactor, by: deadline)
      } catch { throw failure(error) }
    }
    var sent = 0
    while sent < bytes.count {
      switch push(bytes, from: sent) {
      case .bytes(let count): sent += count
      case .end: throw ended
      case .wants(let readiness): try await wait(for: readiness, on: reactor, by: deadline)
      case .failed(let code): throw failure(code)
      }
    }
  }

  func send(
    _ text: String, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) {
    try await send(Array(text.utf8), on: reactor, by: deadline)
  }

  /// Shuts down the sending side; bytes already sent still arrive.
  ///
  /// A jump host gets the last bytes of TLS from `end` only: sending them may have to wait.
  func finish() {
    switch connection {
    case .socket(let socket):
      if let tls {
        tls.close()
        _ = push(tls.outgoing(), from: 0)
      }
      shutdown(socket.descriptor.number, Int32(SHUT_WR))
    case .tunnel(let stream): stream.finish()
    }
  }

  // MARK: Reading

  /// Reads exactly that many bytes.
  func read(
    exactly count: Int, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> [UInt8] {
    while buffer.count - start < count {
      guard try await fill(on: reactor, by: deadline) else { throw ended }
    }
    return take(count)
  }

  /// A line without its line break; one longer than the limit is invalid.
  func line(
    limit: Int, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> [UInt8] {
    var looked = 0
    while true {
      if let end = buffer[(start + looked)...].firstIndex(of: UInt8(ascii: "\n")),
        end - start <= limit
      {
        var line = take(end - start + 1)
        line.removeLast()
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return hidden.cleaned(line) ?? line
      }
      looked = buffer.count - start
      guard looked <= limit else {
        throw Verdict(
          .critical, .protocolError,
          "more than \(limit) bytes without an end of line while \(doing): "
            + shown(buffer[start...]))
      }
      guard try await fill(on: reactor, by: deadline) else { throw ended }
    }
  }

  /// The available bytes, at least one; empty at the end of the connection.
  func some(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> [UInt8] {
    if buffer.count == start {
      guard try await fill(on: reactor, by: deadline) else { return [] }
    }
    return take(buffer.count - start)
  }

  /// The first bytes without taking them, at least `count` unless the peer sends fewer by the deadline; empty if
  /// it sends none.
  func peek(
    _ count: Int, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> [UInt8] {
    while buffer.count - start < count {
      do throws(Verdict) {
        guard try await fill(on: reactor, by: deadline) else { break }
      } catch {
        guard error.reason == .timeout else { throw error }
        break
      }
    }
    return Array(buffer[start...].prefix(256))
  }

  /// Waits for the peer to close the connection; drops what it still sends.
  func end(on reactor: isolated Reactor, by deadline: Deadline) async {
    if case .tunnel = connection, let tls {
      tls.close()
      try? await putRaw(tls.outgoing(), on: reactor, by: deadline)
    }
    finish()
    do throws(Verdict) {
      while try await fill(on: reactor, by: deadline) { _ = take(buffer.count - start) }
    } catch {}
  }

  private func take(_ count: Int) -> [UInt8] {
    let bytes = Array(buffer[start..<start + count])
    start += count
    if start == buffer.count {
      buffer.removeAll(keepingCapacity: true)
      start = 0
    }
    return bytes
  }

  /// Takes received bytes; false at the end.
  private func fill(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> Bool {
    if start > 0 {
      buffer.removeFirst(start)
      start = 0
    }
    let before = buffer.count
    if let tls {
      while true {
        switch try verdict({ () throws(TransferError) in
          try tls.read(into: &buffer, while: doing)
        }) {
        case .bytes:
          trace?.note("received", shown(buffer[before...]))
          return true
        case .end: return false
        case .wants:
          try await putRaw(tls.outgoing(), on: reactor, by: deadline)
          var sealed: [UInt8] = []
          guard try await fillRaw(&sealed, on: reactor, by: deadline) else { return false }
          tls.take(sealed)
        }
      }
    }
    guard try await fillRaw(&buffer, on: reactor, by: deadline) else { return false }
    trace?.note("received", shown(buffer[before...]))
    return true
  }

  private func fillRaw(
    _ bytes: inout [UInt8], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> Bool {
    guard total < limit else {
      throw Verdict(.critical, .protocolError, "more than \(limit) bytes came while \(doing)")
    }
    if case .tunnel(let stream) = connection {
      guard !deadline.isPast else { throw Verdict(.timedOut, while: doing) }
      do throws(TargetError) {
        let more = try await stream.read(
          atMost: min(4096, limit - total), while: doing, on: reactor, by: deadline)
        total += more.count
        bytes += more
        return !more.isEmpty
      } catch { throw failure(error) }
    }
    while true {
      // A host that always has a byte ready would never cause a wait, and so never reach the
      // deadline.
      guard !deadline.isPast else { throw Verdict(.timedOut, while: doing) }
      switch pull(&bytes, atMost: min(4096, limit - total)) {
      case .bytes(let count):
        total += count
        if count > 0 { return true }
      case .end: return false
      case .wants(let readiness): try await wait(for: readiness, on: reactor, by: deadline)
      case .failed(let code): throw failure(code)
      }
    }
  }

  // MARK: TLS

  /// Switches to TLS, and returns the server's side of the handshake.
  ///
  /// Unrequested bytes that the server sent before are not part of TLS: they end the conversation.
  func startTLS(
    trusting trust: Trust, _ check: CertificateCheck, _ endpoint: Endpoint,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> ShownCertificate {
    let session: TLSSession
    do throws(TransferError) {
      session = try TLSSession(
        try await TLSContext.of(trust, on: reactor, by: deadline), name: check.serverName(endpoint))
    } catch { throw Verdict(error) }
    guard buffer.count == start else {
      throw Verdict(
        .critical, .protocolError, "the server spoke on before TLS: \(shown(buffer[start...]))")
    }
    while try verdict({ () throws(TransferError) in try !session.shakesHands() }) {
      try await putRaw(session.outgoing(), on: reactor, by: deadline)
      var sealed: [UInt8] = []
      guard try await fillRaw(&sealed, on: reactor, by: deadline) else { throw ended }
      session.take(sealed)
    }
    try await putRaw(session.outgoing(), on: reactor, by: deadline)
    let certificate = try verdict { () throws(TransferError) in
      try session.certificate(for: check.names(endpoint))
    }
    trace?.note("TLS", certificate.said)
    tls = session
    return certificate
  }

  /// Ends the probe where TLS fails.
  private func verdict<Value>(
    _ body: () throws(TransferError) -> Value
  ) throws(Verdict) -> Value {
    do throws(TransferError) { return try body() } catch { throw Verdict(error) }
  }

  // MARK: Connection

  private enum Connection {
    case socket(Socket)
    /// Through jump hosts.
    case tunnel(TunnelStream)
  }

  private final class Socket {
    let descriptor: FileDescriptor
    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
  }

  private var number: Int32 {
    if case .socket(let socket) = connection { socket.descriptor.number } else { -1 }
  }

  private enum Moved {
    case bytes(Int)
    case end
    case wants(Readiness)
    case failed(Int32)
  }

  private func push(_ bytes: [UInt8], from start: Int) -> Moved {
    bytes.withUnsafeBytes { raw in
      let rest = UnsafeRawBufferPointer(rebasing: raw[start...])
      let count = Glibc.send(
        number, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
      return count < 0 ? moved(errno, .write) : .bytes(count)
    }
  }

  private func pull(_ bytes: inout [UInt8], atMost room: Int) -> Moved {
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { raw in
      let count = recv(number, raw.baseAddress, min(room, raw.count), 0)
      if count == 0 { return .end }
      guard count > 0 else { return moved(errno, .read) }
      bytes.append(contentsOf: raw[..<count])
      return .bytes(count)
    }
  }

  private func moved(_ code: Int32, _ readiness: Readiness) -> Moved {
    switch code {
    case EAGAIN: .wants(readiness)
    case EINTR: .bytes(0)
    default: .failed(code)
    }
  }

  private func wait(
    for readiness: Readiness, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) {
    do throws(WaitError) {
      try await reactor.wait(number, for: readiness, by: deadline)
    } catch {
      trace?.note("waited", "while \(doing)")
      throw Verdict(error, while: doing)
    }
  }

  /// The verdict for a connection that the peer closed.
  private var ended: Verdict {
    trace?.note("ended", "by the peer")
    return Verdict(.critical, .connectionLost, "the connection was closed while \(doing)")
  }

  /// The verdict for a connection through jump hosts.
  private func failure(_ error: TargetError) -> Verdict {
    trace?.note(error.reason == .timeout ? "waited" : "lost", error.detail)
    return Verdict(error)
  }

  private func failure(_ code: Int32) -> Verdict {
    let words = SystemError("recv", code).message
    trace?.note("lost", words)
    return Verdict(.critical, .connectionLost, "\(words) while \(doing)")
  }
}

extension Verdict {
  /// The verdict for a failed wait, with the current step.
  init(_ error: WaitError, while doing: String) { self.init(TargetError(error, while: doing)) }
}
