internal import CSSH2
internal import Engine
internal import Glibc
internal import Inventory
internal import Metrics

/// One SSH session with a jump host and the channels on it.
///
/// It belongs to one reactor; libssh2 sessions are not thread-safe. No task of its own reads it: of
/// the tasks that wait for one of its channels, one waits for the carrier, the others for that one.
/// When bytes have come, that task hands them to the library and wakes the tasks whose channels have
/// something. Memory is bounded: the peer can send `window` bytes per channel beyond what was read,
/// and a channel accepts `outboxLimit` bytes to send.
final class JumpSession {
  /// A channel as the library knows it, with the bytes that it has not accepted yet.
  final class Channel {
    let pointer: OpaquePointer
    /// The library repeats an unfinished write, so that sent bytes stay where they are until it has
    /// accepted them.
    var outbox: [UInt8] = []
    var sent = 0
    var wantsEnd = false
    var isCut = false

    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    var unsent: Int { outbox.count - sent }
  }

  /// What a channel is opened for.
  enum Purpose: Sendable {
    case forward(address: String, port: UInt16)
    case command(String)

    var isForward: Bool {
      if case .forward = self { true } else { false }
    }

    var type: String {
      switch self {
      case .forward: "direct-tcpip"
      case .command: "session"
      }
    }

    /// The part of the request that belongs to the type (RFC 4254, sections 6.1 and 7.2).
    var message: [UInt8] {
      switch self {
      case .command: return []
      case .forward(let address, let port):
        var writer = WireWriter()
        writer.string(address.utf8)
        writer.uint32(UInt32(port))
        // Where the connection came from, for the log of the server.
        writer.string("127.0.0.1".utf8)
        writer.uint32(0)
        return writer.bytes
      }
    }
  }

  private struct Waiter {
    var channel: Channel?
    var readiness: Readiness
    var ticket: Ticket
    var number = 0
  }

  /// The jump host's name.
  let name: String
  private let session: Session
  private var channels: [Channel] = []
  /// Channels that were closed here, until the server has confirmed it.
  private var closing: [OpaquePointer] = []
  private var waiters: [Waiter] = []
  private var lastNumber = 0
  /// The task that waits for the carrier, if one does.
  private var leader: Waiter?
  /// How often something came: a task may be held up between its look and its wait.
  private var news = 0
  /// A channel is being opened: the library opens one at a time.
  private(set) var isOpening = false
  private(set) var failure: TargetError?
  /// The same as it is to the jump host itself; nil where it was closed here.
  private(set) var cause: TargetError?
  private(set) var lastUsed = Deadline.now
  /// From when on it opens no more channels, and is closed once it has none.
  let end: Deadline
  /// When the server was asked for a sign of life, with nothing received since.
  private var probed: Deadline?
  /// How long the server may be silent while tasks wait, before it is asked, and again after that. A
  /// jump host behind others has longer, so that the one that fails is found first.
  private let patience: Duration

  static let window: UInt32 = 256 << 10
  private static let outboxLimit = 64 << 10
  private static let sessionOutboxLimit = 256 << 10

  /// `depth` is the number of jump hosts before this one.
  init(_ session: Session, name: String, depth: Int, until end: Deadline = .never) {
    self.name = name
    self.end = end
    patience = .seconds(5 + min(depth, 10))
    self.session = session
    session.transport.keepOutbox()
    session.transport.holdsReads = true
    session.transport.allow(Int.max / 2)
    limitMemory()
  }

  private var transport: Transport { session.transport }

  /// What the library may hold: the windows of all channels, and as much again for its records.
  private func limitMemory() {
    transport.memoryLimit = (16 << 20) + channels.count * Int(Self.window) * 2
  }
  var isDead: Bool { failure != nil }
  var isIdle: Bool { channels.isEmpty && !isOpening }
  /// Whether channels can still be opened.
  var isOpen: Bool { !isDead && !end.isPast }
  var descriptor: Int32 { transport.descriptor }
  /// Bytes received and sent, of all channels and of SSH itself.
  var traffic: (received: Int, sent: Int) { (transport.received, transport.sent) }

