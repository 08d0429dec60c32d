/// Reads a plugin's output in InfluxDB's line protocol: `measurement,tag=a field=1.5,other="x"
/// 123`.
///
/// Format: InfluxData's line protocol reference. The reader is strict: one invalid line refuses all
/// of them. Lines that begin with `#` are comments; a line break inside a string is refused.
public enum LineProtocolReader: Parser {
  public struct Reading: Sendable, Equatable {
    /// The first comment with text.
    public var text: String
    public var points: [Item]
  }

  /// One line.
  public struct Item: Sendable, Equatable {
    public var measurement: String
    /// The tags in the order of the line, without duplicates.
    public var tags: [Pair<String>]
    /// At least one field, without duplicates.
    public var fields: [Pair<Value>]
    /// Nanoseconds since 1970; nil if the line has none.
    public var time: Int64?
  }

  public struct Pair<Value: Sendable & Equatable>: Sendable, Equatable {
    public var name: String
    public var value: Value
  }

  public enum Value: Sendable, Equatable {
    /// `1i`, or `1u` where it fits.
    case integer(Int64)
    case float(Double)
    case string(String)
    case boolean(Bool)
  }

  /// The limits of one line: pairs, and bytes of a name, tag or string.
  public struct Limits: Sendable {
    var tags: Int
    var fields: Int
    var name: Int
    var text: Int

    /// The limits of a plugin's output.
    public static let plugin = Limits(tags: 16, fields: 64, name: 100, text: 4096)
    /// The limits of lines that another monitor wrote.
    public static let monitor = Limits(tags: 64, fields: 512, name: 4_200, text: 64_000)
  }

