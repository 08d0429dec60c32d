internal import CCares
public import Engine
internal import Glibc

/// One query to one name server, through c-ares, whose sockets the reactor waits for.
///
/// Retries if a datagram may have been lost, and uses TCP if the answer was truncated.
public final class DNSQuery {
  /// The context of c-ares's callbacks: it outlives the channel.
  fileprivate final class State {
    var sockets = WatchedSockets()
    var status: Int32?
    var answer: [UInt8] = []
    /// The local address; nil for the system's choice.
    var source: Dial.Address?
    /// The connection that a carrier made, for the only socket.
    var carried: CarriedConnection?
    /// The number of datagrams, and of bytes over TCP: c-ares ignores those that do not match.
    var datagrams = 0
    var bytes = 0
    /// The last error of a network call: c-ares reports all of them as a refused connection.
    var failure: Int32 = 0
  }

  private let channel: ares_channel
  private let state = State()
  /// c-ares keeps a pointer to the table of calls, not a copy.
  private let calls = UnsafeMutableRawPointer.allocate(
    byteCount: MemoryLayout<ares_socket_functions>.size,
    alignment: MemoryLayout<ares_socket_functions>.alignment)
  private static let prepared = ares_library_init(ARES_LIB_INIT_ALL)

  /// The number of attempts, and the first one's timeout; it doubles with each attempt.
  private static let tries: Int32 = 3
  private static let patience: Int32 = 700
  /// TCP loses nothing and c-ares tries once: the caller's deadline ends the wait.
  private static let patienceOverTCP: Int32 = 86_400_000

  /// A query to this server, a numeric address; `source` is the local address, nil for the system's
  /// choice. With a carried connection it goes over that, and the server may be a name.
  public init(
    server: String, port: UInt16, overTCP: Bool, from source: String? = nil,
    over carried: CarriedConnection? = nil
  ) throws(TransferError) {
    var options = ares_options()
    // The answer is evaluated here, and only this server is queried.
    options.flags = Int32(ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH | ARES_FLAG_PRIMARY)
    if overTCP { options.flags |= Int32(ARES_FLAG_USEVC) }
    options.tries = Self.tries
    options.timeout = overTCP ? Self.patienceOverTCP : Self.patience
    options.ndomains = 0
    options.sock_state_cb = { context, socket, readable, writable in
      guard let context else { return }
      var readiness: Readiness = []
      if readable != 0 { readiness.insert(.read) }
      if writable != 0 { readiness.insert(.write) }
      Unmanaged<State>.fromOpaque(context).takeUnretainedValue().sockets.set(socket, readiness)
    }
    options.sock_state_cb_data = Unmanaged.passUnretained(state).toOpaque()
    let given =
      ARES_OPT_FLAGS | ARES_OPT_TRIES | ARES_OPT_TIMEOUTMS | ARES_OPT_DOMAINS
      | ARES_OPT_SOCK_STATE_CB
    var made: ares_channel?
    guard Self.prepared == ARES_SUCCESS,
      ares_init_options(&made, &options, Int32(given)) == ARES_SUCCESS, let made
    else { throw TransferError(.local, "c-ares cannot be used") }
    channel = made
    // c-ares wants a number.
    let server = carried == nil ? server : "127.0.0.1"
    let place =
      server.utf8.contains(UInt8(ascii: ":")) ? "[\(server)]:\(port)" : "\(server):\(port)"
    guard ares_set_servers_ports_csv(channel, place) == ARES_SUCCESS else {
      throw TransferError(.local, "c-ares does not take the server \(place)")
    }
    state.carried = carried
    state.source = source.flatMap(Dial.number)
    watch()
  }

  /// Makes the network calls in place of c-ares, to record datagrams and errors.
  private func watch() {
    let functions = ares_socket_functions(
      asocket: { family, type, number, context in
        if let carried = State.of(context)?.carried {
          // Nothing is sent directly: there is no second connection.
          let made = carried.take()
          if made < 0 { State.of(context)?.failure = ECONNRESET }
          return made
        }
        let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let made = socket(family, type | flags, number)
        guard let state = State.of(context) else { return made }
        if made < 0 { state.failure = errno }
        guard made >= 0, let source = state.source, source.family == family else { return made }
        do throws(SystemError) {
          try source.bind(made)
          return made
        } catch {
          state.failure = error.code
          close(made)
          return -1
        }
      },
      aclose: { socket, _ in close(socket) },
      aconnect: { socket, address, size, context in
        if State.of(context)?.carried != nil { return 0 }
        let code = connect(socket, address, size)
        if code != 0, errno != EINPROGRESS { State.of(context)?.failure = errno }
        return code
      },
      arecvfrom: { socket, room, size, flags, address, length, context in
        let count = recvfrom(socket, room, size, flags, address, length)
        guard let state = State.of(context) else { return count }
        if count < 0 {
          if errno != EAGAIN, errno != EINTR { state.failure = errno }
        } else if isDatagram(socket) {
          state.datagrams += 1
          // c-ares would take an empty datagram for the end of the connection.
          if count == 0 {
            errno = EAGAIN
            return -1
          }
        } else {
          state.bytes += count
          if count == 0 { state.failure = 0 }
        }
        return count
      },
      asendv: { socket, parts, count, context in
        let sent = writev(socket, parts, count)
        if sent < 0, errno != EAGAIN, errno != EINTR { State.of(context)?.failure = errno }
        return sent
      })
    let table = calls.bindMemory(to: ares_socket_functions.self, capacity: 1)
    table.initialize(to: functions)
    ares_set_socket_functions(channel, table, Unmanaged.passUnretained(state).toOpaque())
  }

