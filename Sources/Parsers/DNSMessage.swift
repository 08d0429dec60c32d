/// Reads the answer of a name server: its code, flags and records.
///
/// Format: RFC 1035 section 4, with the record types of RFC 3596 (AAAA), 2782 (SRV) and 8659 (CAA).
/// A name may point backwards into the message; a pointer that does not go back is invalid.
public enum DNSMessage: Parser {
  public struct Reading: Sendable, Equatable {
    /// The response code of the header: 0 NOERROR, 3 NXDOMAIN.
    public var rcode: Int
    /// The server is authoritative for the zone.
    public var isAuthoritative: Bool
    /// The answer was truncated to fit a datagram.
    public var isTruncated: Bool
    /// The server offers recursion.
    public var isRecursive: Bool
    /// The records of the answer section.
    public var answers: [Record]
  }

  public struct Record: Sendable, Equatable {
    /// The owner in lower case, without the final dot.
    public var name: String
    /// The number of the type: 1 A, 28 AAAA.
    public var type: UInt16
    /// The time to live in seconds.
    public var ttl: UInt32
    /// The data in the form of a zone file, names in lower case without the final dot; nil for
    /// unknown types.
    public var text: String?
  }

  /// The limit of answers; the rest is left out.
  static let limit = 200

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    guard text.count >= 12 else { throw ParseError("DNS", "shorter than a header") }
    guard text[2] & 0x80 != 0 else { throw ParseError("DNS", "a question, not an answer") }
    var reading = Reading(
      rcode: Int(text[3] & 15), isAuthoritative: text[2] & 4 != 0, isTruncated: text[2] & 2 != 0,
      isRecursive: text[3] & 0x80 != 0, answers: [])
    let questions = number(text, at: 4)
    let answers = number(text, at: 6)
    var position = 12
    for _ in 0..<min(questions, limit) {
      guard name(text, at: &position) != nil else { throw ParseError("DNS", "a broken question") }
      position += 4
    }
    for _ in 0..<min(answers, limit) {
      guard let owner = name(text, at: &position), position + 10 <= text.count else {
        // The library requests a truncated answer again over TCP.
        if reading.isTruncated { break }
        throw ParseError("DNS", "a record that ends early")
      }
      let type = UInt16(truncatingIfNeeded: number(text, at: position))
      let ttl = number(text, at: position + 4) << 16 | number(text, at: position + 6)
      let length = number(text, at: position + 8)
      position += 10
      guard position + length <= text.count else {
        if reading.isTruncated { break }
        throw ParseError("DNS", "a record that ends early")
      }
      reading.answers.append(
        Record(
          name: owner, type: type, ttl: UInt32(truncatingIfNeeded: ttl),
          text: content(text, of: type, from: position, to: position + length)))
      position += length
    }
    return reading
  }

  /// Two bytes as a number; 0 beyond the end.
  private static func number(_ text: Span<UInt8>, at position: Int) -> Int {
    guard position >= 0, position + 2 <= text.count else { return 0 }
    return Int(text[position]) << 8 | Int(text[position + 1])
  }

  /// The name at the position, which moves behind it. nil if it is invalid.
  private static func name(_ text: Span<UInt8>, at position: inout Int) -> String? {
    var name: [UInt8] = []
    var next = position
    var lowest = position
    var hasJumped = false
    while next >= 0, next < text.count {
      let length = Int(text[next])
      if length == 0 {
        if !hasJumped { position = next + 1 }
        return String(decoding: name, as: UTF8.self)
      }
      if length >= 0xc0 {
        guard next + 1 < text.count else { return nil }
        let target = number(text, at: next) & 0x3fff
        if !hasJumped { position = next + 2 }
        hasJumped = true
        // Each jump goes back further than the last, so the loop ends.
        guard target < lowest else { return nil }
        lowest = target
        next = target
        continue
      }
      guard length < 64, next + 1 + length <= text.count, name.count + length < 255 else {
        return nil
      }
      if !name.isEmpty { name.append(UInt8(ascii: ".")) }
      for index in (next + 1)..<(next + 1 + length) {
        let byte = text[index]
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): name.append(byte | 0x20)
        case UInt8(ascii: "."), UInt8(ascii: "\\"): name += [UInt8(ascii: "\\"), byte]
        case 0x21..<0x7f: name.append(byte)
        default:
          name += Array("\\\(byte / 100)\(byte / 10 % 10)\(byte % 10)".utf8)
        }
      }
      next += 1 + length
    }
    return nil
  }

  private static func content(
    _ text: Span<UInt8>, of type: UInt16, from start: Int, to end: Int
  ) -> String? {
    var position = start
    switch type {
    case 1 where end - start == 4:
      return "\(text[start]).\(text[start + 1]).\(text[start + 2]).\(text[start + 3])"
    case 28 where end - start == 16: return address(text, at: start)
    case 2, 5, 12, 39: return name(text, at: &position)
    case 15 where end - start > 2:
      position += 2
      return name(text, at: &position).map { "\(number(text, at: start)) \($0)" }
    case 33 where end - start > 6:
      position += 6
      let numbers = [0, 2, 4].map { String(number(text, at: start + $0)) }
      return name(text, at: &position).map { "\(numbers.joined(separator: " ")) \($0)" }
    case 6:
      guard let server = name(text, at: &position), let mail = name(text, at: &position),
        position + 20 <= end
      else { return nil }
      let serial = number(text, at: position) << 16 | number(text, at: position + 2)
      return "\(server) \(mail) \(serial)"
    case 16:
      var parts: [UInt8] = []
      while position < end {
        let length = Int(text[position])
        guard position + 1 + length <= end else { return nil }
        for index in (position + 1)..<(position + 1 + length) { parts.append(text[index]) }
        position += 1 + length
      }
      return String(decoding: parts, as: UTF8.self)
    case 257 where end - start > 2:
      let length = Int(text[start + 1])
      guard start + 2 + length <= end else { return nil }
      let tag = text.extracting((start + 2)..<(start + 2 + length)).string
      return "\(text[start]) \(tag) \"\(text.extracting((start + 2 + length)..<end).string)\""
    default: return nil
    }
  }

  /// An IPv6 address in the form of RFC 5952.
  private static func address(_ text: Span<UInt8>, at start: Int) -> String {
    let groups = (0..<8).map { number(text, at: start + 2 * $0) }
    // The first longest run of zeros, of two groups or more, is left out.
    var best = 0..<0
    var from = 0
    for index in 0...8 where index == 8 || groups[index] != 0 {
      if index - from > max(1, best.count) { best = from..<index }
      from = index + 1
    }
    func joined(_ range: Range<Int>) -> String {
      range.map { String(groups[$0], radix: 16) }.joined(separator: ":")
    }
    if best.isEmpty { return joined(0..<8) }
    return "\(joined(0..<best.lowerBound))::\(joined(best.upperBound..<8))"
  }
}
