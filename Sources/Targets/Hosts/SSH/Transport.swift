internal import CSSH2
internal import Engine
internal import Glibc
internal import Inventory

/// The byte stream of an SSH session, for libssh2's send and receive callbacks.
///
/// Reads ahead into a buffer where the library asks for little, which saves its one `recv` per byte of
/// the banner, and keeps the first bytes for the message about a server that does not speak SSH. The
/// bytes come from a socket or from a channel of another session.
final class Transport {
  let carrier: any Carrier
  /// What was read ahead; nil while there is nothing: a session that waits holds no buffer.
  private var buffer: UnsafeMutableRawPointer?
  private var start = 0
  private var end = 0
  private(set) var received = 0
  /// Bytes that libssh2 has been given of those.
  private(set) var taken = 0
  private(set) var sent = 0
  /// The end of the stream has been read.
  private(set) var isClosed = false
  /// The limit of received bytes; more ends the connection. Log-ins take some 5 KB, with banners.
  private(set) var limit = 256 << 10
  /// The peer has sent more than the limit.
  private(set) var isOverdrawn = false
  /// The last read took all bytes; epoll reports more, or the end.
  private var isDrained = false
  /// The bytes received since `beginTurn`.
  private var turn = 0
  /// Whether the stream is cut: nothing is read or written, so freeing a session cannot wait.
  var isCut = false
  /// The answer to prompts without echo, during a log-in.
  var answer: [UInt8] = []
  /// The first bytes that came, until `forgetGreeting`.
  private(set) var greeting: [UInt8] = []
  private var keepsGreeting = true

  private static let capacity = 16 << 10
  /// Who asks for this much is given the bytes without a copy.
  private static let large = 4 << 10
  private static let greetingLimit = 4 << 10
  /// The limit of bytes per turn: the library reads while bytes arrive, so a peer that sends without
  /// pause would hold the reactor for ever.
  private static let turnLimit = 64 << 10

  /// What a session with many channels has sent and the carrier has not accepted yet. Nil for a
  /// session with one channel: there the library keeps the rest of a packet itself.
  private var outbox: [UInt8]?
  /// Reads only what was read ahead: of many channels one reads for all.
  var holdsReads = false
  /// The next read fails, so that the library gives up what it waits for.
  var refusesReading = false
  /// What the server said with its refusal to open a channel; see `Session.allocator`.
  var refusal: String?
  /// The reason beside it: 1 is "administratively prohibited" (RFC 4254, section 5.1).
  var refusalReason: UInt32?
  /// What the library holds for the session, in bytes.
  var memory = 0
  /// Beyond it the library gets no memory, which ends the session.
  var memoryLimit = 32 << 20
  var notesRefusals = false

  init(over carrier: any Carrier) { self.carrier = carrier }

  convenience init(owning socket: consuming FileDescriptor) {
    self.init(over: SocketCarrier(owning: socket))
  }

  deinit { buffer?.deallocate() }

  var descriptor: Int32 { carrier.descriptor }
  /// Bytes that were read from the socket and not yet by libssh2.
  var waiting: Int { end - start }

  func forgetGreeting() {
    keepsGreeting = false
    greeting = []
  }

  /// Lets the peer send this much more.
  func allow(_ bytes: Int) {
    limit = received.addingReportingOverflow(bytes).partialValue
  }

  /// Lets the library read again, after other tasks ran.
  func beginTurn() {
    turn = 0
    isDrained = false
  }

  /// Ends the connection at once.
  func cut() {
    if isCut { return }
    flush()
    isCut = true
    carrier.cut()
  }

