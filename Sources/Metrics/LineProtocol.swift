/// Writes points as InfluxDB's line protocol.
///
/// The escaping follows InfluxData's line protocol reference: `,` and space in a measurement; `,`,
/// `=` and space in tag keys, tag values and field keys; `"` and `\` in a string field. Text that
/// the reference leaves undefined or a server refuses is made harmless: a line break becomes `⏎`,
/// other characters that move a cursor, hide or reorder text (`isControl`) become U+FFFD. A tag
/// value never ends in a backslash, which would escape the separator. A tag or field named `time`,
/// a number that is not finite and a repeated tag are left out.
public struct LineProtocol: Sendable {
  /// The lines so far, each ended by a newline.
  public private(set) var bytes: [UInt8] = []
  /// The number of lines.
  public private(set) var count = 0

  /// The limit of a string field in bytes of UTF-8; InfluxDB accepts 64 KiB.
  public static let longestString = 60_000
  /// The limit of a name or tag value; InfluxDB accepts 64 KiB for a measurement with all its tags.
  public static let longestName = 4_000

  /// The common tags of a batch, as written.
  private var common: [(name: String, bytes: [UInt8])] = []

  public init() {}

  /// Writes the points of a batch, each with the tags of the batch, sorted by key as the reference
  /// recommends. A tag in both comes from the point; a point without fields is not written.
  public mutating func append(_ batch: PointBatch) {
    common = Self.escaped(batch.tags)
    for point in batch.points { append(point, at: batch.time) }
    common = []
  }

  /// Writes one point.
  public mutating func append(_ point: Point, common tags: [Tag] = [], at time: Timestamp) {
    if !tags.isEmpty { common = Self.escaped(tags) }
    defer { if !tags.isEmpty { common = [] } }

    let start = bytes.count
    guard !point.measurement.isEmpty else { return }
    // A line that begins with this sign is a comment.
    if point.measurement.utf8.first == UInt8(ascii: "#") {
      bytes.append(contentsOf: "＃".utf8)
      escape(String(point.measurement.dropFirst()), also: 0)
    } else {
      escape(point.measurement, also: 0)
    }
    if point.tags.isEmpty {
      for tag in common { bytes.append(contentsOf: tag.bytes) }
    } else {
      append(point.tags)
    }
    var separator = UInt8(ascii: " ")
    for field in point.fields where !field.name.isEmpty && field.name != "time" {
      if case .float(let float) = field.value, !float.isFinite { continue }
      bytes.append(separator)
      separator = UInt8(ascii: ",")
      escape(field.name, also: UInt8(ascii: "="))
      bytes.append(UInt8(ascii: "="))
      append(field.value)
    }
    guard separator == UInt8(ascii: ",") else {
      bytes.removeLast(bytes.count - start)
      return
    }
    bytes.append(UInt8(ascii: " "))
    // InfluxDB reserves the outermost nanoseconds of the type.
    let moment = (point.time ?? time).nanoseconds
    bytes.append(decimal: min(max(moment, .min + 2), .max - 1))
    bytes.append(UInt8(ascii: "\n"))
    count += 1
  }