  deinit {
    ares_destroy(channel)
    calls.deallocate()
  }

  /// Sends the query and returns the server's message.
  public func ask(
    _ domain: String, type: UInt16, recursive: Bool, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(TransferError) -> [UInt8] {
    let question = try Self.message(domain, type: type, recursive: recursive)
    ares_send(
      channel, question, Int32(question.count),
      { context, status, _, message, length in
        guard let context else { return }
        let state = Unmanaged<State>.fromOpaque(context).takeUnretainedValue()
        state.status = status
        if let message, length > 0 {
          state.answer = Array(UnsafeBufferPointer(start: message, count: Int(length)))
        }
      }, Unmanaged.passUnretained(state).toOpaque())
    while state.status == nil {
      var left = timeval()
      let alarm = ares_timeout(channel, nil, &left).map {
        Deadline.after(
          .seconds(Int64($0.pointee.tv_sec)) + .microseconds(Int64($0.pointee.tv_usec) + 1_000))
      }
      do throws(WaitError) {
        let sockets = state.sockets
        for (socket, readiness) in try await sockets.ready(
          on: reactor, by: min(alarm ?? deadline, deadline))
        {
          ares_process_fd(
            channel, readiness.contains(.read) ? socket : ARES_SOCKET_BAD,
            readiness.contains(.write) ? socket : ARES_SOCKET_BAD)
        }
      } catch {
        guard error == .timedOut, !deadline.isPast else {
          if error == .cancelled { throw TransferError(.cancelled, "cancelled") }
          throw unanswered ?? TransferError(.timeout, "no answer from the name server")
        }
        ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD)
      }
    }
    switch state.status {
    case ARES_SUCCESS: return state.answer
    case ARES_ETIMEOUT:
      throw unanswered ?? TransferError(.timeout, "no answer, asked \(Self.tries) times")
    case ARES_ECONNREFUSED:
      throw unanswered ?? TransferError(.lost, "the server closed the connection without an answer")
    case let code:
      // A broken message still goes to the parser, which reports more.
      if !state.answer.isEmpty { return state.answer }
      throw unanswered
        ?? TransferError(.malformed, "no answer: \(String(cString: ares_strerror(code ?? 0)))")
    }
  }

  /// The message of a query, with a random number.
  public static func message(
    _ domain: String, type: UInt16, recursive: Bool
  ) throws(TransferError) -> [UInt8] {
    var question: UnsafeMutablePointer<UInt8>?
    var length: Int32 = 0
    let code = ares_create_query(
      domain, 1, Int32(type), .random(in: 0...0xffff), recursive ? 1 : 0,
      &question, &length, 0)
    guard code == ARES_SUCCESS, let question else {
      throw TransferError(.local, "\(domain): \(String(cString: ares_strerror(code)))")
    }
    defer { ares_free_string(question) }
    return Array(UnsafeBufferPointer(start: question, count: Int(length)))
  }

  /// Whether a message is the answer to a query: the same number, and the same question unless the
  /// server understood none (RFC 1035, 4.1).
  public static func isAnswer(_ message: [UInt8], to query: [UInt8]) -> Bool {
    guard message.count >= 12, message.prefix(2) == query.prefix(2), message[2] & 0x80 != 0 else {
      return false
    }
    if message[4] == 0, message[5] == 0 { return true }
    func folded(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }
    return message.count >= query.count && message[4...5] == query[4...5]
      && zip(message.dropFirst(12), query.dropFirst(12)).allSatisfy { folded($0) == folded($1) }
  }

  /// Why there is no answer, as far as the network reported it; nil if it was silent.
  private var unanswered: TransferError? {
    if state.datagrams > 0 {
      let answers = state.datagrams == 1 ? "1 answer" : "\(state.datagrams) answers"
      return TransferError(.malformed, "\(answers) came, none fits the question")
    }
    if state.bytes > 0 {
      return TransferError(
        .malformed, "\(state.bytes) bytes came, and they are no answer to the question")
    }
    let words = SystemError("", state.failure).message
    switch state.failure {
    case 0: return nil
    case ECONNREFUSED:
      return TransferError(.refused, "connection refused: nothing listens on the port")
    case ECONNRESET, EPIPE:
      return TransferError(.lost, "the server reset the connection without an answer")
    case ETIMEDOUT: return TransferError(.timeout, "no answer while connecting")
    case EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, EACCES, EPERM:
      return TransferError(.unreachable, "no way to the server: \(words)")
    default: return TransferError(.local, words)
    }
  }
}

extension DNSQuery.State {
  static func of(_ context: UnsafeMutableRawPointer?) -> DNSQuery.State? {
    context.map { Unmanaged<DNSQuery.State>.fromOpaque($0).takeUnretainedValue() }
  }
}

/// Whether a socket is a datagram socket.
private func isDatagram(_ socket: Int32) -> Bool {
  var type: Int32 = 0
  var size = socklen_t(MemoryLayout<Int32>.size)
  return getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) == 0
    && type == Int32(SOCK_DGRAM.rawValue)
}
