import Metrics

/// Checks the files of boards as Grafana will read them: what it can not show, and what no point has.
///
/// It knows nothing of the code that makes boards: it reads their JSON.
struct BoardLint {
  let catalog: Catalog
  /// The tags of the inventory.
  var tags: Set<String> = ["team"]

  /// The kinds of panels that are in Grafana itself.
  private static let kinds: Set = [
    "timeseries", "stat", "gauge", "bargauge", "table", "state-timeline", "status-history",
    "heatmap", "nodeGraph", "text", "dashlist", "piechart", "row",
  ]
  /// Units of Grafana's list (roundtrip.py compares with the whole of it).
  private static let units: Set = [
    "none", "short", "percent", "percentunit", "s", "ms", "µs", "ns", "m", "h", "d", "bytes",
    "decbytes",
    "kbytes", "mbytes", "Bps", "binBps", "KiBs", "Mbits", "bps", "rotmhz", "rotrpm", "celsius",
    "watt",
    "volt", "amp", "cps",
    "pps", "bool", "string", "dateTimeFromNow", "dateTimeAsSystem", "dateTimeAsIso", "hertz",
  ]
  /// Variables that Grafana has by itself, and those of aliases.
  private static let builtIn: Set = [
    "timeFilter", "__interval", "__interval_ms", "__from", "__to", "__url_time_range", "__all",
    "col", "m",
    "measurement",
  ]

  /// The faults of all files, by name and contents; with `only` those of one file among `others`, which are read already.
  func faults(
    in files: [String: String], only: String? = nil, others: [String: JSON] = [:]
  ) -> [String] {
    var faults: [String] = []
    var boards: [(name: String, json: JSON)] = []
    for (name, text) in files.sorted(by: { $0.key < $1.key }) {
      if let only, name != only, let json = others[name] {
        boards.append((name, json))
        continue
      }
      for word in ["${DS_", "__inputs", "__requires", "<iframe", "<script", "http://", "https://"]
      where text.contains(word) {
        faults.append("\(name): contains \(word)")
      }
      guard let json = JSON(reading: Array(text.utf8)) else {
        faults.append("\(name): is no JSON")
        continue
      }
      boards.append((name, json))
    }
    var places: [String: JSON] = [:]
    for (name, json) in boards {
      guard let uid = json["uid"]?.string, !uid.isEmpty, uid.utf8.count <= 40 else {
        faults.append("\(name): no uid of at most 40 bytes")
        continue
      }
      if places[uid] != nil { faults.append("\(name): uid \(uid) is taken") }
      if !name.hasSuffix("/\(uid).json") { faults.append("\(name): is not named after its uid") }
      places[uid] = json
    }
    let titles = Dictionary(grouping: boards) { $0.json["title"]?.string ?? "" }
    for (title, all) in titles where all.count > 1 || title.isEmpty {
      faults.append("\(all[0].name): title \"\(title)\" is empty or taken")
    }
    for (name, json) in boards where only == nil || name == only {
      faults += self.faults(of: json, among: places).map { "\(name): \($0)" }
    }
    return faults
  }

