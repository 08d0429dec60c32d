internal import CCares
internal import CCurl
internal import CLinux
internal import CMariaDB
internal import CPQ
internal import CSSL
internal import Glibc

/// libcurl's open sockets, and the farewell on those that are closed in the middle of a
/// conversation.
final class Sockets {
  private var open: Set<Int32> = []
  private var goodbye: [UInt8] = []

  func begin(_ exchange: Exchange) { goodbye = exchange.goodbye }

  /// No farewell: plain text would be noise from now on, or the conversation is complete.
  func saysNothing() { goodbye = [] }

  func make(_ address: UnsafeMutablePointer<curl_sockaddr>) -> Int32 {
    // SOCK_CLOEXEC, by its value on Linux: the module that exports the name to Swift depends on the
    // order of imports.
    let kind = address.pointee.socktype | O_CLOEXEC
    let number = socket(address.pointee.family, kind, address.pointee.protocol)
    if number >= 0 { open.insert(number) }
    return number
  }

  func close(_ number: Int32) {
    open.remove(number)
    sayGoodbye(number)
    _ = Glibc.close(number)
  }

  /// Shuts down both directions, so that no thread waits on them.
  func shutdown() {
    for number in open {
      sayGoodbye(number)
      _ = Glibc.shutdown(number, Int32(SHUT_RDWR))
    }
  }

  private func sayGoodbye(_ number: Int32) {
    guard !goodbye.isEmpty else { return }
    _ = goodbye.withUnsafeBytes {
      send(
        number, $0.baseAddress, $0.count,
        Int32(truncatingIfNeeded: Int(MSG_NOSIGNAL) | Int(MSG_DONTWAIT)))
    }
  }
}
