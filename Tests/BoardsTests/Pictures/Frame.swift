import Foundation
import Lab
import Metrics

extension JSON {
  /// The value of an integer or a number.
  var double: Double? {
    switch self {
    case .integer(let integer): Double(integer)
    case .number(let number): number
    default: nil
    }
  }

  /// The members of an object.
  var members: [(String, JSON)] {
    if case .object(let members) = self { members } else { [] }
  }

  /// The value at a path of members.
  func at(_ path: String...) -> JSON? { path.reduce(self as JSON?) { $0?[$1] } }
}

/// What a panel draws: named columns of one length.
struct Frame {
  struct Column {
    var name: String
    var values: [JSON]
  }

  var columns: [Column]

  var rows: Int { columns.first?.values.count ?? 0 }
  subscript(name: String) -> Column? { columns.first { $0.name == name } }
}

/// A line of a chart or a bar of states: times in milliseconds since 1970.
struct Line {
  var name: String
  var values: [(time: Double, value: JSON)]
}

/// The answers of a database, in the forms that Grafana's InfluxQL data source gives to panels.
struct Answers {
  let influx: InfluxServer
  let database: String

  private func series(_ statement: String) throws -> [JSON] {
    let query = statement.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    let (_, body) = try influx.get("/query?epoch=ms&db=\(database)&q=\(query)")
    guard let json = JSON(reading: Array(body)), json["error"] == nil,
      let result = json["results"]?.elements.first, result["error"] == nil
    else {
      throw Unavailable(description: "\(statement): \(String(decoding: body, as: UTF8.self))")
    }
    return result["series"]?.elements ?? []
  }

  /// One line per series and value, named as the alias says.
  func lines(_ statement: String, alias: String?) throws -> [Line] {
    try series(statement).flatMap { series -> [Line] in
      let columns = (series["columns"]?.elements ?? []).map { $0.string ?? "" }
      let rows = (series["values"]?.elements ?? []).map(\.elements)
      return columns.dropFirst().enumerated().map { index, column in
        var name = alias ?? column
        for (tag, value) in series["tags"]?.members ?? [] {
          name = name.replacing("$tag_\(tag)", with: value.string ?? "")
        }
        name = name.replacing("$col", with: column)
        return Line(
          name: name, values: rows.map { (time: $0[0].double ?? 0, value: $0[index + 1]) })
      }
    }
  }

  /// One table: the time, the tags, the values.
  func table(_ statement: String) throws -> Frame {
    var frame = Frame(columns: [])
    for series in try series(statement) {
      let columns = (series["columns"]?.elements ?? []).map { $0.string ?? "" }
      let tags = series["tags"]?.members ?? []
      let names = ["Time"] + tags.map(\.0) + columns.dropFirst()
      if frame.columns.isEmpty {
        frame.columns = names.map { Frame.Column(name: $0, values: []) }
      }
      for row in (series["values"]?.elements ?? []).map(\.elements) {
        let values = [row[0]] + tags.map(\.1) + row.dropFirst()
        for (index, value) in values.enumerated() where index < frame.columns.count {
          frame.columns[index].values.append(value)
        }
      }
    }
    return frame
  }

  /// The values of a variable.
  func values(_ statement: String) throws -> [String] {
    try series(statement).flatMap { $0["values"]?.elements ?? [] }
      .compactMap { $0.elements.last?.string }.sorted()
  }
}

extension Frame {
  /// As a panel's transformations leave it.
  func transformed(by transformations: [JSON]) throws -> Frame {
    try transformations.reduce(self) { frame, transformation in
      let options = transformation["options"] ?? .null
      return switch transformation["id"]?.string {
      case "organize": frame.organized(options)
      case "groupingToMatrix": frame.matrix(options)
      case "sortBy": frame.sorted(options)
      default: throw Unavailable(description: "no picture of \(transformation.text)")
      }
    }
  }

  private func organized(_ options: JSON) -> Frame {
    let order = options["indexByName"]
    let kept = columns.filter { options.at("excludeByName", $0.name) != .boolean(true) }
    let sorted = kept.enumerated().sorted { a, b in
      let places = [a, b].map { order?[$0.element.name]?.integer ?? 1000 + Int64($0.offset) }
      return places[0] < places[1]
    }
    return Frame(
      columns: sorted.map { _, column in
        Column(
          name: options.at("renameByName", column.name)?.string ?? column.name,
          values: column.values)
      })
  }

  private func matrix(_ options: JSON) -> Frame {
    func column(_ option: String) -> Column? { options[option]?.string.flatMap { self[$0] } }
    guard let rows = column("rowField"), let heads = column("columnField"),
      let values = column("valueField")
    else { return self }
    var rowNames: [JSON] = []
    var headNames: [JSON] = []
    for row in rows.values where !rowNames.contains(row) { rowNames.append(row) }
    for head in heads.values where !headNames.contains(head) { headNames.append(head) }
    var result = [Column(name: "\(rows.name)\\\(heads.name)", values: rowNames)]
    for head in headNames {
      let cells = rowNames.map { name in
        values.values.indices.first { rows.values[$0] == name && heads.values[$0] == head }
          .map { values.values[$0] } ?? .null
      }
      result.append(Column(name: head.string ?? head.text, values: cells))
    }
    return Frame(columns: result)
  }

  private func sorted(_ options: JSON) -> Frame {
    guard let sort = options["sort"]?.elements.first, let name = sort["field"]?.string,
      let by = self[name]
    else { return self }
    let isDown = sort["desc"] == .boolean(true)
    let order = by.values.indices.sorted { a, b in
      let (x, y) = (by.values[a].double ?? 0, by.values[b].double ?? 0)
      return x == y ? a < b : isDown ? x > y : x < y
    }
    return Frame(
      columns: columns.map { column in
        Column(name: column.name, values: order.map { column.values[$0] })
      })
  }
}