  /// Ends the session, and with it all channels.
  func close() {
    if failure == nil {
      failure = TargetError(.cancelled, "the session with \(name) was closed")
      session.close()
    }
    wakeAll()
  }

  private func die(_ what: String) {
    guard failure == nil else { return }
    let loss =
      transport.carrier.failure
      ?? TargetError(.connectionLost, "the connection to it ended (\(what))")
    cause = loss
    failure = .behind(name, loss)
    wakeAll()
  }

  /// Notices what a call of the library found out about the connection.
  private func note(_ code: Int) {
    if let failure = transport.carrier.failure { die(failure.detail) }
    if transport.isClosed { die("closed by the server") }
    switch Int32(clamping: code) {
    case LIBSSH2_ERROR_SOCKET_DISCONNECT, LIBSSH2_ERROR_SOCKET_RECV, LIBSSH2_ERROR_SOCKET_SEND,
      LIBSSH2_ERROR_SOCKET_NONE, LIBSSH2_ERROR_DECRYPT, LIBSSH2_ERROR_INVALID_MAC,
      LIBSSH2_ERROR_PROTO, LIBSSH2_ERROR_OUT_OF_BOUNDARY, LIBSSH2_ERROR_ALLOC,
      LIBSSH2_ERROR_BAD_USE, LIBSSH2_ERROR_ZLIB, LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE:
      die(session.lastError)
    default: break
    }
  }

  /// Runs a call of the library, and again as long as it takes bytes that were read ahead, which
  /// raise no event; then shows what has come to the channels that wait for it.
  ///
  /// Only with `reading` the library reads the carrier: one look at all channels for each packet that
  /// comes, not one for each call.
  private func call(reading: Bool = false, _ body: () -> Int) -> Int {
    transport.holdsReads = !reading
    defer { transport.holdsReads = true }
    let before = transport.taken
    var code: Int
    while true {
      let taken = transport.taken
      code = body()
      if code != Int(LIBSSH2_ERROR_EAGAIN) || transport.waiting == 0 || transport.taken == taken {
        break
      }
    }
    if code < 0, code != Int(LIBSSH2_ERROR_EAGAIN) { note(code) }
    if transport.isClosed { note(0) }
    if transport.taken != before {
      probed = nil
      dispatch()
    }
    // The task that waits for the carrier must wait for room, too.
    if transport.unsent > 0 { leader?.ticket.wake() }
    return code
  }

  // MARK: Opening

  /// Takes the right to open a channel, in the same step in which `isOpening` was found false.
  func reserve() { isOpening = true }

