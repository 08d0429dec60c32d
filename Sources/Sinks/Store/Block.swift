internal import Metrics

/// Several passes of one host, column by column: the store's form of all but the latest passes.
///
/// A series (shape, tag values, and which of several alike in one pass) stands once; its values
/// follow one another, as differences where those are smaller, so that deflate finds little to say.
enum Block {
  /// How many passes are folded together. A mask of 64 bits says which of them had a series.
  static let passes = 32

  private struct Key: Hashable {
    var shape: Shape
    var tags: [String]
    var occurrence: Int
  }

  private struct Series {
    var shape: Shape
    var tags: [String]
    var mask: UInt64 = 0
    var times: [Int64] = []
    var columns: [[FieldValue]]
  }

  static func encode(
    _ rows: ArraySlice<(time: Timestamp, points: [Row.Kept])>, _ shapes: Shapes
  ) -> [UInt8] {
    var positions: [Key: Int] = [:]
    var all: [Series] = []
    for (index, row) in rows.enumerated() {
      var seen: [Key: Int] = [:]
      for point in row.points {
        var key = Key(shape: point.shape, tags: point.tags, occurrence: 0)
        key.occurrence = seen[key, default: 0]
        seen[Key(shape: point.shape, tags: point.tags, occurrence: 0)] = key.occurrence + 1
        let position = positions[key] ?? all.count
        if position == all.count {
          positions[key] = position
          all.append(
            Series(
              shape: point.shape, tags: point.tags,
              columns: Array(repeating: [], count: point.shape.fields.count)))
        }
        all[position].mask |= 1 << UInt64(index)
        if let time = point.time {
          all[position].times.append(time.nanoseconds &- row.time.nanoseconds)
        }
        for (column, value) in point.values.enumerated() {
          all[position].columns[column].append(value)
        }
      }
    }

    var writer = ByteWriter()
    writer.varint(rows.count)
    writer.integers(rows.map(\.time.nanoseconds))
    writer.varint(all.count)
    for series in all {
      shapes.write(series.shape, to: &writer)
      for tag in series.tags { writer.string(tag) }
      writer.varint(series.mask)
      var columns = ByteWriter()
      if series.shape.timed { columns.integers(series.times) }
      for (field, values) in zip(series.shape.fields, series.columns) {
        columns.column(values, field.kind)
      }
      writer.block(columns.bytes)
    }
    return writer.bytes
  }

  /// The points of each pass, in their time; of the series that `wanted` names, or of all.
  static func decode(
    _ bytes: [UInt8], _ shapes: Shapes, wanted: (Shape, [String]) -> Bool = { _, _ in true }
  ) throws(Damaged) -> [(time: Timestamp, points: [Row.Kept])] {
    var reader = ByteReader(bytes)
    let count = try reader.varint()
    guard count <= 64 else { throw Damaged() }
    var rows: [(time: Timestamp, points: [Row.Kept])] = []
    for time in try reader.integers(Int(count)) { rows.append((Timestamp(nanoseconds: time), [])) }
    for _ in 0..<(try reader.count(ofAtLeast: 3)) {
      let shape = try shapes.read(&reader)
      var tags: [String] = []
      for _ in shape.tags { tags.append(try reader.string()) }
      let mask = try reader.varint()
      guard count == 64 || mask >> count == 0 else { throw Damaged() }
      var columns = try reader.inner()
      guard wanted(shape, tags) else { continue }
      let present = mask.nonzeroBitCount
      let times = shape.timed ? try columns.integers(present) : []
      var points = [Row.Kept](
        repeating: Row.Kept(shape: shape, tags: tags, time: nil, values: []), count: present)
      for field in shape.fields {
        for (index, value) in try columns.column(present, field.kind).enumerated() {
          points[index].values.append(value)
        }
      }
      var index = 0
      for row in rows.indices where mask >> UInt64(row) & 1 == 1 {
        if shape.timed {
          points[index].time = Timestamp(
            nanoseconds: rows[row].time.nanoseconds &+ times[index])
        }
        rows[row].points.append(points[index])
        index += 1
      }
    }
    return rows
  }
}

extension ByteWriter {
  /// Whole numbers: as they are, as differences, or as differences of differences.
  ///
  /// The first byte says which, and is 3 where all are the same.
  fileprivate mutating func integers(_ values: [Int64]) {
    guard let first = values.first else { return }
    if values.allSatisfy({ $0 == first }) {
      bytes.append(3)
      zigzag(first)
      return
    }
    var candidates = [values]
    for _ in 0..<2 {
      guard let last = candidates.last else { break }
      candidates.append(zip(last, [0] + last).map { $0 &- $1 })
    }
    let costs = candidates.map { numbers in
      numbers.reduce(0) { $0 + 64 - $1.zigzag.leadingZeroBitCount }
    }
    let best = costs.indices.min { costs[$0] < costs[$1] } ?? 0
    bytes.append(UInt8(best))
    for number in candidates[best] { zigzag(number) }
  }

  fileprivate mutating func column(_ values: [FieldValue], _ kind: Shape.Kind) {
    switch kind {
    case .integer:
      integers(values.map { if case .integer(let integer) = $0 { integer } else { 0 } })
    case .boolean:
      integers(values.map { if case .boolean(true) = $0 { 1 } else { 0 } })
    case .float:
      let floats = values.map { if case .float(let float) = $0 { float } else { 0.0 } }
      let hundredths = floats.compactMap(\.hundredths)
      if hundredths.count == floats.count {
        integers(hundredths)
      } else {
        // Neighbours share sign, exponent and the upper bits of the fraction: those cancel out.
        bytes.append(4)
        var previous: UInt64 = 0
        for float in floats {
          varint((float.bitPattern ^ previous).byteSwapped)
          previous = float.bitPattern
        }
      }
    case .string:
      var previous: String?
      for value in values {
        guard case .string(let text) = value else { continue }
        if text == previous {
          bytes.append(0)
        } else {
          varint(text.utf8.count + 1)
          bytes.append(contentsOf: text.utf8)
        }
        previous = text
      }
    }
  }
}

extension ByteReader {
  fileprivate mutating func integers(_ count: Int) throws(Damaged) -> [Int64] {
    guard count > 0 else { return [] }
    let form = try byte()
    if form == 3 { return Array(repeating: try zigzag(), count: count) }
    guard form < 3 else { throw Damaged() }
    var values: [Int64] = []
    values.reserveCapacity(count)
    for _ in 0..<count { values.append(try zigzag()) }
    for _ in 0..<form {
      for index in values.indices.dropFirst() { values[index] &+= values[index - 1] }
    }
    return values
  }

  fileprivate mutating func column(
    _ count: Int, _ kind: Shape.Kind
  ) throws(Damaged) -> [FieldValue] {
    switch kind {
    case .integer: return try integers(count).map { .integer($0) }
    case .boolean: return try integers(count).map { .boolean($0 != 0) }
    case .float:
      guard peek == 4 else { return try integers(count).map { .float(Double(hundredths: $0)) } }
      _ = try byte()
      var values: [FieldValue] = []
      var previous: UInt64 = 0
      for _ in 0..<count {
        previous ^= try varint().byteSwapped
        values.append(.float(Double(bitPattern: previous)))
      }
      return values
    case .string:
      var values: [FieldValue] = []
      var previous = ""
      for _ in 0..<count {
        let length = try varint()
        if length > 0 { previous = try text(length - 1) }
        values.append(.string(previous))
      }
      return values
    }
  }
}
