public import Configuration
internal import Passes

/// The tables of docs/configuration.md, as `scrape help scrape.yml` and `scrape help inventory` print
/// them.
public enum SettingsPage {
  /// The sections by the name of the page.
  public static let pages: [(name: String, references: @Sendable () -> [Reference])] = [
    ("scrape.yml", { SettingsReference.file }), ("inventory", { SettingsReference.inventory }),
  ]

  /// Both pages.
  public static var text: String { pages.map { text($0.references()) }.joined(separator: "\n\n") }

  /// The first section is the page itself; the others stand below it.
  public static func text(_ references: [Reference]) -> String {
    references.enumerated().map { index, reference in
      reference.text(level: index == 0 ? 2 : 3)
    }.joined(separator: "\n\n")
  }

  /// The sections of that name: `influxdb`, `contacts`, `http`.
  public static func sections(_ references: [Reference], named name: String) -> [Reference] {
    references.filter { words(of: $0).contains(name) }
  }

  /// The names by which a section is found.
  public static func words(of reference: Reference) -> [String] {
    let code = reference.title.split(separator: "`", omittingEmptySubsequences: false)
    guard code.count > 1 else { return [reference.title.lowercased()] }
    return [String(code[1])] + code[1].split(separator: ".").prefix(1).map(String.init)
  }
}