  /// The limits of one plugin's output: lines, and bytes of its comment.
  static let pointLimit = 200
  static let textLimit = 4096

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading(text: "", points: [])
    var lines = Scanner(text)
    var number = 0
    while let whole = lines.line() {
      number += 1
      let line = whole.trimmed
      guard let first = line.first else { continue }
      if first == UInt8(ascii: "#") {
        let said = line.extracting(1..<line.count).trimmed
        if reading.text.isEmpty {
          reading.text = String(decoding: said.bytes(limit: textLimit), as: UTF8.self)
        }
        continue
      }
      guard reading.points.count < pointLimit else {
        throw ParseError("line protocol", "more than \(pointLimit) points", line: number)
      }
      do throws(Fault) {
        reading.points.append(try item(line, .plugin))
      } catch {
        throw ParseError("line protocol", error.problem, line: number, at: line)
      }
    }
    return reading
  }

  /// Reads one line without its line break.
  public static func parse(
    line: Span<UInt8>, limits: Limits
  ) throws(ParseError) -> Item {
    do throws(Fault) { return try item(line, limits) } catch {
      throw ParseError("line protocol", error.problem, at: line)
    }
  }

  private struct Fault: Error {
    var problem: String
    init(_ problem: String) { self.problem = problem }
  }

  private static func item(_ line: Span<UInt8>, _ limits: Limits) throws(Fault) -> Item {
    var index = 0
    var item = Item(
      measurement: try name(line, &index, until: ", ", "a measurement", limits), tags: [],
      fields: [])
    while try take(line, &index, ",", or: " ", "a tag or a field") {
      guard item.tags.count < limits.tags else {
        throw Fault("more than \(limits.tags) tags")
      }
      let name = try name(line, &index, until: ",= ", "a tag", limits)
      guard try take(line, &index, "=", or: nil, "= and the tag's value") else { break }
      let value = try self.name(line, &index, until: ",= ", "the tag's value", limits)
      guard !item.tags.contains(where: { $0.name == name }) else {
        throw Fault("the tag \(name) stands twice")
      }
      item.tags.append(Pair(name: name, value: value))
    }
    while index < line.count, line[index] == UInt8(ascii: " ") { index &+= 1 }
    var names: Set<String> = []
    repeat {
      guard item.fields.count < limits.fields else {
        throw Fault("more than \(limits.fields) fields")
      }
      let name = try name(line, &index, until: ",= ", "a field", limits)
      guard try take(line, &index, "=", or: nil, "= and the field's value") else { break }
      let value = try value(line, &index, limits)
      guard names.insert(name).inserted else {
        throw Fault("the field \(name) stands twice")
      }
      item.fields.append(Pair(name: name, value: value))
      if index == line.count { return item }
    } while try take(line, &index, ",", or: " ", "a field or the time")
    let time = line.extracting(index..<line.count).trimmed
    guard let nanoseconds = time.signed else { throw Fault("expected the time in nanoseconds") }
    item.time = nanoseconds
    return item
  }

  /// Reads one byte: true for the first, false for the second.
  private static func take(
    _ line: Span<UInt8>, _ index: inout Int, _ one: Unicode.Scalar, or other: Unicode.Scalar?,
    _ expected: String
  ) throws(Fault) -> Bool {
    guard index < line.count else { throw Fault("expected \(expected)") }
    let byte = Unicode.Scalar(line[index])
    guard byte == one || byte == other else { throw Fault("expected \(expected)") }
    index &+= 1
    return byte == one
  }

  /// Reads a measurement, a key or a tag's value up to one of the bytes that end it.
  ///
  /// A backslash is literal, but before `,`, `=` and a space it escapes them.
  private static func name(
    _ line: Span<UInt8>, _ index: inout Int, until ends: StaticString, _ expected: String,
    _ limits: Limits
  ) throws(Fault) -> String {
    let ends = ends.description.utf8
    var bytes: [UInt8] = []
    while index < line.count {
      var byte = line[index]
      if ends.contains(byte) { break }
      if byte == UInt8(ascii: "\\"), index &+ 1 < line.count, ",= ".utf8.contains(line[index &+ 1])
      {
        index &+= 1
        byte = line[index]
      }
      guard byte >= 0x20, byte != 0x7f else { throw Fault("a control character in \(expected)") }
      guard bytes.count < limits.name else {
        throw Fault("\(expected) is longer than \(limits.name)")
      }
      bytes.append(byte)
      index &+= 1
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Fault("\(expected) is not UTF-8")
    }
    guard !text.isEmpty else { throw Fault("expected \(expected)") }
    // InfluxDB reserves the word.
    guard text != "time" || ends.count < 3 else { throw Fault("\(expected) cannot be called time") }
    return text
  }

  private static func value(
    _ line: Span<UInt8>, _ index: inout Int, _ limits: Limits
  ) throws(Fault) -> Value {
    if index < line.count, line[index] == UInt8(ascii: "\"") {
      index &+= 1
      return .string(try string(line, &index, limits))
    }
    let start = index
    while index < line.count, !",= ".utf8.contains(line[index]) { index &+= 1 }
    let word = line.extracting(start..<index)
    switch word.last {
    case UInt8(ascii: "i"), UInt8(ascii: "u"):
      let digits = word.extracting(0..<(word.count &- 1))
      let isSigned = word.last == UInt8(ascii: "i")
      let isPlain = digits.first != UInt8(ascii: "+")
      let number = isSigned ? digits.signed : digits.unsigned.flatMap { Int64(exactly: $0) }
      guard isPlain, let number else { throw Fault("expected a whole number of 64 bits") }
      return .integer(number)
    default: break
    }
    for literal in ["t", "T", "true", "True", "TRUE"] where word.equals(literal) {
      return .boolean(true)
    }
    for literal in ["f", "F", "false", "False", "FALSE"] where word.equals(literal) {
      return .boolean(false)
    }
    guard isNumeral(word), let float = Double(word.string), float.isFinite else {
      throw Fault("expected a number, true, false or a string in quotes")
    }
    return .float(float)
  }

  /// Reads a string and its closing quote; a backslash escapes a quote or a backslash.
  private static func string(
    _ line: Span<UInt8>, _ index: inout Int, _ limits: Limits
  ) throws(Fault) -> String {
    var bytes: [UInt8] = []
    while index < line.count {
      var byte = line[index]
      index &+= 1
      if byte == UInt8(ascii: "\"") {
        guard let text = String(validating: bytes, as: UTF8.self) else {
          throw Fault("a string is not UTF-8")
        }
        return text
      }
      if byte == UInt8(ascii: "\\"), index < line.count, "\"\\".utf8.contains(line[index]) {
        byte = line[index]
        index &+= 1
      }
      guard bytes.count < limits.text else {
        throw Fault("a string is longer than \(limits.text)")
      }
      bytes.append(byte)
    }
    throw Fault("expected the end of a string")
  }

  /// Whether the text has the form `-1.5e-3`: neither hexadecimal nor `nan`, which Swift would
  /// accept.
  private static func isNumeral(_ word: Span<UInt8>) -> Bool {
    guard word.count <= 64 else { return false }
    for index in word.indices {
      let byte = word[index]
      guard byte.isDigit || ".-+eE".utf8.contains(byte) else { return false }
    }
    return true
  }
}
