/// Base64 (RFC 4648, section 4), as key files, mail and HTTP use it.
public enum Base64: Sendable {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 255, count: 256)
    for (value, byte) in alphabet.enumerated() { values[Int(byte)] = UInt8(value) }
    return values
  }()

  /// The decoded bytes, or nil where the text is not base64. Line ends are skipped.
  public static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    var ended = false
    for byte in text {
      switch byte {
      case UInt8(ascii: "\n"), UInt8(ascii: "\r"): continue
      case UInt8(ascii: "="): ended = true
      default:
        let value = values[Int(byte)]
        guard value != 255, !ended else { return nil }
        bits = (bits << 6 | UInt32(value)) & 0xff_ffff
        count += 1
        if count % 4 != 1 {
          let shift = UInt32([0, 0, 4, 2][count % 4])
          bytes.append(UInt8(truncatingIfNeeded: bits >> shift))
        }
      }
    }
    return count % 4 == 1 ? nil : bytes
  }

  /// The bytes as text, padded with `=` by default.
  public static func encode(_ bytes: some Collection<UInt8>, padded: Bool = true) -> String {
    var text: [UInt8] = []
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      let group = rest.prefix(3)
      rest = rest.dropFirst(3)
      let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
      for index in 0..<4 {
        if index <= group.count {
          text.append(alphabet[Int(bits >> UInt32(18 - 6 * index) & 63)])
        } else if padded {
          text.append(UInt8(ascii: "="))
        }
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