  /// Drops the lines and keeps the memory.
  public mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    count = 0
  }

  private static func escaped(_ tags: [Tag]) -> [(name: String, bytes: [UInt8])] {
    var writer = LineProtocol()
    var previous = ""
    return tags.sorted { $0.name < $1.name }.compactMap { tag in
      if tag.name == previous { return nil }
      previous = tag.name
      writer.removeAll()
      writer.append(tag)
      return writer.bytes.isEmpty ? nil : (tag.name, writer.bytes)
    }
  }

  /// Writes the point's tags and the common ones, both sorted, as one sorted sequence.
  private mutating func append(_ tags: [Tag]) {
    var own = tags
    if !zip(own, own.dropFirst()).allSatisfy({ $0.name < $1.name }) {
      own.sort { $0.name < $1.name }
    }
    var next = 0
    var previous = ""
    for tag in own where tag.name != previous {
      while next < common.count, common[next].name < tag.name {
        bytes.append(contentsOf: common[next].bytes)
        next += 1
      }
      if next < common.count, common[next].name == tag.name { next += 1 }
      append(tag)
      previous = tag.name
    }
    for tag in common[next...] { bytes.append(contentsOf: tag.bytes) }
  }

  private mutating func append(_ tag: Tag) {
    guard !tag.value.isEmpty, !tag.name.isEmpty, tag.name != "time" else { return }
    bytes.append(UInt8(ascii: ","))
    escape(tag.name, also: UInt8(ascii: "="))
    bytes.append(UInt8(ascii: "="))
    escape(tag.value, also: UInt8(ascii: "="))
  }

  private mutating func append(_ value: FieldValue) {
    switch value {
    case .integer(let integer):
      bytes.append(decimal: integer)
      bytes.append(UInt8(ascii: "i"))
    case .float(let float): bytes.append(float)
    case .boolean(let boolean): bytes.append(contentsOf: (boolean ? "true" : "false").utf8)
    case .string(let string): append(quoted: string)
    }
  }

  private mutating func append(quoted string: String) {
    bytes.append(UInt8(ascii: "\""))
    let plain = string.hasOnly {
      $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
    }
    if plain && string.utf8.count <= Self.longestString {
      bytes.append(contentsOf: string.utf8)
    } else {
      let end = bytes.count + Self.longestString
      for scalar in string.unicodeScalars {
        if bytes.count > end { break }
        if scalar == "\"" || scalar == "\\" { bytes.append(UInt8(ascii: "\\")) }
        append(harmless: scalar)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func escape(_ text: String, also extra: UInt8) {
    let plain = text.hasOnly {
      $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "\\") && $0 != extra
    }
    if plain && text.utf8.count <= Self.longestName {
      bytes.append(contentsOf: text.utf8)
      return
    }
    let end = bytes.count + Self.longestName
    let scalars = text.unicodeScalars
    for index in scalars.indices {
      if bytes.count > end { break }
      let scalar = scalars[index]
      switch scalar {
      case ",", " ":
        bytes.append(UInt8(ascii: "\\"))
        append(harmless: scalar)
      case "=" where extra != 0:
        bytes.append(UInt8(ascii: "\\"))
        append(harmless: scalar)
      case "\\":
        // A backslash is literal, but before a special character (the server counts a quote among
        // them) or at the end the server reads it as an escape, and the reference has no way to
        // escape it: a look-alike replaces it.
        let next = scalars.index(after: index)
        let ambiguous =
          next == scalars.endIndex || [",", " ", "=", "\"", "\\"].contains(scalars[next])
        bytes.append(contentsOf: (ambiguous || bytes.count >= end ? "⧵" : "\\").utf8)
      default: append(harmless: scalar)
      }
    }
  }

  private mutating func append(harmless scalar: Unicode.Scalar) {
    switch scalar {
    case "\n", "\r", "\u{2028}", "\u{2029}": bytes.append(contentsOf: "⏎".utf8)
    case _ where scalar.value >= 0x20 && scalar.value < 0x7f:
      bytes.append(UInt8(truncatingIfNeeded: scalar.value))
    case _ where scalar.isControl: bytes.append(contentsOf: "\u{fffd}".utf8)
    default: bytes.append(contentsOf: String(Character(scalar)).utf8)
    }
  }
}

extension String {
  /// Whether all bytes of its UTF-8 are so; on the bytes as they lie, not by its indices.
  @inline(__always)
  fileprivate func hasOnly(_ isSo: (UInt8) -> Bool) -> Bool {
    let bytes = utf8Span.span
    for index in bytes.indices where !isSo(bytes[index]) { return false }
    return true
  }
}

extension [UInt8] {
  /// Adds the shortest decimal fraction that reads back as the same number; integers without `.0`.
  mutating func append(_ float: Double) {
    let hundredths = (float * 100).rounded()
    guard hundredths.magnitude < 0x1p53, hundredths / 100 == float,
      let all = Int64(exactly: hundredths)
    else {
      append(contentsOf: float.description.utf8)
      return
    }
    // Most values are percentages with two decimals, which need no search for the shortest form.
    let (whole, rest) = all.quotientAndRemainder(dividingBy: 100)
    if all < 0 && whole == 0 { append(UInt8(ascii: "-")) }
    append(decimal: whole)
    let (tenths, ones) = rest.magnitude.quotientAndRemainder(dividingBy: 10)
    if tenths == 0 && ones == 0 { return }
    append(UInt8(ascii: "."))
    append(0x30 &+ UInt8(truncatingIfNeeded: tenths))
    if ones != 0 { append(0x30 &+ UInt8(truncatingIfNeeded: ones)) }
  }
}