  /// The faults of one board.
  private func faults(of board: JSON, among places: [String: JSON]) -> [String] {
    var faults: [String] = []
    if board["spec"] != nil || board["apiVersion"] != nil {
      faults.append("is of the V2 model, which file provisioning refuses")
    }
    guard case .integer(let schema)? = board["schemaVersion"], (36...42).contains(schema) else {
      return faults + ["schemaVersion is not 36 to 42"]
    }
    if board["tags"]?.elements.contains(.string("scrape")) != true {
      faults.append("no tag scrape")
    }
    if let refresh = board["refresh"]?.string,
      board["timepicker"]?["refresh_intervals"]?.elements.contains(.string(refresh)) != true
    {
      faults.append("refresh \(refresh) is not in its list")
    }
    var variables: Set<String> = []
    var single: Set<String> = []
    for variable in board["templating"]?["list"]?.elements ?? [] {
      let name = variable["name"]?.string ?? ""
      let query = variable["query"]?.string ?? ""
      // Values of a variable may depend on those before it only.
      faults += unknown(in: query, variables).map { "variable \(name): no variable \($0)" }
      if variable["type"]?.string == "query" {
        faults += statement(query).faults.map { "variable \(name): \($0)" }
        faults += source(variable).map { "variable \(name): \($0)" }
        if variable["multi"] == .boolean(true), variable["allValue"]?.string != ".*" {
          faults.append("variable \(name): All would leave out hosts without the tag")
        }
      } else if variable["options"]?.elements.isEmpty != false {
        faults.append("variable \(name): no value")
      }
      if variable["multi"] != .boolean(true) { single.insert(name) }
      if !variables.insert(name).inserted { faults.append("variable \(name): is there twice") }
    }
    for annotation in board["annotations"]?["list"]?.elements ?? []
    where annotation["builtIn"] == nil {
      let query = annotation["target"]?["query"]?.string ?? ""
      faults += unknown(in: query, variables).map { "annotation: no variable \($0)" }
      faults += statement(query).faults.map { "annotation: \($0)" }
    }
    let top = board["panels"]?.elements ?? []
    let panels = top.flatMap { [$0] + ($0["panels"]?.elements ?? []) }
    var ids: Set<Int64> = []
    var line: String?
    for panel in panels {
      let title = panel["title"]?.string ?? ""
      if case .integer(let id)? = panel["id"], id > 0 {
        if !ids.insert(id).inserted { faults.append("\(title): id \(id) is taken") }
      } else {
        faults.append("\(title): no id")
      }
      // Within a line that is repeated for each value of a variable, that variable has one value.
      if panel["type"]?.string == "row" { line = panel["repeat"]?.string }
      let fixed = single.union([line, panel["repeat"]?.string].compactMap { $0 })
      faults += self.faults(of: panel, variables, fixed).map { "\(title): \($0)" }
    }
    faults += colourFaults(board)
    faults += overlaps(panels)
    for title in ["Last pass", "Oldest data"]
    where !top.contains(where: { $0["title"]?.string == title }) {
      faults.append("no panel \"\(title)\": old data would look new")
    }
    faults += links(board).flatMap { linkFaults($0, variables, among: places) }
    return faults
  }

  /// Whether the panel shows the time of its rows.
  private func showsTime(_ panel: JSON, _ kind: String) -> Bool {
    guard kind == "table" else {
      return panel["options"]?["reduceOptions"]?["fields"]?.string?.contains("Time") == true
    }
    return !(panel["transformations"]?.elements ?? []).contains { transformation in
      transformation["id"]?.string == "groupingToMatrix"
        || transformation["options"]?["excludeByName"]?["Time"] == .boolean(true)
    }
  }

