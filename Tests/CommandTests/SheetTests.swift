import Foundation
import Metrics
import Readiness
import Testing

/// Teams, groups, troubles and changes of a readiness sheet.
@Suite struct SheetTests {
  private func sheet(_ findings: [Finding]) -> Sheet {
    Sheet(
      time: Timestamp(seconds: 1_700_000_000), hours: 48, teamTag: "team",
      members: [
        .init(name: "a1", group: "web", team: "blue"),
        .init(name: "a2", group: "web", team: "blue"),
        .init(name: "b1", group: "web", team: "red"), .init(name: "fw", group: "net", team: nil),
      ], findings: findings)
  }

  @Test func `a host is ready without a failed line, and cells count hosts or lines`() {
    let sheet = sheet([
      Finding("a1", .reach, "address", true, "x"),
      Finding("a1", .reach, "address vpn", false, "gone", reason: .timeout),
      Finding("a2", .reach, "address", true, "x"), Finding("a2", .clock, "clock", nil, "unknown"),
      Finding("a2", .probes, "http", true, ""), Finding("a1", .probes, "http", true, ""),
      Finding("a1", .probes, "ssh", false, ""),
      Finding("", .centre, "disk", false, "full"),
    ])
    #expect(!sheet.isReady && sheet.verdict == "not ready: 1 of 4 hosts, 1 thing of the monitor")
    #expect(
      sheet.teams.map(\.name) == ["blue", "red"] && sheet.groups.map(\.name) == ["web", "net"])
    let blue = sheet.teams[0]
    #expect(blue.ready == 1 && !blue.isReady && sheet.teams[1].isReady)
    #expect(Sheet.text(blue.cells[.reach], of: .reach) == "1/2")
    #expect(Sheet.text(blue.cells[.probes], of: .probes) == "2/3")
    // Neither fine nor failed is not shown as fine.
    #expect(
      Sheet.text(blue.cells[.clock], of: .clock) == "–" && Sheet.isFine(blue.cells[.clock]) == nil)
    #expect(Sheet.text(blue.cells[.bmc], of: .bmc) == "–")
  }

  @Test func `the same of many hosts of a team is one line`() {
    let sheet = sheet(
      ["a2", "b1", "a1", "fw"].map {
        Finding($0, .login, "session", false, "no", reason: .authFailed)
      })
    #expect(sheet.troubles.map(\.scope) == ["blue", "red", "net"])
    #expect(sheet.troubles.map(\.hosts) == [["a2", "a1"], ["b1"], ["fw"]])
    #expect(sheet.troubles[0].finding.text == "auth_failed: no")
  }

  @Test func `changes are of hosts that both sheets have`() {
    var earlier = sheet([
      Finding("a1", .login, "session", false, "no"), Finding("a2", .login, "session", true, ""),
      Finding("", .centre, "disk", false, "full"), Finding("b1", .clock, "clock", nil, ""),
    ])
    earlier.members.removeAll { $0.name == "fw" }
    let later = sheet([
      Finding("a1", .login, "session", true, ""), Finding("a2", .login, "session", false, "no"),
      Finding("", .centre, "disk", true, ""), Finding("b1", .clock, "clock", true, ""),
      Finding("fw", .login, "session", false, "no"),
    ])
    let changes = later.changes(since: earlier)
    #expect(changes.failing.map(\.host) == ["a2"] && changes.mended.map(\.host) == ["a1", ""])
    #expect(changes.added == ["fw"])
  }

  @Test func `a sheet comes back from the store as it was`() throws {
    let sheet = sheet([
      Finding(
        "a1", .bmc, "privilege", false, "\u{1b}[31m\"<x>", reason: .permission, remedy: "lower it"),
      Finding("a2", .clock, "clock", nil, "unknown"),
    ])
    let again = try #require(Sheet(sheet.body, at: sheet.time))
    #expect(again.findings == sheet.findings && again.members == sheet.members)
    #expect(again.hours == 48 && again.teamTag == "team")
    #expect(Sheet(Array("{".utf8), at: sheet.time) == nil)
    // What a host says cannot become an element of the page.
    let page = String(decoding: sheet.page(title: "<t>", nil) { $0.joined() }, as: UTF8.self)
    #expect(page.contains("&lt;x&gt;") && !page.contains("<x>") && !page.contains("<t>"))
    #expect(!page.contains("\u{1b}"))
  }
}
