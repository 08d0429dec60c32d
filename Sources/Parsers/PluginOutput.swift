/// Reads the output of a Nagios plugin: `TEXT | perfdata`, more text, more perfdata.
///
/// Format: monitoring-plugins' developer guidelines. A value of perfdata is
/// `'label'=value[unit];[warn];[crit];[min];[max]`; two quotes within quotes are one.
public enum PluginOutput: Parser {
  public struct Reading: Sendable, Equatable {
    /// The first line without its perfdata.
    public var text: String
    /// The other lines without theirs.
    public var more: String
    public var values: [Value]
  }

  /// One value of perfdata.
  public struct Value: Sendable, Equatable {
    public var label: String
    /// nil if the plugin does not know the value (`U`).
    public var value: Double?
    /// `s`, `ms`, `us`, `%`, `B`, `KB`, `MB`, `TB`, `c`, or empty.
    public var unit: String
    public var warning: Range?
    public var critical: Range?
    public var minimum: Double?
    public var maximum: Double?
  }

  /// A range of a threshold: `10` is 0 to 10, `10:` from 10 on, `~:10` to 10; with `@` it warns inside.
  public struct Range: Sendable, Equatable {
    public var low: Double?
    public var high: Double?
    public var isInside: Bool

    public init(low: Double?, high: Double?, isInside: Bool = false) {
      self.low = low
      self.high = high
      self.isInside = isInside
    }

    /// Whether a value is outside of the range (with `@`, inside).
    public func isBroken(by value: Double) -> Bool {
      let within = (low.map { value >= $0 } ?? true) && (high.map { value <= $0 } ?? true)
      return within == isInside
    }
  }

  /// The limits of one plugin's output: the number of values, and the bytes of texts.
  static let valueLimit = 64
  static let textLimit = 4096

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading(text: "", more: "", values: [])
    var lines = Scanner(text)
    var isFirst = true
    /// After the first `|` of the later lines, all of the rest is perfdata.
    var isPerfdata = false
    while let line = lines.line() {
      var parts = Scanner(line)
      if isPerfdata {
        values(line, into: &reading.values)
        continue
      }
      let words = parts.part(upTo: UInt8(ascii: "|"))
      let said = words.trimmed.string
      values(parts.rest, into: &reading.values)
      if isFirst {
        reading.text = String(decoding: said.utf8.prefix(textLimit), as: UTF8.self)
      } else if reading.more.utf8.count + said.utf8.count < textLimit {
        reading.more += reading.more.isEmpty ? said : "\n\(said)"
      }
      isPerfdata = !isFirst && words.count < line.count
      isFirst = false
    }
    return reading
  }

  /// The values of one line in perfdata format; invalid ones are left out.
  static func values(_ text: Span<UInt8>, into values: inout [Value]) {
    var index = 0
    while values.count < valueLimit {
      while index < text.count, text[index].isBlank || text[index] == UInt8(ascii: "\r") {
        index &+= 1
      }
      guard index < text.count else { return }
      var label: [UInt8] = []
      if text[index] == UInt8(ascii: "'") {
        index &+= 1
        while index < text.count {
          if text[index] == UInt8(ascii: "'") {
            guard index &+ 1 < text.count, text[index &+ 1] == UInt8(ascii: "'") else { break }
            index &+= 1
          }
          label.append(text[index])
          index &+= 1
        }
        index &+= 1
      } else {
        while index < text.count, text[index] != UInt8(ascii: "="), !text[index].isBlank {
          label.append(text[index])
          index &+= 1
        }
      }
      guard index < text.count else { return }
      let start = index
      while index < text.count, !text[index].isBlank { index &+= 1 }
      guard text[start] == UInt8(ascii: "="), !label.isEmpty else { continue }
      let rest = text.extracting((start &+ 1)..<index)
      if let value = value(String(decoding: label.prefix(64), as: UTF8.self), rest) {
        values.append(value)
      }
    }
  }

  /// `value[unit];[warn];[crit];[min];[max]`
  static func value(_ label: String, _ text: Span<UInt8>) -> Value? {
    var fields = Scanner(text)
    let first = fields.part(upTo: UInt8(ascii: ";"))
    var end = 0
    while end < first.count, isNumeral(first[end]) { end &+= 1 }
    let number = first.extracting(0..<end).decimal
    var unit = first.extracting(end..<first.count).string
    let isUnknown = end == 0 && unit == "U"
    guard number != nil || isUnknown, unit.utf8.count <= 8 else { return nil }
    if isUnknown { unit = "" }
    var value = Value(label: label, value: number, unit: unit)
    for place in 0..<4 where !fields.isAtEnd {
      let field = fields.part(upTo: UInt8(ascii: ";"))
      switch place {
      case 0: value.warning = range(field)
      case 1: value.critical = range(field)
      case 2: value.minimum = field.decimal
      default: value.maximum = field.decimal
      }
    }
    return value
  }

  static func range(_ text: Span<UInt8>) -> Range? {
    var text = text
    guard let first = text.first else { return nil }
    let isInside = first == UInt8(ascii: "@")
    if isInside { text = text.extracting(1..<text.count) }
    var parts = Scanner(text)
    guard let low = parts.upTo(UInt8(ascii: ":")) else {
      return text.decimal.map { Range(low: 0, high: $0, isInside: isInside) }
    }
    let high = parts.rest
    if !low.equals("~"), !low.isEmpty, low.decimal == nil { return nil }
    if !high.isEmpty, high.decimal == nil { return nil }
    return Range(
      low: low.equals("~") ? nil : low.decimal ?? 0, high: high.decimal, isInside: isInside)
  }

  private static func isNumeral(_ byte: UInt8) -> Bool {
    byte.isDigit || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
      || byte == UInt8(ascii: "+")
  }
}

