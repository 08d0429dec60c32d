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
    var faults = 0
    var seconds: [Double] = []
    /// The first cases, for people.
    var cases: [String] = []

    var isGood: Bool { late + hung + broken + wrong + lost == 0 && passes > 0 }

    var table: String {
      let sorted = seconds.sorted()
      let median = sorted.isEmpty ? 0 : sorted[sorted.count / 2]
      let columns: [(String, String)] = [
        ("passes", "\(passes)"), ("faults", "\(faults)"), ("late", "\(late)"), ("hung", "\(hung)"),
        ("broken", "\(broken)"), ("wrong verdicts", "\(wrong)"), ("lost points", "\(lost)"),
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

  private static let casesShown = 40

  func run(over range: LabRange) throws -> Outcome {
    var outcome = Outcome()
    var random = Seeded(seed)
    var file = PointFile(range.points)
    var active: [Fault] = []
    let all = range.faults.filter { only.isEmpty || $0.name.contains(only) }
    let healthy = range.healthy
    let hog = try Daemon("/bin/sh", ["-c", "while :; do :; done"], log: "/dev/null")
    defer { hog.stop() }
    let begun = Date()
    for number in 1...passes {
      if let limit, Date().timeIntervalSince(begun) > limit { break }
      // The first pass sees the range as it should be.
      if number > 1 { try change(&active, of: all, &random, &outcome) }
      let pass = try RangePass(number, program: program, over: range, deadline: deadline)
      outcome.passes += 1
      outcome.seconds.append(pass.seconds)
      outcome.late += pass.isLate ? 1 : 0
      outcome.hung += pass.isHung ? 1 : 0
      outcome.broken += pass.isBroken ? 1 : 0
      let names = active.map(\.name).joined(separator: ", ")
      func note(_ what: String) {
        guard outcome.cases.count < Self.casesShown else { return }
        outcome.cases.append("pass \(number) (faults: \(names.isEmpty ? "none" : names)): \(what)")
      }
      if pass.isHung || pass.isBroken || pass.isLate {
        note(
          "\(pass.isHung ? "hung" : pass.isLate ? "late" : "broken"), status \(pass.status) after "
            + String(format: "%.1f s", pass.seconds) + ": \(pass.errors.suffix(400))")
      }
      let points = file.news()
      if !pass.isHung, !pass.isBroken {
        let expected = active.reduce(into: healthy) { $0.merge($1.expected) { $1 } }
        for wrong in Verdicts(points, since: pass.start).wrong(expected) {
          outcome.wrong += 1
          note("\(wrong)")
        }
      }
      if verbose {
        say("\(number)\t\(String(format: "%.2f", pass.seconds)) s\t\(pass.status)\t\(names)")
      }
    }
    for fault in active { try fault.off() }
    return outcome
  }

  /// Switches some faults off and others on, the same for the same seed.
  private func change(
    _ active: inout [Fault], of all: [Fault], _ random: inout Seeded, _ outcome: inout Outcome
  ) throws {
    for fault in active where random.happens(50) {
      try fault.off()
      active.removeAll { $0.name == fault.name }
    }
    while active.count < 4, random.happens(60), let fault = all.randomElement(using: &random) {
      // Slow ones are rarer: each makes a pass as long as its timeout.
      guard !active.contains(where: { $0.host == fault.host }),
        !fault.isSlow || random.happens(10)
      else { continue }
      try fault.on()
      active.append(fault)
      outcome.faults += 1
    }
  }
}
