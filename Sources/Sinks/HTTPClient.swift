internal import CCurl
internal import CLinux
public import Engine
internal import Synchronization

/// Speaks HTTP through libcurl without ever blocking the reactor it is used on.
///
/// Connections are kept and used again. Certificates are verified, redirects are not followed, and
/// an answer is read only up to the request's limit. Requests may run at the same time.
public final class HTTPClient: Sendable {
  private let idle = Mutex<[Transfers]>([])

  public init() {}

  /// Closes the connections that are kept.
  public func close() { idle.withLock { $0.removeAll() } }

  /// Sends the request and waits for the whole answer.
  public func send(
    _ request: HTTPRequest, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(HTTPError) -> HTTPResponse {
    let transfers: Transfers
    if let kept = idle.withLock({ $0.popLast() }) {
      transfers = kept
    } else {
      transfers = try Transfers()
    }
    let response = try await transfers.run(request, on: reactor, by: deadline)
    idle.withLock { if $0.count < 8 { $0.append(transfers) } }
    return response
  }
}

/// A multi handle of libcurl with its connections, and an epoll set of their sockets.
///
/// Unchecked: `HTTPClient` gives it to one request at a time, and libcurl's handles may change
/// threads between calls.
private final class Transfers: @unchecked Sendable {
  private let multi: UnsafeMutableRawPointer
  private let sockets: FileDescriptor
  /// When libcurl wants to be called without an event; never, where it has no such wish.
  private var alarm = Deadline.never

  /// Once per process, before any other thread can use libcurl.
  private static let prepared = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

  init() throws(HTTPError) {
    guard Self.prepared == CURLE_OK, let multi = curl_multi_init() else {
      throw HTTPError(reason: .invalid, message: "libcurl cannot be used")
    }
    let fd = epoll_create1(scrape_epoll_cloexec)
    guard fd >= 0 else {
      curl_multi_cleanup(multi)
      throw HTTPError(reason: .invalid, message: "\(SystemError("epoll_create1"))")
    }
    self.multi = multi
    sockets = FileDescriptor(owning: fd)
    let context = Unmanaged.passUnretained(self).toOpaque()
    _ = scrape_multi_socketfunction(
      multi,
      { _, socket, what, context, _ in
        guard let context else { return 0 }
        Unmanaged<Transfers>.fromOpaque(context).takeUnretainedValue().watch(socket, for: what)
        return 0
      }, context)
    _ = scrape_multi_timerfunction(
      multi,
      { _, milliseconds, context in
        guard let context else { return 0 }
        Unmanaged<Transfers>.fromOpaque(context).takeUnretainedValue().alarm =
          milliseconds < 0 ? .never : .after(.milliseconds(milliseconds))
        return 0
      }, context)
  }

  // The sockets are unwatched through the callback while the connections are closed.
  deinit { curl_multi_cleanup(multi) }

  private func watch(_ socket: Int32, for what: Int32) {
    var events: UInt32 = 0
    if what & CURL_POLL_IN != 0 && what != CURL_POLL_REMOVE { events |= EPOLLIN.rawValue }
    if what & CURL_POLL_OUT != 0 && what != CURL_POLL_REMOVE { events |= EPOLLOUT.rawValue }
    let tag = UInt64(UInt32(bitPattern: socket))
    if what == CURL_POLL_REMOVE {
      _ = scrape_epoll_control(sockets.number, EPOLL_CTL_DEL, socket, 0, tag)
    } else if scrape_epoll_control(sockets.number, EPOLL_CTL_MOD, socket, events, tag) != 0 {
      _ = scrape_epoll_control(sockets.number, EPOLL_CTL_ADD, socket, events, tag)
    }
  }

