internal import Metrics

/// The values of one field over several passes, in few bytes.
///
/// Values of hosts have patterns: counters grow, memory comes in kibibytes and pages, percentages
/// have two decimals, used and free add up to a total. So numbers are written without their common
/// final zero bits, as decimal fractions, as differences, or relative to another field of the same
/// point. The first byte selects the encoding:
///
/// bits 0 and 1: the numbers themselves, their differences, second differences, or one number that
/// all are equal to; 3: a byte follows, the number of final zero bits left out; 4: a byte follows,
/// the number of decimals (two without it); 5: a number follows, twice the position of the other
/// field, plus 1 if both are added up. 4 alone: floats bit by bit.
enum Column {
  /// Integers, and the number of decimals by which they are scaled.
  struct Numbers {
    var values: [Int64]
    var decimals: Int
  }

  static let shifted: UInt8 = 0x08
  static let scaled: UInt8 = 0x10
  static let beside: UInt8 = 0x20
  static let bits: UInt8 = 0x04
  static let same: UInt8 = 0x03

  /// The powers of ten that scale numbers; a number that needs more is written bit by bit.
  static let scales: [Double] = [1, 10, 100, 1000, 10_000]

  /// Floats as integers with the fewest decimals that lose nothing; nil if more are needed.
  ///
  /// Two decimals are preferred: the percentages of one point should have the same scale.
  static func decimals(_ floats: [Double]) -> Numbers? {
    let isConstant = floats.allSatisfy { $0 == floats.first }
    for decimals in isConstant ? [2, 3, 4] : [0, 2, 3, 4] {
      let scale = scales[decimals]
      var values: [Int64] = []
      values.reserveCapacity(floats.count)
      for float in floats {
        let scaled = (float * scale).rounded()
        guard scaled.magnitude < 0x1p53, scaled / scale == float,
          !(float == 0 && float.sign == .minus), let whole = Int64(exactly: scaled)
        else { break }
        values.append(whole)
      }
      if values.count == floats.count { return Numbers(values: values, decimals: decimals) }
    }
    return nil
  }

  static func differences(_ values: [Int64]) -> [Int64] {
    var previous: Int64 = 0
    return values.map { value in
      defer { previous = value }
      return value &- previous
    }
  }

  /// An estimate of the bits that the numbers take.
  static func cost(_ values: [Int64]) -> Int {
    values.reduce(0) { $0 + 64 - $1.zigzag.leadingZeroBitCount }
  }

  /// The final bits that are zero in all of the numbers, some of which differ.
  static func zeroBits(_ values: [Int64]) -> Int {
    values.reduce(0) { $0 | $1 }.trailingZeroBitCount & 63
  }

  /// The neighbour that gives the smallest encoding: its position, and whether the two add up.
  static func neighbour(
    of numbers: Numbers, among neighbours: [Numbers?]
  ) -> (place: Int, isSum: Bool)? {
    func cost(_ values: [Int64]) -> Int {
      let steps = differences(values)
      let zeros = steps.reduce(0) { $0 | $1 }.trailingZeroBitCount & 63
      // The first value is written once; its difference, each time.
      return Self.cost(steps.dropFirst().map { $0 >> Int64(zeros) })
    }
    // The reference to the neighbour itself costs two bytes.
    var least = cost(numbers.values) - 16
    var best: (Int, Bool)?
    // Related fields stand close to each other; a GPU has seventy fields.
    for place in neighbours.indices.suffix(32) {
      guard let neighbour = neighbours[place], neighbour.decimals == numbers.decimals else {
        continue
      }
      for isSum in [false, true] {
        let cost = cost(residue(numbers.values, neighbour.values, isSum: isSum))
        if cost < least { (least, best) = (cost, (place, isSum)) }
      }
    }
    return best
  }

  static func residue(_ values: [Int64], _ others: [Int64], isSum: Bool) -> [Int64] {
    zip(values, others).map { isSum ? $0 &+ $1 : $0 &- $1 }
  }
}

extension ByteWriter {
  /// Integers without reference to another column.
  mutating func integers(_ values: [Int64]) { integers(values, form: 0, parameters: []) }

  private mutating func integers(_ values: [Int64], form: UInt8, parameters: [UInt8]) {
    guard let first = values.first else { return }
    if values.allSatisfy({ $0 == first }) {
      bytes.append(form | Column.same)
      bytes.append(contentsOf: parameters)
      zigzag(first)
      return
    }
    let zeros = Column.zeroBits(values)
    var candidates = [zeros == 0 ? values : values.map { $0 >> Int64(zeros) }]
    for _ in 0..<2 {
      if let last = candidates.last { candidates.append(Column.differences(last)) }
    }
    let costs = candidates.map(Column.cost)
    let best = costs.indices.min { costs[$0] < costs[$1] } ?? 0
    bytes.append(form | UInt8(best) | (zeros == 0 ? 0 : Column.shifted))
    if zeros > 0 { bytes.append(UInt8(zeros)) }
    bytes.append(contentsOf: parameters)
    for number in candidates[best] { zigzag(number) }
  }

