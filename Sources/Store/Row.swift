internal import Metrics

/// The points of one host and pass as bytes: the store's format of the latest passes.
///
/// A row is fast to write and self-contained. Later passes of the host are folded into a `Block`.
enum Row {
  /// The limit of an unpacked row or block in bytes.
  static let limit = 16 << 20

  /// Writes the points, except for those without fields.
  static func encode(
    _ points: [Point], at time: Timestamp, _ shapes: Shapes, in database: Database
  ) throws(DatabaseError) -> [UInt8] {
    var writer = ByteWriter()
    writer.varint(points.count { !$0.fields.isEmpty })
    for point in points where !point.fields.isEmpty {
      try shapes.write(point, to: &writer, in: database)
      for tag in point.tags { writer.string(tag.value) }
      if let own = point.time { writer.zigzag(own.nanoseconds &- time.nanoseconds) }
      for field in point.fields { writer.value(field.value) }
    }
    return writer.bytes
  }

  /// A stored point, with the shape that it shares with others.
  struct Kept {
    var shape: Shape
    var tags: [String]
    var time: Timestamp?
    var values: [FieldValue]

    var point: Point {
      var point = Point(shape.measurement, time: time)
      point.tags = zip(shape.tags, tags).map { Tag($0, $1) }
      point.fields = zip(shape.fields, values).map { Field($0.name, $1) }
      return point
    }
  }

  static func decode(
    _ bytes: [UInt8], at time: Timestamp, _ shapes: Shapes
  ) throws(Damaged) -> [Kept] {
    var reader = ByteReader(bytes)
    let count = try reader.count(ofAtLeast: 2)
    var points: [Kept] = []
    points.reserveCapacity(count)
    for _ in 0..<count {
      let shape = try shapes.read(&reader)
      var tags: [String] = []
      for _ in shape.tags { tags.append(try reader.string()) }
      var own: Timestamp?
      if shape.timed { own = Timestamp(nanoseconds: time.nanoseconds &+ (try reader.zigzag())) }
      var values: [FieldValue] = []
      values.reserveCapacity(shape.fields.count)
      for field in shape.fields { values.append(try reader.value(field.kind)) }
      points.append(Kept(shape: shape, tags: tags, time: own, values: values))
    }
    return points
  }
}

extension ByteWriter {
  mutating func value(_ value: FieldValue) {
    switch value {
    case .integer(let integer): zigzag(integer)
    case .boolean(let boolean): bytes.append(boolean ? 1 : 0)
    case .string(let string): self.string(string)
    case .float(let float):
      if let hundredths = float.hundredths {
        varint(hundredths.zigzag << 1)
      } else {
        bytes.append(1)
        fixed(float.bitPattern)
      }
    }
  }
}

extension ByteReader {
  mutating func value(_ kind: Shape.Kind) throws(Damaged) -> FieldValue {
    switch kind {
    case .integer: return .integer(try zigzag())
    case .boolean: return .boolean(try byte() != 0)
    case .string: return .string(try string())
    case .float:
      let first = try varint()
      if first == 1 { return .float(Double(bitPattern: try fixed())) }
      return .float(Double(hundredths: Int64(zigzag: first >> 1)))
    }
  }
}

extension Double {
  /// The number in hundredths if that is exact: collectors round percentages so.
  var hundredths: Int64? {
    let scaled = (self * 100).rounded()
    guard scaled.magnitude < 0x1p53, scaled / 100 == self, !(self == 0 && sign == .minus),
      let whole = Int64(exactly: scaled)
    else { return nil }
    return whole
  }

  init(hundredths: Int64) { self = Double(hundredths) / 100 }
}
