internal import CCurl
internal import CLinux
internal import CSSL
internal import Engine
internal import Glibc
internal import Synchronization

/// A multi handle of libcurl with its connections, driven by a reactor for all of its transfers.
///
/// One of the transfers under way drives it: it waits for all sockets at once, those being a set that
/// is one descriptor, and for all deadlines. The others sleep until they have ended, or until the
/// driver has, and one of them takes its place.
///
/// Unchecked: `Transfers` gives it to one reactor, on whose thread all happens, but for `cancelled`.
final class MultiHandle: @unchecked Sendable {
  private let multi: UnsafeMutableRawPointer
  let sockets = Sockets()
  /// What libcurl waits for, as an epoll set.
  private let set: FileDescriptor
  /// Each socket in the set and its number there: an event of one that was closed meanwhile, whose
  /// number another has taken, is not believed.
  private var watched: [Int32: UInt32] = [:]
  private var generation: UInt32 = 0
  /// An event descriptor in the set that wakes the driver; made for the first that does not drive.
  private var bell: FileDescriptor?
  /// When libcurl wants to be called without an event; never, where it has no such wish.
  private var alarm = Deadline.never
  /// The transfers under way, by libcurl's handle. Kept here as long as libcurl may call them.
  private var underway: [UnsafeMutableRawPointer: Exchange] = [:]
  /// Those whose connection OpenSSL is about to verify, by its settings. It is looked up, as a
  /// connection outlives its transfer.
  private var secured: [OpaquePointer: Exchange] = [:]
  private var idle: [UnsafeMutableRawPointer] = []
  private var isDriven = false
  /// How long the driver sleeps at most.
  private var wakeUp = Deadline.never
  /// No deadline of those under way is before it.
  private var earliest = Deadline.never
  private var lastNumber: UInt64 = 0
  /// Transfers whose task was cancelled, on whatever thread.
  private let cancelled = Mutex<[(easy: UInt, number: UInt64)]>([])
  private var isConversation = false

