internal import CSSH2
public import Engine
public import Inventory
internal import Metrics

/// What an account may do beside running batches, tried from outside.
public struct Right: Sendable, Equatable {
  public enum Kind: String, Sendable, CaseIterable {
    case forwarding = "port forwarding"
    case listening = "remote port forwarding"
    case sockets = "forwarding to local sockets"
    case tunnel = "tunnel devices"
    case terminal
    case agent = "agent forwarding"
    case x11 = "X11 forwarding"
    case environment
    case sftp = "subsystem sftp"
    case command = "other commands"
    case shell = "shell without a command"
  }

  public enum Answer: String, Sendable {
    case refused, granted
    /// It could not be tried, or the answer says neither.
    case unknown
  }

  public var kind: Kind
  public var answer: Answer
  /// What was tried, and what the server said.
  public var detail: String

  public init(_ kind: Kind, _ answer: Answer, _ detail: String) {
    self.kind = kind
    self.answer = answer
    self.detail = detail
  }
}

extension HostTarget {
  /// Logs in and tries each right; nothing is left behind on the host.
  ///
  /// A server that ends the session at something it refuses is logged in to again.
  public func rights(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> [Right] {
    var steps = HostAnswer(time: .now)
    var session: Session? = try await logIn(on: reactor, by: deadline, steps: &steps)
    var rights: [Right] = []
    for kind in Right.Kind.allCases {
      if session == nil {
        session = try await logIn(on: reactor, by: deadline, steps: &steps)
      }
      guard let current = session else { break }
      do throws(TargetError) {
        rights.append(
          try await current.right(
            kind, port: port, on: reactor, by: min(deadline, .after(.seconds(10)))))
      } catch {
        if error.reason == .cancelled || deadline.isPast { throw error }
        rights.append(Right(kind, .unknown, error.description))
        current.close()
        session = nil
      }
    }
    session?.close()
    return rights
  }
}

extension Session {
  /// The window of a channel that is only tried, in bytes.
  private static let triedWindow: UInt32 = 32 << 10
  /// What a shell computes, so that an echo of the command does not pass for its output.
  private static let sum = "echo scrape-$((6*7))-right"
  private static let total = "scrape-42-right"

  /// Sockets that everybody may connect to on a host with systemd or D-Bus.
  private static let sockets = ["/run/dbus/system_bus_socket", "/run/systemd/journal/stdout"]

