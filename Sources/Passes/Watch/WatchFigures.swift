internal import CLinux
internal import Engine
internal import Glibc
internal import Metrics
internal import Store

/// What the watch did since its last round, and since its begin.
struct WatchFigures: Sendable {
  /// Hosts and BMCs that were asked.
  var asked = 0
  /// Times that passed while the same host or BMC was still being asked.
  var missed = 0
  /// Hosts and BMCs that were left out because they would have been asked too late.
  var skipped = 0
  /// The longest time from a due time to the start.
  var lateness = Duration.zero
  var batches = 0
  var running = 0
  var waiting = 0
  /// Since the begin of the watch.
  var allMissed = 0
  var allSkipped = 0
  var reloads = 0
  var begun = Timestamp.now

  static let measurement = Measurement(
    "scrape_watch",
    "What `scrape watch` did since its last round (`watch: {every: …}`), with the tag `host` `(scraper)`.",
    source: "the monitor itself", isOurs: true,
    fields: [
      .integer("asked", means: "Hosts and BMCs that were asked"),
      .integer(
        "missed", means: "Due times that passed while the same host or BMC was still being asked"),
      .integer(
        "skipped", means: "Hosts and BMCs that were left out, being later than `lateness:`"),
      .float("lateness_s", unit: .seconds, means: "Longest time from a due time to the start"),
      .integer("batches", means: "Transactions of the store"),
      .integer(
        "running", "waiting", means: "Hosts and BMCs that are being asked; that wait for that"),
      .integer("reloads", means: "Times that changed files were taken over, counted"),
      .float("cpu_percent", unit: .percent, means: "CPU time of the monitor, of one core"),
      .integer("memory_bytes", unit: .bytes, means: "Resident size of the process"),
    ])

  func point(over length: Duration, cpuSeconds cpu: Double) -> Point {
    var point = Point(Self.measurement.name)
    point.integer("asked", Int64(asked))
    point.integer("missed", Int64(missed))
    point.integer("skipped", Int64(skipped))
    point.float("lateness_s", (lateness.milliseconds).rounded() / 1000)
    point.integer("batches", Int64(batches))
    point.integer("running", Int64(running))
    point.integer("waiting", Int64(waiting))
    point.integer("reloads", Int64(reloads))
    let seconds = length.milliseconds / 1000
    if seconds > 0 { point.float("cpu_percent", (cpu / seconds * 10_000).rounded() / 100) }
    point.integer("memory_bytes", Self.residentBytes.map { Int64($0) })
    return point
  }

  /// The second number of /proc/self/statm is in pages.
  static var residentBytes: Int? {
    guard let bytes = try? SmallFile.read("/proc/self/statm", limit: 4096) else { return nil }
    let words = bytes.split(separator: UInt8(ascii: " "))
    return words.count > 1
      ? Int(String(decoding: words[1], as: UTF8.self)).map { $0 * Int(getpagesize()) } : nil
  }

  /// Begins the next round.
  mutating func next() {
    (asked, missed, skipped, lateness, batches) = (0, 0, 0, .zero, 0)
  }
}

extension SelfReading {
  /// The memory that says how the watch does, for `scrape status`.
  static let watch = "watch"

  mutating func note(_ figures: WatchFigures) {
    result.memory[Self.watch] = Memory(
      time: .now,
      values: [
        "process": [UInt64(clamping: getpid())],
        "begun": [UInt64(bitPattern: figures.begun.nanoseconds)],
        "missed": [UInt64(clamping: figures.allMissed)],
        "skipped": [UInt64(clamping: figures.allSkipped)],
        "lateness": [UInt64(clamping: figures.lateness.nanoseconds)],
      ])
  }
}
