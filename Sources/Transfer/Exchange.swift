internal import CCurl
internal import CSSL
internal import Engine
internal import Glibc

/// One running transfer: libcurl's easy handle and the answer so far.
final class Exchange {
  enum Ending {
    case finished(CURLcode)
    case timedOut
    case cancelled
    case failed(SystemError)
  }

  let deadline: Deadline
  /// The result; nil while it runs.
  private(set) var ending: Ending?
  /// The present wait of its task, as driver or asleep.
  var ticket: Ticket?
  /// OpenSSL's object of the connection that is being made for it.
  private(set) var settings: OpaquePointer?
  /// Why a socket could not be made.
  private var failure: Int32 = 0
  private let easy: UnsafeMutableRawPointer
  /// The connection's socket, and the number of bytes that it had received before.
  private var socket: (number: Int32, before: UInt64)?
  private var made: Set<Int32> = []
  /// Why a redirect to an address was refused.
  private var refusal: String?
  private var isFlooded = false
  private let sockets: Sockets
  private let request: TransferRequest
  private let authorities: Authorities
  private let start = Deadline.now
  private var lists: [UnsafeMutablePointer<curl_slist>?] = []
  /// libcurl reads the body from here, and writes its error text there.
  private let body: UnsafeMutableBufferPointer<UInt8>
  private let words: UnsafeMutableBufferPointer<CChar>
  private var sent = 0
  private var found = TransferAnswer()
  private var headerBytes = 0
  /// Whether the empty line after the head of an HTTP answer has arrived.
  private var hasWholeHead = false
  private var transcript: Transcript?
  private let scheme: String
  private let isConversation: Bool

  init(
    _ request: TransferRequest, on easy: UnsafeMutableRawPointer, of multi: MultiHandle,
    trusting authorities: Authorities, by deadline: Deadline
  ) throws(TransferError) {
    self.request = request
    self.deadline = deadline
    isConversation = request.isConversation
    self.easy = easy
    self.authorities = authorities
    sockets = multi.sockets
    scheme = request.scheme
    body = .allocate(capacity: request.body.count)
    _ = body.initialize(from: request.body)
    words = .allocate(capacity: Int(CURL_ERROR_SIZE))
    words.initialize(repeating: 0)
    if request.wantsTranscript { transcript = Transcript(request) }
    var codes = common(multi) + credentials
    codes += isConversation ? conversation : http
    if let failed = codes.first(where: { $0 != CURLE_OK }) {
      throw TransferError(.invalid, String(cString: curl_easy_strerror(failed)))
    }
  }

  deinit {
    // The handle is reused: nothing of it may point here.
    curl_easy_reset(easy)
    lists.forEach { curl_slist_free_all($0) }
    body.deallocate()
    words.deallocate()
  }

  private func list(_ option: CURLoption, _ items: [String]) -> CURLcode {
    var list: UnsafeMutablePointer<curl_slist>?
    for item in items { list = curl_slist_append(list, item) }
    lists.append(list)
    return scrape_setopt_pointer(easy, option, list)
  }

