import Configuration
import Console
import Foundation
import Lab
import Passes
import Testing

@testable import Scraper

/// `docs/configuration.md` is what people write their files by: between its two marks stands what the
/// decoders declare. Run the tests with SCRAPE_UPDATE=1 in the environment to write it anew.
@Suite struct SettingsPageTests {
  private static let updating = ProcessInfo.processInfo.environment["SCRAPE_UPDATE"] != nil
  private static let start =
    "<!-- from here on generated from the declarations: CONTRIBUTING.md says how -->"
  private static let end = "<!-- to here -->"

  @Test func `the page of settings has every declaration`() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../docs/configuration.md").standardized
    let page = try String(contentsOf: file, encoding: .utf8)
    let start = try #require(page.range(of: Self.start)).upperBound
    let end = try #require(page.range(of: Self.end)).lowerBound
    let generated = "\n\n\(SettingsPage.text)\n\n"
    if Self.updating {
      try page.replacingCharacters(in: start..<end, with: generated)
        .write(to: file, atomically: true, encoding: .utf8)
      return
    }
    let lines = page[start..<end].split(separator: "\n")
    for (line, wanted) in zip(lines, generated.split(separator: "\n")) {
      try #require(line == wanted, "run it with SCRAPE_UPDATE=1")
    }
    #expect(page[start..<end] == generated)
  }

  @Test func `every example of a setting is accepted by its decoder`() {
    for reference in SettingsReference.file + SettingsReference.inventory {
      #expect(reference.faults.isEmpty, "\(reference.title): \(reference.faults)")
    }
  }

  @Test func `a setting is declared once, with a type and a sentence`() {
    func check(_ settings: [Setting], in place: String) {
      var seen: Set<String> = []
      for setting in settings {
        let name = "\(place) \(setting.key)"
        for key in [setting.key] + setting.others {
          #expect(seen.insert(key).inserted, "\(name) is there twice")
        }
        #expect(setting.meaning.hasSuffix("."), "\(name)")
        #expect(!setting.type.isEmpty, "\(name)")
        #expect(!setting.example.isEmpty || !setting.inner.isEmpty, "\(name) has no example")
        check(setting.inner, in: name)
      }
    }
    let references = SettingsReference.file + SettingsReference.inventory
    for reference in references {
      #expect(reference.summary.hasSuffix("."), "\(reference.title)")
      check(reference.settings, in: reference.title)
    }
    #expect(Set(references.map(\.title)).count == references.count)
    #expect(references.flatMap(\.settings).count > 250)
  }

  @Test(arguments: [
    ("scrape.yml", "| `connect_timeout` | duration, 100ms to 1h | `5s` |"),
    ("inventory", "| `port` `ansible_port` `ansible_ssh_port` | port | `22` |"),
  ])
  func `the command prints the same`(_ name: String, _ row: String) throws {
    let printed = try run(Scrape.program, ["help", name])
    let page = try #require(SettingsPage.pages.first { $0.name == name })
    #expect(printed.status == 0 && printed.output == SettingsPage.text(page.references()) + "\n")
    #expect(printed.output.contains(row))
  }

  @Test func `the command prints the settings of one name`() throws {
    let sink = try run(Scrape.program, ["help", "scrape.yml", "influxdb2"])
    #expect(sink.status == 0 && sink.output.hasPrefix("## Sink `influxdb2`\n"))
    let contacts = try run(Scrape.program, ["help", "scrape.yml", "contacts"])
    #expect(contacts.output.contains("### `contacts.NAME.quiet`"))
    let wrong = try run(Scrape.program, ["help", "inventory", "htpp"])
    #expect(wrong.status == 2 && wrong.errors.contains("did you mean \"http\"?"))
  }
}
