import Metrics
import Testing

@testable import Live

/// What keys do: scripts of a person at the keyboard.
@Suite struct KeyTests {
  @Test func `the list moves by lines, pages and to its ends, and the chosen line is shown`() {
    var person = Person()
    #expect(person.chosen.hasPrefix(">-"), "\(person.lines)")
    let first = person.chosen
    person.press(.down)
    #expect(person.chosen != first)
    person.press(.up, .up, .up)
    #expect(person.chosen == first)
    person.press(.end)
    let last = person.chosen
    #expect(!last.isEmpty && last != first)
    person.press(.down, .pageDown)
    #expect(person.chosen == last)
    var pages = 0
    while person.chosen != first, pages < 100 {
      person.press(.pageUp)
      #expect(!person.chosen.isEmpty)
      pages += 1
    }
    #expect((15...40).contains(pages), "\(pages)")
    person.press(.end, .home)
    #expect(person.chosen == first)
    person.type("G")
    #expect(person.chosen == last)
  }

  @Test func `the chosen host stays chosen when others change`() throws {
    var person = Person()
    person.press(.pageDown, .down)
    let name = try #require(person.chosen.split(separator: " ").dropFirst().first)
    person.snapshot?.hosts[100].severity = .critical
    person.snapshot?.hosts[101].severity = .critical
    #expect(person.chosen.contains(" \(name) "), "\(person.chosen)")
    person.snapshot?.hosts.removeAll { $0.name == name }
    #expect(!person.chosen.isEmpty)
  }

