internal import Metrics

/// Figures of the last day in slots of ten minutes: their means and their greatest values.
///
/// The store keeps them for each host. So a page reads an hour of history and not a day: what is complete of that
/// hour is added here.
struct DayFigures: Sendable {
  static let slot: Int64 = 600
  static let count = 144
  static let span = Duration.seconds(slot * Int64(count))
  /// Hosts may have any number of disks: further lines are left out.
  private static let mostLines = 400

  struct Line: Sendable {
    /// The oldest first; NaN where nothing is known.
    var means = [Float](repeating: .nan, count: DayFigures.count)
    var peaks = [Float](repeating: .nan, count: DayFigures.count)
  }

  /// The slots whose history was read, as numbers since 1970.
  private(set) var begin: Int64
  private(set) var end: Int64
  private(set) var lines: [String: Line] = [:]

  /// Nothing is known before that slot.
  init(at slot: Int64) { (begin, end) = (slot, slot) }

  static func number(of time: Timestamp) -> Int64 {
    Int64((Double(time.seconds) / Double(slot)).rounded(.down))
  }

  static func start(of slot: Int64) -> Timestamp { Timestamp(seconds: slot &* Self.slot) }

  /// The oldest slot that there is room for.
  var oldest: Int64 { end - Int64(Self.count) }

  /// Makes room for slots up to that one, which is not part of it.
  mutating func advance(to slot: Int64) {
    let steps = slot - end
    guard steps > 0 else { return }
    if steps >= Self.count {
      lines = [:]
      begin = slot
    } else {
      for name in lines.keys {
        lines[name]?.shift(by: Int(steps))
        if lines[name]?.isEmpty == true { lines[name] = nil }
      }
    }
    end = slot
    begin = max(begin, oldest)
  }

  /// Adds values of the slots of a range, of which all history was read.
  mutating func add(_ all: [String: [(time: Timestamp, value: Double)]], of range: Range<Int64>) {
    advance(to: range.upperBound)
    for (name, values) in all {
      guard lines[name] != nil || lines.count < Self.mostLines else { continue }
      var line = lines[name] ?? Line()
      var sums: [Int: (sum: Double, count: Double, peak: Double)] = [:]
      for (time, value) in values where value.isFinite {
        let slot = Self.number(of: time)
        guard range.contains(slot), slot >= oldest else { continue }
        let place = Int(slot - oldest)
        let (sum, count, peak) = sums[place] ?? (0, 0, -.infinity)
        sums[place] = (sum + value, count + 1, max(peak, value))
      }
      for (place, entry) in sums {
        line.means[place] = Float(entry.sum / entry.count)
        line.peaks[place] = Float(entry.peak)
      }
      if !sums.isEmpty { lines[name] = line }
    }
    if range.lowerBound < begin, range.upperBound >= begin {
      begin = max(oldest, range.lowerBound)
    }
  }

  /// The values of a line between two times, each in the middle of its slot.
  func values(
    of name: String, from: Timestamp, to: Timestamp
  ) -> [(time: Timestamp, mean: Double, peak: Double)] {
    guard let line = lines[name] else { return [] }
    var values: [(time: Timestamp, mean: Double, peak: Double)] = []
    for place in 0..<Self.count where line.means[place].isFinite {
      let time = Self.start(of: oldest + Int64(place)).after(.seconds(Self.slot / 2))
      guard time >= from, time <= to else { continue }
      values.append((time, Double(line.means[place]), Double(line.peaks[place])))
    }
    return values
  }
}

extension DayFigures.Line {
  fileprivate mutating func shift(by steps: Int) {
    let fill = [Float](repeating: .nan, count: steps)
    means = Array(means.dropFirst(steps)) + fill
    peaks = Array(peaks.dropFirst(steps)) + fill
  }

  fileprivate var isEmpty: Bool { means.allSatisfy(\.isNaN) }
}

/// The bytes in the store: version, slots, and each line with its name.
extension DayFigures {
  private static let version: UInt8 = 1
  /// The limit of a name in bytes.
  private static let longest = 255

  var bytes: [UInt8] {
    var bytes: [UInt8] = [Self.version]
    bytes.reserveCapacity(20 + lines.count * (64 + 8 * Self.count))
    Self.append(UInt64(bitPattern: begin), 8, to: &bytes)
    Self.append(UInt64(bitPattern: end), 8, to: &bytes)
    for (name, line) in lines.sorted(by: { $0.key < $1.key })
    where name.utf8.count <= Self.longest {
      bytes.append(UInt8(name.utf8.count))
      bytes += name.utf8
      for value in line.means + line.peaks { Self.append(UInt64(value.bitPattern), 4, to: &bytes) }
    }
    return bytes
  }

  private static func append(_ number: UInt64, _ count: Int, to bytes: inout [UInt8]) {
    for place in 0..<count {
      bytes.append(UInt8(truncatingIfNeeded: number >> (8 * UInt64(place))))
    }
  }

  /// Reads the bytes; nil if they are damaged or of another version.
  init?(_ bytes: [UInt8]) {
    var position = 1
    func number(_ count: Int) -> UInt64? {
      guard position + count <= bytes.count else { return nil }
      var number: UInt64 = 0
      for place in 0..<count { number |= UInt64(bytes[position + place]) << (8 * UInt64(place)) }
      position += count
      return number
    }
    guard bytes.first == Self.version, let begin = number(8), let end = number(8) else {
      return nil
    }
    self.begin = Int64(bitPattern: begin)
    self.end = Int64(bitPattern: end)
    guard self.begin <= self.end, self.end.magnitude < 1 << 40, self.begin.magnitude < 1 << 40
    else {
      return nil
    }
    while position < bytes.count {
      guard let length = number(1), position + Int(length) <= bytes.count else { return nil }
      let name = String(decoding: bytes[position..<position + Int(length)], as: UTF8.self)
      position += Int(length)
      var line = Line()
      for place in 0..<Self.count {
        guard let value = number(4) else { return nil }
        line.means[place] = Float(bitPattern: UInt32(truncatingIfNeeded: value))
      }
      for place in 0..<Self.count {
        guard let value = number(4) else { return nil }
        line.peaks[place] = Float(bitPattern: UInt32(truncatingIfNeeded: value))
      }
      lines[name] = line
    }
  }
}
