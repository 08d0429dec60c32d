internal import Metrics

/// A panel of a board: a picture of some queries.
public struct Panel: Sendable {
  /// The visualisation, by Grafana's plugin id.
  public enum Kind: String, Sendable {
    case chart = "timeseries"
    case stat
    case gauge
    case bars = "bargauge"
    case table
    case states = "state-timeline"
    case history = "status-history"
    case heatMap = "heatmap"
    case graph = "nodeGraph"
    case donut = "piechart"
    case text
    case boards = "dashlist"
    case row
  }

  public internal(set) var kind: Kind
  public internal(set) var title: String
  /// What the panel shows and how to read it, behind its information mark.
  var summary: String?
  public internal(set) var width: Int
  public internal(set) var height: Int
  public internal(set) var queries: [Query] = []
  /// Grafana's unit; nil for that of the first field's declaration.
  var unit: String?
  var minimum: Double?
  var maximum: Double?
  var decimals: Int?
  var thresholds = Thresholds.none
  var mappings: [JSON] = []
  var noValue = Panel.noData
  var links: [DataLink] = []
  var transformations: [JSON] = []
  var overrides: [JSON] = []
  var options: [(String, JSON)] = []
  var custom: [(String, JSON)] = []
  /// The variable over whose values the panel, or the row with its panels, is repeated.
  public internal(set) var repeats: String?
  /// Whether a row is closed at first; its panels ask nothing until it is opened.
  var isClosed = false
  /// The smallest interval of `$__interval`: collectors run at least once a minute.
  var interval: String? = "1m"

  private static let noData = "no data"
  /// Whether nothing is good news here, as with events; the text of the empty panel says so.
  public var mayBeEmpty: Bool { noValue != Self.noData }

  init(_ kind: Kind, _ title: String, width: Int, height: Int) {
    self.kind = kind
    self.title = title
    self.width = width
    self.height = height
  }

  // MARK: Kinds

  /// Lines over time. A gap stays a gap: no line is drawn where there is no value.
  static func chart(
    _ title: String, _ queries: Query..., unit: String? = nil, width: Int = 12, height: Int = 8
  ) -> Panel {
    var panel = Panel(.chart, title, width: width, height: height)
    panel.queries = queries
    panel.unit = unit
    panel.custom = [
      ("drawStyle", .string("line")), ("lineWidth", .integer(1)), ("fillOpacity", .integer(8)),
      ("showPoints", .string("auto")), ("pointSize", .integer(4)),
      // Two missed passes of a slow timer are no gap.
      ("spanNulls", .integer(180_000)), ("axisSoftMin", .integer(0)),
    ]
    panel.options = [
      (
        "legend",
        .object([
          ("displayMode", .string("list")), ("placement", .string("bottom")),
          ("showLegend", .boolean(true)), ("calcs", .array([.string("lastNotNull")])),
        ])
      ),
      ("tooltip", .object([("mode", .string("multi")), ("sort", .string("desc"))])),
    ]
    return panel
  }

  /// One number, or one per column.
  static func stat(
    _ title: String, _ query: Query, unit: String? = nil, width: Int = 4, height: Int = 4,
    fields: String = "", reducer: String = "lastNotNull", curve: Bool = false
  ) -> Panel {
    var panel = Panel(.stat, title, width: width, height: height)
    panel.queries = [query]
    panel.unit = unit
    panel.options = [
      ("colorMode", .string("value")), ("graphMode", .string(curve ? "area" : "none")),
      ("justifyMode", .string("auto")), ("textMode", .string("auto")),
      ("orientation", .string("auto")), reduced(fields, reducer),
    ]
    return panel
  }

  static func gauge(
    _ title: String, _ query: Query, unit: String? = nil, width: Int = 4, height: Int = 5
  ) -> Panel {
    var panel = Panel(.gauge, title, width: width, height: height)
    panel.queries = [query]
    panel.unit = unit
    panel.options = [
      ("showThresholdLabels", .boolean(false)), ("showThresholdMarkers", .boolean(true)),
      reduced(""),
    ]
    return panel
  }

