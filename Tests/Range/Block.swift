import Foundation
import Lab

/// A block of loopback addresses, 127.N.0.1 to 127.N.0.250, that no other range uses at this moment.
///
/// Each host has an address of its own there, and each kind of service the same port on all of them.
/// The ports lie below those that the kernel gives to clients.
final class Block: Sendable {
  private let number: UInt8
  private let holder: Int32
  /// Who holds this port of the block's last address has the block.
  private static let held: UInt16 = 20_001

  init() throws {
    for number in UInt8(64)...126 {
      let holder = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = Self.held.bigEndian
      inet_pton(AF_INET, "127.\(number).0.250", &address.sin_addr)
      let isBound = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(holder, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
      }
      if isBound {
        self.number = number
        self.holder = holder
        return
      }
      close(holder)
    }
    throw Unavailable(description: "all loopback blocks 127.64.0.0 to 127.126.0.0 are in use")
  }

  deinit { close(holder) }

  func address(_ host: Int) -> String { "127.\(number).0.\(host)" }
}

/// The ports of the range, the same on all of its addresses.
enum Port {
  static let ssh: UInt16 = 20_022
  static let http: UInt16 = 20_080
  static let https: UInt16 = 20_443
  static let mysql: UInt16 = 23_306
  static let postgres: UInt16 = 25_432
  static let smtp: UInt16 = 20_025
  static let submission: UInt16 = 20_587
  static let imap: UInt16 = 20_143
  static let imaps: UInt16 = 20_993
  static let pop3: UInt16 = 20_110
  static let pop3s: UInt16 = 20_995
  static let ftp: UInt16 = 20_021
  static let dns: UInt16 = 20_053
  static let ntp: UInt16 = 20_123
  static let smb: UInt16 = 20_445
  static let rdp: UInt16 = 23_389
  static let vnc: UInt16 = 25_901
  static let bmc: UInt16 = 20_623
  static let influx: UInt16 = 28_086
  static let open: UInt16 = 21_000
  static let shut: UInt16 = 21_001
}
