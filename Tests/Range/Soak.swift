import Foundation
import Lab

/// Many passes over the range at random faults, beside a CPU hog, and what came of them.
struct Soak {
  var passes: Int
  var seed: UInt64
  /// Seconds after which no further pass begins; nil is never.
  var limit: Double?
  /// Seconds that a pass may take.
  var deadline = 15
  /// The built command.
  var program: String
  /// Only faults whose names hold this.
  var only = ""
  var verbose = false

  /// What came of it all.
  struct Outcome {
    var passes = 0
    var late = 0
    var hung = 0
    var broken = 0
    var wrong = 0
    var lost = 0
    var points = 0
    var faults = 0
    var seconds: [Double] = []
    /// The first cases, for people.
    var cases: [String] = []

    /// Counts how a pass ended.
    mutating func take(_ pass: RangePass, faults: String) {
      passes += 1
      seconds.append(pass.seconds)
      late += pass.isLate ? 1 : 0
      hung += pass.isHung ? 1 : 0
      broken += pass.isBroken ? 1 : 0
      guard pass.isHung || pass.isBroken || pass.isLate else { return }
      let what = pass.isHung ? "hung" : pass.isLate ? "late" : "broken"
      note(
        "\(what), exit status \(pass.status) after \(String(format: "%.1f s", pass.seconds)): "
          + pass.errors.suffix(400), in: pass, faults)
    }

    mutating func add(_ wrong: Verdicts.Wrong, in pass: RangePass, faults: String) {
      self.wrong += 1
      note("\(wrong)", in: pass, faults)
    }

    private mutating func note(_ what: String, in pass: RangePass, _ faults: String) {
      guard cases.count < Soak.casesShown else { return }
      cases.append("pass \(pass.number) (faults: \(faults.isEmpty ? "none" : faults)): \(what)")
    }

    var isGood: Bool { late + hung + broken + wrong + lost == 0 && passes > 0 }

    var table: String {
      let sorted = seconds.sorted()
      let median = sorted.isEmpty ? 0 : sorted[sorted.count / 2]
      let columns: [(String, String)] = [
        ("passes", "\(passes)"), ("faults", "\(faults)"), ("late", "\(late)"), ("hung", "\(hung)"),
        ("broken", "\(broken)"), ("wrong verdicts", "\(wrong)"), ("points", "\(points)"),
        ("lost points", "\(lost)"),
        ("median", String(format: "%.2f s", median)),
        ("longest", String(format: "%.2f s", sorted.last ?? 0)),
      ]
      func line(_ cells: [String]) -> String {
        zip(cells, columns).map { cell, column in
          let width = max(column.0.count, column.1.count)
          return String(repeating: " ", count: width - cell.count) + cell
        }.joined(separator: "  ")
      }
      return line(columns.map(\.0)) + "\n" + line(columns.map(\.1))
    }
  }

  static let casesShown = 40

  func run(over range: LabRange) throws -> Outcome {
    var outcome = Outcome()
    var file = PointFile(range.points)
    var active: [Fault] = []
    var states = States()
    var delivery = Delivery()
    var deck = Deck(range.faults.filter { only.isEmpty || $0.name.contains(only) }, seed: seed)
    let healthy = range.healthy
    let hog = try Daemon("/bin/sh", ["-c", "while :; do :; done"], log: "/dev/null")
    defer { hog.stop() }
    let begun = Date()
    for number in 1...passes {
      if let limit, Date().timeIntervalSince(begun) > limit { break }
      // The first pass sees the range as it should be.
      if number > 1 { try change(&active, &deck, &outcome) }
      let pass = try RangePass(
        number, program: program, inventory: range.inventory, deadline: deadline)
      let names = active.map(\.name).joined(separator: ", ")
      outcome.take(pass, faults: names)
      let points = file.news()
      delivery.add(points)
      let verdicts = Verdicts(points, since: pass.start)
      states.take(verdicts)
      if !pass.isHung, !pass.isBroken {
        let expected = active.reduce(into: healthy) { $0.merge($1.expected) { $1 } }
        for wrong in verdicts.wrong(expected) + states.wrong(expected) {
          outcome.add(wrong, in: pass, faults: names)
        }
      }
      if verbose {
        say("\(number)\t\(String(format: "%.2f", pass.seconds)) s\t\(pass.status)\t\(names)")
      }
    }
    for fault in active { try fault.off() }
    try count(&delivery, &file, range, into: &outcome)
    return outcome
  }

  /// Counts the points that are not in InfluxDB, after the passes that bring what waited for it.
  private func count(
    _ delivery: inout Delivery, _ file: inout PointFile, _ range: LabRange,
    into outcome: inout Outcome
  ) throws {
    var lost: (count: Int, examples: [String]) = (0, [])
    for _ in 0..<Self.patience {
      _ = try RangePass(
        0, program: program, inventory: range.inventory, deadline: deadline)
      delivery.add(file.news())
      lost = try delivery.lost(from: range.influx, file: range.points)
      if lost.count == 0 { break }
      usleep(1_000_000)
    }
    outcome.points = delivery.count
    outcome.lost = lost.count
    outcome.cases += lost.examples.map { "not in InfluxDB: \($0)" }
  }

  /// After a database was away it is left alone for a time, half a minute at most.
  private static let patience = 40

  /// Switches some faults off and others on, the same for the same seed.
  private func change(
    _ active: inout [Fault], _ deck: inout Deck, _ outcome: inout Outcome
  ) throws {
    for fault in active where deck.random.happens(50) {
      try fault.off()
      active.removeAll { $0.name == fault.name }
    }
    while active.count < 5, deck.random.happens(70) {
      guard let fault = deck.draw(without: Set(active.map(\.host))) else { break }
      try fault.on()
      active.append(fault)
      outcome.faults += 1
    }
  }

  /// All faults in a random order: each is drawn once before one is drawn again.
  private struct Deck {
    var random: Seeded
    private let all: [Fault]
    private var left: [Fault] = []

    init(_ all: [Fault], seed: UInt64) {
      self.all = all
      random = Seeded(seed)
    }

    /// The next fault that is of none of these hosts. Slow ones are drawn more rarely: each makes a
    /// pass as long as its timeout.
    mutating func draw(without hosts: Set<String>) -> Fault? {
      let isSlow = random.happens(12)
      if !left.contains(where: { $0.isSlow == isSlow }) {
        left += all.filter { $0.isSlow == isSlow }.shuffled(using: &random)
      }
      guard
        let index = left.firstIndex(where: { $0.isSlow == isSlow && !hosts.contains($0.host) })
      else { return nil }
      return left.remove(at: index)
    }
  }
}
