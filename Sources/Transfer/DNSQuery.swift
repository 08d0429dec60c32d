internal import CCares
public import Engine
internal import Glibc

/// One question to one name server, through c-ares, whose sockets the reactor waits for.
///
/// It asks again where a datagram may have been lost, and over TCP where the answer was too long.
public final class DNSQuery {
  /// What c-ares calls back to: it outlives the channel.
  private final class State {
    var sockets = WatchedSockets()
    var status: Int32?
    var answer: [UInt8] = []
  }

  private let channel: ares_channel
  private let state = State()
  private static let prepared = ares_library_init(ARES_LIB_INIT_ALL)

  /// How often it is asked, and how long the first waits for its answer; each next waits twice as long.
  private static let tries: Int32 = 3
  private static let patience: Int32 = 700

  /// A query to this server, given as a number; `source` is the address of this machine that it is
  /// asked from, nil the system's choice.
  public init(
    server: String, port: UInt16, overTCP: Bool, from source: String? = nil
  ) throws(TransferError) {
    var options = ares_options()
    // The answer is ours to judge, and only this server is asked.
    options.flags = Int32(ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH | ARES_FLAG_PRIMARY)
    if overTCP { options.flags |= Int32(ARES_FLAG_USEVC) }
    options.tries = Self.tries
    options.timeout = Self.patience
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
    let place =
      server.utf8.contains(UInt8(ascii: ":")) ? "[\(server)]:\(port)" : "\(server):\(port)"
    guard ares_set_servers_ports_csv(channel, place) == ARES_SUCCESS else {
      throw TransferError(.local, "c-ares does not take the server \(place)")
    }
    guard let source else { return }
    var four = in_addr()
    var six = in6_addr()
    if inet_pton(AF_INET, source, &four) == 1 {
      ares_set_local_ip4(channel, UInt32(bigEndian: four.s_addr))
    } else if inet_pton(AF_INET6, source, &six) == 1 {
      withUnsafeBytes(of: &six) { ares_set_local_ip6(channel, $0.baseAddress) }
    }
  }

  deinit { ares_destroy(channel) }

  /// Asks, and returns the server's message.
  public func ask(
    _ domain: String, type: UInt16, recursive: Bool, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(TransferError) -> [UInt8] {
    var question: UnsafeMutablePointer<UInt8>?
    var length: Int32 = 0
    let code = ares_create_query(
      domain, 1, Int32(type), .random(in: 0...0xffff), recursive ? 1 : 0,
      &question, &length, 0)
    guard code == ARES_SUCCESS, let question else {
      throw TransferError(.local, "\(domain): \(String(cString: ares_strerror(code)))")
    }
    defer { ares_free_string(question) }
    ares_send(
      channel, question, length,
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
          throw TransferError(
            error == .cancelled ? .cancelled : .timeout, "no answer from the name server")
        }
        ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD)
      }
    }
    switch state.status {
    case ARES_SUCCESS: return state.answer
    case ARES_ETIMEOUT:
      throw TransferError(.timeout, "no answer, asked \(Self.tries) times")
    case ARES_ECONNREFUSED:
      throw TransferError(.refused, "nothing listens on the port")
    case let code:
      // A broken message is still shown to the parser, which says more.
      if !state.answer.isEmpty { return state.answer }
      throw TransferError(.malformed, String(cString: ares_strerror(code ?? 0)))
    }
  }
}
