internal import Engine
internal import Glibc
internal import Inventory

/// What carries the bytes of an SSH session: a socket, or a channel of the session of a jump host.
///
/// It belongs to one reactor, as the session does.
protocol Carrier: AnyObject {
  /// A descriptor for the library, which wants one at the handshake and reads from it through
  /// `receive` only.
  var descriptor: Int32 { get }
  /// Why the jump host does not carry bytes any more; nil for sockets, and while it does.
  var failure: TargetError? { get }

  /// Takes received bytes: their count, zero at the end, or a negative error number (`-EAGAIN`).
  func receive(_ target: UnsafeMutableRawPointer, _ count: Int) -> Int

  /// Sends bytes: the count of accepted ones, or a negative error number (`-EAGAIN`).
  func send(_ source: UnsafeRawPointer, _ count: Int) -> Int

  /// Suspends until it is ready, the ticket is woken, the deadline passes or the task is cancelled.
  ///
  /// May end early: the caller tries again and waits again. Consumes the ticket.
  func wait(
    on ticket: Ticket, for readiness: Readiness, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(WaitError)

  /// Ends the stream at once.
  func cut()

  /// Says that the stream stays: it does not count for limits of streams at once any more.
  func settle()
}

/// A connected TCP socket.
final class SocketCarrier: Carrier {
  private let socket: FileDescriptor

  init(owning socket: consuming FileDescriptor) { self.socket = socket }

  var descriptor: Int32 { socket.number }
  var failure: TargetError? { nil }

  func receive(_ target: UnsafeMutableRawPointer, _ count: Int) -> Int {
    let got = recv(socket.number, target, count, 0)
    return got < 0 ? -Int(errno) : got
  }

  func send(_ source: UnsafeRawPointer, _ count: Int) -> Int {
    let done = Glibc.send(socket.number, source, count, Int32(MSG_NOSIGNAL))
    return done < 0 ? -Int(errno) : done
  }

  func wait(
    on ticket: Ticket, for readiness: Readiness, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(WaitError) {
    switch await reactor.wait(on: ticket, socket.number, for: readiness, by: deadline) {
    case .ready: return
    case .woken: if Task.isCancelled { throw .cancelled }
    case .timedOut: throw .timedOut
    case .failed(let error): throw .failed(error)
    }
  }

  func cut() { shutdown(socket.number, Int32(SHUT_RDWR)) }

  func settle() {}
}