  private func common(_ multi: MultiHandle) -> [CURLcode] {
    let context = Unmanaged.passUnretained(self).toOpaque()
    // Connections may outlive the transfer; callbacks go to their present owner.
    let owner = Unmanaged.passUnretained(multi).toOpaque()
    let socketOwner = Unmanaged.passUnretained(sockets).toOpaque()
    var codes = [
      scrape_setopt_string(easy, CURLOPT_URL, request.url),
      // No signals: getaddrinfo runs in a thread of libcurl, and at the deadline a pending lookup
      // is left to that thread.
      scrape_setopt_long(easy, CURLOPT_NOSIGNAL, 1),
      scrape_setopt_long(easy, CURLOPT_QUICK_EXIT, 1),
      scrape_setopt_long(easy, CURLOPT_SSL_VERIFYPEER, 1),
      // The names are compared while the chain is verified; libcurl also compares the URL's own name.
      scrape_setopt_long(
        easy, CURLOPT_SSL_VERIFYHOST, request.names.isEmpty && !isTolerant ? 2 : 0),
      // The authorities are ours: libcurl must neither read files of its own nor cache them.
      scrape_setopt_pointer(easy, CURLOPT_CAINFO, nil),
      scrape_setopt_pointer(easy, CURLOPT_CAPATH, nil),
      scrape_setopt_long(easy, CURLOPT_CA_CACHE_TIMEOUT, 0),
      scrape_setopt_tls(
        easy,
        { easy, tls, context in
          guard let tls, let context else { return CURLE_ABORTED_BY_CALLBACK }
          return Unmanaged<MultiHandle>.fromOpaque(context).takeUnretainedValue()
            .secure(easy, OpaquePointer(tls))
        }, owner),
      scrape_setopt_pointer(easy, CURLOPT_ERRORBUFFER, words.baseAddress),
      scrape_setopt_data(easy, CURLOPT_WRITEFUNCTION) { data, size, count, context in
        guard let data, let context else { return 0 }
        return Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
          .take(UnsafeRawBufferPointer(start: data, count: size * count))
      },
      scrape_setopt_pointer(easy, CURLOPT_WRITEDATA, context),
      scrape_setopt_data(easy, CURLOPT_HEADERFUNCTION) { data, size, count, context in
        guard let data, let context else { return 0 }
        return Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
          .takeLine(UnsafeRawBufferPointer(start: data, count: size * count))
      },
      scrape_setopt_pointer(easy, CURLOPT_HEADERDATA, context),
      scrape_setopt_opensocket(
        easy,
        { context, _, address in
          guard let context, let address else { return -1 }
          return Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue().make(address)
        }, context),
      scrape_setopt_closesocket(
        easy,
        { context, socket in
          guard let context else { return 1 }
          Unmanaged<Sockets>.fromOpaque(context).takeUnretainedValue().close(socket)
          return 0
        }, socketOwner),
    ]
    if !request.keepsConnection || !request.names.isEmpty || isTolerant {
      codes += [
        scrape_setopt_long(easy, CURLOPT_FRESH_CONNECT, 1),
        // The next handshake must show its certificate again.
        scrape_setopt_long(easy, CURLOPT_SSL_SESSIONID_CACHE, 0),
      ]
    }
    // The environment is ignored: the settings were not written for it.
    switch request.proxy {
    case nil: codes.append(scrape_setopt_string(easy, CURLOPT_PROXY, ""))
    case .environment: break
    case .at(let url): codes.append(scrape_setopt_string(easy, CURLOPT_PROXY, url))
    }
    codes += [
      scrape_setopt_long(easy, CURLOPT_NOPROGRESS, 0),
      scrape_setopt_progress(
        easy,
        { context, _, _, _, _ in
          guard let context else { return 1 }
          return Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue().isBounded ? 0 : 1
        }, context),
    ]
    if let source = request.source {
      codes.append(scrape_setopt_string(easy, CURLOPT_INTERFACE, "host!\(source)"))
    }
    if let door = request.carried?.door {
      // libcurl looks up no name, and connects to this in place of the server.
      codes.append(scrape_setopt_string(easy, CURLOPT_ABSTRACT_UNIX_SOCKET, door))
    } else if let address = request.address {
      let host = hostOfURL ?? ""
      let place = address.utf8.contains(UInt8(ascii: ":")) ? "[\(address)]" : address
      if host != place { codes.append(list(CURLOPT_CONNECT_TO, ["\(host)::\(place):"])) }
    }
    if transcript != nil {
      codes.append(scrape_setopt_long(easy, CURLOPT_VERBOSE, 1))
      codes.append(
        scrape_setopt_debug(
          easy,
          { _, type, data, size, context in
            guard let data, let context else { return 0 }
            let exchange = Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
            exchange.transcript?.note(type, UnsafeRawBufferPointer(start: data, count: size))
            return 0
          }, context))
    }
    return codes
  }

  /// Whether an invalid certificate is tolerated: only without a secret.
  private var isTolerant: Bool {
    request.toleratesFaults && request.user == nil && request.password == nil
      && request.bearer == nil && request.secrets.isEmpty
  }

  private var hostOfURL: String? { Self.host(of: request.url) }

  private static func host(of text: String) -> String? {
    guard let url = curl_url() else { return nil }
    defer { curl_url_cleanup(url) }
    guard curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK else { return nil }
    var host: UnsafeMutablePointer<CChar>?
    guard curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK, let host else { return nil }
    defer { curl_free(host) }
    return String(cString: host)
  }

  private var credentials: [CURLcode] {
    if let bearer = request.bearer {
      return [
        scrape_setopt_long(easy, CURLOPT_HTTPAUTH, 1 << 6),  // CURLAUTH_BEARER
        scrape_setopt_string(easy, CURLOPT_XOAUTH2_BEARER, bearer),
      ]
    }
    guard let user = request.user else { return [] }
    return [
      scrape_setopt_long(easy, CURLOPT_HTTPAUTH, 1),  // CURLAUTH_BASIC
      scrape_setopt_string(easy, CURLOPT_USERNAME, user),
      scrape_setopt_string(easy, CURLOPT_PASSWORD, request.password ?? ""),
    ]
  }

