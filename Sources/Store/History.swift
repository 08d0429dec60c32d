public import Metrics

/// The points of all passes, within the limits of age and size.
extension Store {
  /// The number of latest passes whose rows are kept: all hosts have been folded by then.
  private static let recent = Int64(Block.passes + 8)
  /// The lower bits of a row's number are those of the host.
  private static let hostBits: Int64 = 20

  private static func row(_ host: Int64, _ pass: Int64) -> Int64 { pass << hostBits | host }

  func keepHistory(
    of batch: PointBatch, _ host: Int64, pass: Int64, again: Bool, in database: Database
  ) throws(DatabaseError) {
    guard !batch.points.isEmpty, host < 1 << Self.hostBits else { return }
    var points = batch.points
    var time = batch.time
    if again, let (earlier, before) = try recent(host, pass, in: database) {
      for index in points.indices where points[index].time == nil { points[index].time = time }
      points = before.map(\.point) + points
      time = earlier
    }
    let bytes = try Row.encode(points, at: time, shapes, in: database)
    guard bytes.count <= Row.limit else { return }
    try database.run(
      "INSERT OR REPLACE INTO recent (id, time, body) VALUES (?, ?, ?)",
      .integer(Self.row(host, pass)), .integer(time.nanoseconds),
      .blob(packed(row: bytes)))
  }

  /// The largest row that is kept as it is, after a zero: deflate makes it smaller by a quarter and takes
  /// as long as all the rest of keeping it. No output of deflate begins with a zero (RFC 1950, section 2.2).
  private static let bare = 4096

  private func packed(row bytes: [UInt8]) -> [UInt8] {
    bytes.count <= Self.bare ? [0] + bytes : rowCompressor.pack(bytes)
  }

  /// The points of a kept row; nil if it is damaged.
  private func points(row body: [UInt8], at time: Timestamp) -> [Row.Kept]? {
    let bytes =
      body.first == 0 ? Array(body.dropFirst()) : decompressor.unpack(body, limit: Row.limit)
    return bytes.flatMap { try? Row.decode($0, at: time, shapes) }
  }

  /// The unfolded row of a host and pass; nil if there is none or it is damaged.
  private func recent(
    _ host: Int64, _ pass: Int64, in database: Database
  ) throws(DatabaseError) -> (time: Timestamp, points: [Row.Kept])? {
    var found: (Timestamp, [Row.Kept])?
    try database.rows(
      "SELECT time, body FROM recent WHERE id = ?", .integer(Self.row(host, pass))
    ) {
      let time = Timestamp(nanoseconds: $0.integer(0))
      if let points = self.points(row: $0.blob(1), at: time) { found = (time, points) }
    }
    return found
  }

  /// Folds the latest passes of the hosts that are due, so that every pass has the same amount of
  /// work.
  func fold(
    passesUpTo pass: Int64, at now: Timestamp, in database: Database
  ) throws(DatabaseError) {
    let turn = pass % Int64(Block.passes)
    var hosts: [(id: Int64, sealed: Int64)] = []
    try database.rows(
      "SELECT id, sealed FROM host WHERE id % ? = ?", .integer(Int64(Block.passes)), .integer(turn)
    ) { hosts.append(($0.integer(0), $0.integer(1))) }
    for host in hosts {
      var rows: [(time: Timestamp, points: [Row.Kept])] = []
      let first = max(host.sealed + 1, pass - Self.recent)
      for number in stride(from: first, through: pass, by: 1) {
        if let row = try recent(host.id, number, in: database) { rows.append(row) }
      }
      for first in stride(from: 0, to: rows.count, by: Block.passes) {
        let part = rows[first..<min(rows.count, first + Block.passes)]
        let bytes = Block.encode(part, shapes)
        guard bytes.count <= Row.limit else { continue }
        // The span also applies to the times of the points: events are reported after they happen.
        var start = Timestamp(nanoseconds: .max)
        var stop = Timestamp(nanoseconds: .min)
        for row in part {
          for time in [row.time] + row.points.compactMap(\.time) {
            start = min(start, time)
            stop = max(stop, time)
          }
        }
        try database.run(
          "INSERT INTO block (host, time, start, stop, body) VALUES (?, ?, ?, ?, ?)",
          .integer(host.id), .integer(now.nanoseconds), .integer(start.nanoseconds),
          .integer(stop.nanoseconds), .blob(blockCompressor.pack(bytes)))
      }
      try database.run(
        "UPDATE host SET sealed = ? WHERE id = ?", .integer(pass), .integer(host.id))
    }
    try database.run(
      "DELETE FROM recent WHERE id < ?", .integer(Self.row(0, pass - Self.recent + 1)))
  }

