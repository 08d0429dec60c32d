import Foundation
import Lab
import Metrics

@testable import Boards
@testable import Charts

/// A picture of a board: its own file, its own queries, drawn with our chart code on Grafana's grid.
///
/// It shows what is on a board and that its queries answer. It is no picture of Grafana, whose lines, fonts and
/// colours are others.
struct BoardPicture {
  let board: JSON
  let answers: Answers
  /// The titles of all boards, for the list of them.
  let titles: [String]
  /// The range, in InfluxQL: `15m`.
  let range: String
  let minutes: Double
  let now: Date

  static let width = 960
  static let cell = (width: 40.0, height: 21.0)
  private static let margin = 8.0
  private static let heading = Font(size: 15, isBold: true)

  /// A panel at its place in pixels, with the values of the variables.
  struct Place {
    var panel: JSON
    var box: Box
    var values: [String: [String]]
  }

  /// The picture.
  func drawn() throws -> Canvas {
    let values = try variables()
    let places = try placed(values)
    let bottom = places.map(\.box.bottom).max() ?? 0
    let canvas = try Canvas(
      width: Self.width, height: Int(bottom + Self.margin), background: Color(0xf0f0f0))
    let title = board["title"]?.string ?? ""
    canvas.write(
      title, Self.heading, in: canvas.place(title, Self.heading, x: Self.margin, middle: 18),
      Palette(.light).text)
    let choice = values.sorted { $0.key < $1.key }.map { name, all in
      "\(name): \(all.isEmpty ? "All" : all.joined(separator: ", "))"
    }.joined(separator: "    ")
    let small = PanelDrawing.label
    let head = "\(choice)    last \(range)"
    canvas.write(
      head, small,
      in: canvas.place(head, small, x: Double(Self.width) - Self.margin, middle: 18, .right),
      Palette(.light).muted)
    let marks = try events(values)
    for place in places {
      let fill = { (text: String) in self.fill(text, place.values) }
      let drawing = PanelDrawing(
        canvas: canvas, panel: place.panel, box: place.box, answers: answers, fill: fill,
        titles: titles, marks: marks, minutes: minutes, now: now)
      try drawing.draw()
    }
    return canvas
  }

  /// The values of each variable as Grafana chooses them first: all, or the first one.
  private func variables() throws -> [String: [String]] {
    var values: [String: [String]] = [:]
    for variable in board.at("templating", "list")?.elements ?? [] {
      guard let name = variable["name"]?.string else { continue }
      if variable["type"]?.string == "custom" {
        values[name] = variable.at("current", "value")?.string.map { [$0] }
      } else if variable["includeAll"] == .boolean(true) {
        values[name] = []
      } else {
        values[name] = Array(try all(variable, values).prefix(1))
      }
    }
    return values
  }

  private func all(_ variable: JSON, _ values: [String: [String]]) throws -> [String] {
    try answers.values(fill(variable["query"]?.string ?? "", values))
  }

  /// A statement, or a title, with the values of variables.
  func fill(_ text: String, _ values: [String: [String]]) -> String {
    BoardCheck(.init(url: "", name: answers.database), range: range).fill(text, values)
  }

  /// The times of the board's events, in seconds since 1970.
  private func events(_ values: [String: [String]]) throws -> [Double] {
    let targets = (board.at("annotations", "list")?.elements ?? []).compactMap {
      $0.at("target", "query")?.string
    }
    return try targets.flatMap { statement in
      try answers.table(fill(statement, values))["Time"]?.values ?? []
    }.compactMap { $0.double.map { $0 / 1000 } }
  }

  // MARK: Grid

  /// All panels at their places: those of closed rows, too, and those that are repeated, once per value.
  private func placed(_ values: [String: [String]]) throws -> [Place] {
    var flat: [JSON] = []
    for panel in board["panels"]?.elements ?? [] {
      flat.append(panel)
      flat += panel["panels"]?.elements ?? []
    }
    var places: [Place] = []
    var down = 0.0
    var index = 0
    while index < flat.count {
      let panel = flat[index]
      guard let name = panel["repeat"]?.string else {
        places.append(place(panel, down, values))
        index += 1
        continue
      }
      let all = try choices(name, values)
      guard panel["type"]?.string == "row" else {
        // Side by side, four in a line.
        let columns = Double(min(4, max(1, all.count)))
        for (number, value) in all.enumerated() {
          var place = place(panel, down, values.merging([name: [value]]) { $1 })
          let width = Double(Self.width) / columns
          place.box = Box(
            left: width * Double(number % 4), top: place.box.top,
            right: width * Double(number % 4 + 1), bottom: place.box.bottom)
          places.append(place)
        }
        index += 1
        continue
      }
      var end = index + 1
      while end < flat.count, flat[end]["type"]?.string != "row" { end += 1 }
      let rows = flat[index..<end]
      let top = rows.compactMap { $0.at("gridPos", "y")?.double }.min() ?? 0
      let bottom =
        rows.compactMap { panel in
          panel["gridPos"].flatMap { grid in grid["y"]?.double.map { $0 + (grid["h"]?.double ?? 0) }
          }
        }.max() ?? 0
      for (number, value) in all.enumerated() {
        for panel in rows {
          places.append(
            place(
              panel, down + Double(number) * (bottom - top), values.merging([name: [value]]) { $1 })
          )
        }
      }
      down += Double(max(0, all.count - 1)) * (bottom - top)
      index = end
    }
    return places
  }

  private func choices(_ name: String, _ values: [String: [String]]) throws -> [String] {
    if let chosen = values[name], !chosen.isEmpty { return chosen }
    let variable = board.at("templating", "list")?.elements.first { $0["name"]?.string == name }
    return try variable.map { try all($0, values) } ?? []
  }

  private func place(_ panel: JSON, _ down: Double, _ values: [String: [String]]) -> Place {
    let grid = panel["gridPos"]
    func number(_ name: String) -> Double { grid?[name]?.double ?? 0 }
    let top = 36 + (number("y") + down) * Self.cell.height
    let left = number("x") * Self.cell.width
    return Place(
      panel: panel,
      box: Box(
        left: left, top: top, right: left + number("w") * Self.cell.width,
        bottom: top + number("h") * Self.cell.height), values: values)
  }
}
