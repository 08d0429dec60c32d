public import Metrics

/// A board as Grafana loads it from a file: classic JSON, schema 41, which Grafana 11, 12 and 13 accept.
public struct Board: Sendable {
  /// The tag of all boards, by which they link to each other.
  static let tag = "scrape"

  public let uid: String
  public let title: String
  let summary: String
  /// The folder in Grafana: a team's boards have one of their own, for its permissions.
  public var folder = "scrape"
  var range = "now-6h"
  /// The end of the range; earlier than now for a team that must not see the present.
  var until = "now"
  var refresh = "30s"
  public var variables: [Variable] = []
  /// The panels in the order of reading; a row begins a new line.
  public var panels: [Panel] = []
  /// Events of these severities as marks on all charts; nil for none.
  var annotates = true
  /// The rollups that its charts can show instead of points as they were written.
  private var rollups: [String] = []

  init(_ uid: String, _ title: String, _ summary: String) {
    self.uid = "scrape-\(uid)"
    self.title = title
    self.summary = summary
  }

  /// Lets the reader choose the resolution of charts: points as they were written, or a rollup.
  ///
  /// A variable, and a link per rollup that sets it together with a long range. Grafana cannot choose by
  /// itself: a variable that a query fills would leave every chart broken where the query has no row.
  func inResolutions(_ policies: [String]) -> Board {
    guard policies.count > 1 else { return self }
    var board = self
    board.rollups = Array(policies.dropFirst())
    board.variables.append(.resolution(policies))
    for panel in board.panels.indices {
      for query in board.panels[panel].queries.indices
      where board.panels[panel].queries[query].suitsRollups {
        board.panels[panel].queries[query].policy = "$resolution"
      }
    }
    return board
  }

  /// The name of its file.
  public var file: String { "\(uid).json" }

  public func json(in catalog: Catalog) -> JSON {
    var annotations: [JSON] = [
      .object([
        ("builtIn", .integer(1)),
        (
          "datasource",
          .object([("type", .string("grafana")), ("uid", .string("-- Grafana --"))])
        ), ("enable", .boolean(true)), ("hide", .boolean(true)),
        ("iconColor", .string("rgba(0, 211, 255, 1)")),
        ("name", .string("Annotations & Alerts")), ("type", .string("dashboard")),
      ])
    ]
    if let annotation { annotations.append(Self.events(annotation)) }
    return .object([
      ("uid", .string(uid)), ("title", .string(title)), ("description", .string(summary)),
      ("tags", .array([.string(Self.tag)])), ("schemaVersion", .integer(41)),
      ("version", .integer(1)), ("editable", .boolean(true)), ("graphTooltip", .integer(1)),
      ("fiscalYearStartMonth", .integer(0)), ("timezone", .string("browser")),
      ("weekStart", .string("")), ("refresh", .string(refresh)),
      ("time", .object([("from", .string(range)), ("to", .string(until))])),
      (
        "timepicker",
        .object([
          (
            "refresh_intervals",
            .array(["10s", "30s", "1m", "5m", "15m"].map { .string($0) })
          )
        ])
      ),
      ("links", .array(links)), ("annotations", .object([("list", .array(annotations))])),
      ("templating", .object([("list", .array(variables.map(\.json)))])),
      ("panels", .array(panels(in: catalog))),
    ])
  }

  /// The panels as Grafana's JSON; those of a closed row are inside it.
  private func panels(in catalog: Catalog) -> [JSON] {
    let all = placed
    var result: [JSON] = []
    var index = 0
    while index < all.count {
      let place = all[index]
      var inner: [JSON] = []
      let id = index + 1
      index += 1
      while place.panel.isClosed, index < all.count, all[index].panel.kind != .row {
        let next = all[index]
        index += 1
        inner.append(next.panel.json(id: index, x: next.x, y: next.y, in: catalog))
      }
      result.append(place.panel.json(id: id, x: place.x, y: place.y, inner: inner, in: catalog))
    }
    return result
  }

  /// The panels with their places on the grid of 24 columns: from left to right, then a new line.
  ///
  /// A line is as wide as the screen and of one height: no hole that looks like a missing panel.
  var placed: [(panel: Panel, x: Int, y: Int)] {
    var placed: [(panel: Panel, x: Int, y: Int)] = []
    var line: [Panel] = []
    var y = 0
    func end() {
      let tallest = line.map(\.height).max() ?? 0
      let total = line.map(\.width).reduce(0, +)
      var (x, sum) = (0, 0)
      for var panel in line {
        sum += panel.width
        // Grafana chooses the places of repeated panels.
        let end = line.contains { $0.repeats != nil } ? sum : sum * 24 / total
        panel.width = end - x
        panel.height = tallest
        placed.append((panel, x, y))
        x = end
      }
      y += tallest
      line = []
    }
    for panel in panels {
      let isFull = line.map(\.width).reduce(panel.width, +) > 24
      if isFull || panel.kind == .row || line.last?.kind == .row { end() }
      line.append(panel)
    }
    end()
    return placed
  }

