import Foundation
import Lab

/// A listener on loopback that speaks to whoever connects, but not as an SSH server should.
final class HostileServer: Sendable {
  enum Manner: Sendable {
    /// Accepts and says nothing.
    case silent
    /// Closes at once, politely or with a reset.
    case closes
    case resets
    /// Says this, and then nothing more.
    case says([UInt8])
    /// Says this and closes.
    case saysAndCloses([UInt8])
    /// Says the first once and the second for ever, as fast as it is taken.
    case repeats([UInt8], for: [UInt8])
    /// A byte of this every tenth of a second.
    case drips([UInt8])
  }

  var port: UInt16 { listener.port }
  private let listener: Listener

  init(_ manner: Manner) throws {
    listener = try Listener()
    listener.serve { Self.serve($0, manner) }
  }

  private static func serve(_ client: Int32, _ manner: Manner) {
    switch manner {
    case .silent: waitForEnd(client)
    case .closes: break
    case .resets:
      var linger = linger(l_onoff: 1, l_linger: 0)
      setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
    case .says(let bytes):
      say(bytes, to: client)
      waitForEnd(client)
    case .saysAndCloses(let bytes):
      say(bytes, to: client)
      // What was not read would turn the close into a reset.
      shutdown(client, Int32(SHUT_WR))
      waitForEnd(client)
    case .repeats(let first, let bytes):
      say(first, to: client)
      var many: [UInt8] = []
      while many.count < 64 << 10 { many += bytes }
      while say(many, to: client) {}
    case .drips(let bytes):
      while bytes.allSatisfy({ say([$0], to: client) && usleep(100_000) == 0 }) {}
    }
  }

  @discardableResult private static func say(_ bytes: [UInt8], to client: Int32) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes { send(client, $0.baseAddress, $0.count, 0) }
      if count <= 0 { return false }
      sent += count
    }
    return true
  }

  private static func waitForEnd(_ client: Int32) {
    var bytes = [UInt8](repeating: 0, count: 4096)
    while recv(client, &bytes, bytes.count, 0) > 0 {}
  }
}

extension [UInt8] {
  static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

  /// An SSH packet before any key exchange: length, padding, payload (RFC 4253, section 6).
  static func packet(_ payload: [UInt8]) -> [UInt8] {
    let padding = 8 - (payload.count + 5) % 8 + 4
    let length = UInt32(payload.count + padding + 1)
    return (0..<4).reversed().map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) }
      + [UInt8(padding)] + payload + [UInt8](repeating: 0, count: padding)
  }
}
