internal import Metrics

/// A query in InfluxQL, as Grafana sends it after it has filled in `$host`, `$timeFilter` and `$__interval`.
public struct Query: Sendable, Equatable {
  /// What the panel does with the rows.
  public enum Format: String, Sendable {
    /// One series per group of tags.
    case series = "time_series"
    /// Columns: the time, the tags, the selected values.
    case table
  }

  /// One selected value: `mean("usage_active") AS "usage_active"`.
  struct Selection: Sendable, Equatable {
    var function: String?
    var field: String
    var name: String
    /// Instead of a function of a field: `100 * last("online") / last("total")`.
    var expression: String?
  }

  public internal(set) var measurement: String
  var selections: [Selection] = []
  var conditions: [String] = []
  /// The tags that make series.
  var tags: [String] = []
  /// The tags of which it takes one value.
  private(set) var pins: [String] = []
  /// Whether the values are of intervals, with a gap where an interval has none.
  var isOverTime = false
  var fill = "null"
  /// The interval; Grafana's choice by default.
  var interval = "$__interval"
  /// The replacement of `$timeFilter`.
  var period = "$timeFilter"
  var order: String?
  /// The retention policy, or the variable that names it; nil for the database's default.
  var policy: String?
  /// The functions over the results of the query, the innermost first: `sum("up") AS "up"`, and their tags.
  private(set) var outer: [(selections: String, tags: [String], conditions: [String])] = []
  /// Columns that have no value while all is well, such as a reason.
  var optional: Set<String> = []
  public var format = Format.series
  /// The name of a series: `$tag_host`.
  var alias: String?

  init(_ measurement: String) { self.measurement = measurement }

  public static func == (a: Query, b: Query) -> Bool { a.text == b.text && a.alias == b.alias }

  // MARK: Making

  /// The mean of a field per interval, a line per value of the tags.
  static func mean(_ measurement: String, _ fields: String..., by tags: String...) -> Query {
    over(measurement, "mean", fields, tags)
  }

  /// The maximum of a field per interval.
  static func max(_ measurement: String, _ fields: String..., by tags: String...) -> Query {
    over(measurement, "max", fields, tags)
  }

  /// The sum of a count per interval.
  static func sum(_ measurement: String, _ fields: String..., by tags: String...) -> Query {
    over(measurement, "sum", fields, tags)
  }

  /// The last value of a field per interval.
  static func last(_ measurement: String, _ fields: String..., by tags: String...) -> Query {
    over(measurement, "last", fields, tags)
  }

  /// The growth of a counter per second. A reset is a gap and no negative rate.
  static func rate(_ measurement: String, _ fields: String..., by tags: String...) -> Query {
    var query = over(measurement, "last", fields, tags)
    query.selections = fields.map {
      Selection(function: "non_negative_derivative(last", field: $0, name: $0)
    }
    return query
  }

  private static func over(
    _ measurement: String, _ function: String, _ fields: [String], _ tags: [String]
  ) -> Query {
    var query = Query(measurement)
    query.selections = fields.map { Selection(function: function, field: $0, name: $0) }
    query.tags = tags
    query.isOverTime = true
    let names = tags.map { "$tag_\($0)" } + (fields.count > 1 ? ["$col"] : [])
    query.alias = names.isEmpty ? fields.first : names.joined(separator: " ")
    return query
  }

  /// The latest point with the first field, a row per value of the tags; the others are of the same point.
  ///
  /// Its time is the point's: with several functions InfluxQL gives the start of the range instead.
  static func latest(_ measurement: String, _ fields: String..., by tags: String...) -> Query {
    var query = Query(measurement)
    query.selections = fields.enumerated().map { index, field in
      Selection(function: index == 0 ? "last" : nil, field: field, name: field)
    }
    query.tags = tags
    query.format = .table
    return query
  }

  /// An expression over functions of fields, now or per interval.
  static func value(
    _ measurement: String, _ expression: String, named name: String, by tags: String...,
    isOverTime: Bool = false
  ) -> Query {
    var query = Query(measurement)
    query.selections = [
      Selection(function: nil, field: name, name: name, expression: expression)
    ]
    query.tags = tags
    query.isOverTime = isOverTime
    query.alias = tags.isEmpty ? name : tags.map { "$tag_\($0)" }.joined(separator: " ")
    return query
  }

  /// All points, the newest first.
  static func rows(_ measurement: String, _ fields: String..., limit: Int) -> Query {
    var query = Query(measurement)
    query.selections = fields.map { Selection(function: nil, field: $0, name: $0) }
    query.format = .table
    query.order = "ORDER BY time DESC LIMIT \(limit)"
    return query
  }

  /// With a condition on a tag or field in InfluxQL; after `reduced`, on its rows.
  func `where`(_ condition: String) -> Query {
    var query = self
    if let last = query.outer.indices.last {
      query.outer[last].conditions.append(condition)
    } else {
      query.conditions.append(condition)
    }
    return query
  }

  /// Only points with that tag.
  func `where`(_ tag: String, _ value: String) -> Query {
    var query = `where`("\(Self.name(tag)) = \(Self.value(value))")
    query.pins.append(tag)
    return query
  }

