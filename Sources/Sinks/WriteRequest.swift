internal import Metrics
internal import Store

/// The remote write message in the encoding of protocol buffers.
///
/// `WriteRequest { repeated TimeSeries timeseries = 1 }`, `TimeSeries { repeated Label labels = 1;
/// repeated Sample samples = 2 }`, `Label { string name = 1; string value = 2 }`, `Sample { double
/// value = 1; int64 timestamp = 2 }`: Prometheus's `remote.proto` and `types.proto`, and "Encoding" in
/// the documentation of protocol buffers.
struct WriteRequest {
  struct Sample {
    var value: Double
    /// Milliseconds since 1970.
    var milliseconds: Int64
  }

  struct Series {
    /// The labels in the order of the request, sorted by name.
    var labels: [UInt8]
    var samples: [Sample]

    /// The sample for people: `m_v{host="web1"} 1767268800000`.
    var text: String {
      var name = ""
      var others: [String] = []
      var fields = Fields(labels[...])
      while case .bytes(let label)? = fields.next()?.value {
        var parts = Fields(label)
        guard case .bytes(let key)? = parts.next()?.value,
          case .bytes(let value)? = parts.next()?.value
        else { break }
        let (word, text) = (
          String(decoding: key, as: UTF8.self), String(decoding: value, as: UTF8.self)
        )
        if word == "__name__" { name = text } else { others.append("\(word)=\"\(text)\"") }
      }
      let time = samples.first.map { " at \($0.milliseconds) ms" } ?? ""
      return "\(name){\(others.joined(separator: ","))}\(time)"
    }

    /// In order of time, each time once: of two values the one written later.
    mutating func sort() {
      guard samples.count > 1 else { return }
      // Swift's sort keeps the order of equals.
      samples.sort { $0.milliseconds < $1.milliseconds }
      var kept: [Sample] = []
      for sample in samples {
        if kept.last?.milliseconds == sample.milliseconds { kept.removeLast() }
        kept.append(sample)
      }
      samples = kept
    }
  }

  var series: [Series] = []

  init() {}

  var count: Int { series.reduce(0) { $0 + $1.samples.count } }

  static func labels(_ metric: String, _ tags: [Tag]) -> [UInt8] {
    var labels: [UInt8] = []
    var isNamed = false
    for tag in tags {
      if !isNamed, !tag.name.utf8.lexicographicallyPrecedes("__name__".utf8) {
        append("__name__", metric, to: &labels)
        isNamed = true
      }
      append(tag.name, tag.value, to: &labels)
    }
    if !isNamed { append("__name__", metric, to: &labels) }
    return labels
  }

  private static func append(_ name: String, _ value: String, to labels: inout [UInt8]) {
    var label: [UInt8] = []
    label.append(field: 1, Array(name.utf8))
    label.append(field: 2, Array(value.utf8))
    labels.append(field: 1, label)
  }

  var payload: Payload {
    var message: [UInt8] = []
    for series in series {
      var body = series.labels
      for sample in series.samples {
        var bytes: [UInt8] = [1 << 3 | 1]
        withUnsafeBytes(of: sample.value.bitPattern.littleEndian) { bytes += $0 }
        bytes.append(2 << 3)
        bytes.append(varint: UInt64(bitPattern: sample.milliseconds))
        body.append(field: 2, bytes)
      }
      message.append(field: 1, body)
    }
    return Payload(body: Snappy.pack(message), lines: count)
  }

  /// Reads the output of `payload`; nil if it is damaged.
  init?(_ payload: Payload) {
    guard let message = Snappy.unpack(payload.body, limit: 64 << 20) else { return nil }
    var fields = Fields(message[...])
    while let field = fields.next() {
      guard field.number == 1, case .bytes(let body) = field.value else { return nil }
      var series = Series(labels: [], samples: [])
      var parts = Fields(body)
      while let part = parts.next() {
        guard case .bytes(let bytes) = part.value else { return nil }
        if part.number == 1 {
          series.labels.append(field: 1, Array(bytes))
        } else if let sample = Sample(bytes) {
          series.samples.append(sample)
        } else {
          return nil
        }
      }
      guard parts.isWhole else { return nil }
      self.series.append(series)
    }
    guard fields.isWhole else { return nil }
  }

  /// The request split in two; nil if it holds one sample.
  var halves: (WriteRequest, WriteRequest)? {
    var (first, second) = (WriteRequest(), WriteRequest())
    if series.count > 1 {
      let middle = series.count / 2
      first.series = Array(series[..<middle])
      second.series = Array(series[middle...])
    } else if let only = series.first, only.samples.count > 1 {
      let middle = only.samples.count / 2
      first.series = [Series(labels: only.labels, samples: Array(only.samples[..<middle]))]
      second.series = [Series(labels: only.labels, samples: Array(only.samples[middle...]))]
    } else {
      return nil
    }
    return (first, second)
  }

  /// The fields of a message, in order.
  fileprivate struct Fields {
    enum Value {
      case varint(UInt64)
      case fixed(UInt64)
      case bytes(ArraySlice<UInt8>)
    }

    private var rest: ArraySlice<UInt8>
    /// Whether no error has occurred so far.
    private(set) var isWhole = true

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    mutating func next() -> (number: UInt64, value: Value)? {
      guard isWhole, !rest.isEmpty else { return nil }
      isWhole = false
      guard let key = varint() else { return nil }
      let value: Value
      switch key & 7 {
      case 0:
        guard let number = varint() else { return nil }
        value = .varint(number)
      case 1:
        guard rest.count >= 8 else { return nil }
        value = .fixed(rest.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) })
        rest = rest.dropFirst(8)
      case 2:
        guard let length = varint(), length <= UInt64(rest.count) else { return nil }
        value = .bytes(rest.prefix(Int(length)))
        rest = rest.dropFirst(Int(length))
      default: return nil
      }
      isWhole = true
      return (key >> 3, value)
    }

    private mutating func varint() -> UInt64? {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        guard let byte = rest.popFirst() else { return nil }
        value |= UInt64(byte & 0x7f) << shift
        if byte < 0x80 { return value }
      }
      return nil
    }
  }
}

extension WriteRequest.Sample {
  fileprivate init?(_ bytes: ArraySlice<UInt8>) {
    var fields = WriteRequest.Fields(bytes)
    guard case .fixed(let value)? = fields.next()?.value,
      case .varint(let time)? = fields.next()?.value
    else { return nil }
    self.init(value: Double(bitPattern: value), milliseconds: Int64(bitPattern: time))
  }
}

extension [UInt8] {
  /// A number in groups of seven bits, the lowest first.
  fileprivate mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }

  /// A field of bytes, after their length.
  fileprivate mutating func append(field: UInt8, _ bytes: [UInt8]) {
    append(field << 3 | 2)
    append(varint: UInt64(bytes.count))
    self += bytes
  }
}
