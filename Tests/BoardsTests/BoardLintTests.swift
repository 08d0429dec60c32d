import Foundation
import Metrics
import Testing

@testable import Boards
@testable import Passes

/// What the checker of boards finds: nothing in ours, and every planted error.
@Suite struct BoardLintTests {
  private static let lint = BoardLint(catalog: .all)

  @Test func `no board has a fault`() throws {
    for (name, site) in [
      ("as06", try BoardSites.example()), ("smallest", BoardSites.smallest),
      ("fullest", try BoardSites.fullest()),
    ] {
      let boards = BoardSites.boards(site)
      #expect(boards.count >= 10, "\(name)")
      let faults = Self.lint.faults(in: boards)
      #expect(faults.isEmpty, "\(name): \(faults.joined(separator: "\n"))")
    }
  }

  /// An error, where it is planted, and a part of what the checker says of it.
  struct Planted: CustomTestStringConvertible, Sendable {
    var name: String
    var board = "scrape/scrape-cluster.json"
    var old: String
    var new: String
    var fault: String
    var testDescription: String { name }
  }

  static let planted: [Planted] = [
    Planted(name: "broken JSON", old: "\"panels\": [", new: "\"panels\": [,", fault: "is no JSON"),
    Planted(
      name: "the V2 model", old: "\"uid\"",
      new: "\"apiVersion\": \"dashboard.grafana.app/v2\",\n\"uid\"", fault: "V2"),
    Planted(
      name: "a schema of the future", old: "\"schemaVersion\": 41", new: "\"schemaVersion\": 43",
      fault: "schemaVersion"),
    Planted(
      name: "an input that nobody resolves", old: "\"uid\":\"scrape\"}",
      new: "\"uid\":\"${DS_INFLUXDB}\"}", fault: "${DS_"),
    Planted(
      name: "another data source", old: "\"uid\":\"scrape\"}", new: "\"uid\":\"influx\"}",
      fault: "the data source is not"),
    Planted(name: "an id twice", old: "\"id\": 2,", new: "\"id\": 1,", fault: "id 1 is taken"),
    Planted(
      name: "a panel beyond the grid", old: "\"w\":12,\"x\":12", new: "\"w\":13,\"x\":12",
      fault: "beyond the 24 columns"),
    Planted(
      name: "panels on each other", old: "\"w\":3,\"x\":3", new: "\"w\":3,\"x\":2",
      fault: "lies on"),
    Planted(
      name: "a refId twice", old: "\"refId\": \"B\"", new: "\"refId\": \"A\"", fault: "refId \"A\""),
    Planted(
      name: "a unit that Grafana has not", old: "\"unit\": \"percent\"",
      new: "\"unit\": \"prozent\"", fault: "no unit prozent"),
    Planted(
      name: "a measurement that nobody writes", old: "FROM \\\"service\\\"",
      new: "FROM \\\"services\\\"", fault: "no measurement services"),
    Planted(
      name: "a field that nobody writes", old: "last(\\\"score\\\")", new: "last(\\\"scores\\\")",
      fault: "no field or tag scores"),
    Planted(
      name: "a tag that no point has", old: "GROUP BY \\\"host\\\", \\\"service\\\"",
      new: "GROUP BY \\\"host\\\", \\\"servce\\\"", fault: "no tag servce"),
    Planted(
      name: "a field in the place of a tag", old: "GROUP BY \\\"host\\\", \\\"service\\\"",
      new: "GROUP BY \\\"host\\\", \\\"state\\\"", fault: "no tag state"),
    Planted(
      name: "a variable that is not there", old: "=~ /^$group$/", new: "=~ /^$grp$/",
      fault: "no variable grp"),
    Planted(
      name: "an alias without its tag", old: "\"alias\": \"$tag_group\"",
      new: "\"alias\": \"$tag_team\"", fault: "names no tag tag_team"),
    Planted(
      name: "a link to no board", old: "/d/scrape-host?", new: "/d/scrape-hosts?",
      fault: "no such board"),
    Planted(
      name: "a link that sets no variable", old: "var-host=", new: "var-node=",
      fault: "no variable node"),
    Planted(
      name: "a link that loses the range", old: "&${__url_time_range}", new: "",
      fault: "range does not go along"),
    Planted(
      name: "an empty panel without a word", old: "\"noValue\": \"no data\"",
      new: "\"noValue\": \"\"", fault: "no noValue"),
    Planted(
      name: "no age of the last pass", old: "\"title\": \"Last pass\"", new: "\"title\": \"Pass\"",
      fault: "old data would look new"),
    Planted(
      name: "a quote that stays open", old: "\\\"scope\\\" = 'all'", new: "\\\"scope\\\" = 'all",
      fault: "quote is not closed"),
    Planted(
      name: "a gap drawn as a line", old: "fill(null)", new: "fill(linear)",
      fault: "draws what nobody measured"),
    Planted(
      name: "a line over every gap", old: "\"spanNulls\": 180000", new: "\"spanNulls\": true",
      fault: "over every gap"),
    Planted(
      name: "a chart of every point", old: "GROUP BY time($__interval), \\\"group\\\"",
      new: "GROUP BY \\\"group\\\"", fault: "no GROUP BY time"),
    Planted(
      name: "all points of all time", old: "$timeFilter AND", new: "", fault: "no condition on time"
    ),
    Planted(
      name: "a graph without titles", old: "AS \\\"title\\\"", new: "AS \\\"name\\\"",
      fault: "node graph needs"),
    Planted(
      name: "an edge without an end", old: "\\\"source\\\", \\\"target\\\"", new: "\\\"source\\\"",
      fault: "node graph needs"),
    Planted(
      name: "a hidden column that is not there", board: "scrape/scrape-monitor.json",
      old: "\"excludeByName\": {\"Time\"", new: "\"excludeByName\": {\"time\"",
      fault: "names no column time"),
    Planted(
      name: "a setting of no column", old: "\"options\":\"Severity\"",
      new: "\"options\":\"Severities\"", fault: "names no column Severities"),
    Planted(
      name: "a stat of no column", board: "scrape/scrape-host.json", old: "/^uptime$/",
      new: "/^up$/", fault: "shows no column /^up$/"),
    Planted(
      name: "thresholds that cannot fire", old: "\"value\":80}", new: "\"value\":40}",
      fault: "do not ascend"),
    Planted(
      name: "a kind that needs a plugin", old: "\"type\": \"nodeGraph\"",
      new: "\"type\": \"ryantxu-ajax-panel\"", fault: "no panel of kind"),
    Planted(
      name: "the internet", board: "Red team/scrape-red.json", old: "15 minutes ago.",
      new: "https://example.org", fault: "contains https://"),
    Planted(
      name: "All leaves hosts out", old: "\"allValue\": \".*\"", new: "\"allValue\": \".+\"",
      fault: "leave out hosts"),
    Planted(
      name: "old data that look new", old: "time > now() - 5m", new: "$timeFilter",
      fault: "the title says now"),
    Planted(
      name: "one bar for all series", old: "\"resultFormat\": \"time_series\"",
      new: "\"resultFormat\": \"table\"", fault: "bars need series"),
    Planted(
      name: "a time that is no point's", board: "scrape/scrape-gpu.json",
      old: "\\\"lost\\\", \\\"count\\\"",
      new: "\\\"lost\\\", last(\\\"count\\\") AS \\\"count\\\"",
      fault: "start of the range"),
    Planted(
      name: "a host that leads nowhere", board: "scrape/scrape-monitor.json",
      old: "          \"links\": [", new: "          \"lonks\": [",
      fault: "lead to no board of the host"),
    Planted(
      name: "a link to a column that was renamed", board: "scrape/scrape-monitor.json",
      old: "__data.fields.Host", new: "__data.fields.host", fault: "a link names no column host"),
    Planted(
      name: "a column with the name of a field", board: "scrape/scrape-power.json",
      old: "\"subject\": \"Check\"", new: "\"subject\": \"subject\"",
      fault: "the column subject has no name for people"),
    Planted(
      name: "passes of another monitor", old: " AND \\\"host\\\" = '(scraper)'", new: "",
      fault: "mixes series of scrape_pass that differ in host"),
    Planted(
      name: "a mean of two addresses", board: "Blue team/scrape-blue.json",
      old: "\\\"url\\\", \\\"path\\\"", new: "\\\"url\\\"",
      fault: "mixes series of ping that differ in path"),
    Planted(
      name: "the last of two addresses", board: "scrape/scrape-network.json",
      old: "AND \\\"path\\\" = '' ", new: "", fault: "mixes series of ping"),
    Planted(
      name: "a mean of two sensors of one name", board: "scrape/scrape-power.json",
      old: "\\\"name\\\", \\\"entity_id\\\"", new: "\\\"name\\\"",
      fault: "mixes series of ipmi_sensor that differ in entity_id"),
    Planted(
      name: "a mean of all interfaces", board: "Yellow team/scrape-yellow.json",
      old: "\\\"host\\\", \\\"interface\\\"", new: "\\\"host\\\"",
      fault: "mixes series of net that differ in interface"),
    Planted(
      name: "a mean of all hosts", board: "scrape/scrape-servers.json",
      old: "\"repeat\": \"host\"", new: "\"description\": \"host\"",
      fault: "mixes series of cpu that differ in host"),
    Planted(
      name: "all scopes of a score", old: "\\\"scope\\\" = 'all'", new: "\\\"scope\\\" <> 'x'",
      fault: "mixes scopes"),
    Planted(
      name: "passes over a part of the hosts", board: "scrape/scrape-monitor.json",
      old: " AND \\\"scope\\\" = 'all'", new: "", fault: "mixes series of scrape_pass"),
    Planted(
      name: "a colour that is not seen on light ground", old: "\"color\":\"yellow\"",
      new: "\"color\":\"#fffacd\"", fault: "not of Grafana's palette"),
    Planted(
      name: "a chart that is too narrow", board: "scrape/scrape-servers.json", old: "\"w\":6,",
      new: "\"w\":5,", fault: "too narrow"),
    Planted(
      name: "columns that do not fit", old: "\"id\":\"custom.width\",\"value\":150",
      new: "\"id\":\"custom.width\",\"value\":950", fault: "more than 672"),
    Planted(
      name: "a function that InfluxQL has not", old: "max(\\\"", new: "maximum(\\\"",
      fault: "no function maximum"
    ).on("scrape/scrape-monitor.json"),
  ]

