import Foundation
import Lab
import Metrics
import Testing

@testable import Boards
@testable import Charts
@testable import Passes
@testable import Scraper

/// The pictures of docs/grafana.md. `make pictures` draws them anew.
@Suite struct BoardPictureTests {
  static let folder = "docs/boards"

  static func file(of board: Board) -> String {
    "\(board.uid.replacing("scrape-", with: "")).png"
  }

  @Test func `the page shows a small picture of each board`() throws {
    let page = try BoardSites.text("docs/grafana.md")
    let boards = Boards.of(try BoardSites.fullest())
    let folder = BoardSites.root.appending(path: Self.folder)
    for board in boards {
      let file = Self.file(of: board)
      #expect(page.contains("![\(board.title)](boards/\(file))"), "\(file)")
      let png = [UInt8](try Data(contentsOf: folder.appending(path: file)))
      #expect(png.count < 80_000, "\(file): \(png.count) bytes")
      let head = try #require(PalettePNG.head(of: png))
      #expect(head.width == BoardPicture.width && head.bits == 8 && head.type == 3, "\(file)")
    }
    let there = try FileManager.default.contentsOfDirectory(
      atPath: folder.path(percentEncoded: false))
    #expect(Set(there) == Set(boards.map(Self.file)))
    #expect(page.contains("They are not pictures of Grafana"))
  }

  @Test func `a PNG of few colours has the same pixels`() throws {
    let canvas = try Canvas(width: 40, height: 20, background: Color(0xffffff))
    canvas.fill([(0, 0), (20, 0), (20, 20), (0, 20)], Color(0xc81028))
    let png = try PalettePNG.reduced(try canvas.png())
    let head = try #require(PalettePNG.head(of: png))
    #expect(head == (width: 40, height: 20, bits: 8, type: 3))
    // Once more it is the same: what was read from it is what was written.
    #expect(try PalettePNG.reduced(png) == png)
    #expect(throws: (any Error).self) { try PalettePNG.reduced(Array(png.prefix(40))) }
    #expect(PalettePNG.head(of: [1, 2, 3]) == nil)
  }

  @Test func `transformations make a matrix, hide, name and sort columns`() throws {
    let frame = Frame(columns: [
      .init(name: "Time", values: [.integer(1), .integer(2), .integer(2)]),
      .init(name: "host", values: ["a", "a", "b"].map { .string($0) }),
      .init(name: "service", values: ["x", "y", "y"].map { .string($0) }),
      .init(name: "state", values: [0, 3, 1].map { .integer($0) }),
    ])
    let matrix = try frame.transformed(by: [
      #require(
        JSON(
          reading: Array(
            #"{"id":"groupingToMatrix","options":{"rowField":"host","columnField":"service","valueField":"state"}}"#
              .utf8)))
    ])
    #expect(matrix.columns.map(\.name) == [#"host\service"#, "x", "y"])
    #expect(matrix["x"]?.values == [.integer(0), .null])
    #expect(matrix["y"]?.values == [.integer(3), .integer(1)])
    let table = try frame.transformed(by: [
      #require(
        JSON(
          reading: Array(
            #"{"id":"sortBy","options":{"sort":[{"field":"state","desc":true}]}}"#.utf8))),
      #require(
        JSON(
          reading: Array(
            #"{"id":"organize","options":{"indexByName":{"state":0,"host":1},"renameByName":{"state":"State"},"excludeByName":{"Time":true}}}"#
              .utf8))),
    ])
    #expect(table.columns.map(\.name) == ["State", "host", "service"])
    #expect(table["State"]?.values == [3, 1, 0].map { .integer($0) })
    #expect(throws: (any Error).self) {
      try frame.transformed(by: [.object([("id", .string("reduce"))])])
    }
  }

  @Test func `values have their unit, their words and their colour`() throws {
    let panel = try #require(
      JSON(
        reading: Array(
          #"""
          {"fieldConfig": {"defaults": {"unit": "bytes", "color": {"mode": "thresholds"},
          "thresholds": {"steps": [{"color": "green", "value": null}, {"color": "red", "value": 10}]}},
          "overrides": [
          {"matcher": {"id": "byName", "options": "age"}, "properties": [{"id": "unit", "value": "dateTimeFromNow"}]},
          {"matcher": {"id": "byName", "options": "state"}, "properties": [{"id": "mappings", "value":
          [{"type": "value", "options": {"3": {"text": "critical", "color": "red"}}}]}]}]}}
          """#.utf8)))
    let now = Date(timeIntervalSince1970: 1_000_000)
    func display(_ column: String) -> Display { Display(panel, column: column, now: now) }
    #expect(display("size").text(.integer(2048)) == "2 KiB")
    #expect(display("size").color(of: .integer(9)) == Display.color("green"))
    #expect(display("size").color(of: .integer(10)) == Display.color("red"))
    #expect(display("state").text(.integer(3)) == "critical")
    #expect(display("state").text(.integer(2)) == "2 B")
    #expect(display("age").text(.integer(1_000_000_000 - 90_000)) == "90 s ago")
  }
}

extension FilledRange {
  /// The pictures of all boards of its inventory, by name of the file, with the texts on them.
  func pictures() throws -> [(board: Board, png: [UInt8], texts: [String])] {
    let site = BoardSite(try BoardSites.site(inventory))
    let boards = Boards.of(site)
    let titles = boards.map(\.title)
    return try boards.map { board in
      let picture = BoardPicture(
        board: board.json(in: site.catalog), answers: Answers(influx: influx, database: "scrape"),
        titles: titles, range: "15m", minutes: 15, now: Date())
      let canvas = try picture.drawn()
      return (board, try PalettePNG.reduced(try canvas.png()), canvas.written.map(\.text))
    }
  }
}

/// Draws the pictures of the page from a quarter of an hour of passes.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["SCRAPE_PICTURES"] != nil))
struct BoardPictureMaking {
  @Test func `the pictures are drawn anew`() throws {
    let range = try FilledRange(passes: 14)
    try range.hideThisMachine()
    let folder = BoardSites.root.appending(path: BoardPictureTests.folder)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for (board, png, _) in try range.pictures() {
      let file = BoardPictureTests.file(of: board)
      #expect(png.count < 80_000, "\(file): \(png.count) bytes")
      try Data(png).write(to: folder.appending(path: file))
    }
  }
}