  @Test func `the order changes with s`() throws {
    var person = Person()
    #expect(person.lines.contains { $0.hasPrefix(" ctf") || $0.hasPrefix(">-") })
    person.type("sss")
    #expect(person.state.order == .memory)
    #expect(person.lines.last?.contains("sorted by memory") == true)
    // No group heads, and the greatest first.
    let rows = ListRow.all(try #require(person.snapshot), person.state)
    #expect(rows.allSatisfy { !$0.isGroup } && rows.count == 400)
    let values = rows.map { $0.host.series.memory.last ?? -1 }
    #expect(values == values.sorted(by: >))
    person.type("sss")
    #expect(person.state.order == .trouble)
  }

  @Test func `trouble comes first, and what is acknowledged after what is not`() throws {
    let snapshot = PlantedSnapshot().snapshot
    let rows = ListRow.all(snapshot, ViewState(who: "ana"))
    let groups = rows.filter(\.isGroup)
    #expect(groups.count == 8 && groups[0].host.severity == .critical)
    #expect(groups.map(\.count.total).reduce(0, +) == 400)
    #expect(groups.map(\.count.online).reduce(0, +) == snapshot.hosts.count(where: \.isUp))
    for (one, other) in zip(rows, rows.dropFirst()) where !one.isGroup && !other.isGroup {
      let (a, b) = (one.host, other.host)
      guard a.severity == .critical, b.severity == .critical else { continue }
      #expect(!a.isKnown || b.isKnown)
    }
  }

  @Test func `a group folds and unfolds`() throws {
    var person = Person()
    let snapshot = try #require(person.snapshot)
    let all = ListRow.all(snapshot, person.state).count
    person.press(.enter)
    #expect(ListRow.all(snapshot, person.state).count == all - 50)
    #expect(person.chosen.hasPrefix(">+"))
    person.press(.right)
    #expect(ListRow.all(snapshot, person.state).count == all)
    person.press(.left, .left)
    #expect(ListRow.all(snapshot, person.state).count == all - 50)
    person.press(.enter)
    #expect(ListRow.all(snapshot, person.state).count == all)
    #expect(person.effects.isEmpty)
  }

  @Test func `a filter is the monitor's to understand`() {
    var person = Person()
    person.type("/web*")
    #expect(person.lines.last?.contains("filter (pattern of hosts): web*") == true)
    person.press(.backspace)
    person.type("0*")
    person.press(.enter)
    #expect(person.effects == [.ask(.select(pattern: "web0*"))])
    person.state.receive(.hosts(["web00", "web01"]), to: .select(pattern: "web0*"))
    let rows = person.lines.dropFirst().filter { $0.contains(" web0") }
    #expect(rows.count == 2, "\(person.lines)")
    #expect(person.lines[0].contains("filter web0*"), "\(person.lines[0])")
    // Events, too, are those of these hosts.
    person.type("e")
    #expect(person.lines.dropFirst(2).dropLast().allSatisfy { $0.isEmpty || $0.contains("web0") })
    person.press(.escape, .escape)
    #expect(!person.lines[0].contains("filter"))
    // A wrong one is shown, and can be typed on.
    person.type("/wbe")
    person.press(.enter)
    person.state.receive(.failed("no host is called \"wbe\""), to: .select(pattern: "wbe"))
    #expect(person.lines.last?.contains("wbe") == true)
    #expect(person.lines.last?.contains("no host is called") == true, "\(person.lines)")
    person.press(.character("\u{15}"), .enter)
    #expect(person.state.matching == nil && person.state.prompt == nil)
  }

  @Test func `a acknowledges a host, a group as it is filtered, and one check of a host's page`()
    throws
  {
    var person = Person()
    person.press(.down)
    person.type("a")
    person.type("cable")
    person.press(.enter)
    let name = try #require(person.snapshot?.hosts.first { $0.severity == .critical }?.name)
    #expect(
      person.effects == [.ask(.acknowledge(pattern: name, check: nil, why: "cable", who: "ana"))])
    person.state.receive(.done("acknowledged 1 check of \(name)"), to: .host(""))
    #expect(person.lines.last == " acknowledged 1 check of \(name)")
    person.press(.home)
    person.state.receive(.hosts(["gpu01", "gpu02", "web01"]), to: .select(pattern: "x"))
    person.effects = []
    person.press(.home, .character("a"), .enter)
    #expect(
      person.effects == [
        .ask(.acknowledge(pattern: "gpu01,gpu02", check: nil, why: "", who: "ana"))
      ])
    person.effects = []
    person.press(.down, .enter)
    person.state.receive(
      .host(PlantedSnapshot().detail("gpu01")), to: .host("gpu01"))
    person.press(.down, .down, .down)
    #expect(person.chosen.contains("disk full"), "\(person.lines)")
    person.press(.character("a"), .enter)
    #expect(
      person.effects.last
        == .ask(
          .acknowledge(pattern: "gpu01", check: "rule disk full{path=/}", why: "", who: "ana")))
    // Esc changes nothing.
    let count = person.effects.count
    person.press(.character("a"), .character("x"), .escape)
    #expect(person.effects.count == count && person.state.prompt == nil)
  }

  @Test func `S asks for how long and why`() throws {
    var person = Person()
    person.press(.down)
    let name = try #require(person.snapshot?.hosts.first { $0.severity == .critical }?.name)
    person.type("S")
    #expect(person.lines.last?.contains("silence \(name)") == true)
    person.type("2h")
    person.press(.enter)
    #expect(person.effects.isEmpty)
    person.type("reset")
    person.press(.enter)
    #expect(
      person.effects == [
        .ask(.silence(pattern: name, check: nil, length: "2h", why: "reset", who: "ana"))
      ])
    person.state.receive(.failed("\"2q\" is no length of time"), to: .greeting)
    #expect(person.lines.last == " \"2q\" is no length of time")
  }

  @Test func `q quits, but not in a line that is typed`() {
    var person = Person()
    person.type("/q")
    #expect(person.effects.isEmpty)
    person.press(.escape)
    person.type("q")
    #expect(person.effects == [.quit])
    person.snapshot = nil
    person.type("q")
    #expect(person.effects == [.quit, .quit])
  }

  @Test func `an event leads to its host, and Esc back`() throws {
    var person = Person()
    person.type("e")
    person.press(.down, .enter)
    let name = try #require(person.snapshot?.events[1].host)
    #expect(person.effects == [.ask(.host(name))])
    #expect(person.state.page == .host(name))
    #expect(person.state.followUps() == [.host(name)])
    person.press(.escape)
    #expect(person.state.page == .events)
    person.press(.escape)
    #expect(person.state.page == .list)
  }

  @Test func `any keys in any order do no harm`() {
    var seed: UInt64 = 42
    func random(_ count: Int) -> Int {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(seed >> 33) % count
    }
    let keys: [Key] =
      [
        .up, .down, .left, .right, .pageUp, .pageDown, .home, .end, .enter, .escape, .backspace,
      ] + "sei?/aSqkjgG 2hx\u{15}\u{c}".unicodeScalars.map { .character($0) }
    var person = Person(width: 60, height: 14)
    for _ in 0..<1500 {
      person.press(keys[random(keys.count)])
      for effect in person.effects {
        if case .ask(let request) = effect {
          if case .host(let name) = request {
            person.state.receive(.host(PlantedSnapshot().detail(name)), to: request)
          } else {
            person.state.receive(random(2) == 0 ? .hosts(["web01"]) : .failed("no"), to: request)
          }
        }
      }
      person.effects = []
      if random(10) == 0 { #expect(person.grid.lines.count == 14) }
      if random(50) == 0 { person.snapshot?.hosts.removeLast() }
    }
  }
}