  /// Slightly more than the time until the deadline, at most a day.
  private var millisecondsLeft: Int {
    let (seconds, attoseconds) = min(deadline.remaining, .seconds(86_400)).components
    return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000) + 200
  }

  private var http: [CURLcode] {
    var codes = [
      scrape_setopt_string(easy, CURLOPT_PROTOCOLS_STR, "http,https"),
      scrape_setopt_long(easy, CURLOPT_HTTP_VERSION, 2),  // CURL_HTTP_VERSION_1_1
      // Redirects are followed in Redirects.swift.
      scrape_setopt_long(easy, CURLOPT_FOLLOWLOCATION, 0),
      scrape_setopt_string(easy, CURLOPT_USERAGENT, "scrape"),
      scrape_setopt_long(easy, CURLOPT_FORBID_REUSE, request.keepsConnection ? 0 : 1),
    ]
    switch request.method {
    case "GET" where body.isEmpty: break
    case "HEAD": codes.append(scrape_setopt_long(easy, CURLOPT_NOBODY, 1))
    default:
      if request.method == "POST" || !body.isEmpty {
        codes += [
          scrape_setopt_long(easy, CURLOPT_POST, 1),
          scrape_setopt_large(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)),
          scrape_setopt_pointer(easy, CURLOPT_POSTFIELDS, body.baseAddress),
        ]
      }
      if request.method != "POST" {
        codes.append(scrape_setopt_string(easy, CURLOPT_CUSTOMREQUEST, request.method))
      }
    }
    // Without `Expect: 100-continue` a large body does not wait a second for an old server.
    var lines = body.isEmpty ? [] : ["Expect:"]
    for header in request.headers {
      let line = header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)"
      guard !line.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else { continue }
      lines.append(line)
    }
    if !lines.isEmpty { codes.append(list(CURLOPT_HTTPHEADER, lines)) }
    return codes
  }

  private var conversation: [CURLcode] {
    var codes = [
      scrape_setopt_string(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps,imap,imaps,pop3,pop3s"),
      scrape_setopt_long(easy, CURLOPT_USE_SSL, request.requiresTLS ? 3 : 0),  // CURLUSESSL_ALL
    ]
    if let command = request.command {
      codes.append(scrape_setopt_string(easy, CURLOPT_CUSTOMREQUEST, command))
      if scheme.hasPrefix("smtp") || scheme.hasPrefix("pop3") {
        codes.append(scrape_setopt_long(easy, CURLOPT_NOBODY, 1))
      }
    }
    if let sender = request.sender {
      codes += [
        scrape_setopt_string(easy, CURLOPT_MAIL_FROM, sender),
        // Where libcurl blocks, only libcurl can keep the deadline; elsewhere ours is first.
        scrape_setopt_long(easy, CURLOPT_TIMEOUT_MS, millisecondsLeft),
        list(CURLOPT_MAIL_RCPT, request.recipients),
        scrape_setopt_long(easy, CURLOPT_UPLOAD, 1),
        scrape_setopt_large(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(body.count)),
        scrape_setopt_data(easy, CURLOPT_READFUNCTION) { data, size, count, context in
          guard let data, let context else { return 0 }
          return Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
            .give(UnsafeMutableRawBufferPointer(start: data, count: size * count))
        },
        scrape_setopt_pointer(
          easy, CURLOPT_READDATA, Unmanaged.passUnretained(self).toOpaque()),
      ]
    }
    if request.allowsRefusedRecipients { codes.append(scrape_allow_refused_recipients(easy)) }
    return codes
  }

  /// The plain-text farewell of an aborted conversation.
  var goodbye: [UInt8] {
    switch scheme {
    case "smtp", "pop3": Array("QUIT\r\n".utf8)
    case "imap": Array("Z LOGOUT\r\n".utf8)
    default: []
    }
  }

  // MARK: Callbacks of libcurl and OpenSSL

  /// Sets the authorities of a connection that is about to start TLS, and records its handshake.
  ///
  /// The chain is verified as usual and also recorded, as libcurl shows no failed chain.
  func secure(_ tls: OpaquePointer, _ context: UnsafeMutableRawPointer) {
    settings = tls
    sockets.saysNothing()
    authorities.adopt(tls)
    SSL_CTX_set_cert_verify_callback(
      tls,
      { verification, context in
        guard let verification, let context else { return 0 }
        let isTrusted = X509_verify_cert(verification) == 1
        // Without the expected names, no certificate is trusted.
        let exchange = Unmanaged<MultiHandle>.fromOpaque(context).takeUnretainedValue()
          .exchange(verifying: verification)
        return exchange?.accepts(verification, isTrusted) == true ? 1 : 0
      }, context)
  }

  private func make(_ address: UnsafeMutablePointer<curl_sockaddr>) -> Int32 {
    // Nothing behind a jump host is sent directly, whatever libcurl looks up.
    if request.carried != nil, address.pointee.family != AF_UNIX { return -1 }
    let bytes = UnsafeRawBufferPointer(
      start: scrape_address(address), count: Int(address.pointee.addrlen))
    if let refusal = request.refusal(of: bytes) {
      self.refusal = refusal
      return -1
    }
    let socket = sockets.make(address)
    if socket < 0 { failure = errno } else { made.insert(socket) }
    return socket
  }

  /// libcurl waits for this socket on behalf of the transfer.
  func uses(_ number: Int32) {
    guard socket?.number != number else { return }
    // A reused connection has received other answers before.
    socket = (number, made.contains(number) ? 0 : scrape_bytes_received(number))
  }

  /// Whether the server has sent no more than an answer within the limits may take, whatever its
  /// chunks: the chunk headers have no limit of their own.
  private var isBounded: Bool {
    guard let socket else { return true }
    let received =
      request.carried.map { UInt64($0.received.value) } ?? scrape_bytes_received(socket.number)
    let count = received > socket.before ? received - socket.before : 0
    isFlooded = count > UInt64(request.rawLimit)
    return !isFlooded
  }

  private func note(_ verification: OpaquePointer, _ isTrusted: Bool) {
    // The verified chain, or after a failure the chain that the server sent.
    var chain = isTrusted ? X509_STORE_CTX_get0_chain(verification) : nil
    if chain == nil { chain = X509_STORE_CTX_get0_untrusted(verification) }
    found.certificates = []
    for index in 0..<min(10, max(0, chain.map { scrape_chain_count($0) } ?? 0)) {
      guard let item = scrape_chain_item(chain, index), let certificate = Certificate(item) else {
        continue
      }
      found.certificates.append(certificate)
    }
    if found.certificates.isEmpty, let own = X509_STORE_CTX_get0_cert(verification),
      let certificate = Certificate(own)
    {
      found.certificates = [certificate]
    }
  }

  /// Inspects the server's chain, and decides whether the handshake continues.
  private func accepts(_ verification: OpaquePointer, _ isTrusted: Bool) -> Bool {
    note(verification, isTrusted)
    guard let leaf = X509_STORE_CTX_get0_cert(verification) else { return false }
    if isTrusted {
      found.faults = [CertificateFault.wrongName(leaf, expectedNames)].compactMap { $0 }
    } else {
      let code = X509_STORE_CTX_get_error(verification)
      var faults = CertificateFault.all(
        of: leaf, chain: X509_STORE_CTX_get0_untrusted(verification), by: authorities,
        names: expectedNames)
      // Faults that only this connection's own settings find, such as a key that is too short for
      // them.
      if !faults.contains(where: { $0.kind != .name }) {
        faults.insert(CertificateFault(code, Certificate(leaf), isLeaf: true), at: 0)
      }
      found.faults = faults
    }
    if found.faults.isEmpty { return true }
    guard isTolerant else { return false }
    // libcurl queries OpenSSL once more.
    X509_STORE_CTX_set_error(verification, X509_V_OK)
    return true
  }

  /// The names of which the certificate must have one: after a redirect, that of the new host.
  private var expectedNames: [String] {
    let first = hostOfURL
    var redirects = 0
    _ = scrape_getinfo_long(easy, CURLINFO_REDIRECT_COUNT, &redirects)
    let last = redirects > 0 ? text(CURLINFO_EFFECTIVE_URL).flatMap(Self.host) : first
    if last == first, !request.names.isEmpty { return request.names }
    // IPv6 addresses stand in brackets there.
    return [last ?? ""].map { $0.hasPrefix("[") ? String($0.dropFirst().dropLast()) : $0 }
  }

  private func take(_ data: UnsafeRawBufferPointer) -> Int {
    let room = request.bodyLimit - found.body.count
    found.body.append(contentsOf: data.prefix(max(0, room)))
    if data.count > room {
      found.isCut = true
      return 0  // which makes libcurl end the transfer
    }
    return data.count
  }

  private func takeLine(_ data: UnsafeRawBufferPointer) -> Int {
    headerBytes += data.count
    guard headerBytes <= request.headerLimit else { return 0 }
    if isConversation {
      found.lines.append(Self.trimmed(data[...]))
    } else if data.starts(with: "HTTP/".utf8) {
      // A new head: the previous one was `100 Continue`, or a redirect.
      found.headers.removeAll()
      found.lines = [Self.trimmed(data[...])]
      hasWholeHead = false
    } else if data.allSatisfy({ $0 == 0x0d || $0 == 0x0a }) {
      hasWholeHead = true
    } else if let colon = data.firstIndex(of: UInt8(ascii: ":")) {
      let name = String(decoding: data[..<colon], as: UTF8.self).lowercased()
      found.headers.append((name, Self.trimmed(data[(colon + 1)...])))
    }
    return data.count
  }

  private static func trimmed(_ text: Slice<UnsafeRawBufferPointer>) -> String {
    var text = text
    while let first = text.first, first <= 0x20 { text.removeFirst() }
    while let last = text.last, last <= 0x20 { text.removeLast() }
    return String(decoding: text, as: UTF8.self)
  }

  private func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(room.count, body.count - sent)
    room.copyBytes(from: UnsafeRawBufferPointer(body)[sent..<(sent + count)])
    sent += count
    return count
  }

  // MARK: The end

  /// Ends the transfer, unless it has ended before.
  func end(_ ending: Ending) {
    if self.ending == nil { self.ending = ending }
    ticket?.wake()
  }

  /// Whether libcurl ended the transfer.
  var isFinished: Bool { if case .finished = ending { true } else { false } }

  func answer(_ ending: Ending) throws(TransferError) -> TransferAnswer {
    switch ending {
    case .finished(CURLE_OPERATION_TIMEDOUT) where request.sender != nil:
      return answer(ending: .timeout)
    case .finished(let code): return answer(code)
    case .timedOut: return answer(ending: .timeout)
    case .cancelled: return answer(ending: .cancelled)
    case .failed(let error): throw TransferError(.local, "\(error)")
    }
  }

  /// The answer where libcurl ended the transfer.
  private func answer(_ code: CURLcode) -> TransferAnswer {
    if code == CURLE_OK { sockets.saysNothing() }
    complete()
    if code != CURLE_OK && !(code == CURLE_WRITE_ERROR && found.isCut) { found.error = error(code) }
    // libcurl takes the end of the connection for the end of the head.
    if [nil, .lost].contains(found.error?.reason), !isConversation, !hasWholeHead, headerBytes > 0 {
      found.error = TransferError(
        .lost, "the connection was closed in the middle of the header, after \(headerBytes) bytes")
    }
    return found
  }

  /// The answer where the reactor ended it.
  private func answer(ending reason: TransferError.Reason) -> TransferAnswer {
    complete()
    let point =
      if found.phases.connected == nil {
        found.phases.resolved == nil && found.address == nil
          ? "no address for the name" : "no connection"
      } else if request.requiresTLS || scheme.hasSuffix("s"), found.phases.secured == nil {
        isConversation && !scheme.hasSuffix("s")
          ? "no change to TLS" : "no end of the TLS handshake"
      } else if found.phases.answered == nil && found.lines.isEmpty && found.headers.isEmpty {
        "connected, but no answer"
      } else {
        "no end of the answer"
      }
    found.error = TransferError(
      reason, reason == .cancelled ? "cancelled" : "\(point) in the time given")
    return found
  }

  private func complete() {
    var status = 0
    _ = scrape_getinfo_long(easy, CURLINFO_RESPONSE_CODE, &status)
    found.status = status > 0 ? status : nil
    found.phases.resolved = phase(CURLINFO_NAMELOOKUP_TIME_T)
    found.phases.connected = phase(CURLINFO_CONNECT_TIME_T)
    found.phases.secured = phase(CURLINFO_APPCONNECT_TIME_T)
    found.phases.answered = phase(CURLINFO_STARTTRANSFER_TIME_T)
    found.phases.total = Deadline.now.since(start)
    found.address = request.carried == nil ? text(CURLINFO_PRIMARY_IP) : request.address
    found.url = text(CURLINFO_EFFECTIVE_URL)
    found.transcript = transcript?.lines ?? []
  }

  private func phase(_ info: CURLINFO) -> Duration? {
    var microseconds: curl_off_t = 0
    _ = scrape_getinfo_large(easy, info, &microseconds)
    return microseconds > 0 ? .microseconds(microseconds) : nil
  }

  private func text(_ info: CURLINFO) -> String? {
    var value: UnsafeMutablePointer<CChar>?
    guard scrape_getinfo_string(easy, info, &value) == CURLE_OK, let value, value.pointee != 0
    else { return nil }
    return String(cString: value)
  }

  private func error(_ code: CURLcode) -> TransferError {
    var said = words.baseAddress.map { String(cString: $0) } ?? ""
    if said.isEmpty { said = String(cString: curl_easy_strerror(code)) }
    if let refusal { return TransferError(.failed, refusal) }
    if isFlooded {
      return TransferError(
        .malformed, "the server sends without end: more than \(request.rawLimit) bytes came")
    }
    // For a mail, libcurl quotes the server, and the notifier looks for the step that it names.
    if request.sender == nil { said = failureWords(code, said).text }
    if !isTolerant, !found.faults.isEmpty {
      said = "certificate: " + found.faults.map(\.message).joined(separator: "; ")
    }
    return TransferError(reason(code), said)
  }

  private func failureWords(_ code: CURLcode, _ said: String) -> FailureWords {
    let wantsTLS = request.requiresTLS || scheme.hasSuffix("s")
    return FailureWords(
      code: code, said: said,
      place: FailureWords.place(request.url, address: found.address ?? request.address),
      number: connectionError, isConnected: found.phases.connected != nil,
      isSecured: wantsTLS ? found.phases.secured != nil : nil, head: headerBytes,
      body: found.body.count, hasWholeHead: hasWholeHead, isConversation: isConversation,
      redirects: request.redirects, announced: found[header: "content-length"].flatMap { Int($0) })
  }

  /// Why a socket could not be connected; zero if unknown.
  private var connectionError: Int32 {
    guard failure == 0 else { return failure }
    var number = 0
    _ = scrape_getinfo_long(easy, CURLINFO_OS_ERRNO, &number)
    return Int32(truncatingIfNeeded: number)
  }

  private func reason(_ code: CURLcode) -> TransferError.Reason {
    // SMTP: the server refused the mail.
    if request.sender != nil, let status = found.status, status >= 400,
      [CURLE_SEND_ERROR, CURLE_WEIRD_SERVER_REPLY].contains(code)
    {
      return .failed
    }
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: return .unresolved
    case CURLE_COULDNT_CONNECT: return unconnected
    case CURLE_OPERATION_TIMEDOUT: return .timeout
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ISSUER_ERROR: return .untrusted
    case CURLE_SSL_CONNECT_ERROR, CURLE_USE_SSL_FAILED:
      return found.faults.isEmpty || isTolerant ? .insecure : .untrusted
    case CURLE_LOGIN_DENIED, CURLE_AUTH_ERROR: return .denied
    case CURLE_UNSUPPORTED_PROTOCOL:
      // HTTP: an answer without a status line.
      return found.phases.connected == nil ? .invalid : .malformed
    case CURLE_URL_MALFORMAT, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
      CURLE_BAD_FUNCTION_ARGUMENT:
      return .invalid
    case CURLE_WEIRD_SERVER_REPLY, CURLE_WRITE_ERROR, CURLE_HTTP2, CURLE_HTTP2_STREAM,
      CURLE_BAD_CONTENT_ENCODING, CURLE_FTP_WEIRD_PASS_REPLY, CURLE_FTP_WEIRD_PASV_REPLY,
      CURLE_FTP_WEIRD_227_FORMAT:
      return .malformed
    case CURLE_OUT_OF_MEMORY, CURLE_FAILED_INIT, CURLE_INTERFACE_FAILED: return .local
    case CURLE_TOO_MANY_REDIRECTS, CURLE_QUOTE_ERROR, CURLE_REMOTE_ACCESS_DENIED,
      CURLE_REMOTE_FILE_NOT_FOUND, CURLE_FTP_COULDNT_RETR_FILE, CURLE_UPLOAD_FAILED:
      return .failed
    default: return .lost
    }
  }

  private var unconnected: TransferError.Reason {
    switch connectionError {
    case ECONNREFUSED: return .refused
    case ETIMEDOUT: return .timeout
    case ECONNRESET: return .lost
    case EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL: return .local
    default: return .unreachable
    }
  }
}