  /// Only the hosts that the variables of the board select.
  func ofHosts(_ variables: [String] = ["group", "host"]) -> Query {
    variables.reduce(self) { $0.where("\(Self.name($1)) =~ /^$\($1)$/") }
  }

  /// The tag `host` of what the monitor writes of itself; points of other monitors, from their spools, have the host on
  /// which they run.
  static let monitor = "(scraper)"

  /// Only passes of the monitor itself over all hosts.
  func ofMonitor() -> Query { `where`("host", Self.monitor).where("scope", "all") }

  func named(_ alias: String) -> Query {
    var query = self
    query.alias = alias
    return query
  }

  /// With columns that may have no value: a reason where nothing failed, a part that few hosts have.
  func lacking(_ columns: String...) -> Query {
    var query = self
    query.optional.formUnion(columns)
    return query
  }

  /// Without a row for an interval that has no value, for tables and heat maps.
  func withoutGaps() -> Query {
    var query = self
    query.fill = "none"
    return query
  }

  /// In intervals of a fixed length.
  func every(_ interval: String) -> Query {
    var query = self
    query.interval = interval
    return query
  }

  /// Over the last minutes before now, whatever range the board shows: what is stale does not count.
  func within(_ minutes: Int) -> Query {
    var query = self
    query.period = "time > now() - \(minutes)m"
    return query
  }

  /// A function over the rows of the query: `sum("up") AS "up"`; once more, over the rows of that.
  func reduced(_ selections: String, by tags: String...) -> Query {
    var query = self
    query.outer.append((selections, tags, []))
    query.alias = tags.isEmpty ? nil : tags.map { "$tag_\($0)" }.joined(separator: " ")
    return query
  }

  /// A line per value of the tags: the sum of all series of each, such as of a host's interfaces.
  func summed(by tags: String...) -> Query {
    var query = self
    let sums = selections.map { "sum(\(Self.name($0.name))) AS \(Self.name($0.name))" }
    query.outer.append((sums.joined(separator: ", "), tags, []))
    let names = tags.map { "$tag_\($0)" } + (selections.count > 1 ? ["$col"] : [])
    query.alias = names.joined(separator: " ")
    return query
  }

  /// The unit of the values is that of the field: sums of it, and no counts of rows.
  var keepsUnit: Bool {
    outer.allSatisfy { outer in
      selections.contains {
        outer.selections == "sum(\(Self.name($0.name))) AS \(Self.name($0.name))"
      }
    }
  }

  func asTable() -> Query {
    var query = self
    query.format = .table
    query.alias = nil
    return query
  }

  /// Whether it is the growth of a counter.
  var isRate: Bool { selections.contains { $0.function?.contains("derivative") == true } }

  // MARK: Text

  /// A name in double quotes, a value in single ones.
  static func name(_ text: String) -> String { quoted(text, "\"") }
  static func value(_ text: String) -> String { quoted(text, "'") }

  private static func quoted(_ text: String, _ quote: Character) -> String {
    var quoted = String(quote)
    for character in text {
      if character == quote || character == "\\" { quoted += "\\" }
      quoted.append(character)
    }
    return quoted + String(quote)
  }

  /// The statement with Grafana's variables.
  public var text: String {
    let selected = selections.map { selection -> String in
      if let expression = selection.expression {
        return "\(expression) AS \(Self.name(selection.name))"
      }
      let field = Self.name(selection.field)
      guard let function = selection.function else { return field }
      // A function of a function closes two brackets and takes the unit.
      let call =
        function.contains("(") ? "\(function)(\(field)), 1s)" : "\(function)(\(field))"
      return "\(call) AS \(Self.name(selection.name))"
    }.joined(separator: ", ")
    let all = ([period] + conditions).joined(separator: " AND ")
    var groups = tags.map(Self.name)
    if isOverTime { groups.insert("time(\(interval))", at: 0) }
    var text = "SELECT \(selected) FROM \(place) WHERE \(all)"
    if !groups.isEmpty { text += " GROUP BY \(groups.joined(separator: ", "))" }
    if isOverTime { text += " fill(\(fill))" }
    if let order { text += " \(order)" }
    for outer in outer {
      text = "SELECT \(outer.selections) FROM (\(text))"
      let all = (isOverTime ? [period] : []) + outer.conditions
      if !all.isEmpty { text += " WHERE \(all.joined(separator: " AND "))" }
      let groups = (isOverTime ? ["time(\(interval))"] : []) + outer.tags.map(Self.name)
      if !groups.isEmpty { text += " GROUP BY \(groups.joined(separator: ", "))" }
      if isOverTime { text += " fill(\(fill))" }
    }
    return text
  }

  private var place: String {
    (policy.map { "\(Self.name($0))." } ?? "") + Self.name(measurement)
  }

  /// Whether a rollup can answer it: it asks for values over intervals.
  var suitsRollups: Bool { isOverTime && period == "$timeFilter" }

  /// The target of a panel.
  func target(_ letter: String) -> JSON {
    var members: [(String, JSON)] = [
      ("datasource", DataSource.reference), ("policy", .string("default")),
      ("query", .string(text)), ("rawQuery", .boolean(true)), ("refId", .string(letter)),
      ("resultFormat", .string(format.rawValue)),
    ]
    if let alias { members.append(("alias", .string(alias))) }
    return .object(members)
  }
}
