/// The declaration of a measurement by the collector or probe that writes it.
///
/// The only place that states names, types, units and meanings: the fields open to rules, the units
/// of alerts and charts, and docs/metrics.md follow from it.
public struct Measurement: Sendable, Equatable {
  /// Telegraf's name, if it has one.
  public var name: String
  /// The content of a point and when there is none, in sentences.
  public var summary: String
  /// The source files, programs or protocols; nil if the summary names them.
  public var source: String?
  /// The tags that distinguish its series, next to the host's own tags.
  public var tags: [TagSpec]
  public var fields: [FieldSpec]
  /// Whether Telegraf has no measurement of that name (docs/decisions/0010-names.md).
  public var isOurs: Bool

  public struct TagSpec: Sendable, Equatable {
    public var name: String
    /// The values, for docs/metrics.md.
    public var meaning: String
  }

  public init(
    _ name: String, _ summary: String, source: String? = nil, isOurs: Bool = false,
    tags: KeyValuePairs<String, String> = [:], fields: [FieldSpec]
  ) {
    self.name = name
    self.summary = summary
    self.source = source
    self.isOurs = isOurs
    self.tags = tags.map { TagSpec(name: $0.key, meaning: $0.value) }
    self.fields = fields
  }

  /// The same with one more tag.
  public func with(tag name: String, _ meaning: String) -> Measurement {
    var copy = self
    copy.tags.append(TagSpec(name: name, meaning: meaning))
    return copy
  }
}

/// All measurements, their writers, and their fields by name.
public struct Catalog: Sendable {
  /// The writer of a measurement.
  public enum Writer: Sendable, Equatable {
    /// The collector of that name.
    case collector(String)
    /// Probes of these kinds; an empty list means any probe.
    case probes([String])
    case bmc
    /// The monitor itself, for every host.
    case scraper
  }

  /// A declaration and its writer. A measurement with several writers has several.
  public struct Entry: Sendable {
    public var writer: Writer
    public var measurement: Measurement
  }

  /// The order of the declarations, which is that of docs/metrics.md.
  public private(set) var entries: [Entry] = []
  /// The entries of each measurement; of those that declare the same field the last counts.
  private var places: [String: [Int]] = [:]

  public init(_ declarations: [(writer: Writer, measurements: [Measurement])]) {
    for (writer, measurements) in declarations {
      for measurement in measurements { add(measurement, writer) }
    }
  }

  /// Two probes may share a declaration.
  private mutating func add(_ measurement: Measurement, _ writer: Writer) {
    var places = places[measurement.name] ?? []
    let same = places.filter { entries[$0].measurement == measurement }.min()
    if let same, case .probes(let others) = entries[same].writer, case .probes(let more) = writer {
      entries[same].writer = .probes(others + more)
    } else {
      entries.append(Entry(writer: writer, measurement: measurement))
    }
    places.removeAll { $0 == same }
    places.append(same ?? entries.count - 1)
    self.places[measurement.name] = places
  }

  private func find(_ field: String, of measurement: String) -> (spec: FieldSpec, writer: Writer)? {
    for place in (places[measurement] ?? []).reversed() {
      let entry = entries[place]
      if let spec = entry.measurement.fields.last(where: { $0.names.contains(field) }) {
        return (spec, entry.writer)
      }
    }
    return nil
  }

  /// The names of all measurements, sorted.
  public var names: [String] { places.keys.sorted() }

  /// The names of a measurement's fields, sorted; nil for an unknown measurement.
  public func fields(of measurement: String) -> [String]? {
    places[measurement].map { places in
      Set(places.flatMap { entries[$0].measurement.fields.flatMap(\.names) }).sorted()
    }
  }

  /// The declaration of a field; nil for an unknown field.
  public func field(_ field: String, of measurement: String) -> FieldSpec? {
    find(field, of: measurement)?.spec
  }

  /// The writer of a field or, without a field, of the measurement's first declaration.
  public func writer(of measurement: String, field: String = "") -> Writer? {
    find(field, of: measurement)?.writer
      ?? entries.first { $0.measurement.name == measurement }?.writer
  }

  /// Whether the monitor writes a measurement of that name.
  public func contains(_ measurement: String) -> Bool { places[measurement] != nil }
}
