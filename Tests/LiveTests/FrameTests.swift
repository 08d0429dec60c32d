import Foundation
import Lab
import Metrics
import Testing

@testable import Live

/// What stands on the screen, as text.
@Suite struct FrameTests {
  init() {
    setenv("TZ", "UTC", 1)
    tzset()
  }

  static let folder = (#filePath as NSString).deletingLastPathComponent + "/Screens"

  @Test(arguments: [(80, 24), (120, 40), (200, 60)])
  func `the list is as it was`(_ width: Int, _ height: Int) throws {
    var person = Person(width: width, height: height)
    person.press(.down, .down)
    try compare(person.lines, "list-\(width)x\(height)")
  }

  @Test func `a host, events, incidents and help are as they were`() throws {
    var person = Person()
    person.press(.down, .enter)
    let name = try #require(person.snapshot?.hosts.first { $0.severity == .critical }?.name)
    #expect(person.effects == [.ask(.host(name))])
    #expect(person.lines[2].contains("reading the store"))
    person.state.receive(.host(PlantedSnapshot().detail(name)), to: .host(name))
    try compare(person.lines, "host-80x24")
    person.press(.escape, .character("e"))
    try compare(person.lines, "events-80x24")
    person.press(.escape, .character("i"))
    try compare(person.lines, "incidents-80x24")
    person.press(.escape, .character("?"))
    try compare(person.lines, "help-80x24")
  }

  @Test func `without UTF-8 every cell is ASCII, and bars are, too`() throws {
    var person = Person(width: 120, height: 40)
    person.capabilities.isUTF8 = false
    person.press(.down)
    try compare(person.lines, "ascii-120x40")
    for key: Key in [.character("e"), .character("i"), .character("?"), .enter] {
      person.press(.escape, .escape, key)
      #expect(person.lines.allSatisfy { $0.utf8.allSatisfy { $0 < 0x80 } }, "\(person.lines)")
    }
  }

  @Test(arguments: PlantedSnapshot.hostile)
  func `nothing that a host says is more than text`(_ words: String) {
    var planted = PlantedSnapshot(hosts: 24)
    planted.text = { "\($0)\(words)" }
    for isUTF8 in [true, false] {
      var person = Person()
      person.capabilities.isUTF8 = isUTF8
      person.snapshot = planted.snapshot
      let name = planted.snapshot.hosts[3].name
      for keys: [Key] in [
        [], [.down, .enter], [.escape, .character("e")], [.escape, .character("i")],
        [.escape, .character("/")], [.escape, .down, .character("a")],
      ] {
        for key in keys { person.press(key) }
        if case .host(let name) = person.state.page {
          person.state.receive(.host(planted.detail(name)), to: .host(name))
        }
        person.state.message = (words, true)
        let grid = person.grid
        // Each row has its columns and no more: a cell is one character that moves nothing.
        #expect(grid.cells.count == 80 * 24)
        for (place, cell) in grid.cells.enumerated() {
          guard let scalar = cell.scalar else {
            #expect(grid.cells[place - 1].scalar?.columns == 2)
            continue
          }
          #expect(!scalar.isUnprintable, "\(scalar.value)")
          #expect(isUTF8 || scalar.isASCII, "\(scalar.value)")
        }
        for line in grid.lines {
          #expect(line.unicodeScalars.reduce(0) { $0 + $1.columns } <= 80, "\(line)")
        }
      }
      _ = name
    }
  }

  @Test func `every size is drawn, also those of no use`() {
    for (width, height) in [(1, 1), (2, 3), (10, 4), (20, 5), (39, 11), (60, 12), (400, 100)] {
      var person = Person(width: width, height: height)
      for keys: [Key] in [
        [.end], [.pageUp], [.enter], [.escape, .character("e"), .end], [.escape, .character("?")],
        [.escape, .character("/")],
      ] {
        for key in keys { person.press(key) }
        #expect(person.grid.cells.count == width * height)
      }
    }
  }

  @Test func `old data is loud, and so are a lost connection and a note`() {
    var person = Person()
    #expect(person.lines[0].contains("pass 4 s ago") && person.lines[0].hasSuffix(" live"))
    person.now = PlantedSnapshot.now.after(.seconds(91))
    #expect(
      person.lines[0].hasPrefix(" NO PASS FOR 95 s: all below is as it was at 11:06:36"),
      "\(person.lines[0])")
    #expect(person.lines[0].hasSuffix(" STALE"), "\(person.lines[0])")
    #expect(person.grid.cells[..<80].allSatisfy { $0.style == .alarm })
    person.now = PlantedSnapshot.now
    person.state.lost = "no answer"
    #expect(person.lines[0].hasPrefix(" NO CONNECTION: no answer; NO PASS FOR 4 s"))
    person.state.lost = nil
    person.snapshot?.notes = ["hosts.yml:14: unknown probe: the last good inventory is in force"]
    #expect(person.lines[1].hasPrefix(" hosts.yml:14: unknown probe"))
    #expect(person.grid.cells[80..<160].allSatisfy { $0.style == .alarm })
    person.snapshot?.lastPass = nil
    #expect(person.lines[0].hasPrefix(" NO PASS YET"))
    person.snapshot = nil
    #expect(person.lines[0] == " reading the store")
  }

  @Test func `colour is severity, and its word stands beside it`() {
    let grid = Person(width: 120, height: 40).grid
    for row in 1..<39 {
      let cells = grid.cells[(row * 120)..<((row + 1) * 120)]
      let colours = Set(cells.compactMap(\.style.severity))
      let line = grid.lines[row]
      for severity in colours where severity != .ok {
        #expect(line.contains(severity.rawValue), "\(line)")
      }
    }
  }

  @Test func `all is well in one line`() {
    var person = Person()
    person.snapshot?.troubles = []
    #expect(person.lines[1] == " ✓ nothing is wrong")
    person.capabilities.isUTF8 = false
    #expect(person.lines[1] == " ok: nothing is wrong")
    person.snapshot?.hosts = []
    #expect(person.lines.contains(" no host"))
  }

  private func compare(_ lines: [String], _ name: String) throws {
    let path = "\(Self.folder)/\(name).txt"
    let text = lines.joined(separator: "\n") + "\n"
    if ProcessInfo.processInfo.environment["SCRAPE_UPDATE"] != nil {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      return
    }
    let known = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text == known, "SCRAPE_UPDATE=1 writes \(path); now:\n\(text)")
  }
}
