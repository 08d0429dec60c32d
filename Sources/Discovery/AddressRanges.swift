internal import Engine
internal import Inventory

/// Addresses to ask: `10.0.6.0/24`, `10.0.6.11-40`, `10.0.6.250-10.0.7.5`, single ones (IPv6, too), with commas.
public struct AddressRanges: Sendable, Equatable {
  /// What cannot be asked.
  public struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// The limit of addresses: a /20.
  public static let limit = 4096
  /// The limit with `--large`: a /16.
  public static let largeLimit = 65_536

  /// Each once, in the order given.
  public private(set) var addresses: [String] = []

  public init(_ text: String, large: Bool = false) throws(Fault) {
    let limit = large ? Self.largeLimit : Self.limit
    var seen: Set<String> = []
    for part in text.utf8.split(whereSeparator: { $0 == UInt8(ascii: ",") || $0 == 0x20 }) {
      let word = String(decoding: part, as: UTF8.self)
      for address in try Self.expand(word, limit: limit) where seen.insert(address).inserted {
        addresses.append(address)
      }
      guard addresses.count <= limit else { throw Self.tooMany(limit) }
    }
    guard !addresses.isEmpty else { throw Fault(description: "no address is given") }
  }

  private static func tooMany(_ limit: Int) -> Fault {
    Fault(
      description: limit == Self.limit
        ? "more than \(limit) addresses (a /20); --large takes up to \(largeLimit)"
        : "more than \(limit) addresses (a /16); ask them in several runs")
  }

  private static func expand(_ word: String, limit: Int) throws(Fault) -> [String] {
    if let slash = word.firstIndex(of: "/") {
      let base = String(word[..<slash])
      guard let number = number(base), let bits = Int(word[word.index(after: slash)...]),
        (0...32).contains(bits)
      else { throw Fault(description: "\"\(word)\" is no range of IPv4 such as 10.0.6.0/24") }
      let size = UInt64(1) << UInt64(32 - bits)
      guard size <= UInt64(limit) + 2 else { throw tooMany(limit) }
      let first = UInt64(number) & ~(size - 1)
      // Network and broadcast address are nobody's.
      let hosts = size > 2 ? first + 1...first + size - 2 : first...first + size - 1
      return hosts.map { text(UInt32($0)) }
    }
    if isAddress(word) { return [Dial.number(word)?.text ?? word] }
    if let dash = word.firstIndex(of: "-"), let first = number(String(word[..<dash])) {
      let end = String(word[word.index(after: dash)...])
      var last = number(end)
      if last == nil, let octet = UInt32(end), octet < 256 { last = first & ~255 | octet }
      if let last, last >= first {
        guard last - first < UInt32(limit) else { throw tooMany(limit) }
        return (first...last).map(text)
      }
    }
    throw Fault(
      description: "\"\(word)\" is no address and no range such as 10.0.6.0/24 or 10.0.6.11-40")
  }

  private static func number(_ text: String) -> UInt32? {
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var number: UInt32 = 0
    for part in parts {
      guard let octet = UInt8(String(decoding: part, as: UTF8.self)) else { return nil }
      number = number << 8 | UInt32(octet)
    }
    return number
  }

  private static func text(_ number: UInt32) -> String {
    "\(number >> 24).\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"
  }
}
