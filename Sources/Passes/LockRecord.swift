internal import Engine
internal import Glibc
internal import Metrics
internal import Probes

/// What a pass writes into its lock: who it is, when it must be over, and how it ended.
///
/// A pass that ends in order writes so. A lock that nobody holds and that says `running` was held by a
/// pass that was ended by force.
struct LockRecord: Sendable, Equatable {
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
  /// When that process began, in the kernel's ticks since the boot: its number alone may be another
  /// process's by now. Field 22 of /proc/PID/stat.
  var began: UInt64
  /// The boot that `began` and `deadline` count from.
  var boot: String
  var since: Timestamp
  /// Nanoseconds of CLOCK_MONOTONIC, which is one for all processes and cannot be set.
  var deadline: Int64
  var state = State.running
  /// What it was waiting for, where its watchdog ended it.
  var waits: [String] = []

  /// The one of this process.
  init(until deadline: Deadline) {
    process = getpid()
    began = Self.beginning(of: process) ?? 0
    boot = OwnClock.boot ?? ""
    since = .now
    self.deadline = deadline.nanoseconds
  }

  /// When a process began; nil where there is none with the number.
  static func beginning(of process: Int32) -> UInt64? {
    guard let bytes = try? SmallFile.read("/proc/\(process)/stat", limit: 4096),
      // The name in parentheses may hold anything.
      let end = bytes.lastIndex(of: UInt8(ascii: ")"))
    else { return nil }
    let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "))
    // One that has ended and waits for its parent to notice holds nothing any more.
    guard fields.first != [UInt8(ascii: "Z")] else { return nil }
    return fields.count > 19 ? UInt64(String(decoding: fields[19], as: UTF8.self)) : nil
  }

  /// How long it has been past its deadline; zero where it is not, or was written in another boot.
  var overdue: Duration {
    guard boot == OwnClock.boot else { return .zero }
    return max(.zero, Deadline.now.since(Deadline(nanoseconds: deadline)))
  }

  var text: String {
    var lines = [
      "process \(process)", "began \(began)", "boot \(boot)", "since \(since.nanoseconds)",
      "deadline \(deadline)", "state \(state.rawValue)",
    ]
    lines += waits.prefix(Self.mostWaits).map { "wait \($0)" }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The number of waits that are kept.
  static let mostWaits = 20

  /// Reads what `text` wrote; nil where it is something else.
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
  }
}