  private func faults(of panel: JSON, _ variables: Set<String>, _ fixed: Set<String>) -> [String] {
    var faults: [String] = []
    let kind = panel["type"]?.string ?? ""
    if !Self.kinds.contains(kind) { return ["no panel of kind \(kind) in Grafana"] }
    if let name = panel["repeat"]?.string, !variables.contains(name) {
      faults.append("repeats over \(name), which is no variable")
    }
    faults += unknown(in: panel["title"]?.string ?? "", variables).map { "no variable \($0)" }
    guard !["row", "text", "dashlist"].contains(kind) else { return faults }
    if panel["title"]?.string?.isEmpty != false { faults.append("no title") }
    faults += source(panel)
    let targets = panel["targets"]?.elements ?? []
    if targets.isEmpty { faults.append("no query") }
    var letters: Set<String> = []
    var columns: Set<String> = ["Time"]
    var names: Set<String> = []
    var statements: [Statement] = []
    for target in targets {
      let letter = target["refId"]?.string ?? ""
      if letter.isEmpty || !letters.insert(letter).inserted {
        faults.append("refId \"\(letter)\" is empty or taken")
      }
      faults += source(target)
      let text = target["query"]?.string ?? ""
      if target["rawQuery"] != .boolean(true) {
        faults.append("\(letter): the text of the query is not used")
      }
      let statement = statement(text)
      statements.append(statement)
      faults += statement.faults.map { "\(letter): \($0)" }
      faults += SeriesTags.faults(of: statement, catalog, fixed).map { "\(letter): \($0)" }
      let alias = target["alias"]?.string
      let groups = Set(statement.tags.map { "tag_\($0)" })
      faults += unknown(in: text, variables).map { "\(letter): no variable \($0)" }
      faults += unknown(in: alias ?? "", variables.union(groups)).map {
        "\(letter): the alias names no tag \($0)"
      }
      let format = target["resultFormat"]?.string
      if ["timeseries", "state-timeline", "status-history", "heatmap"].contains(kind) {
        if format != "time_series" { faults.append("\(letter): a chart needs series") }
        if !statement.isOverTime {
          faults.append("\(letter): no GROUP BY time: every point would be drawn")
        }
        if let fill = statement.fill, !["null", "none"].contains(fill) {
          faults.append("\(letter): fill(\(fill)) draws what nobody measured")
        }
      }
      if panel["title"]?.string?.hasSuffix(" now") == true, !text.contains("now() - ") {
        faults.append("\(letter): the title says now, and the range may be old")
      }
      if kind == "bargauge", format != "time_series" {
        faults.append("\(letter): bars need series: all rows of a table make one bar")
      }
      if statement.calls > 1, !statement.isOverTime, showsTime(panel, kind) {
        faults.append("\(letter): the time is the start of the range, as several functions make it")
      }
      if ["table", "nodeGraph"].contains(kind), format != "table" {
        faults.append("\(letter): a \(kind) needs a table")
      }
      columns.formUnion(statement.columns + statement.tags)
      if let alias { names.insert(alias) }
      if statement.measurement.isEmpty == false, alias == nil { names.formUnion(statement.columns) }
    }
    if kind == "nodeGraph" { faults += graphFaults(statements) }
    faults += widthFaults(panel, kind, columns)
    let isOfHosts = statements.contains { $0.tags.contains("host") || $0.columns.contains("host") }
    if ["timeseries", "table", "state-timeline", "bargauge"].contains(kind), isOfHosts,
      panel["fieldConfig"]?["defaults"]?["links"]?.elements.isEmpty != false
    {
      faults.append("its hosts lead to no board of the host")
    }
    let config = panel["fieldConfig"]
    let defaults = config?["defaults"]
    if defaults?["noValue"]?.string?.isEmpty != false { faults.append("no noValue") }
    faults += unitFault(defaults?["unit"])
    faults += stepFaults(defaults?["thresholds"]?["steps"]?.elements ?? [])
    if let low = defaults?["min"]?.double, let high = defaults?["max"]?.double, low >= high {
      faults.append("min is not below max")
    }
    if defaults?["custom"]?["spanNulls"] == .boolean(true) {
      faults.append("spanNulls draws a line over every gap")
    }
    // The columns as the reader sees them.
    var shown = columns
    for transformation in panel["transformations"]?.elements ?? [] {
      let options = transformation["options"]
      switch transformation["id"]?.string {
      case "organize":
        for key in ["indexByName", "renameByName", "excludeByName"] {
          for (name, _) in options?[key]?.members ?? [] where !columns.contains(name) {
            faults.append("\(key) names no column \(name)")
          }
        }
        let names = Dictionary(
          (options?["renameByName"]?.members ?? []).map { ($0.0, $0.1.string ?? "") }
        ) { $1 }
        let hidden = Set((options?["excludeByName"]?.members ?? []).map(\.0))
        shown = Set(shown.subtracting(hidden).map { names[$0] ?? $0 })
        columns.formUnion(names.values)
      case "groupingToMatrix":
        let row = options?["rowField"]?.string ?? ""
        let column = options?["columnField"]?.string ?? ""
        for name in [row, column, options?["valueField"]?.string ?? ""]
        where !columns.contains(name) {
          faults.append("the matrix names no column \(name)")
        }
        columns.insert("\(row)\\\(column)")
        shown = []
      case "sortBy":
        for sort in options?["sort"]?.elements ?? [] {
          let name = sort["field"]?.string ?? ""
          if !columns.contains(name) { faults.append("sorts by no column \(name)") }
        }
      case let other: faults.append("no transformation \(other ?? "")")
      }
    }
    for override in config?["overrides"]?.elements ?? [] {
      if override["matcher"]?["id"]?.string == "byName" {
        let name = override["matcher"]?["options"]?.string ?? ""
        if !columns.contains(name), !names.contains(name) {
          faults.append("an override names no column \(name)")
        }
      }
      for property in override["properties"]?.elements ?? [] where property["id"]?.string == "unit"
      {
        faults += unitFault(property["value"])
      }
    }
    for link in defaults?["links"]?.elements ?? [] {
      for match in (link["url"]?.string ?? "").matches(of: /\$\{__data\.fields\.(\w+)\}/)
      where !shown.contains(String(match.1)) {
        faults.append("a link names no column \(match.1)")
      }
    }
    if kind == "table", let raw = shown.filter({ $0.first?.isLowercase == true }).min() {
      faults.append("the column \(raw) has no name for people")
    }
    let fields = panel["options"]?["reduceOptions"]?["fields"]?.string ?? ""
    if fields.hasPrefix("/^"), fields.hasSuffix("$/"),
      !columns.contains(String(fields.dropFirst(2).dropLast(2)))
    {
      faults.append("shows no column \(fields)")
    }
    return faults
  }

