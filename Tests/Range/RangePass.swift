import Foundation
import Lab

/// One pass of the real command over the range.
struct RangePass {
  /// Seconds after its deadline from which a pass is late, and after which it is hung and is killed.
  static let late = 2.0
  static let hung = 12.0

  var number: Int
  /// Nanoseconds since 1970.
  var start: Int64
  var seconds: Double
  var deadline: Double
  /// The exit status; 128 and the signal's number where one ended it.
  var status: Int32
  var errors: String
  var isKilled: Bool

  var isLate: Bool { !isHung && seconds > deadline + Self.late }
  /// Also where the command ended itself for being far beyond its deadline.
  var isHung: Bool { isKilled || status == 4 }
  /// It ended neither hung nor as a pass may: 0 all is well, 1 something is not, 3 nothing delivered.
  var isBroken: Bool { !isHung && ![0, 1, 3].contains(status) }

  init(_ number: Int, program: String, inventory: String, deadline: Int) throws {
    self.number = number
    self.deadline = Double(deadline)
    let log = Scratch()
    start = Int64(Date().timeIntervalSince1970 * 1e9)
    let clock = ContinuousClock.now
    let pass = try Daemon(
      program,
      ["run", "--inventory", inventory, "--deadline", "\(deadline)"],
      environment: ["SSH_AUTH_SOCK": "", "USER": NSUserName()], log: "\(log.path)/log")
    isKilled = !eventually(within: Double(deadline) + Self.hung) { !pass.isRunning }
    let took = ContinuousClock.now - clock
    seconds = Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18
    if isKilled { pass.stop() }
    status = pass.status ?? -1
    errors = log.read("log") ?? ""
  }
}
