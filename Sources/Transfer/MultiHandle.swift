internal import CCurl
internal import CLinux
internal import CSSL
internal import Engine
internal import Glibc

/// A multi handle of libcurl with its connections, driven by a reactor for all of its transfers.
///
/// One of the running transfers drives it: it waits for all sockets at once, which form one epoll
/// set, and for all deadlines. The others sleep until they have ended, or until the driver has
/// ended and one of them takes over.
///
/// Unchecked: `Transfers` gives it to one reactor, whose thread makes all calls.
final class MultiHandle: @unchecked Sendable {
  private let multi: UnsafeMutableRawPointer
  let sockets = Sockets()
  /// The sockets of libcurl as an epoll set.
  private let set: FileDescriptor
  /// Each socket in the set and its number there: an event of a closed socket, whose descriptor
  /// another has reused, is ignored.
  private var watched: [Int32: UInt32] = [:]
  private var generation: UInt32 = 0
  /// The time at which libcurl wants a call without an event; never if it needs none.
  private var alarm = Deadline.never
  /// The running transfers, by libcurl's handle. Kept here for as long as libcurl may call them.
  private var underway: [UnsafeMutableRawPointer: Exchange] = [:]
  /// Transfers whose connection OpenSSL is about to verify, by its settings. A lookup is needed, as
  /// a connection outlives its transfer.
  private var secured: [OpaquePointer: Exchange] = [:]
  private var idle: [UnsafeMutableRawPointer] = []
  /// The wait of the driver; nil if there is none.
  private var driver: Ticket?
  /// The limit of the driver's sleep.
  private var wakeUp = Deadline.never
  private var isConversation = false

  /// The number of libcurl's handles that are kept for reuse.
  private static let kept = 64

  init() throws(TransferError) {
    guard prepared == CURLE_OK, let multi = curl_multi_init() else {
      throw TransferError(.local, "libcurl cannot be used")
    }
    self.multi = multi
    set = FileDescriptor(owning: epoll_create1(scrape_epoll_cloexec))
    let context = Unmanaged.passUnretained(self).toOpaque()
    _ = scrape_multi_socketfunction(
      multi,
      { easy, socket, what, context, _ in
        guard let context else { return 0 }
        Unmanaged<MultiHandle>.fromOpaque(context).takeUnretainedValue()
          .watch(socket, for: what, of: easy)
        return 0
      }, context)
    _ = scrape_multi_timerfunction(
      multi,
      { _, milliseconds, context in
        guard let context else { return 0 }
        Unmanaged<MultiHandle>.fromOpaque(context).takeUnretainedValue().alarm =
          milliseconds < 0 ? .never : .after(.milliseconds(milliseconds))
        return 0
      }, context)
    guard set.number >= 0 else {
      throw TransferError(.local, SystemError("epoll_create1").description)
    }
  }

  deinit {
    if isConversation { sockets.shutdown() }
    for easy in idle { curl_easy_cleanup(easy) }
    // The sockets are unwatched through the callback while the connections are closed.
    curl_multi_cleanup(multi)
  }

  func run(
    _ request: TransferRequest, trusting authorities: Authorities, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(TransferError) -> TransferAnswer {
    guard let easy = idle.popLast() ?? curl_easy_init() else {
      throw TransferError(.local, "libcurl has no memory")
    }
    defer { if idle.count < Self.kept { idle.append(easy) } else { curl_easy_cleanup(easy) } }
    let exchange = try Exchange(
      request, on: easy, of: self, trusting: authorities, by: deadline)
    isConversation = request.isConversation
    sockets.begin(exchange)
    underway[easy] = exchange
    defer { handOver() }
    defer {
      if let settings = exchange.settings { forget(settings, of: exchange) }
      underway[easy] = nil
    }
    guard curl_multi_add_handle(multi, easy) == CURLM_OK else {
      throw TransferError(.local, "libcurl cannot start the transfer")
    }
    defer {
      // libcurl would end an aborted mail as if it were complete, and wait for the answer.
      if request.sender != nil, !exchange.isFinished { sockets.shutdown() }
      curl_multi_remove_handle(multi, easy)
    }
    if alarm.isPast { takeAlarm() }
    while true {
      if let ending = exchange.ending { return try exchange.answer(ending) }
      if let driver {
        if alarm < wakeUp { driver.wake() }
        await sleep(exchange, on: reactor)
      } else {
        await drive(exchange, on: reactor)
      }
    }
  }

  // MARK: Waiting

  // The choice of the driver happens between two suspensions, and a wait is announced (its ticket
  // stands in its exchange) before its task suspends: no wake-up is lost from then on.

  /// Waits for all running transfers until this one has ended.
  private func drive(_ exchange: Exchange, on reactor: isolated Reactor) async {
    var turns = 0
    while exchange.ending == nil {
      turns &+= 1
      if alarm.isPast { takeAlarm() }
      if exchange.deadline.isPast { exchange.end(.timedOut) }
      if exchange.ending != nil { break }
      // A transfer that always has something to do must not starve the other tasks of the thread.
      if alarm.isPast && turns % 16 != 0 { continue }
      wakeUp = min(alarm, exchange.deadline)
      let ticket = reactor.ticket()
      exchange.ticket = ticket
      driver = ticket
      let awakening = await reactor.wait(on: ticket, set.number, for: .read, by: wakeUp)
      exchange.ticket = nil
      switch awakening {
      case .ready: takeEvents()
      case .timedOut: break
      case .woken: if Task.isCancelled { exchange.end(.cancelled) }
      case .failed(let error): exchange.end(.failed(error))
      }
    }
    driver = nil
  }

  /// Suspends until the transfer has ended, or a driver is needed.
  private func sleep(_ exchange: Exchange, on reactor: isolated Reactor) async {
    let ticket = reactor.ticket()
    exchange.ticket = ticket
    let awakening = await reactor.wait(on: ticket, by: exchange.deadline)
    exchange.ticket = nil
    switch awakening {
    case .timedOut: exchange.end(.timedOut)
    case .woken: if Task.isCancelled { exchange.end(.cancelled) }
    case .ready: break
    case .failed(let error): exchange.end(.failed(error))
    }
  }

  /// Ensures that there is a driver, in time for libcurl's next call.
  ///
  /// Each transfer calls it at its end: the transfer that was woken to drive may have ended
  /// meanwhile.
  private func handOver() {
    if let driver {
      if alarm < wakeUp { driver.wake() }
    } else {
      underway.values.first { $0.ticket != nil && $0.ending == nil }?.ticket?.wake()
    }
  }

  // MARK: Events

  private func takeAlarm() {
    alarm = .never
    var running: Int32 = 0
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running)
    settle()
  }