  /// The shares of the columns of one row.
  static func donut(
    _ title: String, _ query: Query, unit: String? = nil, width: Int = 4, height: Int = 7
  ) -> Panel {
    var panel = Panel(.donut, title, width: width, height: height)
    panel.queries = [query.asTable()]
    panel.unit = unit
    panel.options = [
      ("pieType", .string("donut")), ("displayLabels", .array([.string("value")])),
      (
        "legend",
        .object([
          ("displayMode", .string("list")), ("placement", .string("bottom")),
          ("showLegend", .boolean(true)), ("values", .array([])),
        ])
      ),
      ("tooltip", .object([("mode", .string("single")), ("sort", .string("none"))])), reduced(""),
    ]
    return panel
  }

  /// A bar per series.
  static func bars(
    _ title: String, _ query: Query, unit: String? = nil, width: Int = 12, height: Int = 8
  ) -> Panel {
    var panel = Panel(.bars, title, width: width, height: height)
    panel.queries = [query]
    panel.unit = unit
    panel.options = [
      ("displayMode", .string("lcd")), ("orientation", .string("horizontal")),
      ("valueMode", .string("color")), ("namePlacement", .string("auto")),
      ("showUnfilled", .boolean(true)), ("sizing", .string("auto")), reduced(""),
    ]
    return panel
  }

  static func table(
    _ title: String, _ query: Query, width: Int = 12, height: Int = 8
  ) -> Panel {
    var panel = Panel(.table, title, width: width, height: height)
    panel.queries = [query.asTable()]
    panel.options = [("showHeader", .boolean(true)), ("cellHeight", .string("sm"))]
    panel.custom = [("align", .string("auto")), ("filterable", .boolean(true))]
    return panel
  }

  /// A bar of states per series.
  static func states(
    _ title: String, _ query: Query, width: Int = 24, height: Int = 10
  ) -> Panel {
    var panel = Panel(.states, title, width: width, height: height)
    panel.queries = [query]
    panel.custom = [("fillOpacity", .integer(80)), ("lineWidth", .integer(0))]
    panel.options = [
      ("mergeValues", .boolean(true)), ("showValue", .string("never")),
      ("alignValue", .string("left")), ("rowHeight", .number(0.9)),
      (
        "legend",
        .object([
          ("displayMode", .string("list")), ("placement", .string("bottom")),
          ("showLegend", .boolean(true)),
        ])
      ),
      ("tooltip", .object([("mode", .string("single")), ("sort", .string("none"))])),
    ]
    return panel
  }

  static func text(_ markdown: String, width: Int = 24, height: Int = 2) -> Panel {
    var panel = Panel(.text, "", width: width, height: height)
    panel.options = [("mode", .string("markdown")), ("content", .string(markdown))]
    panel.interval = nil
    return panel
  }

  /// The links to all boards.
  static func boards(width: Int = 4, height: Int = 8) -> Panel {
    var panel = Panel(.boards, "Boards", width: width, height: height)
    panel.options = [
      ("showSearch", .boolean(true)), ("showStarred", .boolean(false)),
      ("showHeadings", .boolean(false)), ("showRecentlyViewed", .boolean(false)),
      ("maxItems", .integer(30)), ("query", .string("")),
      ("tags", .array([.string(Board.tag)])), ("includeVars", .boolean(true)),
      ("keepTime", .boolean(true)),
    ]
    panel.interval = nil
    return panel
  }

  private static func reduced(
    _ fields: String, _ reducer: String = "lastNotNull"
  ) -> (String, JSON) {
    (
      "reduceOptions",
      .object([
        ("calcs", .array([.string(reducer)])), ("fields", .string(fields)),
        ("values", .boolean(false)),
      ])
    )
  }

  // MARK: Changes

  func with(_ change: (inout Panel) -> Void) -> Panel {
    var panel = self
    change(&panel)
    return panel
  }

  func explained(_ summary: String) -> Panel { with { $0.summary = summary } }
  func sized(_ width: Int, _ height: Int) -> Panel {
    with {
      $0.width = width
      $0.height = height
    }
  }
  func ranged(_ minimum: Double?, _ maximum: Double?) -> Panel {
    with {
      $0.minimum = minimum
      $0.maximum = maximum
    }
  }
  func coloured(_ thresholds: Thresholds) -> Panel { with { $0.thresholds = thresholds } }
  func mapped(_ mapping: JSON) -> Panel { with { $0.mappings.append(mapping) } }
  func linked(_ link: DataLink) -> Panel { with { $0.links.append(link) } }
  func transformed(_ id: String, _ options: [(String, JSON)]) -> Panel {
    with {
      $0.transformations.append(.object([("id", .string(id)), ("options", .object(options))]))
    }
  }

