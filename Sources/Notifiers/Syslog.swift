public import Transfer
public import Configuration
public import Engine
internal import Glibc
internal import Metrics

/// Sends notifications to a syslog daemon: one message per incident and one per changed alert.
///
/// `syslog: {address: udp://logs.example:514, facility: daemon}`; `tcp://logs.example:514`;
/// `local`, which is `/dev/log`, or the path of another socket. Standards: RFC 5424 (the message),
/// 5426 (UDP), 6587 (TCP, with octet counting), and 3164 for local daemons. UDP has no
/// acknowledgement: a lost datagram is not noticed.
public struct Syslog: Notifier {
  public enum Address: Sendable, Equatable {
    case local(String)
    case udp(String, UInt16)
    case tcp(String, UInt16)
  }

  public static let kind = "syslog"
  public let name: String
  public var lane: String { name }
  public let isLiving = false
  private let address: Address
  private let facility: Int

  /// The facility is a number of RFC 5424, 6.2.1; 3 is `daemon`.
  public init(_ address: Address, facility: Int = 3) {
    self.address = address
    self.facility = facility
    func place(_ host: String, _ port: UInt16) -> String {
      host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
    name =
      switch address {
      case .local(Self.localPath): "syslog local"
      case .local(let path): "syslog \(path)"
      case .udp(let host, let port): "syslog udp://\(place(host, port))"
      case .tcp(let host, let port): "syslog tcp://\(place(host, port))"
      }
  }

  public func close() {}

  public func inquire(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> String? {
    guard case .local(let path) = address else { return nil }
    guard access(path, W_OK) == 0 else {
      throw DeliveryError(
        .unreachable, name, "\(path): \(SystemError("access").message); does a syslog daemon run?")
    }
    return "its socket is there"
  }

  static let localPath = "/dev/log"
  /// The limit of a message in bytes: the size that a receiver should accept (RFC 5424, 6.1), that
  /// fits one UDP datagram, and that local daemons and TCP receivers accept by default.
  private static let limits = (udp: 1_400, others: 8_000)

  // MARK: sending

  public func deliver(
    _ notice: Notice, _ occasion: Occasion, _ sent: inout SentMessage,
    _ memory: inout NotifierMemory,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    let known = Set(sent.text.split(separator: " ").map { String($0) })
    let messages = notice.syslogMessages(besides: known)
    let now = Timestamp.now
    let host = nameOfThisMachine()
    switch address {
    case .local(let path):
      let lines = messages.map { $0.local(facility, at: now, limit: Self.limits.others) }
      try await send(lines, toSocket: path, on: reactor, by: deadline)
    case .udp(let peer, let port):
      let lines = messages.map {
        $0.network(facility, at: now, from: host, limit: Self.limits.udp)
      }
      try await send(lines, to: peer, port, on: reactor, by: deadline)
    case .tcp(let peer, let port):
      let frames = messages.flatMap { message -> [UInt8] in
        let line = message.network(facility, at: now, from: host, limit: Self.limits.others)
        return Array("\(line.count) ".utf8) + line
      }
      try await stream(frames, to: peer, port, on: reactor, by: deadline)
    }
    sent = SentMessage(notice.alerts.prefix(Notice.alertLimit).map(\.state).joined(separator: " "))
    if sent == SentMessage() { sent = SentMessage("sent") }
  }

  private func send(
    _ lines: [[UInt8]], toSocket path: String, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(DeliveryError) {
    let socket = try descriptor(AF_UNIX, SOCK_DGRAM)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw DeliveryError(.failed, name, "the path of the socket is too long")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let code = withUnsafeBytes(of: &address) { raw in
      raw.baseAddress.map {
        connect(
          socket.number, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
      } ?? -1
    }
    guard code == 0 else {
      let error = SystemError("connect")
      throw DeliveryError(
        .unreachable, name, "\(path): \(error.message); does a syslog daemon run here?")
    }
    try await send(lines, on: socket, on: reactor, by: deadline)
  }

  private func send(
    _ lines: [[UInt8]], to host: String, _ port: UInt16, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(DeliveryError) {
    let addresses: [Dial.Address]
    do throws(DialError) {
      addresses = try await Dial.resolve(host, port: port, on: reactor, by: deadline)
    } catch { throw unreachable(error) }
    guard let address = addresses.first else {
      throw DeliveryError(.unreachable, name, "the name has no address")
    }
    let socket = try descriptor(address.family, SOCK_DGRAM)
    let code = address.bytes.withUnsafeBytes { raw in
      raw.baseAddress.map {
        connect(
          socket.number, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
      } ?? -1
    }
    guard code == 0 else {
      throw DeliveryError(.unreachable, name, "\(address.text): \(SystemError("connect").message)")
    }
    try await send(lines, on: socket, on: reactor, by: deadline)
    // If no process listens, the other machine may report it shortly after.
    do throws(WaitError) {
      try await reactor.wait(
        socket.number, for: .read, by: min(deadline, .after(.milliseconds(100))))
    } catch {
      if error == .timedOut { return }
      throw failure(error)
    }
    var byte: UInt8 = 0
    guard read(socket.number, &byte, 1) >= 0 || errno == EAGAIN else {
      throw DeliveryError(
        .unreachable, name, "\(address.text): \(SystemError("send").message)")
    }
  }

  /// Sends each message as one datagram.
  private func send(
    _ lines: [[UInt8]], on socket: borrowing FileDescriptor, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(DeliveryError) {
    for line in lines {
      while true {
        let count = line.withUnsafeBytes {
          Glibc.send(socket.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if count >= 0 { break }
        guard errno == EAGAIN || errno == EINTR else {
          throw DeliveryError(.unreachable, name, SystemError("send").message)
        }
        try await wait(socket.number, .write, on: reactor, by: deadline)
      }
    }
  }

  /// Sends all messages and waits until the peer has read them, as far as TCP shows it.
  private func stream(
    _ bytes: [UInt8], to host: String, _ port: UInt16, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(DeliveryError) {
    let socket = try await connection(to: host, port, on: reactor, by: deadline)
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(socket.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count >= 0 {
        rest = rest.dropFirst(count)
        continue
      }
      guard errno == EAGAIN || errno == EINTR else { throw lost() }
      try await wait(socket.number, .write, on: reactor, by: deadline)
    }
    // A daemon sends nothing; it closes after it has read the end, and resets if it has not.
    shutdown(socket.number, Int32(SHUT_WR))
    let end = min(deadline, .after(.seconds(2)))
    var room: [UInt8] = Array(repeating: 0, count: 1024)
    for _ in 0..<64 {
      let count = read(socket.number, &room, room.count)
      if count == 0 { return }
      if count > 0 || errno == EINTR { continue }
      guard errno == EAGAIN else { throw lost() }
      do throws(WaitError) {
        try await reactor.wait(socket.number, for: .read, by: end)
      } catch {
        // The daemon keeps the connection: all was sent, and no more is known.
        if error == .timedOut { return }
        throw failure(error)
      }
    }
  }

  private func connection(
    to host: String, _ port: UInt16, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> FileDescriptor {
    do throws(DialError) {
      let addresses = try await Dial.resolve(host, port: port, on: reactor, by: deadline)
      return try await Dial.tcp(to: addresses, on: reactor, by: deadline)
    } catch { throw unreachable(error) }
  }

  private func lost() -> DeliveryError {
    DeliveryError(
      .unreachable, name, "the connection broke off: \(SystemError("send").message)")
  }

  private func unreachable(_ error: DialError) -> DeliveryError {
    let reason: DeliveryError.Reason =
      switch error.reason {
      case .timeout: .timeout
      case .cancelled: .cancelled
      default: .unreachable
      }
    return DeliveryError(reason, name, error.message.visible)
  }

  private func descriptor(
    _ family: Int32, _ type: __socket_type
  ) throws(DeliveryError) -> FileDescriptor {
    let kind = Int32(type.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let number = socket(family, kind, 0)
    guard number >= 0 else {
      throw DeliveryError(.failed, name, "\(SystemError("socket"))")
    }
    return FileDescriptor(owning: number)
  }

  private func wait(
    _ socket: Int32, _ readiness: Readiness, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    do throws(WaitError) {
      try await reactor.wait(socket, for: readiness, by: deadline)
    } catch { throw failure(error) }
  }

  private func failure(_ error: WaitError) -> DeliveryError {
    switch error {
    case .timedOut: DeliveryError(.timeout, name, "it did not take the messages in time")
    case .cancelled: DeliveryError(.cancelled, name, "ended while messages were sent")
    case .failed(let cause): DeliveryError(.failed, name, "\(cause)")
    }
  }

  // MARK: configuration

  public static let summary = "A syslog server."
  public static let example =
    "{address: \"udp://logs.example:514\"}"

  public static func decode(_ fields: inout Fields, secrets: Bool) -> [any Notifier] {
    let address = fields.require(
      "address", Self.addressType, "`local`, or the address of a server.")
    let names = SyslogMessage.facilities.map(\.name)
    let facility = fields.take(
      "facility", .choice(names), default: "daemon", "Facility of the messages.", example: "local0")
    let number = SyslogMessage.facilities.first { $0.name == facility }?.number
    return address.map { [Syslog($0, facility: number ?? 3)] } ?? []
  }

  private static var addressType: SettingType<Address> {
    SettingType(
      "`local`, path, `udp://HOST:PORT` or `tcp://HOST:PORT`", example: "udp://logs.example:514",
      address)
  }

  private static func address(
    _ node: Node, _ what: String
  ) throws(ConfigurationError) -> Address {
    let text = try SettingType<String>.word.decode(node, what)
    if text == "local" { return .local(localPath) }
    if text.hasPrefix("/") { return .local(text) }
    guard let start = ["udp://", "tcp://"].first(where: { text.hasPrefix($0) }) else {
      throw ConfigurationError(
        "address must be local, udp://HOST:PORT or tcp://HOST:PORT", at: node,
        hint: "udp://logs.example:514")
    }
    let place = text.dropFirst(start.utf8.count)
    var host = place.prefix { $0 != ":" }
    if place.hasPrefix("[") { host = place.dropFirst().prefix { $0 != "]" } }
    let rest = place.dropFirst(host.count + (place.hasPrefix("[") ? 2 : 0))
    let port = rest.isEmpty ? 514 : rest.hasPrefix(":") ? UInt16(rest.dropFirst()) : nil
    guard let port, port > 0, !host.isEmpty, !host.contains("/"), !host.contains("@") else {
      throw ConfigurationError(
        "address must name a host and a port", at: node, hint: "\(start)logs.example:514")
    }
    return start == "udp://" ? .udp(String(host), port) : .tcp(String(host), port)
  }
}