  func run(
    _ request: HTTPRequest, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(HTTPError) -> HTTPResponse {
    let transfer = try Transfer(request)
    guard curl_multi_add_handle(multi, transfer.easy) == CURLM_OK else {
      throw HTTPError(reason: .invalid, message: "libcurl cannot start the request")
    }
    defer { curl_multi_remove_handle(multi, transfer.easy) }
    while true {
      if let code = outcome() { return try transfer.result(code) }
      var events: [(socket: Int32, mask: Int32)] = []
      do throws(WaitError) {
        try await reactor.wait(sockets.number, for: .read, by: min(alarm, deadline))
        events = ready()
      } catch {
        switch error {
        case .timedOut where deadline.isPast:
          throw HTTPError(reason: .timeout, message: "no answer in the time given")
        case .timedOut: break
        case .cancelled: throw HTTPError(reason: .cancelled, message: "cancelled")
        case .failed(let error): throw HTTPError(reason: .invalid, message: "\(error)")
        }
      }
      var running: Int32 = 0
      for event in events {
        curl_multi_socket_action(multi, event.socket, event.mask, &running)
      }
      if events.isEmpty || alarm.isPast {
        if alarm.isPast { alarm = .never }
        curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running)
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

  private func ready() -> [(socket: Int32, mask: Int32)] {
    withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 16) { buffer in
      let count = epoll_wait(sockets.number, buffer.baseAddress, Int32(buffer.count), 0)
      return buffer.prefix(Int(max(0, count))).map { event in
        var event = event
        let events = scrape_epoll_events(&event)
        var mask: Int32 = 0
        if events & EPOLLIN.rawValue != 0 { mask |= CURL_CSELECT_IN }
        if events & EPOLLOUT.rawValue != 0 { mask |= CURL_CSELECT_OUT }
        if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { mask |= CURL_CSELECT_ERR }
        return (Int32(truncatingIfNeeded: scrape_epoll_tag(&event)), mask)
      }
    }
  }
}

/// One request on its way: libcurl's easy handle and what has come back so far.
private final class Transfer {
  let easy: UnsafeMutableRawPointer
  private var list: UnsafeMutablePointer<curl_slist>?
  /// libcurl reads the body from here, and writes its own words about a failure there.
  private let body: UnsafeMutableBufferPointer<UInt8>
  private let words: UnsafeMutableBufferPointer<CChar>
  private let limit: Int
  private var headers: [(name: String, value: String)] = []
  private var headerBytes = 0
  private var received: [UInt8] = []
  private var isCut = false

  init(_ request: HTTPRequest) throws(HTTPError) {
    guard let easy = curl_easy_init() else {
      throw HTTPError(reason: .invalid, message: "libcurl has no memory")
    }
    self.easy = easy
    limit = request.bodyLimit
    body = .allocate(capacity: request.body.count)
    _ = body.initialize(from: request.body)
    words = .allocate(capacity: Int(CURL_ERROR_SIZE))
    words.initialize(repeating: 0)
    let context = Unmanaged.passUnretained(self).toOpaque()

    var codes = [
      scrape_setopt_string(easy, CURLOPT_URL, request.url),
      scrape_setopt_string(easy, CURLOPT_PROTOCOLS_STR, "http,https"),
      scrape_setopt_long(easy, CURLOPT_FOLLOWLOCATION, 0),
      // No signals: getaddrinfo runs in a thread of libcurl's, and a name that is not answered is
      // left to that thread when the deadline comes instead of being waited for.
      scrape_setopt_long(easy, CURLOPT_NOSIGNAL, 1),
      scrape_setopt_long(easy, CURLOPT_QUICK_EXIT, 1),
      scrape_setopt_long(easy, CURLOPT_SSL_VERIFYPEER, 1),
      scrape_setopt_long(easy, CURLOPT_SSL_VERIFYHOST, 2),
      scrape_setopt_pointer(easy, CURLOPT_ERRORBUFFER, words.baseAddress),
      scrape_setopt_data(easy, CURLOPT_WRITEFUNCTION) { data, size, count, context in
        guard let data, let context else { return 0 }
        return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
          .take(UnsafeRawBufferPointer(start: data, count: size * count))
      },
      scrape_setopt_pointer(easy, CURLOPT_WRITEDATA, context),
      scrape_setopt_data(easy, CURLOPT_HEADERFUNCTION) { data, size, count, context in
        guard let data, let context else { return 0 }
        return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
          .takeHeader(UnsafeRawBufferPointer(start: data, count: size * count))
      },
      scrape_setopt_pointer(easy, CURLOPT_HEADERDATA, context),
    ]
    switch request.method {
    case "GET": break
    case "HEAD": codes.append(scrape_setopt_long(easy, CURLOPT_NOBODY, 1))
    default:
      codes += [
        scrape_setopt_long(easy, CURLOPT_POST, 1),
        scrape_setopt_string(easy, CURLOPT_CUSTOMREQUEST, request.method),
        scrape_setopt_large(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)),
        scrape_setopt_pointer(easy, CURLOPT_POSTFIELDS, body.baseAddress),
      ]
    }
    if let user = request.user {
      codes += [
        scrape_setopt_long(easy, CURLOPT_HTTPAUTH, 1),  // CURLAUTH_BASIC
        scrape_setopt_string(easy, CURLOPT_USERNAME, user),
        scrape_setopt_string(easy, CURLOPT_PASSWORD, request.password ?? ""),
      ]
    }
    if let authorities = request.authorities {
      codes.append(scrape_setopt_string(easy, CURLOPT_CAINFO, authorities))
    }
    // Without `Expect: 100-continue` a large body does not wait a second for a server that is old.
    list = curl_slist_append(list, "Expect:")
    for header in request.headers {
      let line = header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)"
      guard !line.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else { continue }
      list = curl_slist_append(list, line)
    }
    codes.append(scrape_setopt_pointer(easy, CURLOPT_HTTPHEADER, list))
    if let failed = codes.first(where: { $0 != CURLE_OK }) {
      throw HTTPError(reason: .invalid, message: String(cString: curl_easy_strerror(failed)))
    }
  }

