internal import Metrics

/// Several passes of one host, column by column: the store's format of all but the latest passes.
///
/// A series (shape, tag values, and its index among equal ones in one pass) is written once. Its
/// values follow in the smallest encoding (see Column.swift), so that deflate finds little left to
/// compress.
enum Block {
  /// The number of passes in a block. A mask of 64 bits marks those that had a series.
  static let passes = 64

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
      var neighbours: [Column.Numbers?] = []
      for (field, values) in zip(series.shape.fields, series.columns) {
        columns.column(values, field.kind, &neighbours)
      }
      writer.block(columns.bytes)
    }
    return writer.bytes
  }

  /// The points of each pass with its time; of the series that `wanted` selects, or of all.
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
      var neighbours: [Column.Numbers?] = []
      for field in shape.fields {
        let values = try columns.column(present, field.kind, &neighbours)
        for (index, value) in values.enumerated() {
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