  /// How many of libcurl's handles are kept for the next transfer.
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
    lastNumber &+= 1
    let exchange = try Exchange(
      request, on: easy, of: self, trusting: authorities, number: lastNumber, by: deadline)
    isConversation = request.isConversation
    sockets.begin(exchange)
    underway[easy] = exchange
    defer {
      if let settings = exchange.settings { secured[settings] = nil }
      underway[easy] = nil
    }
    guard curl_multi_add_handle(multi, easy) == CURLM_OK else {
      throw TransferError(.local, "libcurl cannot start the transfer")
    }
    defer {
      // Of a mail that is broken off libcurl would send the end, as if it were whole, and wait for the
      // answer to it.
      if request.sender != nil, !exchange.isFinished { sockets.shutdown() }
      curl_multi_remove_handle(multi, easy)
    }
    earliest = min(earliest, deadline)
    if alarm.isPast { takeAlarm() }
    while true {
      if let ending = exchange.ending { return try exchange.answer(ending) }
      if isDriven {
        await sleep(exchange, easy, on: reactor)
      } else {
        await drive(exchange, on: reactor)
      }
    }
  }

  // MARK: Waiting

  /// Waits for all that is under way until this one has ended.
  private func drive(_ exchange: Exchange, on reactor: isolated Reactor) async {
    isDriven = true
    var turns = 0
    while exchange.ending == nil {
      turns &+= 1
      if alarm.isPast { takeAlarm() }
      if earliest.isPast { expire() }
      if exchange.ending != nil { break }
      // What has always something to do would keep the other tasks of the thread waiting.
      if alarm.isPast && turns % 16 != 0 { continue }
      wakeUp = min(alarm, earliest)
      do throws(WaitError) {
        try await reactor.wait(set.number, for: .read, by: wakeUp)
        takeEvents()
      } catch {
        switch error {
        case .timedOut: break
        case .cancelled: exchange.end(.cancelled)
        case .failed(let error): exchange.end(.failed(error))
        }
      }
    }
    isDriven = false
    underway.values.first { $0.isAsleep && $0.ending == nil }?.wake()
  }

  /// Suspends until the transfer has ended, or somebody must drive.
  private func sleep(
    _ exchange: Exchange, _ easy: UnsafeMutableRawPointer, on reactor: isolated Reactor
  ) async {
    let bell: Int32
    do throws(SystemError) { bell = try self.ring() } catch { return exchange.end(.failed(error)) }
    // The driver may sleep longer than this one wants to.
    if min(alarm, exchange.deadline) < wakeUp { Self.ring(bell) }
    let (place, number) = (UInt(bitPattern: easy), exchange.number)
    await withTaskCancellationHandler {
      await withCheckedContinuation { exchange.sleep($0) }
    } onCancel: {
      cancelled.withLock { $0.append((place, number)) }
      Self.ring(bell)
    }
  }

  /// The bell's number; it is made where there is none yet.
  private func ring() throws(SystemError) -> Int32 {
    if let number = bell?.number { return number }
    let new = FileDescriptor(owning: eventfd(0, scrape_eventfd_flags))
    guard new.number >= 0 else { throw SystemError("eventfd") }
    let tag = UInt64(UInt32(bitPattern: new.number))
    guard scrape_epoll_control(set.number, EPOLL_CTL_ADD, new.number, EPOLLIN.rawValue, tag) == 0
    else { throw SystemError("epoll_ctl") }
    let number = new.number
    bell = consume new
    return number
  }

  private static func ring(_ bell: Int32) {
    var one: UInt64 = 1
    _ = write(bell, &one, 8)
  }

  // MARK: What has happened

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
        if tag >> 32 == 0 {
          takeCancelled(socket)
        } else if let generation = watched[socket], generation == UInt32(tag >> 32) {
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

  private func takeCancelled(_ bell: Int32) {
    var value: UInt64 = 0
    _ = read(bell, &value, 8)
    let all = cancelled.withLock { list in
      defer { list.removeAll() }
      return list
    }
    for (place, number) in all {
      guard let easy = UnsafeMutableRawPointer(bitPattern: place),
        let exchange = underway[easy], exchange.number == number
      else { continue }
      exchange.end(.cancelled)
    }
  }

  /// Ends what libcurl has finished.
  private func settle() {
    var left: Int32 = 0
    while let message = curl_multi_info_read(multi, &left) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else {
        continue
      }
      underway[easy]?.end(.finished(message.pointee.data.result))
    }
  }

  private func expire() {
    let now = Deadline.now
    earliest = .never
    for exchange in underway.values where exchange.ending == nil {
      if exchange.deadline <= now {
        exchange.end(.timedOut)
      } else {
        earliest = min(earliest, exchange.deadline)
      }
    }
  }

  // MARK: What libcurl and OpenSSL call

  private func watch(_ socket: Int32, for what: Int32, of easy: UnsafeMutableRawPointer?) {
    guard what != CURL_POLL_REMOVE else {
      if watched.removeValue(forKey: socket) != nil {
        _ = scrape_epoll_control(set.number, EPOLL_CTL_DEL, socket, 0, 0)
      }
      return
    }
    var events: UInt32 = 0
    if what & CURL_POLL_IN != 0 { events |= EPOLLIN.rawValue }
    if what & CURL_POLL_OUT != 0 { events |= EPOLLOUT.rawValue }
    let operation: Int32
    if watched[socket] == nil {
      operation = EPOLL_CTL_ADD
      // Zero is the bell.
      generation = generation == .max ? 1 : generation + 1
      watched[socket] = generation
    } else {
      operation = EPOLL_CTL_MOD
    }
    let tag = UInt64(watched[socket] ?? 0) << 32 | UInt64(UInt32(bitPattern: socket))
    if scrape_epoll_control(set.number, operation, socket, events, tag) != 0, let easy {
      underway[easy]?.end(.failed(SystemError("epoll_ctl")))
    }
  }

  /// A connection is about to be secured.
  func secure(_ easy: UnsafeMutableRawPointer?, _ settings: OpaquePointer) -> CURLcode {
    guard let easy, let exchange = underway[easy] else { return CURLE_ABORTED_BY_CALLBACK }
    if let earlier = exchange.settings { secured[earlier] = nil }
    secured[settings] = exchange
    exchange.secure(settings, Unmanaged.passUnretained(self).toOpaque())
    return CURLE_OK
  }

  /// The transfer whose chain is being verified; nil where it is over.
  func exchange(verifying verification: OpaquePointer) -> Exchange? {
    let index = SSL_get_ex_data_X509_STORE_CTX_idx()
    guard let tls = X509_STORE_CTX_get_ex_data(verification, index),
      let settings = SSL_get_SSL_CTX(OpaquePointer(tls))
    else { return nil }
    return secured[settings]
  }
}

/// libcurl, prepared once per process before any other thread can use it.
let prepared = curl_global_init(Int(CURL_GLOBAL_DEFAULT))
