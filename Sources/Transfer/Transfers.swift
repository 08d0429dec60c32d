internal import CCurl
public import Engine
internal import Glibc
internal import Synchronization

/// Runs transfers of libcurl's without ever blocking the reactor that they are run on.
///
/// Any number may run at the same time. Certificates are always verified. FTP is not for it: libcurl
/// waits for a server's last words in a way that blocks; see `BlockingTransfer`.
public final class Transfers: Sendable {
  private let idle = Mutex<[MultiHandle]>([])
  /// How many of libcurl's handles are kept for the next transfer.
  private static let kept = 64

  public init() {}

  /// Closes the connections that are kept.
  public func close() { idle.withLock { $0.removeAll() } }

  /// Sends the request and waits for the whole answer; what goes wrong stands in the answer.
  public func run(
    _ request: TransferRequest, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> TransferAnswer {
    do throws(TransferError) {
      let authorities = try await Authorities.of(request.trust, on: reactor, by: deadline)
      let multi: MultiHandle
      if let kept = idle.withLock({ $0.popLast() }) {
        multi = kept
      } else {
        multi = try MultiHandle()
      }
      let answer = try await multi.run(request, trusting: authorities, on: reactor, by: deadline)
      if multi.isReusable { idle.withLock { if $0.count < Self.kept { $0.append(multi) } } }
      return answer
    } catch {
      return TransferAnswer(error: error)
    }
  }
}

/// A multi handle of libcurl with its connections, driven by a reactor.
///
/// Unchecked: `Transfers` gives it to one transfer at a time, and libcurl's handles may change
/// threads between calls.
final class MultiHandle: @unchecked Sendable {
  private let multi: UnsafeMutableRawPointer
  /// What libcurl waits for: nearly always one socket.
  private var watched = WatchedSockets()
  /// When libcurl wants to be called without an event; never, where it has no such wish.
  private var alarm = Deadline.never
  private var easy: UnsafeMutableRawPointer?
  let sockets = Sockets()
  /// The transfer under way: kept here as long as libcurl may call it. OpenSSL's reports come by way
  /// of the handle, too, as connections outlive transfers.
  private(set) var current: Exchange?
  /// A mail protocol's connection is not kept, and libcurl would wait for an answer to its QUIT
  /// where it closes one: the handle goes with it.
  private(set) var isReusable = true

  init() throws(TransferError) {
    guard prepared == CURLE_OK, let multi = curl_multi_init() else {
      throw TransferError(.local, "libcurl cannot be used")
    }
    self.multi = multi
    let context = Unmanaged.passUnretained(self).toOpaque()
    _ = scrape_multi_socketfunction(
      multi,
      { _, socket, what, context, _ in
        guard let context else { return 0 }
        Unmanaged<MultiHandle>.fromOpaque(context).takeUnretainedValue().watch(socket, for: what)
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
  }

  deinit {
    if !isReusable { sockets.shutdown() }
    if let easy { curl_easy_cleanup(easy) }
    // The sockets are unwatched through the callback while the connections are closed.
    curl_multi_cleanup(multi)
  }

  private func watch(_ socket: Int32, for what: Int32) {
    var readiness: Readiness = []
    if what != CURL_POLL_REMOVE {
      if what & CURL_POLL_IN != 0 { readiness.insert(.read) }
      if what & CURL_POLL_OUT != 0 { readiness.insert(.write) }
    }
    watched.set(socket, readiness)
  }

  func run(
    _ request: TransferRequest, trusting authorities: Authorities, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(TransferError) -> TransferAnswer {
    guard let easy = easy ?? curl_easy_init() else {
      throw TransferError(.local, "libcurl has no memory")
    }
    self.easy = easy
    let exchange = try Exchange(request, on: easy, of: self, trusting: authorities)
    current = exchange
    isReusable = !exchange.isConversation
    sockets.begin(exchange)
    guard curl_multi_add_handle(multi, easy) == CURLM_OK else {
      current = nil
      throw TransferError(.local, "libcurl cannot start the transfer")
    }
    defer {
      curl_multi_remove_handle(multi, easy)
      current = nil
    }
    var turns = 0
    while true {
      var running: Int32 = 0
      if alarm.isPast {
        alarm = .never
        curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running)
      }
      if let code = outcome() { return exchange.answer(code) }
      turns += 1
      // What has always something to do would keep the other tasks of the thread waiting.
      if alarm.isPast && turns % 16 != 0 { continue }
      do throws(WaitError) {
        let wanted = watched
        for event in try await wanted.ready(on: reactor, by: min(alarm, deadline)) {
          curl_multi_socket_action(multi, event.socket, Self.mask(event.readiness), &running)
        }
      } catch {
        switch error {
        case .timedOut where deadline.isPast: return exchange.answer(ending: .timeout)
        case .timedOut: break
        case .cancelled: return exchange.answer(ending: .cancelled)
        case .failed(let error): throw TransferError(.local, "\(error)")
        }
      }
    }
  }

  /// How the transfer ended; nil while it runs.
  private func outcome() -> CURLcode? {
    var left: Int32 = 0
    while let message = curl_multi_info_read(multi, &left) {
      if message.pointee.msg == CURLMSG_DONE { return message.pointee.data.result }
    }
    return nil
  }

  private static func mask(_ readiness: Readiness) -> Int32 {
    (readiness.contains(.read) ? CURL_CSELECT_IN : 0)
      | (readiness.contains(.write) ? CURL_CSELECT_OUT : 0)
  }
}

/// libcurl, prepared once per process before any other thread can use it.
let prepared = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

/// The sockets that libcurl has open, and what is said on them before they are closed in the middle
/// of a conversation.
final class Sockets {
  private var open: [Int32] = []
  private var goodbye: [UInt8] = []
  /// Why the last one could not be made.
  private(set) var failure: Int32 = 0

  func begin(_ exchange: Exchange) {
    failure = 0
    goodbye = exchange.goodbye
  }

  /// From now on clear text would be noise, or everything was said.
  func saysNothing() { goodbye = [] }

  func make(_ address: UnsafeMutablePointer<curl_sockaddr>) -> Int32 {
    let kind = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
    let number = socket(address.pointee.family, kind, address.pointee.protocol)
    if number >= 0 { open.append(number) } else { failure = errno }
    return number
  }

  func close(_ number: Int32) {
    open.removeAll { $0 == number }
    if !goodbye.isEmpty {
      _ = goodbye.withUnsafeBytes {
        send(
          number, $0.baseAddress, $0.count,
          Int32(truncatingIfNeeded: Int(MSG_NOSIGNAL) | Int(MSG_DONTWAIT)))
      }
    }
    _ = Glibc.close(number)
  }

  /// Ends both directions, so that nobody waits for another word on them.
  func shutdown() { for number in open { _ = Glibc.shutdown(number, Int32(SHUT_RDWR)) } }
}