  private func known(
    _ name: String, in database: Database
  ) throws(DatabaseError) -> (id: Int64, sealed: Int64, tags: [Tag])? {
    var host: (Int64, Int64, [Tag])?
    try database.rows("SELECT id, sealed, tags FROM host WHERE name = ?", .text(name)) {
      host = ($0.integer(0), $0.integer(1), (try? ByteReader.pairs($0.blob(2))) ?? [])
    }
    return host
  }

  /// The rows of a block; none if it is damaged.
  private func unfold(
    _ packed: [UInt8], wanted: (Shape, [String]) -> Bool
  ) -> [(time: Timestamp, points: [Row.Kept])] {
    guard let bytes = decompressor.unpack(packed, limit: Row.limit) else { return [] }
    return (try? Block.decode(bytes, shapes, wanted: wanted)) ?? []
  }

  /// Calls the body with the rows of a host that may have points in the span, the folded ones
  /// first.
  private func rows(
    of name: String, from: Timestamp, to: Timestamp, in database: Database,
    wanted: (Shape, [String]) -> Bool, body: (Timestamp, [Row.Kept]) -> Void
  ) throws(DatabaseError) {
    guard let host = try known(name, in: database) else { return }
    try database.rows(
      "SELECT body FROM block WHERE host = ? AND stop >= ? AND start <= ? ORDER BY stop",
      .integer(host.id), .integer(from.nanoseconds), .integer(to.nanoseconds)
    ) {
      for row in self.unfold($0.blob(0), wanted: wanted) { body(row.time, row.points) }
    }
    let last = try database.integer("SELECT max(id) FROM pass") ?? 0
    let first = max(host.sealed + 1, last - Self.recent)
    for pass in stride(from: first, through: last, by: 1) {
      guard let row = try recent(host.id, pass, in: database) else { continue }
      body(row.time, row.points.filter { wanted($0.shape, $0.tags) })
    }
  }

  /// Deletes blocks beyond the limits of age and size: a bounded number, so that no pass is held
  /// up.
  func prune(
    at time: Timestamp, keeping pass: Int64, in database: Database
  ) throws(DatabaseError) {
    let oldest = time.before(limits.keep)
    for _ in 0..<16 {
      let size = try usedBytes(database)
      let waiting = try database.integer("SELECT sum(bytes) FROM queue") ?? 0
      if size - waiting > limits.size {
        try database.run(
          "DELETE FROM block WHERE id IN (SELECT id FROM block ORDER BY id LIMIT 128)")
        if database.changes > 0 { continue }
        // Only the latest passes are left: they are deleted too, except for the last one.
        try database.run(
          """
          DELETE FROM recent WHERE id IN (SELECT id FROM recent WHERE id < ? ORDER BY id LIMIT 1024)
          """, .integer(Self.row(0, pass)))
      } else {
        try database.run(
          """
          DELETE FROM block WHERE id IN (SELECT id FROM block ORDER BY id LIMIT 128) AND time < ?
          """, .integer(oldest.nanoseconds))
      }
      if database.changes == 0 { break }
    }
    try database.run(
      """
      DELETE FROM recent WHERE id IN (SELECT id FROM recent ORDER BY id LIMIT 1024) AND time < ?
      """, .integer(oldest.nanoseconds))
    for table in ["status", "problem", "state", "transition", "happening", "day"] {
      try database.run(
        "DELETE FROM \(table) WHERE host IN (SELECT id FROM host WHERE seen < ?)",
        .integer(oldest.nanoseconds))
    }
    // The blocks of the host are as old, and are deleted before its number is used again.
    try database.run(
      """
      DELETE FROM host WHERE seen < ? AND NOT EXISTS (SELECT 1 FROM block WHERE host = host.id)
      """, .integer(oldest.nanoseconds))
  }

  private func usedBytes(_ database: Database) throws(DatabaseError) -> Int64 {
    let pages = try database.integer("PRAGMA page_count") ?? 0
    let free = try database.integer("PRAGMA freelist_count") ?? 0
    return (pages - free) * (try database.integer("PRAGMA page_size") ?? 4096)
  }

