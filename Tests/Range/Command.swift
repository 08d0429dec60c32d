import Foundation
import Lab

/// `range` keeps the range up and takes faults by name; `range soak` makes passes over it.
@main struct Command {
  private static let usage = """
    usage: range [soak | closing | watch] [--passes N] [--seed N] [--seconds N] [--hosts N] [--only FAULT]
      range             keeps the range up; type `list`, `on FAULT`, `off FAULT`, `pass` or `quit`
      range soak        makes passes over it at random faults beside a CPU hog, and prints a table;
                        exit status 1 where a pass was late or hung, a verdict wrong or a point lost
      range closing     makes passes over eight HTTP servers that close after each answer
      range watch       keeps `scrape watch` on 50 sshds for --seconds (600) at 2 s; kills them and the watch,
                        cuts a cable, stops InfluxDB, edits files; exit status 1 where a host that was up
                        lost a scrape, or anything else did not go as it should
      --passes N        how many passes; 1000
      --seed N          the same seed switches the same faults; from the clock
      --seconds N       begin no pass after so many seconds
      --hosts N         how many sshds of `range watch`
      --lose N          how many scrapes `range watch` may lose; 0
      --only FAULT      only faults whose names hold this
      --verbose         a line for each pass
      --scrape PROGRAM  the command to try; the one beside this program
    """

  static func main() {
    Cage.enter()
    do {
      let status = try run(Array(CommandLine.arguments.dropFirst()))
      Cage.leave()
      exit(status)
    } catch {
      Cage.leave()
      FileHandle.standardError.write(Data("range: \(error)\n".utf8))
      exit(2)
    }
  }

  private static func run(_ arguments: [String]) throws -> Int32 {
    var words = arguments[...]
    let mode = ["soak", "closing", "watch"].first { $0 == words.first }
    if mode != nil { words = words.dropFirst() }
    let own =
      (try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") as NSString)
      .deletingLastPathComponent
    var soak = Soak(
      passes: 1000, seed: UInt64(Date().timeIntervalSince1970), program: "\(own)/scrape")
    var watch = WatchSoak(program: soak.program)
    while let word = words.popFirst() {
      if word == "--verbose" {
        soak.verbose = true
        continue
      }
      guard let value = words.popFirst() else { return help() }
      switch word {
      case "--passes":
        guard let number = Int(value), number > 0 else { return help() }
        soak.passes = number
      case "--seed":
        guard let number = UInt64(value) else { return help() }
        soak.seed = number
      case "--seconds":
        guard let number = Double(value), number > 0 else { return help() }
        soak.limit = number
      case "--hosts":
        guard let number = Int(value), number > 1 else { return help() }
        watch.hosts = number
      case "--lose":
        guard let number = Int(value), number >= 0 else { return help() }
        watch.mayLose = number
      case "--only": soak.only = value
      case "--scrape": soak.program = value
      default: return help()
      }
    }
    guard FileManager.default.isExecutableFile(atPath: soak.program) else {
      throw Unavailable(description: "\(soak.program) is no program; name one by --scrape")
    }
    if mode == "closing" {
      let closing = Closing(passes: soak.passes, program: soak.program, limit: soak.limit)
      return show(try closing.run())
    }
    if mode == "watch" {
      watch.program = soak.program
      watch.seconds = soak.limit ?? watch.seconds
      return try watch.run()
    }
    let missing = LabRange.missing
    guard missing.isEmpty else {
      throw Unavailable(
        description:
          "missing: \(missing.joined(separator: ", ")); see TEST_PACKAGES in the Makefile")
    }
    let begun = Date()
    let range = try LabRange()
    say(
      "\(range.hosts.count) hosts, \(range.healthy.count) checks, \(range.faults.count) faults, up in "
        + String(format: "%.0f s", Date().timeIntervalSince(begun)) + ": \(range.inventory)")
    return mode == "soak"
      ? try make(soak, over: range) : try Console(range, program: soak.program).run()
  }

  private static func make(_ soak: Soak, over range: LabRange) throws -> Int32 {
    say("soak of \(soak.passes) passes, seed \(soak.seed)")
    let status = show(try soak.run(over: range))
    if status != 0 { say("again: range soak --passes \(soak.passes) --seed \(soak.seed)") }
    return status
  }

  private static func show(_ outcome: Soak.Outcome) -> Int32 {
    for line in outcome.cases { say(line) }
    say(outcome.table)
    return outcome.isGood ? 0 : 1
  }

  private static func help() -> Int32 {
    FileHandle.standardError.write(Data((usage + "\n").utf8))
    return 2
  }
}

/// Prints a line at once, also into a pipe.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