  /// What is too narrow on a screen of 1,366 pixels, where a column of the grid has 56.
  private func widthFaults(_ panel: JSON, _ kind: String, _ columns: Set<String>) -> [String] {
    let width = Int(panel["gridPos"]?["w"]?.double ?? 0)
    let least = [
      "timeseries": 6, "table": 8, "state-timeline": 12, "nodeGraph": 12, "bargauge": 6,
      "piechart": 4, "stat": 3, "gauge": 3,
    ]
    var faults: [String] = []
    if let least = least[kind], width < least {
      faults.append("is \(width) columns wide, too narrow for a screen of 1366 pixels")
    }
    let renamed = (panel["transformations"]?.elements ?? []).last { $0["id"]?.string == "organize" }
    let hidden = renamed?["options"]?["excludeByName"]?.members.count ?? 0
    guard kind == "table", renamed != nil else { return faults }
    let fixed = (panel["fieldConfig"]?["overrides"]?.elements ?? []).flatMap {
      ($0["properties"]?.elements ?? []).filter { $0["id"]?.string == "custom.width" }
        .compactMap { $0["value"]?.double }
    }
    // Grafana gives the other columns what is left, and at least 50 pixels.
    let needed = fixed.reduce(0, +) + Double(columns.count - hidden - fixed.count) / 2 * 50
    if needed > Double(width * 56) {
      faults.append("its columns need \(Int(needed)) pixels, more than \(width * 56)")
    }
    return faults
  }

  /// Colours that do not follow the theme: on light ground they may not be seen.
  private func colourFaults(_ json: JSON) -> [String] {
    let palette = ["green", "yellow", "orange", "red", "purple", "blue"]
    func isNamed(_ text: String) -> Bool {
      text == "text" || palette.contains { text == $0 || text.hasSuffix("-\($0)") }
    }
    func colours(_ json: JSON) -> [String] {
      switch json {
      case .array(let elements): elements.flatMap(colours)
      case .object(let members):
        members.flatMap { name, value -> [String] in
          if ["color", "fixedColor", "iconColor"].contains(name), let text = value.string {
            // Grafana's own annotation has a fixed one.
            return json["builtIn"] != nil ? [] : [text]
          }
          return colours(value)
        }
      default: []
      }
    }
    return colours(json).filter { !isNamed($0) }.map {
      "colour \($0) is not of Grafana's palette, which follows the theme"
    }
  }

  private func graphFaults(_ statements: [Statement]) -> [String] {
    let all = statements.map { Set($0.columns + $0.tags) }
    let nodes = all.contains { $0.isSuperset(of: ["id", "title"]) && !$0.contains("source") }
    let edges = all.contains { $0.isSuperset(of: ["id", "source", "target"]) }
    return nodes && edges
      ? [] : ["a node graph needs id, title of nodes and id, source, target of edges"]
  }