extension Scanner {
  /// The bytes before the given byte, which is consumed, too; without it, all of the rest.
  @_lifetime(copy self)
  fileprivate mutating func part(upTo byte: UInt8) -> Span<UInt8> {
    if let part = upTo(byte) { return part }
    let all = rest
    skip(bytes: all.count)
    return all
  }
}

/// Reads the lines of a local check of Checkmk: `0 "Name" metric=1;2;3|other=4 text`.
///
/// Format: docs.checkmk.com, "Local checks". The state is 0 to 3, or `P` if the thresholds of the
/// values decide; `-` stands for no values.
public enum LocalChecks: Parser {
  public struct Item: Sendable, Equatable {
    /// 0 OK, 1 WARN, 2 CRIT, 3 UNKNOWN.
    public var state: Int
    public var name: String
    public var values: [PluginOutput.Value]
    public var text: String
  }

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [Item] {
    var items: [Item] = []
    var lines = Scanner(text)
    var number = 0
    while let line = lines.line() {
      number += 1
      guard !line.trimmed.isEmpty else { continue }
      guard items.count < 100 else { break }
      var words = Scanner(line)
      guard let first = words.word(), let state = state(first) else {
        throw ParseError("local check", "expected 0, 1, 2, 3 or P", line: number, at: line)
      }
      words.skipBlanks()
      var name: String?
      if words.skip(UInt8(ascii: "\"")) {
        name = words.upTo(UInt8(ascii: "\""))?.string
      } else {
        name = words.word()?.string
      }
      guard let name, !name.isEmpty, let metrics = words.word() else {
        throw ParseError("local check", "expected a name and values", line: number, at: line)
      }
      var item = Item(state: 0, name: String(name.prefix(100)), values: [], text: "")
      if !metrics.equals("-") {
        var parts = Scanner(metrics)
        while !parts.isAtEnd, item.values.count < PluginOutput.valueLimit {
          PluginOutput.values(parts.part(upTo: UInt8(ascii: "|")), into: &item.values)
        }
      }
      item.state = state < 0 ? computed(item.values) : state
      item.text = words.rest.trimmed.string
      items.append(item)
    }
    guard !items.isEmpty else { throw ParseError("local check", "no line") }
    return items
  }

  /// -1 for `P`.
  private static func state(_ text: Span<UInt8>) -> Int? {
    if text.equals("P") { return -1 }
    guard let number = text.unsigned, number <= 3 else { return nil }
    return Int(number)
  }

  private static func computed(_ values: [PluginOutput.Value]) -> Int {
    var worst = 0
    for value in values {
      guard let number = value.value else { continue }
      // Checkmk's upper levels include the number itself.
      func isOver(_ range: PluginOutput.Range?) -> Bool {
        guard let range else { return false }
        return range.isBroken(by: number) || range.high == number && !range.isInside
      }
      if isOver(value.critical) { return 2 }
      if isOver(value.warning) { worst = 1 }
    }
    return worst
  }
}
