internal import Engine
public import Metrics
public import Store

/// What `scrape watch` says of itself in the store, while it runs.
public struct WatchStatus: Sendable {
  /// The process.
  public let process: Int64
  public let begun: Timestamp
  /// When it last wrote this.
  public let round: Timestamp
  /// Due times that passed while the same host was being asked, and hosts that were left out.
  public let missed: Int
  public let skipped: Int
  /// The longest time from a due time to the start in the last round.
  public let lateness: Duration
  /// What is wrong with its files, where it goes on with those of before.
  public let faulty: String?

  /// Nil without a watch that runs.
  public init?(in store: Store, at now: Timestamp) async {
    guard let state = try? await store.load([SelfReading.host])[SelfReading.host],
      let memory = state.memory[SelfReading.watch]
    else { return nil }
    func number(_ name: String) -> UInt64 { memory.values[name]?.first ?? 0 }
    process = Int64(clamping: number("process"))
    begun = Timestamp(nanoseconds: Int64(bitPattern: number("begun")))
    missed = Int(clamping: number("missed"))
    skipped = Int(clamping: number("skipped"))
    lateness = .nanoseconds(Int64(clamping: number("lateness")))
    round = memory.time
    let files = try? await store.states()[SelfReading.host]?[SelfReading.configuration]
    faulty = files.flatMap { $0.severity == .ok ? nil : $0.message }
    // One that ended in order, or was killed: its process is gone, or another one has its number.
    guard now.since(round) < .seconds(3600), let id = Int32(exactly: process),
      let words = try? SmallFile.read("/proc/\(id)/cmdline", limit: 4096),
      words.split(separator: 0).contains(Array("watch".utf8)[...])
    else { return nil }
  }

  /// One line for people.
  public func line(at now: Timestamp) -> String {
    var line =
      "scrape watch since \(Format.moment(begun)) (process \(process)): last round "
      + "\(Format.age(now.since(round))) ago, at most \(Format.duration(lateness)) late"
    if missed > 0 {
      line += "; \(Format.count(missed, "time")) a host was still being asked when due again"
    }
    if skipped > 0 { line += "; \(Format.count(skipped)) left out, being too late" }
    return line
  }

  /// The object of `scrape status --json`.
  public var json: JSON {
    var members: [(String, JSON)] = [
      ("process", .integer(process)), ("since", .time(begun)), ("round", .time(round)),
      ("late_s", .number((lateness.milliseconds).rounded() / 1000)),
      ("missed", .integer(Int64(missed))), ("skipped", .integer(Int64(skipped))),
    ]
    if let faulty { members.append(("faulty", .string(faulty))) }
    return .object([("watch", .object(members))])
  }
}
