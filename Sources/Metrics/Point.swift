/// One measurement of one thing at one moment, as InfluxDB and Telegraf understand it.
///
/// A point is written only with the fields that were read: what is missing is left out, never zero.
public struct Point: Sendable, Equatable {
  /// Telegraf's name for the measurement, for example `cpu`.
  public var measurement: String
  /// What tells this series from its neighbours. Tags of the host (`host`, `group`, the
  /// inventory's own) are added by the pass, not by collectors.
  public var tags: [Tag]
  /// The values, in the order in which they were added.
  public var fields: [Field]
  /// When it was measured; nil where the pass's own time for the host is meant.
  public var time: Timestamp?

  public init(_ measurement: String, tags: [Tag] = [], time: Timestamp? = nil) {
    self.measurement = measurement
    self.tags = tags
    self.fields = []
    self.time = time
  }

  /// The value of the named field, or nil where it was not read.
  public subscript(field name: String) -> FieldValue? {
    fields.first { $0.name == name }?.value
  }

  /// The value of the named tag, or nil.
  public subscript(tag name: String) -> String? {
    tags.first { $0.name == name }?.value
  }

  /// Adds a tag; an empty value is no tag, as the line protocol forbids it.
  public mutating func tag(_ name: String, _ value: String) {
    if !value.isEmpty { tags.append(Tag(name, value)) }
  }

  /// Adds an integer field where there is a value.
  public mutating func integer(_ name: String, _ value: Int64?) {
    if let value { fields.append(Field(name, .integer(value))) }
  }

  /// Adds an integer field where there is a value; one beyond 2^63-1 cannot be written and is left out.
  public mutating func integer(_ name: String, _ value: UInt64?) {
    if let value, let fits = Int64(exactly: value) { fields.append(Field(name, .integer(fits))) }
  }

  /// Adds a floating-point field where there is a finite value; InfluxDB knows no NaN and no infinity.
  public mutating func float(_ name: String, _ value: Double?) {
    if let value, value.isFinite { fields.append(Field(name, .float(value))) }
  }

  /// Adds a percentage rounded to a hundredth: no chart shows more, and the history stays compact.
  public mutating func percent(_ name: String, _ value: Double?) {
    guard let value, value.isFinite else { return }
    fields.append(Field(name, .float((value * 100).rounded() / 100)))
  }

  /// Adds a text field where there is a value.
  public mutating func string(_ name: String, _ value: String?) {
    if let value { fields.append(Field(name, .string(value))) }
  }

  /// Adds a boolean field where there is a value.
  public mutating func boolean(_ name: String, _ value: Bool?) {
    if let value { fields.append(Field(name, .boolean(value))) }
  }
}

/// A name and value that a series is known by.
public struct Tag: Sendable, Hashable {
  public var name: String
  public var value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// A name and the value that was measured.
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
}
