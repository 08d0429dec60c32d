internal import Metrics

/// The colours of a panel's values.
///
/// Colours come in steps; each chart shows the limit that a rule has, so that a line on a board and an
/// alert agree.
public struct Thresholds: Sendable, Equatable {
  /// From this value on (nil: from the start) this colour.
  var steps: [(from: Double?, colour: String)]

  public static func == (a: Thresholds, b: Thresholds) -> Bool {
    a.steps.elementsEqual(b.steps) { $0.from == $1.from && $0.colour == $1.colour }
  }

  /// No colour of its own.
  static let none = Thresholds(steps: [(nil, "text")])
  /// A score of 0 to 100: what is ok is green.
  static let score = Thresholds(
    steps: [(nil, "dark-red"), (50, "orange"), (80, "yellow"), (95, "green")])
  /// Any value above zero is bad.
  static let zeroIsGood = Thresholds(steps: [(nil, "green"), (1, "red")])
  /// 1 is good, 0 is bad.
  static let oneIsGood = Thresholds(steps: [(nil, "red"), (1, "green")])

  /// Limits of a value that is bad when it is high.
  public static func high(minor: Double? = nil, major: Double? = nil, critical: Double? = nil)
    -> Thresholds
  {
    Thresholds(
      steps: [(nil, "green")]
        + [(minor, "yellow"), (major, "orange"), (critical, "red")].compactMap { limit, colour in
          limit.map { ($0, colour) }
        })
  }

  var json: JSON {
    .object([
      ("mode", .string("absolute")),
      (
        "steps",
        .array(
          steps.map {
            .object([
              ("color", .string($0.colour)), ("value", $0.from.map { .number($0) } ?? .null),
            ])
          })
      ),
    ])
  }

  func colourMode(of kind: Panel.Kind) -> String {
    self == .none || kind == .chart ? "palette-classic" : "thresholds"
  }

  /// A chart draws its limits as dashed lines.
  func style(of kind: Panel.Kind) -> [(String, JSON)] {
    guard kind == .chart, steps.count > 1 else { return [] }
    return [("thresholdsStyle", .object([("mode", .string("dashed"))]))]
  }
}

/// A link from a value to another board; range and host go along.
struct DataLink: Sendable {
  var title: String
  var url: String

  /// The board of the host of a series.
  static let ofSeries = DataLink(
    title: "Host ${__field.labels.host}",
    url: "/d/scrape-host?var-host=${__field.labels.host}&${__url_time_range}")
  /// The board of the host of a row.
  static let ofRow = DataLink(
    title: "Host ${__data.fields.Host}",
    url: "/d/scrape-host?var-host=${__data.fields.Host}&${__url_time_range}")

  var json: JSON { .object([("title", .string(title)), ("url", .string(url))]) }
}

/// The texts and colours of states.
enum Mapping {
  /// The field `state` of `service`: 0 ok to 4 unknown.
  static let state = values([
    (0, "ok", "green"), (1, "minor", "yellow"), (2, "major", "orange"), (3, "critical", "red"),
    (4, "unknown", "purple"),
  ])
  /// `libvirt_state`, by libvirt's enumeration of states of domains.
  static let machine = values([
    (0, "unknown", "purple"), (1, "running", "green"), (2, "blocked", "green"),
    (3, "paused", "yellow"), (4, "shutting down", "yellow"), (5, "shut off", "orange"),
    (6, "crashed", "red"), (7, "suspended", "yellow"),
  ])
  /// 1 up, 0 down.
  static let up = values([(0, "down", "red"), (1, "up", "green")])
  /// The verdict of a disk.
  static let passed = words([("true", "good", "green"), ("false", "failing", "red")])
  static let on = values([(0, "off", "red"), (1, "on", "green")])

  static func values(_ all: [(value: Int, text: String, colour: String)]) -> JSON {
    words(all.map { (String($0.value), $0.text, $0.colour) })
  }

  static func words(_ all: [(value: String, text: String, colour: String)]) -> JSON {
    .object([
      ("type", .string("value")),
      (
        "options",
        .object(
          all.enumerated().map { index, entry in
            (
              entry.value,
              .object([
                ("text", .string(entry.text)), ("color", .string(entry.colour)),
                ("index", .integer(Int64(index))),
              ])
            )
          })
      ),
    ])
  }

  /// The words of severities in tables.
  static let severity = words(
    [
      ("ok", "green"), ("minor", "yellow"), ("major", "orange"), ("critical", "red"),
      ("unknown", "purple"),
    ].map { ($0.0, $0.0, $0.1) })
}
