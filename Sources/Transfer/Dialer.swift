internal import CCares
internal import CCurl
internal import CLinux
internal import CMariaDB
internal import CPQ
internal import CSSL
public import Engine
internal import Glibc
internal import Synchronization

/// Connections that another machine makes for this one, such as a jump host, which also looks the
/// names up.
///
/// A library gets one end of a local socket pair, or a local name to connect to; certificates and names stay those of the target.
public struct Dialer: Sendable {
  /// What the library gets.
  public enum Form: Sendable {
    /// A connected socket.
    case socket
    /// The name of an abstract socket of unix(7) to which it connects itself.
    case door
  }

  /// Connects to a name or number and a port.
  private let dial:
    @Sendable (String, UInt16, Form, Deadline) async throws(TransferError) -> CarriedConnection

  public init(
    _ dial:
      @escaping @Sendable (String, UInt16, Form, Deadline) async throws(TransferError)
      -> CarriedConnection
  ) {
    self.dial = dial
  }

  /// A connection to a name or number.
  public func connection(
    to host: String, port: UInt16, as form: Form = .socket, by deadline: Deadline
  ) async throws(TransferError) -> CarriedConnection {
    try await dial(host, port, form, deadline)
  }
}

/// A connection of a dialer, for one library.
public final class CarriedConnection: Sendable {
  private let socket: Mutex<Int32>
  /// The name of an abstract socket, if the library connects to it.
  let door: String?
  /// The bytes that came from the target.
  let received: ByteCount

  /// Takes a connected, non-blocking socket; `received` counts what comes through it.
  public init(
    _ socket: borrowing FileDescriptor, counting received: ByteCount
  ) throws(TransferError) {
    let copy = fcntl(socket.number, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { throw TransferError(.local, SystemError("dup").description) }
    self.socket = Mutex(copy)
    self.received = received
    door = nil
  }

  public init(door: String, counting received: ByteCount) {
    socket = Mutex(-1)
    self.door = door
    self.received = received
  }

  deinit {
    let number = take()
    if number >= 0 { close(number) }
  }

  /// The socket, which then belongs to the caller; -1 if it was taken before.
  func take() -> Int32 {
    socket.withLock { number in
      defer { number = -1 }
      return number
    }
  }
}

/// A listener on loopback that accepts nothing, for libraries that insist on connecting themselves.
///
/// The kernel completes the library's connection, which is replaced by a carried one before a byte is
/// read or written: nobody is at its other end. The port is this listener's alone as long as it lives.
final class Anchor {
  private let listener: FileDescriptor
  let port: UInt16
  static let address = "127.0.0.1"

  init() throws(TransferError) {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    listener = FileDescriptor(owning: Glibc.socket(AF_INET, kind, 0))
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let number = listener.number
    let code = withUnsafeMutablePointer(to: &place) { place in
      place.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
        bind(number, place, size) == 0 && listen(number, 8) == 0
          && getsockname(number, place, &size) == 0
      }
    }
    guard code else { throw TransferError(.local, SystemError("listen").description) }
    port = UInt16(bigEndian: place.sin_port)
  }
}
