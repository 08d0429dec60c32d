/// What has happened to the machine, as its BMC remembers it?
///
/// IPMI 2.0, 31 and 32.
struct SystemEventLog: Sendable {
  struct Entry: Sendable {
    var identifier: UInt16
    /// All 16 bytes.
    var bytes: [UInt8]
  }

  static let capacity = 512
  private(set) var entries: [Entry] = []
  private(set) var lastAddition: UInt32 = 0xffff_ffff
  private(set) var lastErase: UInt32 = 0xffff_ffff
  /// Entries were thrown away because there was no room.
  private(set) var hasOverflown = false
  private var next: UInt16 = 1

  /// Adds an entry of a type; from `fields` on it is what follows the type byte.
  mutating func add(type: UInt8, fields: [UInt8], now: UInt32) {
    guard entries.count < Self.capacity else {
      hasOverflown = true
      return
    }
    let fields = fields.prefix(13) + [UInt8](repeating: 0xff, count: max(0, 13 - fields.count))
    entries.append(Entry(identifier: next, bytes: little(next) + [type] + fields))
    next = next >= 0xfffe ? 1 : next + 1
    lastAddition = now
  }

  mutating func clear(now: UInt32) {
    entries = []
    next = 1
    hasOverflown = false
    lastErase = now
  }
}
