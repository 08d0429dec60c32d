/// The name of a file of a spool: `scrape-IDENTITY-NUMBER-DIGEST.spool`.
///
/// The identity belongs to the store of the monitor that writes, 32 hexadecimal digits; numbers count
/// its files from 1, 12 digits, so that names sort in the order of writing. The digest is that of the
/// content: a machine that was reverted to a snapshot writes a number again, with another digest. No
/// file with another name is ever read or removed.
public struct SpoolName: Sendable, Hashable, Comparable {
  public let identity: String
  public let number: Int64
  public let digest: UInt64

  public init(identity: String, number: Int64, digest: UInt64) {
    self.identity = identity
    self.number = number
    self.digest = digest
  }

  public static let longestNumber: Int64 = 999_999_999_999
  private static let length = 7 + 32 + 1 + 12 + 1 + 16 + 6

  /// Nil for any other name.
  public init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8.prefix(Self.length + 1))
    guard bytes.count == Self.length, bytes.starts(with: "scrape-".utf8),
      bytes[39] == UInt8(ascii: "-"), bytes[52] == UInt8(ascii: "-"),
      bytes[69...].elementsEqual(".spool".utf8)
    else { return nil }
    func isHex(_ byte: UInt8) -> Bool {
      (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }
    let number = bytes[40..<52]
    guard bytes[7..<39].allSatisfy(isHex), bytes[53..<69].allSatisfy(isHex),
      number.allSatisfy({ (0x30...0x39).contains($0) })
    else { return nil }
    identity = String(decoding: bytes[7..<39], as: UTF8.self)
    self.number = number.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    digest = bytes[53..<69].reduce(0) {
      $0 << 4 | UInt64($1 < 0x3a ? $1 - 0x30 : $1 - 0x61 + 10)
    }
    guard self.number > 0 else { return nil }
  }

  public var text: String {
    "scrape-\(identity)-\(Self.padded(String(number), 12))-\(Self.hex(digest)).spool"
  }

  static func hex(_ number: UInt64) -> String { padded(String(number, radix: 16), 16) }

  private static func padded(_ text: String, _ width: Int) -> String {
    String(repeating: "0", count: max(0, width - text.utf8.count)) + text
  }

  public static func < (a: SpoolName, b: SpoolName) -> Bool {
    (a.identity, a.number, a.digest) < (b.identity, b.number, b.digest)
  }
}
