internal import Metrics
internal import CSSH2
internal import Engine
internal import Glibc
internal import Inventory

/// One SSH connection: open, check, log in, run batches, close.
///
/// It belongs to one task on one reactor. libssh2 never blocks: where it would, the task waits for the
/// descriptor. `deinit` frees everything without waiting for the peer.
final class Session: BatchShell {
  private let session: OpaquePointer
  let transport: Transport
  private var channel: OpaquePointer?
  /// The state of a log-in, for the library's callbacks.
  private let login = Login()
  /// The key that logged in; nil after another method.
  private var proven: Credentials.Identity?
  /// What signs batches, where the account runs nothing else.
  private var gate: SignedBatches?

  /// The corresponding C function is `libssh2_init`, which is not safe to run twice at once.
  private static let library: Int32 = libssh2_init(0)
  /// Threads for the one call that costs 0.2 s of CPU: opening an encrypted OpenSSH key.
  private static let slowKeys = BlockingPool(name: "bcrypt", threads: 2)

  init(over transport: Transport) throws(TargetError) {
    let context = Unmanaged.passUnretained(transport).toOpaque()
    guard Session.library == 0,
      let session = libssh2_session_init_ex(
        Session.allocator.allocate, Session.allocator.free, Session.allocator.resize, context)
    else {
      throw TargetError(.localError, "libssh2 has no memory for a session")
    }
    self.session = session
    self.transport = transport
    libssh2_session_set_blocking(session, 0)
    Transport.install(in: session)
  }

  /// malloc(3) with a limit, and a look at what is freed while a channel is opened.
  ///
  /// The library reports that a channel was refused and keeps the server's words (`Connection
  /// refused`, `No route to host`) to itself: they are in the packet that it frees then. Format:
  /// RFC 4254, section 5.1, SSH_MSG_CHANNEL_OPEN_FAILURE.
  private static let allocator:
    (
      allocate:
        @convention(c) (Int, UnsafeMutablePointer<UnsafeMutableRawPointer?>?)
        -> UnsafeMutableRawPointer?,
      free:
        @convention(c) (
          UnsafeMutableRawPointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?
        ) -> Void,
      resize:
        @convention(c) (
          UnsafeMutableRawPointer?, Int, UnsafeMutablePointer<UnsafeMutableRawPointer?>?
        ) -> UnsafeMutableRawPointer?
    ) = (
      { count, abstract in
        guard let transport = Transport.owner(abstract) else { return malloc(count) }
        // Packets that no channel takes would pile up in the library without a limit.
        guard count < transport.memoryLimit, transport.memory < transport.memoryLimit - count else {
          return nil
        }
        let pointer = malloc(count)
        transport.memory += malloc_usable_size(pointer)
        return pointer
      },
      { pointer, abstract in
        guard let pointer else { return }
        let transport = Transport.owner(abstract)
        let usable = malloc_usable_size(pointer)
        transport?.memory -= usable
        if let transport, transport.notesRefusals {
          let size = min(usable, 1024)
          var packet = WireReader(UnsafeRawBufferPointer(start: pointer, count: size))
          if packet.byte() == 92, packet.uint32() != nil, let reason = packet.uint32(),
            (1...4).contains(reason), let words = packet.text()
          {
            transport.refusal = words
            transport.refusalReason = reason
          }
        }
        free(pointer)
      },
      { pointer, count, abstract in
        let before = malloc_usable_size(pointer)
        let pointer = realloc(pointer, count)
        if pointer != nil {
          Transport.owner(abstract)?.memory += malloc_usable_size(pointer) - before
        }
        return pointer
      }
    )

  deinit {
    // The library would wait for the peer to confirm; with the stream cut it cannot.
    transport.cut()
    if let channel { libssh2_channel_free(channel) }
    libssh2_session_free(session)
  }

  // MARK: Steps

  /// Repeats a call until the library no longer waits for the socket.
  func step(
    _ doing: String, on reactor: isolated Reactor, by deadline: Deadline,
    _ call: () -> Int
  ) async throws(TargetError) -> Int {
    while true {
      let taken = transport.taken
      let code = call()
      if code != Int(LIBSSH2_ERROR_EAGAIN) { return code }
      // Bytes read ahead raise no event: as long as the library takes some, it is called again.
      if transport.waiting > 0, transport.taken != taken { continue }
      try await ready(doing, on: reactor, by: deadline)
    }
  }