  /// Suspends until the carrier is ready; may end early.
  func wait(
    for readiness: Readiness, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(WaitError) {
    releaseBuffer()
    try await carrier.wait(on: reactor.ticket(), for: readiness, on: reactor, by: deadline)
  }

  // MARK: Many channels

  /// A limit of bytes that one session with a jump host may leave unsent; more ends it.
  private static let outboxLimit = 4 << 20

  /// Accepts all that the library sends, whether or not the carrier takes it at once.
  ///
  /// The library can continue only the packet that it could not send in full, so that with many
  /// channels one that waits for the socket would make the calls of the others fail.
  func keepOutbox() { outbox = outbox ?? [] }

  /// Bytes that the carrier has not accepted yet.
  var unsent: Int { outbox?.count ?? 0 }

  /// Sends what was kept, as far as the carrier takes it.
  func flush() {
    guard let kept = outbox, !kept.isEmpty, !isCut else { return }
    var done = 0
    kept.withUnsafeBytes { raw in
      guard let base = raw.baseAddress else { return }
      while done < raw.count {
        let count = carrier.send(base + done, raw.count - done)
        if count <= 0 {
          // A broken connection shows at the next read.
          if count != -Int(EAGAIN) { done = raw.count }
          return
        }
        sent += count
        done += count
      }
    }
    outbox?.removeFirst(done)
  }

  fileprivate func receive(_ target: UnsafeMutableRawPointer, _ count: Int) -> Int {
    if isCut { return -Int(EPIPE) }
    if refusesReading { return -Int(ECANCELED) }
    if start == end {
      if holdsReads { return -Int(EAGAIN) }
      if received > limit {
        isOverdrawn = true
        return -Int(EMSGSIZE)
      }
      if turn >= Transport.turnLimit || isDrained { return -Int(EAGAIN) }
      let isLarge = count >= Transport.large
      let place =
        isLarge ? target : buffer ?? .allocate(byteCount: Transport.capacity, alignment: 16)
      if !isLarge { buffer = place }
      let room = isLarge ? count : Transport.capacity
      let got = carrier.receive(place, room)
      if got < 0 { return got }
      // The library reads until there is no more: half of its calls need not reach the kernel.
      isDrained = got < room && got > 0
      if got == 0 {
        isClosed = true
        return 0
      }
      received += got
      turn += got
      if keepsGreeting, greeting.count < Transport.greetingLimit {
        let piece = UnsafeRawBufferPointer(start: place, count: got)
        greeting.append(contentsOf: piece.prefix(Transport.greetingLimit - greeting.count))
      }
      if isLarge {
        taken += got
        return got
      }
      (start, end) = (0, got)
    }
    guard let buffer else { return -Int(EAGAIN) }
    let size = min(count, end - start)
    target.copyMemory(from: buffer + start, byteCount: size)
    start += size
    taken += size
    return size
  }

  /// Releases the empty buffer: most waits are long.
  private func releaseBuffer() {
    guard start == end, let empty = buffer else { return }
    empty.deallocate()
    buffer = nil
  }

  fileprivate func transmit(_ source: UnsafeRawPointer, _ count: Int) -> Int {
    if isCut { return -Int(EPIPE) }
    if outbox != nil {
      guard unsent <= Transport.outboxLimit else { return -Int(ENOBUFS) }
      outbox?.append(contentsOf: UnsafeRawBufferPointer(start: source, count: count))
      flush()
      return count
    }
    let done = carrier.send(source, count)
    if done > 0 { sent += done }
    return done
  }

  /// Makes the session read and write here. The session's `abstract` must point to this object.
  ///
  /// The corresponding C function is `libssh2_session_callback_set`.
  static func install(in session: OpaquePointer) {
    typealias Receive =
      @convention(c) (
        libssh2_socket_t, UnsafeMutableRawPointer?, Int, Int32,
        UnsafeMutablePointer<UnsafeMutableRawPointer?>?
      ) -> Int
    typealias Send =
      @convention(c) (
        libssh2_socket_t, UnsafeRawPointer?, Int, Int32,
        UnsafeMutablePointer<UnsafeMutableRawPointer?>?
      ) -> Int
    let receive: Receive = { _, target, count, _, abstract in
      guard let target, let transport = Transport.owner(abstract) else { return -Int(EBADF) }
      return transport.receive(target, count)
    }
    let send: Send = { _, source, count, _, abstract in
      guard let source, let transport = Transport.owner(abstract) else { return -Int(EBADF) }
      return transport.transmit(source, count)
    }
    libssh2_session_callback_set(
      session, LIBSSH2_CALLBACK_RECV, unsafeBitCast(receive, to: UnsafeMutableRawPointer.self))
    libssh2_session_callback_set(
      session, LIBSSH2_CALLBACK_SEND, unsafeBitCast(send, to: UnsafeMutableRawPointer.self))
  }

  static func owner(
    _ abstract: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
  ) -> Transport? {
    abstract?.pointee.map { Unmanaged<Transport>.fromOpaque($0).takeUnretainedValue() }
  }
}