  /// Writes a column; the columns of the same series before it may serve as reference.
  mutating func column(
    _ values: [FieldValue], _ kind: Shape.Kind, _ neighbours: inout [Column.Numbers?]
  ) {
    switch kind {
    case .integer:
      let integers: [Int64] = values.map {
        if case .integer(let integer) = $0 { integer } else { 0 }
      }
      numbers(Column.Numbers(values: integers, decimals: 0), isFloat: false, &neighbours)
    case .boolean:
      neighbours.append(nil)
      integers(values.map { if case .boolean(true) = $0 { 1 } else { 0 } })
    case .float:
      let floats = values.map { if case .float(let float) = $0 { float } else { 0.0 } }
      if let scaled = Column.decimals(floats) {
        numbers(scaled, isFloat: true, &neighbours)
      } else {
        neighbours.append(nil)
        // Neighbours share sign, exponent and the upper bits of the fraction: these cancel out.
        bytes.append(Column.bits)
        var previous: UInt64 = 0
        for float in floats {
          varint((float.bitPattern ^ previous).byteSwapped)
          previous = float.bitPattern
        }
      }
    case .string:
      neighbours.append(nil)
      strings(values)
    }
  }

  private mutating func numbers(
    _ numbers: Column.Numbers, isFloat: Bool, _ neighbours: inout [Column.Numbers?]
  ) {
    let isConstant = numbers.values.allSatisfy { $0 == numbers.values.first }
    var form: UInt8 = 0
    var parameters = ByteWriter()
    if isFloat && numbers.decimals != 2 {
      form |= Column.scaled
      parameters.bytes.append(UInt8(numbers.decimals))
    }
    var values = numbers.values
    if !isConstant, let (place, isSum) = Column.neighbour(of: numbers, among: neighbours),
      let neighbour = neighbours[place]
    {
      form |= Column.beside
      parameters.varint(place << 1 | (isSum ? 1 : 0))
      values = Column.residue(values, neighbour.values, isSum: isSum)
    }
    integers(values, form: form, parameters: parameters.bytes)
    neighbours.append(isConstant ? nil : numbers)
  }

  private mutating func strings(_ values: [FieldValue]) {
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

extension ByteReader {
  mutating func integers(_ count: Int) throws(Damaged) -> [Int64] {
    var none: [Column.Numbers?] = []
    return try numbers(count, isFloat: false, &none).values
  }

  private mutating func numbers(
    _ count: Int, isFloat: Bool, _ neighbours: inout [Column.Numbers?]
  ) throws(Damaged) -> Column.Numbers {
    var numbers = Column.Numbers(values: [], decimals: isFloat ? 2 : 0)
    guard count > 0 else { return numbers }
    let form = try byte()
    guard form & ~(Column.shifted | Column.scaled | Column.beside | 0x03) == 0 else {
      throw Damaged()
    }
    let zeros = form & Column.shifted == 0 ? 0 : Int64(try byte())
    if form & Column.scaled != 0 { numbers.decimals = Int(try byte()) }
    let place = form & Column.beside == 0 ? nil : try varint()
    guard zeros < 64, numbers.decimals < Column.scales.count else { throw Damaged() }
    if form & 0x03 == Column.same {
      numbers.values = Array(repeating: try zigzag(), count: count)
    } else {
      numbers.values.reserveCapacity(count)
      for _ in 0..<count { numbers.values.append(try zigzag()) }
      for _ in 0..<(form & 0x03) {
        for index in numbers.values.indices.dropFirst() {
          numbers.values[index] &+= numbers.values[index - 1]
        }
      }
    }
    if zeros > 0 { for index in 0..<count { numbers.values[index] <<= zeros } }
    if let place {
      guard place >> 1 < UInt64(neighbours.count), let other = neighbours[Int(place >> 1)],
        other.values.count == count
      else { throw Damaged() }
      // A sum is reversed by subtracting the other field, a difference by adding it.
      numbers.values = Column.residue(numbers.values, other.values, isSum: place & 1 == 0)
    }
    return numbers
  }

  /// Reads a column; the columns of the same series before it may serve as reference.
  mutating func column(
    _ count: Int, _ kind: Shape.Kind, _ neighbours: inout [Column.Numbers?]
  ) throws(Damaged) -> [FieldValue] {
    switch kind {
    case .integer:
      let numbers = try numbers(count, isFloat: false, &neighbours)
      neighbours.append(numbers)
      return numbers.values.map { .integer($0) }
    case .boolean:
      neighbours.append(nil)
      return try integers(count).map { .boolean($0 != 0) }
    case .float where peek == Column.bits:
      neighbours.append(nil)
      _ = try byte()
      var values: [FieldValue] = []
      var previous: UInt64 = 0
      for _ in 0..<count {
        previous ^= try varint().byteSwapped
        values.append(.float(Double(bitPattern: previous)))
      }
      return values
    case .float:
      let numbers = try numbers(count, isFloat: true, &neighbours)
      neighbours.append(numbers)
      let scale = Column.scales[numbers.decimals]
      return numbers.values.map { .float(Double($0) / scale) }
    case .string:
      neighbours.append(nil)
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