  /// Returns free pages to the file system, except for those that the next passes will fill.
  func release(_ database: Database) throws(DatabaseError) {
    let free = try database.integer("PRAGMA freelist_count") ?? 0
    let spare = min(4096, limits.size / 4096 / 16)
    guard free > spare else { return }
    try database.execute("PRAGMA incremental_vacuum(\(min(free - spare, 4096)))")
  }
}

/// Queries of the history by commands and charts.
extension Store {
  /// A series of the history.
  public struct Series: Sendable, Hashable {
    public var measurement: String
    public var tags: [Tag]
    public var fields: [String]
  }

  /// The values of one field over a span of time, in the order of time.
  ///
  /// The series are those that have all of the tags; the values of several series are merged.
  public func history(
    host: String, measurement: String, field: String, tags: [Tag] = [], from: Timestamp,
    to: Timestamp
  ) throws(StoreError) -> [(Timestamp, FieldValue)] {
    let series = try histories(
      host: host, measurement: measurement, field: field, tags: tags, from: from, to: to)
    return series.values.flatMap { $0 }.sorted { $0.0 < $1.0 }
  }

  /// The values of each series by its tags, read in one walk over the history.
  public func histories(
    host: String, measurement: String, field: String, tags: [Tag] = [], from: Timestamp,
    to: Timestamp
  ) throws(StoreError) -> [[Tag]: [(Timestamp, FieldValue)]] {
    try with { database throws(DatabaseError) in
      try self.shapes.refresh(database)
      var found: [[Tag]: [(Timestamp, FieldValue)]] = [:]
      try self.rows(
        of: host, from: from, to: to, in: database,
        wanted: { shape, values in
          shape.measurement == measurement && shape.fields.contains { $0.name == field }
            && tags.allSatisfy { tag in
              zip(shape.tags, values).contains { $0 == tag.name && $1 == tag.value }
            }
        }
      ) { time, points in
        for point in points {
          let time = point.time ?? time
          guard time >= from, time <= to else { continue }
          for (name, value) in zip(point.shape.fields, point.values) where name.name == field {
            let key = zip(point.shape.tags, point.tags).map { Tag($0, $1) }
            found[key, default: []].append((time, value))
          }
        }
      }
      return found.mapValues { $0.sorted { $0.0 < $1.0 } }
    }
  }

  /// Walks once over all points of a measurement, in the order of time.
  public func reduce<Value: Sendable>(
    into start: Value, host: String, measurement: String, from: Timestamp, to: Timestamp,
    _ body: @Sendable (inout Value, Timestamp, Point) -> Void
  ) throws(StoreError) -> Value {
    try reduce(
      into: start, host: host, measurements: [measurement], from: from, to: to, body)
  }

  /// Walks once over all points of several measurements, in the order of time.
  public func reduce<Value: Sendable>(
    into start: Value, host: String, measurements: Set<String>, from: Timestamp, to: Timestamp,
    _ body: @Sendable (inout Value, Timestamp, Point) -> Void
  ) throws(StoreError) -> Value {
    try with { database throws(DatabaseError) in
      try self.shapes.refresh(database)
      var value = start
      try self.rows(
        of: host, from: from, to: to, in: database,
        wanted: { shape, _ in measurements.contains(shape.measurement) }
      ) { time, points in
        for point in points {
          let time = point.time ?? time
          if time >= from, time <= to { body(&value, time, point.point) }
        }
      }
      return value
    }
  }

  /// Walks once over the points of some measurements, in the order of time; those with a tag only over the
  /// series that have it.
  public func reduce<Value: Sendable>(
    into start: Value, host: String, series: [String: Tag?], from: Timestamp, to: Timestamp,
    _ body: @Sendable (inout Value, Timestamp, Point) -> Void
  ) throws(StoreError) -> Value {
    try with { database throws(DatabaseError) in
      try self.shapes.refresh(database)
      var value = start
      try self.rows(
        of: host, from: from, to: to, in: database,
        wanted: { shape, values in
          guard let tag = series[shape.measurement] else { return false }
          guard let tag else { return true }
          return zip(shape.tags, values).contains { $0 == tag.name && $1 == tag.value }
        }
      ) { time, points in
        for point in points {
          let time = point.time ?? time
          if time >= from, time <= to { body(&value, time, point.point) }
        }
      }
      return value
    }
  }

