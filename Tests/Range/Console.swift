import Foundation
import Lab

/// The range kept up, with faults switched by words on standard input.
struct Console {
  let range: LabRange
  let program: String

  init(_ range: LabRange, program: String) {
    self.range = range
    self.program = program
  }

  private static let usage = """
    list        all faults, those that are on marked
    on FAULT    switches one on
    off FAULT   switches it off; `off all` switches all off
    pass        makes one pass and shows what it printed
    quit        ends all daemons
    """

  func run() throws -> Int32 {
    say("\(program) run --inventory \(range.inventory)")
    say(Self.usage)
    var active: [Fault] = []
    var passes = 0
    while let line = readLine() {
      let words = line.split(separator: " ", maxSplits: 1).map(String.init)
      let name = words.count > 1 ? words[1] : ""
      switch words.first {
      case nil: break
      case "list":
        for fault in range.faults {
          let isOn = active.contains { $0.name == fault.name }
          let findings = fault.findings.sorted { $0.key < $1.key }.map {
            "\($0.key) \($0.value.map(\.description).joined(separator: " or "))"
          }
          say("\(isOn ? "on " : "   ") \(fault.name): \(findings.joined(separator: ", "))")
        }
      case "on":
        guard let fault = range.faults.first(where: { $0.name == name }) else {
          say("no fault \(name); `list` shows all")
          break
        }
        if let other = active.first(where: { $0.host == fault.host }) {
          say("\(other.name) is on; a host has one fault at a time")
          break
        }
        try fault.on()
        active.append(fault)
      case "off":
        for fault in active where name == "all" || fault.name == name {
          try fault.off()
          active.removeAll { $0.name == fault.name }
        }
      case "pass":
        passes += 1
        let pass = try RangePass(passes, program: program, inventory: range.inventory, deadline: 15)
        say("\(pass.errors)\(String(format: "%.2f", pass.seconds)) s, exit status \(pass.status)")
      case "quit": return 0
      default: say(Self.usage)
      }
    }
    return 0
  }
}
