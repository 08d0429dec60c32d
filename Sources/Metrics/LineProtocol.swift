/// Writes points as InfluxDB's line protocol.
///
/// The escaping is that of InfluxData's line protocol reference: `,` and space in a measurement;
/// `,`, `=` and space in tag keys, tag values and field keys; `"` and `\` in a string field. What the
/// reference leaves undefined is made harmless: a line break becomes `⏎`, a NUL and other control
/// characters U+FFFD, and a tag value never ends in a backslash, which would eat the separator.
public struct LineProtocol: Sendable {
  /// The lines written so far, each ended by a newline.
  public private(set) var bytes: [UInt8] = []
  /// How many lines those are.
  public private(set) var count = 0

  /// The longest string field that is written, in bytes of UTF-8; InfluxDB takes 64 KiB.
  public static let longestString = 60_000

  public init() {}

  /// Writes one point with its own tags and `common`, sorted by key as the reference advises.
  ///
  /// A tag that is both is taken from the point. A point without fields is not written.
  public mutating func append(_ point: Point, common: [Tag] = [], at time: Timestamp) {
    guard !point.fields.isEmpty else { return }
    escape(point.measurement, also: 0)
    var tags = point.tags
    for tag in common where !point.tags.contains(where: { $0.name == tag.name }) {
      tags.append(tag)
    }
    tags.sort { $0.name < $1.name }
    for tag in tags where !tag.value.isEmpty {
      bytes.append(UInt8(ascii: ","))
      escape(tag.name, also: UInt8(ascii: "="))
      bytes.append(UInt8(ascii: "="))
      escape(tag.value, also: UInt8(ascii: "="))
    }
    var separator = UInt8(ascii: " ")
    for field in point.fields {
      bytes.append(separator)
      separator = UInt8(ascii: ",")
      escape(field.name, also: UInt8(ascii: "="))
      bytes.append(UInt8(ascii: "="))
      append(field.value)
    }
    bytes.append(UInt8(ascii: " "))
    bytes.append(decimal: (point.time ?? time).nanoseconds)
    bytes.append(UInt8(ascii: "\n"))
    count += 1
  }

  /// Forgets the lines and keeps the memory.
  public mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    count = 0
  }

  private mutating func append(_ value: FieldValue) {
    switch value {
    case .integer(let integer):
      bytes.append(decimal: integer)
      bytes.append(UInt8(ascii: "i"))
    case .float(let float):
      append(float)
    case .boolean(let boolean):
      bytes.append(contentsOf: (boolean ? "true" : "false").utf8)
    case .string(let string):
      bytes.append(UInt8(ascii: "\""))
      let end = bytes.count + Self.longestString
      for scalar in string.unicodeScalars {
        if bytes.count > end { break }
        switch scalar {
        case "\"", "\\":
          bytes.append(UInt8(ascii: "\\"))
          bytes.append(UInt8(truncatingIfNeeded: scalar.value))
        default:
          append(harmless: scalar)
        }
      }
      bytes.append(UInt8(ascii: "\""))
    }
  }

  /// The shortest decimal fraction that reads back as the same number; whole ones without `.0`.
  private mutating func append(_ float: Double) {
    if let whole = Int64(exactly: float), whole.magnitude < 1 << 53 {
      bytes.append(decimal: whole)
    } else {
      bytes.append(contentsOf: float.description.utf8)
    }
  }

  private mutating func escape(_ text: String, also extra: UInt8) {
    let scalars = text.unicodeScalars
    for index in scalars.indices {
      let scalar = scalars[index]
      switch scalar {
      case ",", " ":
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(UInt8(truncatingIfNeeded: scalar.value))
      case "=" where extra != 0:
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(UInt8(ascii: "="))
      case "\\":
        // A backslash is literal, but before a special character or at the end it would be read as
        // an escape, and the reference has no way to escape it: a look-alike stands in.
        let next = scalars.index(after: index)
        let ambiguous = next == scalars.endIndex || [",", " ", "=", "\\"].contains(scalars[next])
        bytes.append(contentsOf: (ambiguous ? "⧵" : "\\").utf8)
      default:
        append(harmless: scalar)
      }
    }
  }

  private mutating func append(harmless scalar: Unicode.Scalar) {
    switch scalar {
    case "\n", "\r": bytes.append(contentsOf: "⏎".utf8)
    case _ where scalar.value < 0x20 || scalar.value == 0x7f:
      bytes.append(contentsOf: "\u{fffd}".utf8)
    case _ where scalar.value < 0x80: bytes.append(UInt8(truncatingIfNeeded: scalar.value))
    default: bytes.append(contentsOf: String(Character(scalar)).utf8)
    }
  }
}
