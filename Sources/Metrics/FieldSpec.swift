/// The type of a field, which InfluxDB fixes with the first point.
public enum FieldType: String, Sendable {
  case integer, float, string, boolean
}

extension FieldValue {
  /// The type of this value in the line protocol.
  public var type: FieldType {
    switch self {
    case .integer: .integer
    case .float: .float
    case .string: .string
    case .boolean: .boolean
    }
  }
}

/// How the values of a field combine over time.
public enum FieldKind: Sendable {
  /// A quantity at a moment: its mean and its extremes mean something.
  case gauge
  /// A number that grows: only the last value does.
  case counter
  /// A state or a text: the last value, and the greatest as the worst.
  case state
  /// A state of which the least value is the worst: 1 up, 0 down.
  case presence
  /// A count since the run before: the sum.
  case sum
}

/// Fields of one type, one unit and one meaning, as their writer declares them.
///
/// A database refuses a point if the type of a field changes, and other writers (Telegraf) may
/// share the measurement: names and types are Telegraf's if it has the field.
public struct FieldSpec: Sendable, Equatable {
  public var names: [String]
  public var type: FieldType
  public var kind = FieldKind.gauge
  public var unit: FieldUnit
  /// The meaning of the values and when there is none, for docs/metrics.md.
  public var meaning: String

  public static func integer(
    _ names: String..., unit: FieldUnit = .none, means meaning: String
  ) -> FieldSpec {
    FieldSpec(names: names, type: .integer, unit: unit, meaning: meaning)
  }

  /// An integer that only grows until the host reboots.
  public static func counter(
    _ names: String..., unit: FieldUnit = .none, means meaning: String
  ) -> FieldSpec {
    FieldSpec(names: names, type: .integer, kind: .counter, unit: unit, meaning: meaning)
  }

  /// An integer that stands for a state.
  public static func state(_ names: String..., means meaning: String) -> FieldSpec {
    FieldSpec(names: names, type: .integer, kind: .state, unit: .none, meaning: meaning)
  }

  /// An integer that is 1 while all is well, else 0.
  public static func presence(_ names: String..., means meaning: String) -> FieldSpec {
    FieldSpec(names: names, type: .integer, kind: .presence, unit: .none, meaning: meaning)
  }

  /// An integer that counts what happened since the run before.
  public static func sum(_ names: String..., means meaning: String) -> FieldSpec {
    FieldSpec(names: names, type: .integer, kind: .sum, unit: .none, meaning: meaning)
  }

  public static func float(
    _ names: String..., unit: FieldUnit = .none, means meaning: String
  ) -> FieldSpec {
    FieldSpec(names: names, type: .float, unit: unit, meaning: meaning)
  }

  public static func string(_ names: String..., means meaning: String) -> FieldSpec {
    FieldSpec(names: names, type: .string, kind: .state, unit: .none, meaning: meaning)
  }

  public static func boolean(_ names: String..., means meaning: String) -> FieldSpec {
    FieldSpec(names: names, type: .boolean, kind: .state, unit: .none, meaning: meaning)
  }
}

/// The unit of a field.
public struct FieldUnit: Sendable, Equatable {
  /// The unit's sign, such as `%` or `ms`; empty for a count, a state or a time.
  public let sign: String
  /// Signs by the words of the tag `unit`; nil if all points have the same unit.
  private let words: [String: String]?
  /// The replacement of a blank in a word without a sign.
  private let blank: Character?

  private init(_ sign: String, words: [String: String]? = nil, blank: Character? = nil) {
    self.sign = sign
    self.words = words
    self.blank = blank
  }

  public static let none = FieldUnit("")
  public static let percent = FieldUnit("%")
  public static let hours = FieldUnit("h")
  public static let minutes = FieldUnit("min")
  public static let seconds = FieldUnit("s")
  public static let milliseconds = FieldUnit("ms")
  public static let microseconds = FieldUnit("µs")
  public static let bytes = FieldUnit("B")
  public static let mebibytes = FieldUnit("MiB")
  public static let bytesPerSecond = FieldUnit("B/s")
  public static let kibibytesPerSecond = FieldUnit("KiB/s")
  public static let megabitsPerSecond = FieldUnit("Mbit/s")
  public static let megahertz = FieldUnit("MHz")
  public static let celsius = FieldUnit("°C")
  public static let watts = FieldUnit("W")

  /// The unit that each point names in its tag `unit`. A word without a sign here stands for
  /// itself; `blank` replaces its blanks.
  public static func inTag(_ words: [String: String], blank: Character? = nil) -> FieldUnit {
    FieldUnit("", words: words, blank: blank)
  }

  /// Whether each point names its own unit in its tag `unit`.
  public var isInTag: Bool { words != nil }

  /// The sign of a point's unit.
  public func sign(_ tags: [Tag]) -> String {
    guard let words else { return sign }
    let word = tags.first { $0.name == "unit" }?.value ?? ""
    return words[word] ?? String(word.map { $0 == blank ? " " : $0 })
  }
}