  fileprivate func right(
    _ kind: Right.Kind, port: UInt16, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> Right {
    switch kind {
    case .forwarding:
      var message = WireWriter()
      message.string("127.0.0.1".utf8)
      message.uint32(UInt32(port))
      message.string("127.0.0.1".utf8)
      message.uint32(0)
      return try await opened(
        kind, "direct-tcpip", message, "to its own port \(port)", on: reactor, by: deadline)
    case .sockets:
      for path in Self.sockets {
        var message = WireWriter()
        message.string(path.utf8)
        message.string([UInt8]())
        message.uint32(0)
        let right = try await opened(
          kind, "direct-streamlocal@openssh.com", message, "to \(path)", on: reactor, by: deadline)
        if right.answer != .refused { return right }
      }
      return Right(kind, .refused, "none of \(Self.sockets.joined(separator: ", "))")
    case .tunnel:
      var message = WireWriter()
      message.uint32(1)
      message.uint32(0x7fff_ffff)
      return try await opened(
        kind, "tun@openssh.com", message, "of any number", on: reactor, by: deadline)
    case .listening:
      var bound: Int32 = 0
      var listener: OpaquePointer?
      let code = try await step("asking it to listen", on: reactor, by: deadline) {
        listener = libssh2_channel_forward_listen_ex(handle, "127.0.0.1", 0, &bound, 1)
        return listener == nil ? Int(libssh2_session_last_errno(handle)) : 0
      }
      guard let listener else { return try verdict(kind, code, "on 127.0.0.1") }
      _ = try await step("ending that", on: reactor, by: deadline) {
        Int(libssh2_channel_forward_cancel(listener))
      }
      return Right(kind, .granted, "it listens on 127.0.0.1 port \(bound)")
    case .terminal:
      return try await requested(kind, "vt100", on: reactor, by: deadline) { channel in
        Int(libssh2_channel_request_pty_ex(channel, "vt100", 5, nil, 0, 80, 24, 0, 0))
      }
    case .agent:
      return try await requested(kind, "of this session", on: reactor, by: deadline) { channel in
        Int(libssh2_channel_request_auth_agent(channel))
      }
    case .x11:
      return try await requested(kind, "screen 0", on: reactor, by: deadline) { channel in
        Int(libssh2_channel_x11_req_ex(channel, 0, nil, nil, 0))
      }
    case .environment:
      for name in ["LD_PRELOAD", "BASH_ENV", "SCRAPE_RIGHT"] {
        let right = try await requested(kind, name, on: reactor, by: deadline) { channel in
          Int(libssh2_channel_setenv_ex(channel, name, UInt32(name.utf8.count), "", 0))
        }
        if right.answer != .refused { return right }
      }
      return Right(kind, .refused, "LD_PRELOAD, BASH_ENV and SCRAPE_RIGHT")
    case .sftp: return try await sftp(on: reactor, by: deadline)
    case .command:
      return try await answered(kind, "exec", Self.sum, nil, on: reactor, by: deadline)
    case .shell:
      return try await answered(
        kind, "shell", nil, Self.sum + "\nexit\n", on: reactor, by: deadline)
    }
  }

  /// By the error of the library for a request.
  private func verdict(
    _ kind: Right.Kind, _ code: Int, _ what: String
  ) throws(TargetError) -> Right {
    switch Int32(code) {
    case 0: return Right(kind, .granted, what)
    case LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED, LIBSSH2_ERROR_REQUEST_DENIED:
      return Right(kind, .refused, what)
    default:
      throw TargetError(
        transport.isClosed ? .connectionLost : .protocolError,
        "no answer to the request for \(kind.rawValue): \(lastError)")
    }
  }

  /// Opens a channel of a kind that connects to something.
  private func opened(
    _ kind: Right.Kind, _ type: String, _ message: WireWriter, _ what: String,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> Right {
    (transport.refusal, transport.refusalReason) = (nil, nil)
    transport.notesRefusals = true
    defer { transport.notesRefusals = false }
    let bytes = message.bytes
    var channel: OpaquePointer?
    let code = try await step("opening \(type)", on: reactor, by: deadline) {
      channel = bytes.withUnsafeBytes { raw in
        libssh2_channel_open_ex(
          handle, type, UInt32(type.utf8.count), Self.triedWindow, 32 << 10,
          raw.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32(raw.count))
      }
      return channel == nil ? Int(libssh2_session_last_errno(handle)) : 0
    }
    if let channel {
      try await end(channel, on: reactor, by: deadline)
      return Right(kind, .granted, what)
    }
    let words = transport.refusal.map { ": \($0)" } ?? ""
    switch transport.refusalReason {
    // It tried, and that is what it must not. For other kinds OpenSSH says the same of what it prohibits.
    case 2 where kind == .forwarding: return Right(kind, .granted, what + words)
    // Prohibited, not opened, of an unknown kind, or without room for it.
    case 1, 2, 3, 4: return Right(kind, .refused, what + words)
    default: return try verdict(kind, code, what)
    }
  }

  /// A session channel on which one request is made.
  private func requested(
    _ kind: Right.Kind, _ what: String, on reactor: isolated Reactor, by deadline: Deadline,
    _ request: (OpaquePointer) -> Int
  ) async throws(TargetError) -> Right {
    let channel = try await sessionChannel(on: reactor, by: deadline)
    let code = try await step("asking for \(kind.rawValue)", on: reactor, by: deadline) {
      request(channel)
    }
    let right = try verdict(kind, code, what)
    try await end(channel, on: reactor, by: deadline)
    return right
  }

  /// The protocol's first message must be answered: a forced command takes the request, and runs.
  private func sftp(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> Right {
    let channel = try await sessionChannel(on: reactor, by: deadline)
    let name = "sftp"
    let code = try await step("asking for sftp", on: reactor, by: deadline) {
      Int(libssh2_channel_process_startup(channel, "subsystem", 9, name, 4))
    }
    if code != 0 {
      let right = try verdict(.sftp, code, "no such subsystem")
      try await end(channel, on: reactor, by: deadline)
      return right
    }
    // SSH_FXP_INIT of version 3 (draft-ietf-secsh-filexfer-02); the answer is SSH_FXP_VERSION, 2.
    let answer = try await said([0, 0, 0, 5, 1, 0, 0, 0, 3], channel, on: reactor, by: deadline)
    try await end(channel, on: reactor, by: deadline)
    if answer.count >= 9, answer[4] == 2 { return Right(.sftp, .granted, "files of the account") }
    return Right(.sftp, .refused, Self.words(answer))
  }

  /// Whether a shell computes what it is given as a command, or on its standard input.
  private func answered(
    _ kind: Right.Kind, _ request: String, _ command: String?, _ input: String?,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> Right {
    let channel = try await sessionChannel(on: reactor, by: deadline)
    let code = try await step("asking for a \(request)", on: reactor, by: deadline) {
      Int(
        libssh2_channel_process_startup(
          channel, request, UInt32(request.utf8.count), command,
          UInt32(command?.utf8.count ?? 0)))
    }
    if code != 0 {
      let right = try verdict(kind, code, request)
      try await end(channel, on: reactor, by: deadline)
      return right
    }
    let answer = try await said(Array((input ?? "").utf8), channel, on: reactor, by: deadline)
    try await end(channel, on: reactor, by: deadline)
    let words = Self.words(answer)
    return Right(
      kind, answer.firstRange(of: Array(Self.total.utf8)) != nil ? .granted : .refused, words)
  }

  private static func words(_ answer: [UInt8]) -> String {
    let line = answer.prefix { $0 != 0x0a }.prefix(120)
    return line.isEmpty ? "no answer" : "it says \(String(decoding: line, as: UTF8.self))"
  }

  // MARK: Channels

  private func sessionChannel(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> OpaquePointer {
    let type = "session"
    var channel: OpaquePointer?
    _ = try await step("opening a channel", on: reactor, by: deadline) {
      channel = libssh2_channel_open_ex(
        handle, type, UInt32(type.utf8.count), Self.triedWindow, 32 << 10, nil, 0)
      return channel == nil ? Int(libssh2_session_last_errno(handle)) : 0
    }
    guard let channel else {
      throw TargetError(
        transport.isClosed ? .connectionLost : .noShell, "no channel: \(lastError)")
    }
    return channel
  }

  private func end(
    _ channel: OpaquePointer, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) {
    _ = try await step("closing a channel", on: reactor, by: deadline) {
      Int(libssh2_channel_free(channel))
    }
  }

  /// Writes the input and its end, and reads at most a kilobyte, for two seconds at most.
  private func said(
    _ input: [UInt8], _ channel: OpaquePointer, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> [UInt8] {
    let limit = min(deadline, .after(.seconds(2)))
    var answer: [UInt8] = []
    do throws(TargetError) {
      var written = 0
      while written < input.count {
        let count = try await step("writing to it", on: reactor, by: limit) {
          input.withUnsafeBytes { raw in
            libssh2_channel_write_ex(
              channel, 0,
              raw.baseAddress?.advanced(by: written).assumingMemoryBound(to: CChar.self),
              raw.count - written)
          }
        }
        guard count > 0 else { return answer }
        written += count
      }
      var buffer = [CChar](repeating: 0, count: 1024)
      while answer.count < 1024 {
        let count = try await step("reading from it", on: reactor, by: limit) {
          libssh2_channel_read_ex(channel, 0, &buffer, buffer.count)
        }
        guard count > 0 else { break }
        answer += buffer.prefix(count).map { UInt8(bitPattern: $0) }
      }
    } catch {
      if error.reason != .timeout || deadline.isPast { throw error }
    }
    return answer
  }
}