  /// Opens a channel, after `reserve`.
  func open(
    _ purpose: Purpose, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> TunnelStream {
    lastUsed = .now
    defer {
      isOpening = false
      transport.notesRefusals = false
    }
    transport.refusal = nil
    transport.notesRefusals = true
    let type = purpose.type
    let message = purpose.message
    var pointer: OpaquePointer?
    func request() -> Int {
      pointer = message.withUnsafeBytes { raw in
        libssh2_channel_open_ex(
          session.handle, type, UInt32(type.utf8.count), Self.window, 32 << 10,
          raw.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32(raw.count))
      }
      return pointer == nil ? Int(libssh2_session_last_errno(session.handle)) : 0
    }
    while true {
      if let failure { throw failure }
      let code = call(reading: true, request)
      let seen = news
      if code == 0 { break }
      if let failure { throw failure }
      guard code == Int(LIBSSH2_ERROR_EAGAIN) else { throw refusal(of: purpose) }
      do {
        try await wait(since: seen, on: reactor, by: deadline)
      } catch {
        abandon(request)
        if let pointer { closing.append(pointer) }
        throw TargetError(error, while: "\(name) connects to \(purpose.place)")
      }
    }
    guard let pointer else { throw TargetError(.protocolError, "no channel to \(purpose.place)") }
    let channel = Channel(pointer)
    channels.append(channel)
    limitMemory()
    let stream = TunnelStream(channel, of: self)
    if case .command(let command) = purpose {
      try await start(command, on: channel, on: reactor, by: deadline)
    }
    return stream
  }

  /// Makes the library give up a channel whose opening takes too long.
  ///
  /// It looks for the answer until a read fails. The answer, when it comes, is for a channel that the
  /// library does not know any more, and is dropped.
  private func abandon(_ request: () -> Int) {
    guard failure == nil else { return }
    transport.refusesReading = true
    let code = request()
    transport.refusesReading = false
    // The request itself waits, for a new key exchange: this session cannot open channels any more.
    if code == Int(LIBSSH2_ERROR_EAGAIN) { die("no answer to a request") }
  }

  private func start(
    _ command: String, on channel: Channel, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) {
    // Nobody reads standard error: an unread one would fill the window.
    libssh2_channel_handle_extended_data2(
      channel.pointer, LIBSSH2_CHANNEL_EXTENDED_DATA_IGNORE)
    while true {
      if let failure { throw failure }
      let code = call(reading: true) {
        Int(
          libssh2_channel_process_startup(
            channel.pointer, "exec", 4, command, UInt32(command.utf8.count)))
      }
      let seen = news
      if code == 0 { return }
      if let failure { throw failure }
      guard code == Int(LIBSSH2_ERROR_EAGAIN) else {
        throw TargetError(.noShell, "\(name) does not run commands for this account")
      }
      do {
        try await wait(since: seen, on: reactor, by: deadline)
      } catch {
        throw TargetError(error, while: "\(name) starts a command")
      }
    }
  }

  private func refusal(of purpose: Purpose) -> TargetError {
    let words = transport.refusal.map { " (\($0))" } ?? ""
    let library = session.lastError
    switch purpose {
    case .command:
      var error = TargetError(
        .noShell,
        "\(name) opens no channel for a command: \(library)\(words); its MaxSessions, or a "
          + "ForceCommand?")
      error.isOfSessions = true
      return error
    case .forward(let address, let port):
      let place = purpose.place
      if library.contains("prohibited") {
        return TargetError(
          .forwardingRefused,
          "\(name) refuses to forward to \(place): set `AllowTcpForwarding local` and `PermitOpen "
            + "\(address.contains(":") ? "[\(address)]" : address):\(port)` (or `any`) in its "
            + "sshd_config, and remove `restrict` or `no-port-forwarding` from the key in its "
            + "authorized_keys")
      }
      let text = "\(name) could not connect to \(place)\(words)"
      let lower = words.lowercased()
      if lower.contains("refused") {
        return TargetError(.connectionRefused, "\(text); is a server running, and on this port?")
      }
      if lower.contains("timed out") { return TargetError(.timeout, text) }
      if lower.contains("not known") || lower.contains("name resolution")
        || lower.contains("no address")
      {
        return TargetError(
          .nameUnknown, "\(text); names are looked up there, give an `address` in the inventory")
      }
      if library.contains("resource shortage") || lower.contains("too many open files") {
        return TargetError(.busy, "\(name) has no room for another channel to \(place)")
      }
      var error = TargetError(.unreachable, words.isEmpty ? "\(text) (\(library))" : text)
      // OpenSSH without a descriptor for the connection, or without a route at once.
      error.isVague = lower.contains("open failed")
      return error
    }
  }

  // MARK: Bytes

  func receive(_ channel: Channel, _ target: UnsafeMutableRawPointer, _ count: Int) -> Int {
    if channel.isCut { return -Int(EPIPE) }
    let got = call {
      libssh2_channel_read_ex(
        channel.pointer, 0, target.assumingMemoryBound(to: CChar.self), count)
    }
    if got > 0 { return got }
    if libssh2_channel_eof(channel.pointer) == 1 { return 0 }
    if isDead { return -Int(ECONNRESET) }
    return got == 0 || got == Int(LIBSSH2_ERROR_EAGAIN) ? -Int(EAGAIN) : -Int(ECONNRESET)
  }

  func send(_ channel: Channel, _ source: UnsafeRawPointer, _ count: Int) -> Int {
    if channel.isCut || isDead || channel.wantsEnd { return -Int(EPIPE) }
    guard hasRoom(channel) else { return -Int(EAGAIN) }
    let size = min(count, Self.outboxLimit - channel.unsent)
    channel.outbox.append(contentsOf: UnsafeRawBufferPointer(start: source, count: size))
    flush(channel)
    return size
  }

  private func hasRoom(_ channel: Channel) -> Bool {
    channel.unsent < Self.outboxLimit && transport.unsent < Self.sessionOutboxLimit
  }

  /// Hands the bytes of a channel to the library, as far as the server's window and ours allow it.
  private func flush(_ channel: Channel) {
    while channel.unsent > 0, !isDead, transport.unsent < Self.sessionOutboxLimit {
      let count = call {
        channel.outbox.withUnsafeBytes { raw in
          libssh2_channel_write_ex(
            channel.pointer, 0,
            raw.baseAddress?.advanced(by: channel.sent).assumingMemoryBound(to: CChar.self),
            channel.unsent)
        }
      }
      guard count > 0 else {
        // A channel that the server has closed takes nothing any more.
        if count < 0, count != Int(LIBSSH2_ERROR_EAGAIN) { channel.sent = channel.outbox.count }
        break
      }
      channel.sent += count
    }
    if channel.unsent == 0 {
      channel.outbox.removeAll(keepingCapacity: true)
      channel.sent = 0
      if channel.wantsEnd, !isDead { _ = call { Int(libssh2_channel_send_eof(channel.pointer)) } }
    }
  }

  func finish(_ channel: Channel) {
    channel.wantsEnd = true
    flush(channel)
  }

  /// Closes the channel; the rest of the closing waits for the server in `advance`.
  func release(_ channel: Channel) {
    channels.removeAll { $0 === channel }
    lastUsed = .now
    guard !isDead else { return }  // Freed with the session.
    if call({ Int(libssh2_channel_free(channel.pointer)) }) == Int(LIBSSH2_ERROR_EAGAIN) {
      closing.append(channel.pointer)
    }
  }

  func cut(_ channel: Channel) {
    channel.isCut = true
    dispatch()
  }

  /// Waits until the server has closed the channel: the exit status of a command comes before that, but
  /// after the end of its output.
  func exitStatus(
    of channel: Channel, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> Int32 {
    while true {
      if let failure { throw failure }
      let code = call { Int(libssh2_channel_wait_closed(channel.pointer)) }
      let seen = news
      if code == 0 { return libssh2_channel_get_exit_status(channel.pointer) }
      if let failure { throw failure }
      guard code == Int(LIBSSH2_ERROR_EAGAIN) else {
        throw TargetError(.protocolError, "\(name): \(session.lastError)")
      }
      do {
        try await wait(since: seen, on: reactor, by: deadline)
      } catch {
        throw TargetError(error, while: "a command on \(name) ends")
      }
    }
  }

  // MARK: Waiting

  /// Suspends until anything has come since then.
  private func wait(
    since seen: Int, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(WaitError) {
    if news != seen || isDead { return }
    try await wait(on: reactor.ticket(), for: nil, .read, since: seen, on: reactor, by: deadline)
  }

  /// Suspends until the channel may be ready, or, without a channel, until anything has come.
  func wait(
    on ticket: Ticket, for channel: Channel?, _ readiness: Readiness, since seen: Int? = nil,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(WaitError) {
    if isReady(channel, readiness) || seen.map({ $0 != news }) == true {
      // Others have their turn first: one busy channel must not hold the reactor.
      ticket.wake()
      _ = await reactor.wait(on: ticket, by: deadline)
      if Task.isCancelled { throw .cancelled }
      return
    }
    defer { handOver() }
    if leader == nil {
      leader = Waiter(channel: channel, readiness: readiness, ticket: ticket)
      defer { leader = nil }
      transport.beginTurn()
      let limit = min(deadline, (probed ?? .now).advanced(by: patience))
      do {
        try await transport.carrier.wait(
          on: ticket, for: transport.unsent > 0 ? [.read, .write] : .read, on: reactor, by: limit)
      } catch {
        guard error == .timedOut, !deadline.isPast else { throw error }
        askForLife()
        return
      }
      advance(channel)
      return
    }
    lastNumber += 1
    let number = lastNumber
    waiters.append(
      Waiter(channel: channel, readiness: readiness, ticket: ticket, number: number))
    defer { waiters.removeAll { $0.number == number } }
    switch await reactor.wait(on: ticket, by: deadline) {
    case .ready: return
    case .woken: if Task.isCancelled { throw .cancelled }
    case .timedOut: throw .timedOut
    case .failed(let error): throw .failed(error)
    }
  }

  /// Asks a silent server for an answer, any answer; one that gives none has gone.
  ///
  /// Without it a jump host that vanishes would cost all behind it their whole time.
  private func askForLife() {
    guard let probed else {
      probed = .now
      libssh2_keepalive_config(session.handle, 1, 2)
      var next: Int32 = 0
      _ = call { Int(libssh2_keepalive_send(session.handle, &next)) }
      return
    }
    if Deadline.now >= probed.advanced(by: patience) { die("no sign of life") }
  }

  /// Whether the connection ended, also where nobody has read that yet.
  var isBroken: Bool {
    if isDead || transport.carrier.failure != nil { return true }
    // POLLRDHUP: the peer has closed its side, whatever waits to be read.
    let closed: Int16 = 0x2000
    var entry = pollfd(fd: descriptor, events: closed, revents: 0)
    return poll(&entry, 1, 0) > 0
      && entry.revents & (closed | Int16(POLLHUP) | Int16(POLLERR)) != 0
  }

  /// Answers what the server asks while nobody waits for it: keepalive, new keys. Never waits.
  func tend() {
    guard !isDead, leader == nil, waiters.isEmpty, !isOpening, !channels.isEmpty else { return }
    transport.beginTurn()
    advance(nil)
  }

  private func isReady(_ channel: Channel?, _ readiness: Readiness) -> Bool {
    if isDead { return true }
    guard let channel else { return false }
    if channel.isCut { return true }
    if readiness.contains(.read),
      hasBytes(channel) || libssh2_channel_eof(channel.pointer) == 1
    {
      return true
    }
    return readiness.contains(.write) && hasRoom(channel)
  }

  /// A channel without unread bytes, the given one if it is so.
  private func channelWithoutBytes(_ channel: Channel?) -> Channel? {
    func isFit(_ channel: Channel) -> Bool { !channel.isCut && !hasBytes(channel) }
    if let channel, isFit(channel) { return channel }
    for waiter in waiters { if let channel = waiter.channel, isFit(channel) { return channel } }
    return channels.first(where: isFit)
  }

  /// Whether unread bytes of the channel have come. `libssh2_poll_channel_read` fails from the first
  /// answer to a sign of life on, which is too short for it.
  private func hasBytes(_ channel: Channel) -> Bool {
    var count: UInt = 0
    libssh2_channel_window_read_ex(channel.pointer, &count, nil)
    return count > 0
  }

  /// Lets one of those that still wait wait for the carrier.
  private func handOver() {
    if leader == nil { waiters.first?.ticket.wake() }
  }

  private func wakeAll() {
    for waiter in waiters { waiter.ticket.wake() }
    leader?.ticket.wake()
  }

  /// Wakes those whose channels have something; who opens a channel asks the library itself.
  private func dispatch() {
    news += 1
    if let leader, leader.channel == nil || isReady(leader.channel, leader.readiness) {
      leader.ticket.wake()
    }
    for waiter in waiters where waiter.channel == nil || isReady(waiter.channel, waiter.readiness) {
      waiter.ticket.wake()
    }
  }

  /// Reads what has come, sends what was left, and wakes those that it concerns.
  private func advance(_ channel: Channel?) {
    transport.flush()
    // A read of nothing makes the library take in all that has come. It widens the window of its
    // channel, which must therefore be one without unread bytes.
    if let reader = channelWithoutBytes(channel) {
      var nothing: CChar = 0
      _ = call(reading: true) { libssh2_channel_read_ex(reader.pointer, 0, &nothing, 0) }
    }
    for channel in channels where channel.unsent > 0 { flush(channel) }
    if !closing.isEmpty, !isDead {
      closing.removeAll { pointer in
        call { Int(libssh2_channel_free(pointer)) } != Int(LIBSSH2_ERROR_EAGAIN)
      }
    }
    dispatch()
  }
}

extension JumpSession.Purpose {
  /// What is connected to, for messages.
  var place: String {
    switch self {
    case .forward(let address, let port):
      address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    case .command: "a command"
    }
  }
}
