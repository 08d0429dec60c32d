internal import CLinux
internal import Engine
internal import Glibc
internal import Metrics
internal import Store

/// What one pass did and cost, and what waits for its sinks.
enum PassPoints {
  static let measurements = [
    Measurement(
      "scrape_pass",
      """
      One point per pass, with the tag `host` `(scraper)`. Taken when all hosts were scraped and evaluated; \
      storing, delivery and notification follow. Under `scrape watch` one point per round \
      (`watch: {every: …}`), with what ended in it.
      """,
      source: "the monitor itself", isOurs: true,
      tags: [
        "scope":
          "`all`; `part` if `--limit` or `--only` chose, or the pass was interrupted"
      ],
      fields: [
        .float("duration_s", unit: .seconds, means: "Since the start of the pass"),
        .float(
          "deadline_margin_s", unit: .seconds,
          means: "Time left until the deadline of the pass; absent under `scrape watch`"),
        .integer(
          "hosts", "up", "failed", "skipped",
          means: """
            Hosts with due collectors; those whose batch was received completely; those that \
            failed; those that were not scraped, because the deadline or an interruption came first
            """),
        .integer("idle", means: "Hosts with nothing due"),
        .integer("points", means: "Points of the pass, these included"),
        .integer(
          "queued",
          means: """
            Points that wait for all sinks, as `queued` of `scrape_sink`; absent if the store \
            cannot be read
            """),
        .float(
          "cpu_s", unit: .seconds,
          means: "CPU time of the monitor and of the programs that it ran, since the start"),
        .integer(
          "memory_peak_bytes", unit: .bytes, means: "Largest resident size of the process"),
      ]),
    Measurement(
      "scrape_sink",
      """
      What waits in the store for a sink, before the points of this pass are added. One point per sink \
      with a queue and pass, with the tag `host` `(scraper)`; none if the store cannot be read.
      """,
      source: "the monitor itself", isOurs: true, tags: ["sink": "its name in `scrape.yml`"],
      fields: [
        .integer("queued", means: "Points; 0 if the last delivery was complete"),
        .integer("queued_bytes", unit: .bytes, means: "Their size"),
        .float("oldest_s", unit: .seconds, means: "Age of the oldest; absent if none waits"),
        .integer("dropped", means: "Points dropped at the limits of the queue, counted"),
        .integer("failures", means: "Failed deliveries in a row; 0 after a success"),
      ]),
    Measurement(
      "scrape_spool",
      """
      What came through the spool of another monitor, with the host on which that monitor runs. One point \
      per spool and pass.
      """,
      source: "the monitor itself", isOurs: true,
      fields: [
        .float("age_s", unit: .seconds, means: "Age of the newest pass; absent before the first"),
        .sum("passes", means: "Files that this pass stored; a large pass has several"),
        .sum("points", means: "Points in them"),
        .integer("waiting", means: "Files that wait for the next pass"),
        .integer(
          "missing",
          means: "Files that were never read though later ones were, counted since the first"),
        .integer("refused", means: "Files that were refused, counted"),
      ]),
  ]

  /// CPU time of this process and of its ended children, in seconds.
  static var cpuSeconds: Double { scrape_cpu_seconds() }

  /// The point of the pass; `points` are all others. `up` is of each host whether its batch came: nil if it
  /// was not scraped.
  static func pass(
    up: [Int64?], idle: Int, scope: PassScope, points: Int, queued: Int?, took: Duration,
    left: Duration?, cpuSeconds cpu: Double
  ) -> Point {
    var point = Point("scrape_pass", tags: [Tag("scope", scope == .part ? "part" : "all")])
    point.float("duration_s", rounded(took))
    point.float("deadline_margin_s", left.map(rounded))
    point.integer("hosts", Int64(up.count))
    point.integer("up", Int64(up.count { $0 == 1 }))
    point.integer("failed", Int64(up.count { $0 == 0 }))
    point.integer("skipped", Int64(up.count { $0 == nil }))
    point.integer("idle", Int64(idle))
    point.integer("points", Int64(points + 1))
    point.integer("queued", queued.map { Int64($0) })
    point.float("cpu_s", (cpu * 1000).rounded() / 1000)
    var usage = rusage()
    if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
      point.integer("memory_peak_bytes", Int64(usage.ru_maxrss) * 1024)
    }
    return point
  }

  /// The points that wait for the sinks of these names; nil if the store could not be read.
  static func waiting(for names: [String], _ queues: [Store.QueueStatus]?) -> Int? {
    queues?.reduce(0) { $0 + (names.contains($1.sink) ? $1.lines : 0) }
  }

  /// The queues of the sinks of these names.
  static func sinks(
    _ names: [String], _ queues: [Store.QueueStatus], at now: Timestamp
  ) -> [Point] {
    names.map { name in
      let queue = queues.first { $0.sink == name }
      var point = Point("scrape_sink", tags: [Tag("sink", name)])
      point.integer("queued", Int64(queue?.lines ?? 0))
      point.integer("queued_bytes", Int64(queue?.bytes ?? 0))
      if let oldest = queue?.oldest, queue?.lines != 0 {
        point.float("oldest_s", rounded(.nanoseconds(now.nanoseconds - oldest.nanoseconds)))
      }
      point.integer("dropped", Int64(queue?.dropped ?? 0))
      point.integer("failures", Int64(queue?.trouble?.failures ?? 0))
      return point
    }
  }

  private static func rounded(_ duration: Duration) -> Double {
    duration.milliseconds.rounded() / 1000
  }
}