  private func ready(
    _ doing: String, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) {
    // A descriptor that is always ready never lets a wait time out.
    if deadline.isPast { throw TargetError(.timeout, "no end at the deadline while \(doing)") }
    transport.beginTurn()
    let directions = libssh2_session_block_directions(session)
    var readiness: Readiness = .read
    if directions & LIBSSH2_SESSION_BLOCK_OUTBOUND != 0 { readiness.insert(.write) }
    do {
      try await transport.wait(for: readiness, on: reactor, by: deadline)
    } catch {
      throw TargetError(error, while: doing)
    }
  }

  /// The session for the library, for a session with a jump host, which runs many channels.
  var handle: OpaquePointer { session }

  /// The library's last words. The corresponding C function is `libssh2_session_last_error`.
  var lastError: String {
    var text: UnsafeMutablePointer<CChar>?
    libssh2_session_last_error(session, &text, nil, 0)
    return text.map { String(cString: $0) } ?? "unknown error"
  }

  // MARK: Key exchange

  /// Exchanges versions and keys, asking only for the kinds of host key that can be checked.
  func handshake(
    hostKeys: String, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> HostKey {
    libssh2_session_method_pref(session, LIBSSH2_METHOD_HOSTKEY, hostKeys)
    let code: Int
    do {
      code = try await step("exchanging keys", on: reactor, by: deadline) {
        Int(libssh2_session_handshake(session, transport.descriptor))
      }
    } catch  where error.reason == .timeout {
      throw stranger ?? error
    }
    guard code == 0 else { throw handshakeFailure(Int32(code), hostKeys: hostKeys) }
    var size = 0
    var type: Int32 = 0
    guard let key = libssh2_session_hostkey(session, &size, &type) else {
      throw TargetError(.protocolError, "the host showed no key")
    }
    transport.forgetGreeting()
    return HostKey(blob: Array(UnsafeRawBufferPointer(start: key, count: size)))
  }

  /// The server's version line without `SSH-2.0-`; nil before it arrives. The corresponding C function
  /// is `libssh2_session_banner_get`.
  var banner: String? {
    guard let line = libssh2_session_banner_get(session).map({ String(cString: $0) }) else {
      return nil
    }
    for start in ["SSH-2.0-", "SSH-1.99-"] where line.hasPrefix(start) {
      return String(line.dropFirst(start.count))
    }
    return line
  }

  /// The error for first bytes that are not SSH's; nil if they are, or if none came.
  private var stranger: TargetError? {
    let greeting = transport.greeting
    guard !greeting.isEmpty, greeting.firstRange(of: Array("SSH-".utf8)) == nil else { return nil }
    let words = String(decoding: greeting.prefix(60), as: UTF8.self)
    let lower = words.lowercased()
    if lower.contains("maxstartups") || lower.contains("not allowed at this time") {
      var error = protection("it said \"\(words)\"")
      error.isPenalty = lower.contains("not allowed at this time")
      return error
    }
    return TargetError(
      .protocolError, "not an SSH server: it began with \"\(words)\"; is the port right?")
  }

  private func overdrawn(_ doing: String) -> TargetError {
    TargetError(
      .protocolError, "it sent more than \(transport.limit >> 10) KiB while \(doing)")
  }

  private func protection(_ what: String) -> TargetError {
    TargetError(
      .refusedByProtection,
      "the server turned us away (\(what)): its MaxStartups or PerSourcePenalties struck; "
        + "exempt this monitor with PerSourcePenaltyExemptList, or lower the fanout")
  }

  /// A protection without an error message looks the same as a faulty server.
  private static let whatMayClose =
    "is sshd well, and does nothing between (a firewall, TCP wrappers) end it?"

  private func handshakeFailure(_ code: Int32, hostKeys: String) -> TargetError {
    if let stranger { return stranger }
    if transport.isOverdrawn { return overdrawn("exchanging keys") }
    if transport.greeting.isEmpty {
      var error = TargetError(
        .connectionLost,
        transport.isClosed
          ? "the server closed the connection before it said a word; \(Self.whatMayClose)"
          : "the server reset the connection before it said a word; \(Self.whatMayClose)")
      error.isWordless = true
      return error
    }
    if code == LIBSSH2_ERROR_KEX_FAILURE || code == LIBSSH2_ERROR_METHOD_NONE
      || code == LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE,
      let difference = Algorithms.difference(
        session, greeting: transport.greeting, hostKeys: hostKeys)
    {
      return TargetError(.noCommonAlgorithm, difference)
    }
    switch code {
    case LIBSSH2_ERROR_SOCKET_DISCONNECT, LIBSSH2_ERROR_SOCKET_RECV, LIBSSH2_ERROR_SOCKET_SEND:
      return TargetError(.connectionLost, "the server ended the connection during the key exchange")
    default:
      return TargetError(.protocolError, "key exchange failed: \(lastError)")
    }
  }

  // MARK: Log-in

  /// Logs in with each key in turn, then with the password.
  func authenticate(
    _ user: String, with credentials: Credentials, at target: HostTarget,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> String {
    var tried: [String] = []
    // Servers end the connection after MaxAuthTries (6), and penalise failures: few tries, never all
    // keys.
    for identity in credentials.identities.prefix(4) {
      if try await prove(user, with: identity, on: reactor, by: deadline) {
        proven = identity
        return "publickey (\(identity.name))"
      }
      if transport.isOverdrawn { throw overdrawn("logging in") }
      if transport.isClosed {
        throw TargetError(.authFailed, "\(user): the server hung up after \(identity.name)")
      }
      tried.append(identity.name)
    }
    let offered = try await methods(user, on: reactor, by: deadline)
    guard let offered else { return "none" }
    if let password = credentials.password {
      if offered.contains("password") {
        let code = try await step("logging in with a password", on: reactor, by: deadline) {
          Int(
            libssh2_userauth_password_ex(
              session, user, UInt32(user.utf8.count), password, UInt32(password.utf8.count), nil))
        }
        if code == 0 { return "password" }
        tried.append("password")
      }
      if offered.contains("keyboard-interactive"), !transport.isClosed {
        transport.answer = Array(password.utf8)
        defer { transport.answer = [] }
        let code = try await step("answering prompts", on: reactor, by: deadline) {
          Int(
            libssh2_userauth_keyboard_interactive_ex(
              session, user, UInt32(user.utf8.count), Login.respond))
        }
        if code == 0 { return "keyboard-interactive" }
        tried.append("keyboard-interactive")
      }
    }
    if transport.isOverdrawn { throw overdrawn("logging in") }
    let attempts = tried.isEmpty ? "nothing to try" : "tried \(tried.joined(separator: ", "))"
    var error = TargetError(
      .authFailed,
      (["\(user): \(attempts); the server takes \(offered.joined(separator: ", "))"]
        + credentials.notes + [target.cure(tried, offered)]).joined(separator: "; "))
    error.isUntried = tried.isEmpty
    throw error
  }

  /// The methods that the server accepts; nil if it requires none.
  ///
  /// The corresponding C function is `libssh2_userauth_list`.
  private func methods(
    _ user: String, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> [String]? {
    var list: String?
    let code = try await step("asking how to log in", on: reactor, by: deadline) {
      if let text = libssh2_userauth_list(session, user, UInt32(user.utf8.count)) {
        list = String(cString: text)
        return 0
      }
      return Int(libssh2_session_last_errno(session))
    }
    if let list { return list.split(separator: ",").map(String.init) }
    if libssh2_userauth_authenticated(session) == 1 { return nil }
    if transport.isOverdrawn { throw overdrawn("logging in") }
    throw TargetError(
      code == Int(LIBSSH2_ERROR_SOCKET_DISCONNECT) || transport.isClosed
        ? .connectionLost : .authFailed,
      "\(user): no log-in methods: \(lastError)")
  }

  private func prove(
    _ user: String, with identity: Credentials.Identity, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(TargetError) -> Bool {
    switch identity {
    case .key(let key):
      login.signer = { key.sign($0) }
      return try await publicKey(user, key.publicBlob, on: reactor, by: deadline) { _, _ in nil }
    case .agent(let agent, let identity):
      login.signer = nil
      do {
        return try await publicKey(user, identity.publicBlob, on: reactor, by: deadline) {
          data, reactor throws(TargetError) in
          try await agent.sign(data, with: identity, on: reactor, by: deadline)
        }
      } catch  where error.reason == .authFailed {
        return false  // the agent's owner may have refused this key; there may be others
      }
    case .slow(let file, let passphrase, _):
      let handle = Handle(session: session)
      let code = try await slowStep(on: reactor, by: deadline) {
        file.withUnsafeBytes { file in
          libssh2_userauth_publickey_frommemory(
            handle.session, user, user.utf8.count, nil, 0,
            file.baseAddress?.assumingMemoryBound(to: CChar.self), file.count, passphrase)
        }
      }
      return code == 0
    }
  }

  private struct Handle: @unchecked Sendable { let session: OpaquePointer }

  /// Like `step`, with each call on a thread of its own; nothing else uses the session meanwhile.
  private func slowStep(
    on reactor: isolated Reactor, by deadline: Deadline, _ call: @escaping @Sendable () -> Int32
  ) async throws(TargetError) -> Int32 {
    while true {
      if Task.isCancelled {
        throw TargetError(.cancelled, "ended while its encrypted key was to be opened")
      }
      // The session must not be freed while the call runs in it, so the end is awaited; a call that
      // would start after the deadline does not start.
      let code = await Session.slowKeys.finish(on: reactor) {
        deadline.isPast ? LIBSSH2_ERROR_TIMEOUT : call()
      }
      if code == LIBSSH2_ERROR_TIMEOUT {
        throw TargetError(
          .timeout,
          "the monitor had no time to open its encrypted key for this host (0.2 s for each); add "
            + "the key to an agent, or write it in PKCS#8: ssh-keygen -p -m PKCS8 -f KEY")
      }
      if code != LIBSSH2_ERROR_EAGAIN { return code }
      try await ready("logging in with an encrypted key", on: reactor, by: deadline)
    }
  }

  /// Offers a public key and signs when the server asks for it.
  ///
  /// The library requests the signature through a callback, which may answer "not yet": then the
  /// signature is fetched and the call repeated. The corresponding C function is
  /// `libssh2_userauth_publickey`.
  private func publicKey(
    _ user: String, _ blob: [UInt8], on reactor: isolated Reactor, by deadline: Deadline,
    sign: (_ data: [UInt8], isolated Reactor) async throws(TargetError) -> [UInt8]?
  ) async throws(TargetError) -> Bool {
    login.wanted = nil
    login.signature = nil
    while true {
      var context: UnsafeMutableRawPointer? = Unmanaged.passUnretained(login).toOpaque()
      let code = libssh2_userauth_publickey(
        session, user, blob, blob.count, Login.sign, &context)
      if code == 0 { return true }
      guard code == LIBSSH2_ERROR_EAGAIN else {
        switch code {
        case LIBSSH2_ERROR_SOCKET_DISCONNECT, LIBSSH2_ERROR_SOCKET_RECV, LIBSSH2_ERROR_SOCKET_SEND,
          LIBSSH2_ERROR_SOCKET_NONE:
          if transport.isOverdrawn { throw overdrawn("logging in") }
          throw TargetError(.connectionLost, "the server ended the connection during the log-in")
        default: return false
        }
      }
      if let wanted = login.wanted {
        login.wanted = nil
        login.signature = try await sign(wanted, reactor)
      } else {
        try await ready("logging in", on: reactor, by: deadline)
      }
    }
  }

  /// The data of the library's callbacks during a log-in.
  private final class Login {
    /// Signs at once.
    var signer: ((UnsafeRawBufferPointer) -> [UInt8]?)?
    /// The data to be signed elsewhere.
    var wanted: [UInt8]?
    /// The signature made elsewhere.
    var signature: [UInt8]?

    static let sign:
      @convention(c) (
        OpaquePointer?, UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?,
        UnsafeMutablePointer<Int>?, UnsafePointer<UInt8>?, Int,
        UnsafeMutablePointer<UnsafeMutableRawPointer?>?
      ) -> Int32 = { _, signature, size, data, count, abstract in
        guard let context = abstract?.pointee, let signature, let size else { return -1 }
        let login = Unmanaged<Login>.fromOpaque(context).takeUnretainedValue()
        let data = UnsafeRawBufferPointer(start: data, count: count)
        let bytes: [UInt8]
        if let signer = login.signer {
          guard let made = signer(data) else { return -1 }
          bytes = made
        } else if let made = login.signature {
          bytes = made
        } else {
          login.wanted = Array(data)
          return LIBSSH2_ERROR_EAGAIN
        }
        // The library frees it with the allocator the session was made with: malloc's.
        guard let copy = malloc(bytes.count) else { return -1 }
        copy.copyMemory(from: bytes, byteCount: bytes.count)
        signature.pointee = copy.assumingMemoryBound(to: UInt8.self)
        size.pointee = bytes.count
        return 0
      }

    /// Answers each prompt without echo with the password, the others with nothing.
    static let respond:
      @convention(c) (
        UnsafePointer<CChar>?, Int32, UnsafePointer<CChar>?, Int32, Int32,
        UnsafePointer<LIBSSH2_USERAUTH_KBDINT_PROMPT>?,
        UnsafeMutablePointer<LIBSSH2_USERAUTH_KBDINT_RESPONSE>?,
        UnsafeMutablePointer<UnsafeMutableRawPointer?>?
      ) -> Void = { _, _, _, _, count, prompts, responses, abstract in
        guard let context = abstract?.pointee, let prompts, let responses else { return }
        let answer = Unmanaged<Transport>.fromOpaque(context).takeUnretainedValue().answer
        for index in 0..<Int(count) {
          let text = prompts[index].echo == 0 ? answer : []
          guard let copy = malloc(max(1, text.count)) else { continue }
          copy.copyMemory(from: text, byteCount: text.count)
          responses[index].text = copy.assumingMemoryBound(to: CChar.self)
          responses[index].length = UInt32(text.count)
        }
      }
  }

  // MARK: A shell

  /// The channel's window, in bytes: the most that the peer may send ahead.
  private static let window: UInt32 = 128 << 10

  /// Opens a channel and starts a POSIX shell on it, whatever the log-in shell is.
  func startShell(
    _ command: String = "exec sh", on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) {
    let type = "session"
    _ = try await step("opening a channel", on: reactor, by: deadline) {
      channel = libssh2_channel_open_ex(
        session, type, UInt32(type.utf8.count), Session.window, 32 << 10, nil, 0)
      return channel == nil ? Int(libssh2_session_last_errno(session)) : 0
    }
    guard let channel else {
      if transport.isOverdrawn { throw overdrawn("opening a channel") }
      throw TargetError(
        transport.isClosed ? .connectionLost : .noShell,
        "no channel: \(lastError) (MaxSessions reached, or the account may run nothing?)")
    }
    let code = try await step("starting a shell", on: reactor, by: deadline) {
      Int(
        libssh2_channel_process_startup(
          channel, "exec", 4, command, UInt32(command.utf8.count)))
    }
    guard code == 0 else {
      throw TargetError(.noShell, "the server would not run `\(command)`: \(lastError)")
    }
  }

  /// Starts the gate, which runs signed batches only, and reads its greeting.
  func startGate(
    of target: HostTarget, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) {
    guard let signer = target.credentials.signer ?? proven else {
      throw TargetError(
        .localError,
        "signed batches need a key; the log-in was by another method, see `signing_key:`")
    }
    try await startShell(SignedBatches.command, on: reactor, by: deadline)
    gate = try SignedBatches(
      greeting: try await greeting(on: reactor, by: deadline), host: target.name, signer: signer)
  }

  /// The last line of what a shell prints before it is asked anything; empty if it ends.
  private func greeting(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> String {
    guard let channel else { throw TargetError(.localError, "no shell was started") }
    transport.allow(Self.idleLimit)
    var text: [UInt8] = []
    var buffer = [CChar](repeating: 0, count: 512)
    while text.count < 4096 {
      let count = try await step("waiting for the gate", on: reactor, by: deadline) {
        libssh2_channel_read_ex(channel, 0, &buffer, buffer.count)
      }
      guard count > 0 else {
        guard count == 0 else { throw lost("waiting for the gate", Self.idleLimit) }
        break
      }
      text += buffer.prefix(count).map { UInt8(bitPattern: $0) }
      // A banner of the account's shell may come before it.
      if text.last == 0x0a,
        let line = text.split(separator: 0x0a).last(where: { $0.starts(with: "scrape-gate".utf8) })
      {
        return String(decoding: line, as: UTF8.self)
      }
    }
    return String(decoding: text.split(separator: 0x0a).last ?? [], as: UTF8.self)
  }

  func run(
    _ script: [UInt8], into frames: inout Frames, byteLimit: Int, on reactor: isolated Reactor,
    hello: Deadline, by deadline: Deadline
  ) async throws(TargetError) {
    guard let channel else { throw TargetError(.localError, "no shell was started") }
    let script =
      try await gate?.sent(script, on: reactor, by: min(hello, deadline)) ?? script
    var written = 0
    transport.allow(byteLimit)
    while true {
      var moved = false
      let taken = transport.taken
      if written < script.count {
        let count = script.withUnsafeBytes { bytes in
          libssh2_channel_write_ex(
            channel, 0,
            bytes.baseAddress?.advanced(by: written).assumingMemoryBound(to: CChar.self),
            bytes.count - written)
        }
        if count > 0 {
          written += count
          moved = true
        } else if count != Int(LIBSSH2_ERROR_EAGAIN) {
          throw lost("sending the batch", byteLimit)
        }
      }
      switch drain(channel, into: &frames, by: deadline) {
      case .nothing: break
      case .some: moved = true
      // A host that sends without pause must not hold the reactor.
      case .late: throw TargetError(.timeout, "still sending at the deadline")
      case .failed: throw lost("reading the batch", byteLimit)
      }
      if frames.isDone { return }
      if moved { continue }
      if libssh2_channel_eof(channel) == 1 {
        frames.finish()
        throw ended(frames)
      }
      // The library stops at half a packet whose rest has been read ahead, and reading one stream
      // queues data of the other: only a round without any data may wait for the socket.
      if transport.taken != taken { continue }
      if transport.isClosed { throw lost("reading the batch", byteLimit) }
      let isSilent = frames.connection == nil && hello < deadline
      try await ready(
        isSilent ? "waiting for a word of the shell" : "the batch ran", on: reactor,
        by: isSilent ? hello : deadline)
    }
  }

  private enum Drained { case nothing, some, late, failed }

  /// Reads both streams of the shell as far as they have come: an unread one would fill the window and
  /// hide the end.
  private func drain(
    _ channel: OpaquePointer, into frames: inout Frames, by deadline: Deadline
  ) -> Drained {
    let size = 16 << 10
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    defer { buffer.deallocate() }
    var drained = Drained.nothing
    for stream in Int32(0)...1 {
      while true {
        let count = libssh2_channel_read_ex(
          channel, stream, buffer.assumingMemoryBound(to: CChar.self), size)
        if count > 0 {
          drained = .some
          if deadline.isPast { return .late }
          if stream == 0 { frames.append(UnsafeRawBufferPointer(start: buffer, count: count)) }
        } else if count == 0 || count == Int(LIBSSH2_ERROR_EAGAIN) {
          break
        } else {
          return .failed
        }
      }
    }
    return drained
  }

  // MARK: Between two batches

  /// What a shell may print that nobody asked for, in bytes received; more ends it.
  static let idleLimit = 64 << 10

  var received: Int { transport.received }
  var sent: Int { transport.sent }
  var memory: Int { transport.memory }
  var carrierFailure: TargetError? { transport.carrier.failure }

  /// Counts from here what comes until the next batch.
  func rest() {
    transport.allow(Self.idleLimit)
    transport.carrier.settle()
  }

  func tend() -> Bool {
    guard let channel, carrierFailure == nil else { return false }
    transport.beginTurn()
    var nothing = Frames.none
    while true {
      let taken = transport.taken
      switch drain(channel, into: &nothing, by: .never) {
      case .nothing:
        if transport.taken != taken { continue }
        return libssh2_channel_eof(channel) == 0 && !transport.isClosed && carrierFailure == nil
      case .some: continue
      case .late, .failed: return false
      }
    }
  }

  private func lost(_ doing: String, _ byteLimit: Int) -> TargetError {
    if transport.isOverdrawn {
      return TargetError(
        .outputTooLarge, "more than \(byteLimit >> 10) KiB; the rest was not read")
    }
    return TargetError(.connectionLost, "the connection ended while \(doing) (\(lastError))")
  }

  private func ended(_ frames: Frames) -> TargetError {
    if frames.connection == nil {
      let words = String(decoding: frames.preamble.prefix(120), as: UTF8.self)
      return TargetError(
        .noShell,
        words.isEmpty
          ? "the account's shell ended without a word; it needs a POSIX sh"
          : "the account's shell said: \(words)")
    }
    return TargetError(.connectionLost, "the shell ended before the batch was done")
  }

  /// Sends the disconnect message without waiting for an answer.
  ///
  /// The corresponding C function is `libssh2_session_disconnect_ex`.
  func close() {
    libssh2_session_disconnect_ex(session, 11, "done", "")  // SSH_DISCONNECT_BY_APPLICATION
    transport.cut()
  }
}