  /// A table of one value with a row and a column per value of two fields; `empty` is Grafana's word for
  /// a cell without a value.
  func matrix(
    of value: String, rows: String, columns: String, empty: String = "null"
  ) -> Panel {
    transformed(
      "groupingToMatrix",
      [
        ("rowField", .string(rows)), ("columnField", .string(columns)),
        ("valueField", .string(value)), ("emptyValue", .string(empty)),
      ])
  }

  /// A table whose cells have the colours of their values.
  func colouredCells() -> Panel {
    with {
      $0.custom.append(
        (
          "cellOptions",
          .object([("type", .string("color-background")), ("mode", .string("basic"))])
        ))
    }
  }

  /// Settings of one column or series.
  func column(_ name: String, _ properties: (String, JSON)...) -> Panel {
    with {
      $0.overrides.append(
        .object([
          ("matcher", .object([("id", .string("byName")), ("options", .string(name))])),
          (
            "properties",
            .array(
              properties.map { .object([("id", .string($0.0)), ("value", $0.1)]) })
          ),
        ]))
    }
  }

  /// Names of columns, in their order; others are hidden.
  func columns(_ names: (from: String, to: String)..., hiding hidden: [String] = []) -> Panel {
    transformed(
      "organize",
      [
        (
          "indexByName",
          .object(names.enumerated().map { ($1.from, .integer(Int64($0))) })
        ),
        ("renameByName", .object(names.map { ($0.from, .string($0.to)) })),
        ("excludeByName", .object(hidden.map { ($0, .boolean(true)) })),
      ])
  }

  // MARK: JSON

  /// As Grafana's JSON; `inner` are the panels of a closed row.
  func json(id: Int, x: Int, y: Int, inner: [JSON] = [], in catalog: Catalog) -> JSON {
    var members: [(String, JSON)] = [
      ("id", .integer(Int64(id))), ("type", .string(kind.rawValue)), ("title", .string(title)),
      (
        "gridPos",
        .object([
          ("h", .integer(Int64(height))), ("w", .integer(Int64(width))), ("x", .integer(Int64(x))),
          ("y", .integer(Int64(y))),
        ])
      ),
    ]
    if let summary { members.append(("description", .string(summary))) }
    if let repeats {
      members.append(("repeat", .string(repeats)))
      if kind != .row { members.append(("repeatDirection", .string("h"))) }
    }
    if kind == .row {
      members += [("collapsed", .boolean(isClosed)), ("panels", .array(inner))]
      return .object(members)
    }
    members.append(("options", .object(options)))
    guard !queries.isEmpty else { return .object(members) }
    if let interval { members.append(("interval", .string(interval))) }
    members.append(("datasource", DataSource.reference))
    members.append(
      ("targets", .array(queries.enumerated().map { $1.target(Self.letter($0)) })))
    var defaults: [(String, JSON)] = [
      ("unit", .string(unit ?? queries[0].unit(in: catalog))), ("noValue", .string(noValue)),
      ("color", .object([("mode", .string(thresholds.colourMode(of: kind)))])),
      ("thresholds", thresholds.json), ("mappings", .array(mappings)),
      ("custom", .object(custom + thresholds.style(of: kind))),
    ]
    if let minimum { defaults.append(("min", .number(minimum))) }
    if let maximum { defaults.append(("max", .number(maximum))) }
    if let decimals { defaults.append(("decimals", .integer(Int64(decimals)))) }
    if !links.isEmpty { defaults.append(("links", .array(links.map(\.json)))) }
    members.append(
      (
        "fieldConfig",
        .object([("defaults", .object(defaults)), ("overrides", .array(overrides))])
      ))
    if !transformations.isEmpty { members.append(("transformations", .array(transformations))) }
    return .object(members)
  }

  /// A, B, … of the queries.
  private static func letter(_ index: Int) -> String {
    String(UnicodeScalar(UInt8(ascii: "A") + UInt8(clamping: index)))
  }
}
