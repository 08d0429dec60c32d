internal import Metrics

/// One thing that `scrape doctor` looked at, and what it found.
struct Check: Sendable {
  /// Where it belongs: `scraper`, `sink`, `host`.
  enum Area: String, Sendable, CaseIterable { case scraper, sink, host }

  var area: Area
  /// What was looked at: `store`, a sink's name, a host's.
  var subject: String
  /// Nil where it could not be found out, or does not matter here.
  var isFine: Bool?
  /// What was found, with what to do where it is not fine.
  var message: String

  init(_ area: Area, _ subject: String, _ isFine: Bool?, _ message: String) {
    self.area = area
    self.subject = subject
    self.isFine = isFine
    self.message = message
  }

  func line(width: Int) -> Printable {
    let sign: (String, Terminal.Colour) =
      switch isFine {
      case true?: ("✓", .green)
      case false?: ("✗", .red)
      case nil: (Format.none, .dim)
      }
    return
      "\(Terminal.paint(sign.0, sign.1, on: 1)) \(Format.pad(subject.visible, width))  \(message)"
  }

  var json: JSON {
    .object([
      ("area", .string(area.rawValue)), ("subject", .string(subject)),
      ("ok", isFine.map { .boolean($0) } ?? .null), ("message", .string(message)),
    ])
  }
}
