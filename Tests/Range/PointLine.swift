/// A line of line protocol, taken apart. What is escaped stays escaped in `series`.
struct PointLine {
  /// Measurement and tags as they stand, with the tags in order.
  var series: String
  var measurement: String
  var tags: [String: String]
  var fields: [String: String]
  /// Nanoseconds since 1970.
  var time: Int64

  /// nil where it is no whole line with a time.
  init?(_ line: some Collection<UInt8>) {
    var parts: [[UInt8]] = [[]]
    var isEscaped = false
    var isQuoted = false
    // Blanks part a line in three, where they are neither escaped nor in a string.
    for byte in line {
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\""), parts.count == 2 {
        isQuoted.toggle()
      } else if byte == UInt8(ascii: " "), !isQuoted {
        parts.append([])
        continue
      }
      parts[parts.count - 1].append(byte)
    }
    guard parts.count == 3, let time = Int64(String(decoding: parts[2], as: UTF8.self)) else {
      return nil
    }
    self.time = time
    let head = Self.split(parts[0], at: UInt8(ascii: ","), strings: false)
    measurement = Self.plain(head[0])
    tags = Self.pairs(head.dropFirst())
    fields = Self.pairs(Self.split(parts[1], at: UInt8(ascii: ","), strings: true)[...])
    series = Self.series(measurement, tags)
  }

  /// One text for a measurement and its tags, whoever wrote them down.
  static func series(_ measurement: String, _ tags: [String: String]) -> String {
    tags.filter { !$0.value.isEmpty }.sorted { $0.key < $1.key }
      .reduce(measurement) { "\($0)\u{1f}\($1.key)\u{1f}\($1.value)" }
  }

  private static func split(_ bytes: [UInt8], at mark: UInt8, strings: Bool) -> [[UInt8]] {
    var parts: [[UInt8]] = [[]]
    var isEscaped = false
    var isQuoted = false
    for byte in bytes {
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if strings, byte == UInt8(ascii: "\"") {
        isQuoted.toggle()
      } else if byte == mark, !isQuoted {
        parts.append([])
        continue
      }
      parts[parts.count - 1].append(byte)
    }
    return parts
  }

  private static func pairs(_ parts: ArraySlice<[UInt8]>) -> [String: String] {
    var pairs: [String: String] = [:]
    for part in parts {
      let halves = split(part, at: UInt8(ascii: "="), strings: true)
      guard halves.count >= 2 else { continue }
      pairs[plain(halves[0])] = plain(Array(halves[1...].joined(separator: [UInt8(ascii: "=")])))
    }
    return pairs
  }

  /// Without escapes and the quotes of a string.
  private static func plain(_ bytes: [UInt8]) -> String {
    var bytes = bytes
    if bytes.count >= 2, bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\"") {
      bytes = Array(bytes.dropFirst().dropLast())
    }
    guard bytes.contains(UInt8(ascii: "\\")) else { return String(decoding: bytes, as: UTF8.self) }
    var plain: [UInt8] = []
    var isEscaped = false
    for byte in bytes {
      if !isEscaped, byte == UInt8(ascii: "\\") {
        isEscaped = true
        continue
      }
      // A backslash that escapes nothing stands for itself.
      if isEscaped, !"\\\" ,=".utf8.contains(byte) { plain.append(UInt8(ascii: "\\")) }
      isEscaped = false
      plain.append(byte)
    }
    if isEscaped { plain.append(UInt8(ascii: "\\")) }
    return String(decoding: plain, as: UTF8.self)
  }
}
