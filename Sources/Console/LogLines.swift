internal import Inventory
public import Metrics
public import Store

/// `scrape log`: the lines of the log as people read them, and as JSON.
public struct LogLines {
  private let screen: Screen
  /// Prints each pass; else those that follow one another and say the same make one line.
  private let isWhole: Bool
  private let width: Int
  private var run: Run?

  /// Passes that say the same.
  private struct Run {
    var first: LogLine
    var last: LogLine
    var count: Int
  }

  public init(_ lines: [LogLine], screen: Screen, isWhole: Bool) {
    self.screen = screen
    self.isWhole = isWhole
    width = min(24, lines.map { Self.subject($0).count }.max() ?? 0)
  }

  /// Prints the lines, oldest first.
  public mutating func show(_ lines: [LogLine]) {
    for line in lines {
      if !isWhole, line.kind == .pass {
        if let run, Self.isSame(run.last, line) {
          self.run = Run(first: run.first, last: line, count: run.count + 1)
          continue
        }
        flush()
        run = Run(first: line, last: line, count: 1)
        continue
      }
      flush()
      show(line, Self.words(line))
    }
    flush()
  }

  private mutating func flush() {
    guard let run else { return }
    self.run = nil
    let more =
      run.count > 1
      ? "; \(Format.count(run.count, "such pass")) until \(Format.time(run.last.time))" : ""
    show(run.first, Self.words(run.first) + more)
  }

  private static func isSame(_ a: LogLine, _ b: LogLine) -> Bool {
    ["scope", "asked", "up", "failed"].allSatisfy { a.body[$0] == b.body[$0] }
  }

  private func show(_ line: LogLine, _ words: String) {
    let head =
      "\(Format.moment(line.time))  \(Format.pad(Self.title(line), 8))  "
      + "\(Format.pad(Self.subject(line).visible, width))  "
    let colour = Self.colour(line)
    let tail = screen.width.map { Screen.cut(words, max(20, $0 - Screen.columns(head))) } ?? words
    Terminal.show(
      Printable(head) + (colour.map { screen.paint(Printable(tail), $0) } ?? Printable(tail)))
  }

  private static func title(_ line: LogLine) -> String {
    switch line.kind {
    case .pass: "pass"
    case .warning: "warning"
    case .change: "change"
    case .event: "event"
    case .notification: line.body["failure"] == nil ? "notified" : "unsent"
    case .action: "action"
    }
  }

  private static func colour(_ line: LogLine) -> Terminal.Colour? {
    switch line.kind {
    case .pass: (line.body["failed"]?.integer ?? 0) > 0 ? nil : .dim
    case .warning: .yellow
    case .change: text(line, "to").flatMap { Severity(rawValue: $0) }?.colour
    case .event, .action: nil
    case .notification: line.body["failure"] == nil ? nil : .magenta
    }
  }

  /// Who or what the line is about.
  private static func subject(_ line: LogLine) -> String {
    switch line.kind {
    case .pass, .warning: ""
    case .change, .event: line.host ?? ""
    case .notification: text(line, "contact") ?? ""
    case .action: text(line, "who") ?? ""
    }
  }

  private static func words(_ line: LogLine) -> String {
    func text(_ name: String) -> String { Self.text(line, name) ?? "" }
    func integer(_ name: String) -> Int { Int(clamping: line.body[name]?.integer ?? 0) }
    func after(_ text: String) -> String { text.isEmpty ? "" : ": \(text)" }
    switch line.kind {
    case .pass:
      let took = Self.number(line, "took_s")
      let scope = text("scope") == "part" ? ", not of all" : ""
      let warnings = integer("warnings")
      return "\(integer("up")) of \(Format.count(integer("asked"), "host")) up\(scope), "
        + "\(Format.count(integer("points"), "point")), \(Format.duration(.milliseconds(Int64(took * 1000))))"
        + (warnings > 0 ? ", \(Format.count(warnings, "warning"))" : "")
    case .warning: return text("message")
    case .change:
      return "\(text("check")): \(text("from")) → \(text("to"))"
        + (line.body["flapping"] == .boolean(true) ? ", flapping" : "") + after(text("message"))
    case .event:
      return "\(text("source")) \(text("subject"))" + after(text("message"))
    case .notification:
      let incident = Self.text(line, "incident").flatMap { $0.isEmpty ? nil : " of incident \($0)" }
      return "\(text("notifier")), \(text("occasion"))\(incident ?? ""): \(text("subject"))"
        + after(text("failure"))
    case .action: return "\(text("action")) \(hosts(line))".trimmed + after(text("message"))
    }
  }

  private static func hosts(_ line: LogLine) -> String {
    let names = line.body["hosts"]?.elements.compactMap(\.string) ?? []
    let more = Int(clamping: line.body["host_count"]?.integer ?? 0) - names.count
    return fold(names) + (more > 0 ? " and \(more) more" : "")
  }

  private static func text(_ line: LogLine, _ name: String) -> String? { line.body[name]?.string }

  private static func number(_ line: LogLine, _ name: String) -> Double {
    switch line.body[name] {
    case .number(let number)?: number
    case .integer(let whole)?: Double(whole)
    default: 0
    }
  }

  // MARK: JSON

  public static func json(_ line: LogLine) -> JSON {
    var members: [(String, JSON)] = [
      ("number", .integer(line.number)), ("time", .time(line.time)),
      ("kind", .string(line.kind.rawValue)),
    ]
    if let host = line.host { members.append(("host", .string(host))) }
    if case .object(let body) = line.body { members += body }
    return .object(members)
  }

  public static func json(_ verdict: Store.LogVerdict) -> JSON {
    .object([
      ("lines", .integer(Int64(verdict.lines))), ("first", .integer(verdict.first)),
      ("last", .integer(verdict.last)), ("head", .string("\(verdict.last):\(verdict.head)")),
      ("faults", .array(verdict.faults.map { .string($0) })),
    ])
  }
}

extension LogLine {
  /// Whether it is about one of these hosts.
  public func isAbout(_ names: Set<String>) -> Bool {
    if let host { return names.contains(host) }
    return body["hosts"]?.elements.contains { $0.string.map(names.contains) == true } ?? false
  }
}

extension String {
  fileprivate var trimmed: String {
    var text = Substring(self)
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
