internal import Engine
internal import Metrics
public import Passes

/// The voice of `scrape watch` as a service: one line for each notable thing, on standard error or in the
/// journal, and what systemd wants to hear.
public struct WatchLines: WatchVoice {
  private let manager = ServiceManager()
  private let isQuiet: Bool

  /// With `quiet` only what is wrong is said, as while a live view has the terminal nothing is.
  public init(quiet: Bool = false) { isQuiet = quiet }

  public func say(_ notable: Notable) {
    if isQuiet && notable.severity == .ok { return }
    // A fault of a file has several lines, with the place below it.
    let lines = notable.text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { String($0).visible }
    if Journal.isHere {
      let entry: [(name: String, value: String)] = [
        ("MESSAGE", notable.kind.word(notable.severity) + lines.joined(separator: "\n")),
        ("MESSAGE_ID", notable.kind.identifier), ("PRIORITY", "\(notable.severity.priority)"),
        ("SYSLOG_IDENTIFIER", "scrape"), ("SCRAPE_KIND", notable.kind.rawValue),
      ]
      let more = notable.fields.map { ("SCRAPE_\($0.name)", $0.value.visible) }
      if Journal.send(entry + more) { return }
    }
    let time = Format.time(.now)
    for line in lines {
      let word = Format.pad(
        notable.kind == .trouble ? notable.severity.rawValue : notable.kind.rawValue, 9)
      let painted = Terminal.paint(Printable(word), notable.severity.colour, on: 2)
      Terminal.note("\(time)  \(painted)  \(line)")
    }
  }

  public func isReady() { manager.isReady() }
  public func status(_ text: String) { manager.status(text) }
  public func isAlive() { manager.isAlive() }
  public func isStopping() { manager.isStopping() }
}

extension Notable.Kind {
  /// The word before the message; the journal has the kind in a field of its own.
  fileprivate func word(_ severity: Severity) -> String {
    switch self {
    case .trouble: "\(severity.rawValue)  "
    case .recovered: "ok again  "
    default: ""
    }
  }
}

extension Severity {
  /// The level of syslog(3).
  fileprivate var priority: Int {
    switch self {
    case .critical: 2
    case .major: 3
    case .minor, .unknown: 4
    case .ok: 6
    }
  }
}