  private func unitFault(_ unit: JSON?) -> [String] {
    guard let name = unit?.string else { return ["no unit"] }
    return Self.units.contains(name) ? [] : ["no unit \(name) in Grafana"]
  }

  private func stepFaults(_ steps: [JSON]) -> [String] {
    guard steps.first?["value"] == .null else {
      return ["the first threshold has a value, or there is none"]
    }
    let values = steps.dropFirst().map { $0["value"]?.double ?? .nan }
    return zip(values, values.dropFirst()).allSatisfy { $0 < $1 }
      && !values.contains(where: \.isNaN)
      ? [] : ["thresholds do not ascend"]
  }

  private func source(_ json: JSON) -> [String] {
    json["datasource"]?["uid"]?.string == "scrape"
      && json["datasource"]?["type"]?.string == "influxdb"
      ? [] : ["the data source is not the provisioned one"]
  }

  /// Panels beyond the grid of 24 columns, or on each other.
  private func overlaps(_ panels: [JSON]) -> [String] {
    var faults: [String] = []
    var taken: [String: String] = [:]
    for panel in panels {
      let title = panel["title"]?.string ?? ""
      let sides = ["x", "y", "w", "h"].map { panel["gridPos"]?[$0]?.double.map(Int.init) ?? -1 }
      guard sides[0] >= 0, sides[1] >= 0, sides[2] > 0, sides[3] > 0, sides[0] + sides[2] <= 24
      else {
        faults.append("\(title): lies beyond the 24 columns")
        continue
      }
      let cells = (sides[0]..<(sides[0] + sides[2])).flatMap { x in
        (sides[1]..<(sides[1] + sides[3])).map { "\(x),\($0)" }
      }
      if let other = cells.lazy.compactMap({ taken[$0] }).first {
        faults.append("\(title): lies on \(other)")
      }
      for cell in cells { taken[cell] = title }
    }
    return faults
  }

  private func statement(_ text: String) -> Statement {
    Statement(text, catalog: catalog, inventoryTags: tags)
  }

  /// The variables in a text that nobody fills in.
  private func unknown(in text: String, _ known: Set<String>) -> [String] {
    text.matches(of: /\$(?:\{([A-Za-z_]\w*)[^}]*\}|([A-Za-z_]\w*))/).map {
      String($0.1 ?? $0.2 ?? "")
    }
    .filter {
      !known.contains($0) && !Self.builtIn.contains($0) && $0 != "__field" && $0 != "__data"
    }
  }

  /// All texts under a key `url`, at any depth.
  private func links(_ json: JSON) -> [String] {
    switch json {
    case .array(let elements): elements.flatMap(links)
    case .object(let members):
      members.flatMap { name, value -> [String] in
        if name == "url", let text = value.string, !text.isEmpty { return [text] }
        return links(value)
      }
    default: []
    }
  }

  private func linkFaults(_ url: String, _ own: Set<String>, among places: [String: JSON])
    -> [String]
  {
    guard url.hasPrefix("/d/") else { return ["link \(url): leads to no board"] }
    let parts = url.dropFirst(3).split(separator: "?", maxSplits: 1)
    guard let target = places[String(parts.first ?? "")] else {
      return ["link \(url): no such board"]
    }
    let names = (target["templating"]?["list"]?.elements ?? []).compactMap { $0["name"]?.string }
    var faults = unknown(in: url, own).map { "link \(url): no variable \($0)" }
    let pairs = parts.count > 1 ? parts[1].split(separator: "&") : []
    for pair in pairs where pair.hasPrefix("var-") {
      let name = String(pair.dropFirst(4).prefix { $0 != "=" })
      if !names.contains(name) { faults.append("link \(url): that board has no variable \(name)") }
    }
    if !pairs.contains(where: { $0 == "${__url_time_range}" || $0.hasPrefix("from=") }) {
      faults.append("link \(url): the range does not go along")
    }
    return faults
  }
}