  private static let good = (try? BoardSites.boards(BoardSites.example())) ?? [:]
  private static let parsed = good.compactMapValues { JSON(reading: Array($0.utf8)) }

  @Test(arguments: planted)
  func `each planted error is found`(_ error: Planted) throws {
    var boards = Self.good
    let name = "dashboards/\(error.board)"
    let text = try #require(boards[name])
    #expect(text.contains(error.old), "\(error.name): the text to change is not there")
    // The first place, or all of them where a single one would leave a good board.
    boards[name] = text.replacing(error.old, with: error.new)
    let found = Self.lint.faults(in: boards, only: name, others: Self.parsed)
    #expect(found.contains { $0.contains(error.fault) }, "\(error.name): \(found)")
    #expect(found.allSatisfy { $0.hasPrefix("dashboards/") })
  }

  @Test func `boards of one name or one identity are found`() throws {
    var boards = BoardSites.boards(BoardSites.smallest)
    let one = try #require(boards["dashboards/scrape/scrape-host.json"])
    boards["dashboards/scrape/scrape-other.json"] = one
    let found = Self.lint.faults(in: boards)
    for fault in ["uid scrape-host is taken", "is not named after its uid", "is empty or taken"] {
      #expect(found.contains { $0.contains(fault) }, "\(found)")
    }
  }
}

extension BoardLintTests.Planted {
  fileprivate func on(_ board: String) -> Self {
    var error = self
    error.board = board
    return error
  }
}
