internal import Metrics

/// The names and types that points of one kind share, without values.
///
/// Collectors decide the shapes, so there are a few hundred at most. The store keeps each once, in
/// encoded form; rows refer to it by number.
final class Shape: Hashable, Sendable {
  enum Kind: UInt8 {
    case integer, float, string, boolean
  }

  let encoded: [UInt8]
  let measurement: String
  /// Whether the points have a time of their own, as events do.
  let timed: Bool
  let tags: [String]
  let fields: [(name: String, kind: Kind)]

  static func == (a: Shape, b: Shape) -> Bool { a === b || a.encoded == b.encoded }

  func hash(into hasher: inout Hasher) {
    hasher.combine(measurement)
    hasher.combine(fields.count)
  }

  /// The encoded shape of a point; the writer's previous content is overwritten.
  static func encode(_ point: Point, into writer: inout ByteWriter) {
    writer.bytes.removeAll(keepingCapacity: true)
    writer.string(point.measurement)
    writer.bytes.append(point.time == nil ? 0 : 1)
    writer.varint(point.tags.count)
    for tag in point.tags { writer.string(tag.name) }
    writer.varint(point.fields.count)
    for field in point.fields {
      writer.string(field.name)
      writer.bytes.append(field.value.kind.rawValue)
    }
  }

  /// Whether the point has this shape. Names are literals of our own, mostly, and equal by their address.
  func fits(_ point: Point) -> Bool {
    guard point.fields.count == fields.count, point.tags.count == tags.count,
      (point.time != nil) == timed, point.measurement == measurement
    else { return false }
    for index in tags.indices where point.tags[index].name != tags[index] { return false }
    for index in fields.indices {
      guard point.fields[index].value.kind == fields[index].kind,
        point.fields[index].name == fields[index].name
      else { return false }
    }
    return true
  }

  init(encoded: [UInt8]) throws(Damaged) {
    var reader = ByteReader(encoded)
    let measurement = try reader.string()
    let timed = try reader.byte() == 1
    var tags: [String] = []
    for _ in 0..<(try reader.count()) { tags.append(try reader.string()) }
    var fields: [(String, Kind)] = []
    for _ in 0..<(try reader.count(ofAtLeast: 2)) {
      let name = try reader.string()
      guard let kind = Kind(rawValue: try reader.byte()) else { throw Damaged() }
      fields.append((name, kind))
    }
    self.encoded = encoded
    self.measurement = measurement
    self.timed = timed
    self.tags = tags
    self.fields = fields
  }
}

extension FieldValue {
  var kind: Shape.Kind {
    switch self {
    case .integer: .integer
    case .float: .float
    case .string: .string
    case .boolean: .boolean
    }
  }
}

/// The numbers of the shapes in the store.
final class Shapes {
  /// A limit above the number of shapes that collectors can make; further shapes, which a host may
  /// cause, are written out in each row.
  static let limit = 20_000

  private var places: [Key: Int] = [:]
  /// Places by number.
  private var numbers: [Int: Int] = [:]
  private var all: [Entry] = []
  private var scratch = ByteWriter()
  /// The place of the shape that was written last.
  private var latest = 0

  private var newest = 0

  private struct Entry {
    let number: Int
    let shape: Shape
    /// The place of the shape that came next, last time: hosts are alike, so that it mostly comes again.
    var next = 0
  }

  /// An encoded shape as a key, hashed in one piece: an array would hash its bytes one by one.
  private struct Key: Hashable {
    var bytes: [UInt8]

    func hash(into hasher: inout Hasher) {
      bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
  }

  /// Drops all numbers: a rolled-back transaction may have assigned some of them.
  func forget() {
    places.removeAll()
    numbers.removeAll()
    all.removeAll()
    latest = 0
    newest = 0
  }

  /// Reads the shapes in the database that this process has not seen.
  func refresh(_ database: Database) throws(DatabaseError) {
    try database.rows("SELECT id, body FROM shape WHERE id > ?", .integer(Int64(newest))) { row in
      self.learn(row.blob(1), as: Int(row.integer(0)))
    }
  }

  private func learn(_ encoded: [UInt8], as number: Int) {
    newest = max(newest, number)
    guard let shape = try? Shape(encoded: encoded) else { return }
    places[Key(bytes: encoded)] = all.count
    numbers[number] = all.count
    all.append(Entry(number: number, shape: shape))
  }

  /// Writes a reference to the shape of the point; a new shape is added to the store.
  func write(
    _ point: Point, to writer: inout ByteWriter, in database: Database
  ) throws(DatabaseError) {
    if latest < all.count, all[all[latest].next].shape.fits(point) {
      latest = all[latest].next
      writer.varint(all[latest].number)
      return
    }
    Shape.encode(point, into: &scratch)
    if let place = places[Key(bytes: scratch.bytes)] {
      all[latest].next = place
      latest = place
      writer.varint(all[place].number)
    } else {
      let encoded = scratch.bytes
      try add(encoded, to: &writer, in: database)
    }
  }

  private func add(
    _ encoded: [UInt8], to writer: inout ByteWriter, in database: Database
  ) throws(DatabaseError) {
    guard all.count < Self.limit else {
      writer.varint(0)
      writer.block(encoded)
      return
    }
    // Another process may have added it since.
    try database.run("INSERT OR IGNORE INTO shape (body) VALUES (?)", .blob(encoded))
    let id = try database.integer("SELECT id FROM shape WHERE body = ?", .blob(encoded)) ?? 0
    learn(encoded, as: Int(id))
    writer.varint(Int(id))
  }

  /// Writes a reference to a shape that was read before.
  func write(_ shape: Shape, to writer: inout ByteWriter) {
    if let place = places[Key(bytes: shape.encoded)] {
      writer.varint(all[place].number)
    } else {
      writer.varint(0)
      writer.block(shape.encoded)
    }
  }

  func read(_ reader: inout ByteReader) throws(Damaged) -> Shape {
    let number = try reader.varint()
    if number == 0 { return try Shape(encoded: reader.block()) }
    guard let number = Int(exactly: number), let place = numbers[number] else { throw Damaged() }
    return all[place].shape
  }
}
