internal import CCares
internal import CCurl
internal import CLinux
internal import CMariaDB
internal import CPQ
internal import CSSL
internal import Engine
internal import Glibc

/// Stands between a C library and its server, to limit the bytes that the library gets at once.
///
/// A library that reads for as long as bytes arrive would keep the reactor's thread, and fill the
/// memory if a server announces a row of a gigabyte. The library's descriptor becomes one end of a
/// local socket pair; the connection itself is read here, in counted pieces.
final class ServerPipe {
  private let server: FileDescriptor
  private let inner: FileDescriptor
  /// The library's end, which the library closes.
  private let library: Int32
  private var toServer: [UInt8] = []
  private var toLibrary: [UInt8] = []
  private var received = 0
  private var hasEnded = false
  private let limit: Int
  /// What stands between both ends for TLS.
  private let seal: MySQLSeal?
  private var failure: TransferError?

  private static let piece = 64 << 10

  /// Takes the place of the library's connection, which must be established; with `carried`, that one
  /// leads to the server, and the library's own is closed. `seal` seals all that goes to the server.
  init(
    _ library: Int32, to carried: CarriedConnection? = nil, limit: Int,
    sealedBy seal: MySQLSeal? = nil
  ) throws(TransferError) {
    self.library = library
    self.limit = limit
    self.seal = seal
    let copy = carried.map { $0.take() } ?? fcntl(library, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { throw TransferError(.local, SystemError("dup").description) }
    server = FileDescriptor(owning: copy)
    var ends: [Int32] = [-1, -1]
    let kind = Int32(
      SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
      inner = FileDescriptor(owning: -1)
      throw TransferError(.local, SystemError("socketpair").description)
    }
    inner = FileDescriptor(owning: ends[0])
    let code = scrape_replace_descriptor(ends[1], library)
    let error = SystemError("dup3")
    close(ends[1])
    guard code >= 0 else { throw TransferError(.local, error.description) }
  }

  /// Waits until the library can continue.
  func wait(
    for wanted: Readiness, _ doing: String, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TransferError) -> Readiness {
    while true {
      exchange()
      if let failure { throw failure }
      let ready = readiness(wanted)
      if !ready.isEmpty { return ready }
      // The library sees the end only after all other bytes.
      if hasEnded { return wanted }
      var need: Readiness = []
      if !toServer.isEmpty { need.insert(.write) }
      if wanted.contains(.read), toLibrary.isEmpty { need.insert(.read) }
      let found: Readiness
      do throws(WaitError) {
        found = try await reactor.wait(
          server.number, for: need.isEmpty ? .read : need, by: deadline)
      } catch {
        throw TransferError(error, while: doing)
      }
      guard found.contains(.read) else { continue }
      do throws(TransferError) { try receive() } catch {
        // The library may ask once more.
        failure = error
        throw error
      }
    }
  }

  /// Sends the library's last bytes, as far as that is possible without blocking.
  func finish() { exchange() }

  /// Ends both directions.
  func breakOff() {
    shutdown(server.number, Int32(SHUT_RDWR))
    shutdown(inner.number, Int32(SHUT_RDWR))
  }

  private func receive() throws(TransferError) {
    var piece = [UInt8](repeating: 0, count: Self.piece)
    let count = recv(server.number, &piece, piece.count, Int32(MSG_DONTWAIT))
    if count > 0 {
      received += count
      guard received <= limit else {
        throw TransferError(.malformed, "the server sends without end")
      }
      if let seal {
        try seal.take(server: Array(piece[..<count]))
        toLibrary += seal.takeIncoming()
        toServer += seal.takeOutgoing()
      } else {
        toLibrary += piece[..<count]
      }
    } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
      hasEnded = true
      try seal?.end()
    }
  }

  /// Moves the waiting bytes as far as possible without blocking.
  private func exchange() {
    var piece = [UInt8](repeating: 0, count: Self.piece)
    while toServer.count < 4 * Self.piece {
      let count = recv(inner.number, &piece, piece.count, Int32(MSG_DONTWAIT))
      guard count > 0 else { break }
      send(Array(piece[..<count]))
    }
    Self.move(&toServer, to: server.number)
    Self.move(&toLibrary, to: inner.number)
    if hasEnded, toLibrary.isEmpty { shutdown(inner.number, Int32(SHUT_WR)) }
  }

  /// Takes what the library sends. A failure ends the next wait.
  private func send(_ bytes: [UInt8]) {
    guard let seal else {
      toServer += bytes
      return
    }
    do throws(TransferError) {
      try seal.take(library: bytes)
      toServer += seal.takeOutgoing()
    } catch { failure = error }
  }

  private static func move(_ bytes: inout [UInt8], to socket: Int32) {
    while !bytes.isEmpty {
      let count = Glibc.send(
        socket, bytes, bytes.count, Int32(truncatingIfNeeded: Int(MSG_NOSIGNAL) | Int(MSG_DONTWAIT))
      )
      guard count > 0 else {
        // The reader has closed; its next read reports that.
        if count < 0, errno != EAGAIN, errno != EINTR { bytes = [] }
        return
      }
      bytes.removeFirst(count)
    }
  }

  private func readiness(_ wanted: Readiness) -> Readiness {
    var entry = pollfd(fd: library, events: 0, revents: 0)
    if wanted.contains(.read) { entry.events |= Int16(POLLIN) }
    if wanted.contains(.write) { entry.events |= Int16(POLLOUT) }
    guard poll(&entry, 1, 0) > 0 else { return [] }
    var ready: Readiness = []
    let broken = Int16(POLLERR) | Int16(POLLHUP)
    if entry.revents & (Int16(POLLIN) | broken) != 0 { ready.insert(.read) }
    if entry.revents & (Int16(POLLOUT) | broken) != 0 { ready.insert(.write) }
    return ready.intersection(wanted)
  }
}
