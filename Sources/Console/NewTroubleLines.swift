public import Metrics
public import Passes

extension NewTroubles {
  /// One line for each, as `scrape run -q` prints them.
  public var lines: [Printable] {
    troubles.map { trouble in
      let effects = trouble.effects.map { "; \($0)" } ?? ""
      let word = Format.pad(trouble.kind.word, 8)
      let severity = Terminal.paint(Printable(word), trouble.kind.severity.colour, on: 2)
      return
        "\(severity)  \(trouble.names)  \(trouble.kind.check)  \(trouble.message)\(effects)"
    }
  }
}
