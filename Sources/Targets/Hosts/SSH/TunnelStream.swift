public import Engine
internal import Glibc
public import Inventory
internal import Metrics

/// A byte stream through a jump host: a TCP connection that the jump host makes, or a command on it.
///
/// It belongs to the reactor of its jump host and is released there; releasing it closes the channel.
/// Calls never block. A stream takes at most 64 KiB that are not sent yet, and the peer can send at
/// most 256 KiB that were not read yet.
public final class TunnelStream: Carrier {
  private let channel: JumpSession.Channel
  private let session: JumpSession

  /// How long it waited for its turn on the session.
  var waited: Duration = .zero
  /// Called at its end.
  var released: (() -> Void)?
  /// The turn of a command, which ends with the stream.
  var turn: CommandTurn?

  init(_ channel: JumpSession.Channel, of session: JumpSession) {
    self.channel = channel
    self.session = session
  }

  deinit {
    session.release(channel)
    released?()
  }

  /// The name of the jump host.
  public var jumpHost: String { session.name }

  /// Why the jump host does not carry bytes any more; nil while it does.
  public var failure: TargetError? { session.failure }

  /// Waits for the end of a command; its exit status. A server sends it after the end of the output.
  ///
  /// Throws as `read` does, and `protocol_error` where the output has not been read to its end.
  public func exitStatus(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> Int32 {
    try await session.exitStatus(of: channel, on: reactor, by: deadline)
  }

  /// Reads what has come: at least one byte, at most `limit`; empty at the end of the stream.
  ///
  /// Throws `timeout`, `cancelled` or `connection_lost`, and `unreachable` where the session with the
  /// jump host ended.
  public func read(
    atMost limit: Int = 16 << 10, while doing: String, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(TargetError) -> [UInt8] {
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: max(1, limit), alignment: 16)
    defer { buffer.deallocate() }
    while true {
      if deadline.isPast { throw TargetError(.timeout, "no end at the deadline while \(doing)") }
      let count = receive(buffer, limit)
      if count >= 0 { return Array(UnsafeRawBufferPointer(start: buffer, count: count)) }
      try await pause(count, .read, doing, on: reactor, by: deadline)
    }
  }

  /// Sends all bytes.
  public func write(
    _ bytes: [UInt8], while doing: String, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { raw in
        raw.baseAddress.map { send($0 + done, raw.count - done) } ?? 0
      }
      if count >= 0 {
        done += count
      } else {
        try await pause(count, .write, doing, on: reactor, by: deadline)
      }
    }
  }

  /// Ends the sending side; the peer reads the end after all bytes.
  public func finish() { session.finish(channel) }

  private func pause(
    _ code: Int, _ readiness: Readiness, _ doing: String, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(TargetError) {
    if let failure { throw failure }
    guard code == -Int(EAGAIN) else {
      throw TargetError(.connectionLost, "the connection ended while \(doing)")
    }
    do {
      try await wait(on: reactor.ticket(), for: readiness, on: reactor, by: deadline)
    } catch {
      throw TargetError(error, while: doing)
    }
  }

  // MARK: Carrier

  var descriptor: Int32 { session.descriptor }

  func receive(_ target: UnsafeMutableRawPointer, _ count: Int) -> Int {
    session.receive(channel, target, count)
  }

  func send(_ source: UnsafeRawPointer, _ count: Int) -> Int {
    session.send(channel, source, count)
  }

  func wait(
    on ticket: Ticket, for readiness: Readiness, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(WaitError) {
    try await session.wait(on: ticket, for: channel, readiness, on: reactor, by: deadline)
  }

  func cut() { session.cut(channel) }

  func settle() {
    released?()
    released = nil
  }
}