  /// The number of the last pass; 0 before the first.
  public func lastPassNumber() throws(StoreError) -> Int64 {
    try with { database throws(DatabaseError) in
      try database.integer("SELECT max(id) FROM pass") ?? 0
    }
  }

  /// Walks once over the points of all hosts in one of the latest passes. What is older than them has been
  /// folded, and is not read.
  public func reduce<Value: Sendable>(
    into start: Value, pass: Int64, measurements: Set<String>,
    _ body: @Sendable (inout Value, String, Point) -> Void
  ) throws(StoreError) -> Value {
    try with { database throws(DatabaseError) in
      try self.shapes.refresh(database)
      var value = start
      try database.rows(
        """
        SELECT host.name, recent.time, recent.body FROM recent
        JOIN host ON host.id = recent.id & ?3 WHERE recent.id >= ?1 AND recent.id < ?2
        """, .integer(Self.row(0, pass)), .integer(Self.row(0, pass + 1)),
        .integer(1 << Self.hostBits - 1)
      ) {
        let time = Timestamp(nanoseconds: $0.integer(1))
        guard let points = self.points(row: $0.blob(2), at: time) else { return }
        let host = $0.text(0)
        for point in points where measurements.contains(point.shape.measurement) {
          body(&value, host, point.point)
        }
      }
      return value
    }
  }

  /// All points of the host's last pass that had any; of a series that is in it more than once, the last.
  public func latest(host name: String) throws(StoreError) -> PointBatch? {
    try with { database throws(DatabaseError) in
      try self.shapes.refresh(database)
      guard let host = try self.known(name, in: database) else { return nil }
      var last: (time: Timestamp, points: [Row.Kept])?
      let pass = try database.integer("SELECT max(id) FROM pass") ?? 0
      for number in stride(from: pass, to: max(0, pass - Self.recent), by: -1) where last == nil {
        last = try self.recent(host.id, number, in: database)
      }
      if last == nil {
        try database.rows(
          "SELECT body FROM block WHERE host = ? ORDER BY id DESC LIMIT 1", .integer(host.id)
        ) { last = self.unfold($0.blob(0), wanted: { _, _ in true }).last }
      }
      return last.map { time, points in
        PointBatch(host: name, tags: host.tags, time: time, points: Self.last(points, of: time))
      }
    }
  }

  /// The last point of each series, in their order; events are no series.
  private static func last(_ kept: [Row.Kept], of time: Timestamp) -> [Point] {
    let points = kept.map(\.point)
    // Without a point of its own time there was one part only.
    guard points.contains(where: { $0.time != nil }) else { return points }
    struct Series: Hashable {
      var measurement: String
      var tags: [Tag]
      var fields: [String]
    }
    var places: [Series: Int] = [:]
    var found: [Point] = []
    for point in points {
      let key = Series(
        measurement: point.measurement, tags: point.tags, fields: point.fields.map(\.name))
      guard point.measurement != "event", point.measurement != "login", let place = places[key]
      else {
        places[key] = found.count
        found.append(point)
        continue
      }
      if (point.time ?? time) >= (found[place].time ?? time) { found[place] = point }
    }
    return found
  }

  /// The series of a host in a span of time.
  public func series(
    host: String, from: Timestamp, to: Timestamp
  ) throws(StoreError) -> [Series] {
    try with { database throws(DatabaseError) in
      try self.shapes.refresh(database)
      var fields: [Series: [String]] = [:]
      try self.rows(of: host, from: from, to: to, in: database, wanted: { _, _ in true }) {
        for point in $1 {
          let key = Series(
            measurement: point.shape.measurement,
            tags: zip(point.shape.tags, point.tags).map { Tag($0, $1) }, fields: [])
          for field in point.shape.fields where fields[key]?.contains(field.name) != true {
            fields[key, default: []].append(field.name)
          }
        }
      }
      return fields.map {
        Series(measurement: $0.measurement, tags: $0.tags, fields: $1)
      }.sorted {
        ($0.measurement, $0.tags.map(\.value).joined(separator: "\u{0}"))
          < ($1.measurement, $1.tags.map(\.value).joined(separator: "\u{0}"))
      }
    }
  }
}
