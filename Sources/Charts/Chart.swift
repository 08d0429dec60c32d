public import Metrics

/// Numbers over time, for a picture that is legible on a phone.
public struct Chart: Sendable, Equatable {
  /// One line.
  public struct Series: Sendable, Equatable {
    public var name: String
    /// In order of time. The line has a gap if several passes are missing between two values.
    public var values: [(time: Timestamp, value: Double)]

    public init(_ name: String, _ values: [(time: Timestamp, value: Double)]) {
      self.name = name
      self.values = values
    }

    public static func == (a: Series, b: Series) -> Bool {
      a.name == b.name
        && a.values.elementsEqual(b.values) { $0.time == $1.time && $0.value == $1.value }
    }
  }

  /// A threshold.
  public struct Threshold: Sendable, Equatable {
    /// The side of the threshold on which values are bad.
    public enum Side: String, Sendable { case above = ">", below = "<" }

    public var value: Double
    public var severity: Severity
    public var side: Side
    /// The label of the line, such as `full`; replaces severity and side.
    public var name: String?

    public init(
      _ value: Double, _ severity: Severity, _ side: Side = .above, name: String? = nil
    ) {
      self.value = value
      self.severity = severity
      self.side = side
      self.name = name
    }
  }

  /// A mark of the horizontal axis.
  public struct Mark: Sendable, Equatable {
    public var time: Timestamp
    public var label: String

    public init(at time: Timestamp, label: String) {
      self.time = time
      self.label = label
    }
  }

  public enum Theme: String, Sendable, CaseIterable { case light, dark }

  public var title: String
  /// The label of the axis: `%`, `ms`, `°C`; empty if there is none. Values in `B`, `B/s`, `bit/s`,
  /// `s` and `ms` get the fitting prefix: `1.2 GiB`.
  public var unit: String
  public var series: [Series]
  public var thresholds: [Threshold]
  public var from: Timestamp
  public var to: Timestamp
  /// The marks of the horizontal axis in place of round times, where it shows something else.
  public var marks: [Mark] = []
  /// The line below the title in place of the span of time.
  public var caption: String?

  public init(
    title: String, unit: String, series: [Series], thresholds: [Threshold] = [],
    from: Timestamp, to: Timestamp
  ) {
    self.title = title
    self.unit = unit
    self.series = series
    self.thresholds = thresholds
    self.from = from
    self.to = to
  }
}