  private func takeEvents() {
    withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 64) { buffer in
      let count = epoll_wait(set.number, buffer.baseAddress, Int32(buffer.count), 0)
      for index in 0..<Int(max(0, count)) {
        let tag = scrape_epoll_tag(&buffer[index])
        let events = scrape_epoll_events(&buffer[index])
        let socket = Int32(truncatingIfNeeded: tag)
        if let generation = watched[socket], generation == UInt32(tag >> 32) {
          var mask: Int32 = 0
          let broken = EPOLLERR.rawValue | EPOLLHUP.rawValue
          if events & (EPOLLIN.rawValue | broken) != 0 { mask |= CURL_CSELECT_IN }
          if events & (EPOLLOUT.rawValue | broken) != 0 { mask |= CURL_CSELECT_OUT }
          var running: Int32 = 0
          curl_multi_socket_action(multi, socket, mask, &running)
        }
      }
    }
    settle()
  }

  /// Ends the transfers that libcurl has finished.
  private func settle() {
    var left: Int32 = 0
    while let message = curl_multi_info_read(multi, &left) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else {
        continue
      }
      underway[easy]?.end(.finished(message.pointee.data.result))
    }
  }

  // MARK: Callbacks of libcurl and OpenSSL

  private func watch(_ socket: Int32, for what: Int32, of easy: UnsafeMutableRawPointer?) {
    guard what != CURL_POLL_REMOVE else {
      if watched.removeValue(forKey: socket) != nil {
        _ = scrape_epoll_control(set.number, EPOLL_CTL_DEL, socket, 0, 0)
      }
      return
    }
    if let easy { underway[easy]?.uses(socket) }
    var events: UInt32 = 0
    if what & CURL_POLL_IN != 0 { events |= EPOLLIN.rawValue }
    if what & CURL_POLL_OUT != 0 { events |= EPOLLOUT.rawValue }
    let operation: Int32
    if watched[socket] == nil {
      operation = EPOLL_CTL_ADD
      generation &+= 1
      watched[socket] = generation
    } else {
      operation = EPOLL_CTL_MOD
    }
    let tag = UInt64(watched[socket] ?? 0) << 32 | UInt64(UInt32(bitPattern: socket))
    if scrape_epoll_control(set.number, operation, socket, events, tag) != 0, let easy {
      underway[easy]?.end(.failed(SystemError("epoll_ctl")))
    }
  }

  /// A connection is about to start TLS.
  func secure(_ easy: UnsafeMutableRawPointer?, _ settings: OpaquePointer) -> CURLcode {
    guard let easy, let exchange = underway[easy] else { return CURLE_ABORTED_BY_CALLBACK }
    if let earlier = exchange.settings { forget(earlier, of: exchange) }
    secured[settings] = exchange
    exchange.secure(settings, Unmanaged.passUnretained(self).toOpaque())
    return CURLE_OK
  }

  /// OpenSSL may have freed the settings and reused their address for another transfer.
  private func forget(_ settings: OpaquePointer, of exchange: Exchange) {
    if secured[settings] === exchange { secured[settings] = nil }
  }

  /// The transfer whose chain is being verified; nil if it has ended.
  func exchange(verifying verification: OpaquePointer) -> Exchange? {
    let index = SSL_get_ex_data_X509_STORE_CTX_idx()
    guard let tls = X509_STORE_CTX_get_ex_data(verification, index),
      let settings = SSL_get_SSL_CTX(OpaquePointer(tls))
    else { return nil }
    return secured[settings]
  }
}

extension Transfers {
  /// The versions of libcurl and of the TLS library that are loaded.
  public static var libraryVersion: String {
    let words = curl_version().map { String(cString: $0) } ?? "libcurl"
    return words.split(separator: " ").prefix(2).joined(separator: " ")
  }
}

/// libcurl, initialised once per process before any other thread can use it.
let prepared = curl_global_init(Int(CURL_GLOBAL_DEFAULT))