  deinit {
    curl_easy_cleanup(easy)
    curl_slist_free_all(list)
    body.deallocate()
    words.deallocate()
  }

  private func take(_ data: UnsafeRawBufferPointer) -> Int {
    let room = limit - received.count
    received.append(contentsOf: data.prefix(max(0, room)))
    if data.count > room {
      isCut = true
      return 0  // which makes libcurl end the transfer
    }
    return data.count
  }

  private func takeHeader(_ data: UnsafeRawBufferPointer) -> Int {
    headerBytes += data.count
    guard headerBytes <= 64 << 10 else { return 0 }
    let line = String(decoding: data, as: UTF8.self)
    if line.hasPrefix("HTTP/") {
      // A new head: what came before was `100 Continue` or the like.
      headers.removeAll()
    } else if let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) {
      let value = line.utf8[line.utf8.index(after: colon)...]
      headers.append((line[..<colon].lowercased(), Self.trimmed(value)))
    }
    return data.count
  }

  private static func trimmed(_ text: Substring.UTF8View) -> String {
    var text = text
    while let first = text.first, first <= 0x20 { text.removeFirst() }
    while let last = text.last, last <= 0x20 { text.removeLast() }
    return String(decoding: text, as: UTF8.self)
  }

  func result(_ code: CURLcode) throws(HTTPError) -> HTTPResponse {
    var status = 0
    _ = scrape_getinfo_long(easy, CURLINFO_RESPONSE_CODE, &status)
    guard code == CURLE_OK || (code == CURLE_WRITE_ERROR && isCut) else { throw error(code) }
    return HTTPResponse(status: status, headers: headers, body: received, isCut: isCut)
  }

  private func error(_ code: CURLcode) -> HTTPError {
    let reason: HTTPError.Reason =
      switch code {
      case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .unresolved
      case CURLE_OPERATION_TIMEDOUT: .timeout
      case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CACERT_BADFILE,
        CURLE_SSL_CERTPROBLEM, CURLE_SSL_ISSUER_ERROR:
        .untrusted
      case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: .invalid
      case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_WRITE_ERROR,
        CURLE_HTTP2, CURLE_HTTP2_STREAM, CURLE_BAD_CONTENT_ENCODING:
        .malformed
      default: .unreachable
      }
    let said = words.baseAddress.map { String(cString: $0) } ?? ""
    return HTTPError(
      reason: reason, message: said.isEmpty ? String(cString: curl_easy_strerror(code)) : said)
  }
}
