internal import Engine
internal import Glibc
internal import Metrics
internal import Probes

/// The record of a pass in its lock: the process, its deadline, and how it ended.
///
/// A pass that ends in order records that. A free lock with the state `running` belonged to a pass that was
/// killed.
struct LockRecord: Sendable, Equatable {
  /// The command that holds it.
  enum Command: String, Sendable {
    case run, watch
  }

  enum State: String, Sendable {
    case running
    /// It ended in order.
    case ended
    /// A signal asked it to end.
    case interrupted
    /// Its watchdog ended it after its deadline.
    case overdue
  }

  var process: Int32
  /// The start of that process in kernel ticks since the boot (field 22 of /proc/PID/stat): its PID may be
  /// reused.
  var began: UInt64
  /// The boot id that `began` and `deadline` refer to.
  var boot: String
  var since: Timestamp
  /// Nanoseconds of CLOCK_MONOTONIC, which all processes share and nobody can set.
  var deadline: Int64
  var state = State.running
  var command = Command.run
  /// What the pass waited for when its watchdog ended it.
  var waits: [String] = []

  /// The record of this process.
  init(until deadline: Deadline, as command: Command = .run) {
    self.command = command
    process = getpid()
    began = Self.beginning(of: process) ?? 0
    boot = OwnClock.boot ?? ""
    since = .now
    self.deadline = deadline.nanoseconds
  }

  /// The start of a process; nil without such a process.
  static func beginning(of process: Int32) -> UInt64? {
    guard let bytes = try? SmallFile.read("/proc/\(process)/stat", limit: 4096),
      // The name in parentheses may contain any character.
      let end = bytes.lastIndex(of: UInt8(ascii: ")"))
    else { return nil }
    let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "))
    // A zombie holds nothing any more.
    guard fields.first != [UInt8(ascii: "Z")] else { return nil }
    return fields.count > 19 ? UInt64(String(decoding: fields[19], as: UTF8.self)) : nil
  }

  /// The time since its deadline; zero before it, or for a record of another boot.
  var overdue: Duration {
    guard boot == OwnClock.boot else { return .zero }
    return max(.zero, Deadline.now.since(Deadline(nanoseconds: deadline)))
  }

  var text: String {
    var lines = [
      "process \(process)", "began \(began)", "boot \(boot)", "since \(since.nanoseconds)",
      "deadline \(deadline)", "state \(state.rawValue)", "command \(command.rawValue)",
    ]
    lines += waits.prefix(Self.mostWaits).map { "wait \($0)" }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The maximum number of stored waits.
  static let mostWaits = 20

  /// Reads the format of `text`; nil for anything else.
  init?(_ text: String) {
    var values: [String: String] = [:]
    waits = []
    for line in text.split(separator: "\n") {
      guard let space = line.firstIndex(of: " ") else { continue }
      let (key, value) = (String(line[..<space]), String(line[line.index(after: space)...]))
      if key == "wait" { waits.append(value) } else { values[key] = value }
    }
    guard let process = values["process"].flatMap({ Int32($0) }),
      let began = values["began"].flatMap({ UInt64($0) }),
      let since = values["since"].flatMap({ Int64($0) }),
      let deadline = values["deadline"].flatMap({ Int64($0) }),
      let state = values["state"].flatMap(State.init)
    else { return nil }
    self.process = process
    self.began = began
    boot = values["boot"] ?? ""
    self.since = Timestamp(nanoseconds: since)
    self.deadline = deadline
    self.state = state
    command = values["command"].flatMap(Command.init) ?? .run
  }
}
