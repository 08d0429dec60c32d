internal import Metrics

/// The Prometheus names of a point's fields: `measurement_field{tag="value"}`.
///
/// Names consist of letters, digits and `_` ("Data model" in Prometheus's documentation); all other
/// characters become `_`. A label's value may be any text.
enum PrometheusNames {
  /// The name of a measurement or field alone.
  static func metric(_ word: String) -> String { name(word) }

  /// The metric of a field.
  static func metric(_ measurement: String, _ field: String) -> String {
    name("\(measurement)_\(field)")
  }

  /// The point's tags and those of its batch, sorted by name, each name once.
  static func labels(_ point: Point, _ batch: PointBatch) -> [Tag] {
    let tags = batch.tags.filter { point[tag: $0.name] == nil } + point.tags
    var labels: [Tag] = []
    for tag in tags where !tag.value.isEmpty && !tag.name.isEmpty {
      var name = name(tag.name)
      // Names with two leading underscores are reserved by Prometheus.
      while name.hasPrefix("__") { name.removeFirst() }
      labels.append(Tag(name, short(tag.value)))
    }
    labels.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    var previous: String?
    labels.removeAll { label in
      defer { previous = label.name }
      return label.name == previous
    }
    return labels
  }

  /// A label's value, cut to 1,000 characters: servers refuse much longer ones.
  private static func short(_ text: String) -> String {
    guard text.utf8.count > 1_000 else { return text }
    var short = ""
    short.unicodeScalars.append(contentsOf: text.unicodeScalars.prefix(1_000))
    return short
  }

  private static func name(_ text: String) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8.prefix(LineProtocol.longestName) {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "_"):
        bytes.append(byte)
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        if bytes.isEmpty { bytes.append(UInt8(ascii: "_")) }
        bytes.append(byte)
      // A continuation byte of a multi-byte letter.
      case 0x80...0xbf: break
      default: bytes.append(UInt8(ascii: "_"))
      }
    }
    return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
  }

  /// The number of a field: booleans are 1 and 0; nil for texts and values that are not finite.
  static func value(_ value: FieldValue) -> Number? {
    if case .boolean(let boolean) = value { return .integer(boolean ? 1 : 0) }
    return Number(value)
  }
}