  /// All boards in a menu; range and variables go along. Then the board itself over a month, from a
  /// rollup.
  private var links: [JSON] {
    [
      .object([
        ("asDropdown", .boolean(true)), ("icon", .string("external link")),
        ("includeVars", .boolean(true)), ("keepTime", .boolean(true)),
        ("tags", .array([.string(Self.tag)])), ("targetBlank", .boolean(false)),
        ("title", .string("Boards")), ("tooltip", .string("")), ("type", .string("dashboards")),
        ("url", .string("")),
      ])
    ]
      + rollups.map { rollup in
        .object([
          ("asDropdown", .boolean(false)), ("icon", .string("dashboard")),
          ("includeVars", .boolean(false)), ("keepTime", .boolean(false)), ("tags", .array([])),
          ("targetBlank", .boolean(false)), ("title", .string("30 days from \(rollup)")),
          ("tooltip", .string("")), ("type", .string("link")),
          ("url", .string("/d/\(uid)?from=now-30d&to=now&var-resolution=\(rollup)")),
        ])
      }
  }

  /// The events of its hosts and of the monitor that its charts mark; nil if they mark none.
  public var annotation: Query? {
    guard annotates else { return nil }
    return Query.rows("event", "text", "subject", "host", "severity", limit: 500)
      .where("\"severity\" =~ /^(ok|major|critical)$/")
      .ofHosts(variables.map(\.name).filter { ["group", "team", "host"].contains($0) })
  }

  private static func events(_ query: Query) -> JSON {
    .object([
      ("name", .string("Events")), ("enable", .boolean(true)), ("hide", .boolean(false)),
      ("iconColor", .string("orange")), ("datasource", DataSource.reference),
      (
        "target",
        .object([
          ("refId", .string("Anno")), ("rawQuery", .boolean(true)),
          ("fromAnnotations", .boolean(true)), ("query", .string(query.text)),
          ("textColumn", .string("text")), ("titleColumn", .string("subject")),
          ("tagsColumn", .string("host,severity")), ("datasource", DataSource.reference),
        ])
      ),
    ])
  }

  /// All statements that the board sends.
  public var queries: [(panel: String, query: Query)] {
    panels.flatMap { panel in panel.queries.map { (panel.title, $0) } }
  }
}

/// A choice at the head of a board.
public struct Variable: Sendable {
  public let name: String
  let label: String
  /// The statement that lists the values; empty where they are fixed.
  public let query: String
  /// The fixed values, the first of them the default.
  public var values: [String] = []
  /// Whether several values may be chosen.
  let isMulti: Bool

  /// The groups of hosts.
  static let group = Variable(
    name: "group", label: "Group",
    query: "SHOW TAG VALUES FROM \"scrape\" WITH KEY = \"group\"", isMulti: true)
  /// The teams: values of the tag `team`.
  static let team = Variable(
    name: "team", label: "Team",
    query: "SHOW TAG VALUES FROM \"scrape\" WITH KEY = \"team\"", isMulti: true)
  /// The hosts of the groups.
  static let host = Variable(
    name: "host", label: "Host",
    query: "SHOW TAG VALUES FROM \"scrape\" WITH KEY = \"host\" WHERE \"group\" =~ /^$group$/",
    isMulti: true)
  /// One host.
  static let oneHost = Variable(
    name: "host", label: "Host", query: "SHOW TAG VALUES FROM \"scrape\" WITH KEY = \"host\"",
    isMulti: false)

  /// The resolution of charts.
  static func resolution(_ policies: [String]) -> Variable {
    Variable(
      name: "resolution", label: "Resolution", query: "", values: policies, isMulti: false)
  }

  var json: JSON {
    if let first = values.first {
      let option = { (value: String) in
        JSON.object([
          ("selected", .boolean(value == first)), ("text", .string(value)),
          ("value", .string(value)),
        ])
      }
      return .object([
        ("type", .string("custom")), ("name", .string(name)), ("label", .string(label)),
        ("query", .string(values.joined(separator: ","))), ("hide", .integer(0)),
        ("multi", .boolean(false)), ("includeAll", .boolean(false)),
        ("skipUrlSync", .boolean(false)), ("options", .array(values.map(option))),
        ("current", option(first)),
      ])
    }
    var members: [(String, JSON)] = [
      ("type", .string("query")), ("name", .string(name)), ("label", .string(label)),
      ("datasource", DataSource.reference), ("query", .string(query)), ("refresh", .integer(2)),
      ("sort", .integer(1)),
      ("hide", .integer(0)), ("regex", .string("")), ("skipUrlSync", .boolean(false)),
      ("options", .array([])), ("multi", .boolean(isMulti)), ("includeAll", .boolean(isMulti)),
    ]
    if isMulti {
      // An expression that also matches series without the tag.
      members.append(("allValue", .string(".*")))
      members.append(
        (
          "current",
          .object([
            ("selected", .boolean(true)), ("text", .array([.string("All")])),
            ("value", .array([.string("$__all")])),
          ])
        ))
    } else {
      members.append(("current", .object([])))
    }
    return .object(members)
  }
}
