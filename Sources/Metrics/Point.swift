/// One measurement of one thing at one moment, as InfluxDB and Telegraf understand it.
///
/// A point holds only the fields that were read: a missing value is left out, never zero.
public struct Point: Sendable, Equatable {
  /// Telegraf's name for the measurement, for example `cpu`.
  public var measurement: String
  /// The tags that distinguish this series from others. The pass adds the host's tags (`host`,
  /// `group`, those of the inventory); collectors do not.
  public var tags: [Tag]
  /// The values, in the order of their addition.
  public var fields: [Field]
  /// The time of the measurement; nil for the pass's time for the host.
  public var time: Timestamp?

  /// Without fields. `room` is for how many of them memory is taken at once.
  public init(_ measurement: String, tags: [Tag] = [], time: Timestamp? = nil, room: Int = 0) {
    self.measurement = measurement
    self.tags = tags
    self.fields = []
    self.time = time
    if room > 0 { fields.reserveCapacity(room) }
  }

  /// The value of the named field, or nil if it was not read.
  public subscript(field name: String) -> FieldValue? {
    fields.first { $0.name == name }?.value
  }

  /// The value of the named tag, or nil.
  public subscript(tag name: String) -> String? {
    tags.first { $0.name == name }?.value
  }

  /// Adds a tag; an empty value adds none, as the line protocol forbids it.
  public mutating func tag(_ name: String, _ value: String) {
    if !value.isEmpty { tags.append(Tag(name, value)) }
  }

  /// Adds an integer field if there is a value.
  public mutating func integer(_ name: String, _ value: Int64?) {
    if let value { fields.append(Field(name, .integer(value))) }
  }

  /// Adds an integer field if there is a value; one beyond 2^63-1 cannot be written and is left
  /// out.
  public mutating func integer(_ name: String, _ value: UInt64?) {
    if let value, let fits = Int64(exactly: value) { fields.append(Field(name, .integer(fits))) }
  }

  /// Adds a floating-point field if there is a finite value; InfluxDB has no NaN and no infinity.
  public mutating func float(_ name: String, _ value: Double?) {
    if let value, value.isFinite { fields.append(Field(name, .float(value))) }
  }

  /// Adds a percentage rounded to a hundredth: no chart shows more, and the history stays compact.
  public mutating func percent(_ name: String, _ value: Double?) {
    guard let value, value.isFinite else { return }
    fields.append(Field(name, .float((value * 100).rounded() / 100)))
  }

  /// Adds a text field if there is a value.
  public mutating func string(_ name: String, _ value: String?) {
    if let value { fields.append(Field(name, .string(value))) }
  }

  /// Adds a boolean field if there is a value.
  public mutating func boolean(_ name: String, _ value: Bool?) {
    if let value { fields.append(Field(name, .boolean(value))) }
  }
}

/// A name and value that identify a series.
public struct Tag: Sendable, Hashable {
  public var name: String
  public var value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// A name and a measured value.
public struct Field: Sendable, Equatable {
  public var name: String
  public var value: FieldValue

  public init(_ name: String, _ value: FieldValue) {
    self.name = name
    self.value = value
  }
}

/// A value of one of the four types that a field of InfluxDB can have.
public enum FieldValue: Sendable, Equatable {
  case integer(Int64)
  case float(Double)
  case string(String)
  case boolean(Bool)

  /// The value as a number, true as 1 and false as 0; nil for text.
  public var number: Double? {
    switch self {
    case .integer(let integer): Double(integer)
    case .float(let float): float
    case .boolean(let flag): flag ? 1 : 0
    case .string: nil
    }
  }
}
