internal import Metrics

/// The monitor itself: passes, slow hosts, reasons, queues; not those whose spools it reads.
enum MonitorBoard: BoardFile {
  static func board(_ site: BoardSite) -> Board? {
    var board = Board(
      "monitor", "Monitor", "The monitor itself: passes, slow hosts, failures, queues.")
    board.panels =
      Strip.panels([]) + [
        Panel.stat(
          "Points per pass", .last("scrape_pass", "points").ofMonitor(), width: 4,
          curve: true),
        Panel.stat(
          "Failed hosts", .latest("scrape_pass", "failed").ofMonitor(), width: 4,
          fields: "/^failed$/"
        ).coloured(.zeroIsGood),
        Panel.chart("Duration of passes", .max("scrape_pass", "duration_s").ofMonitor())
          .explained("Passes over all hosts, without those of --limit and --only."),
        Panel.chart("Hosts", .last("scrape_pass", "hosts", "up", "failed").ofMonitor()),
        Panel.chart("CPU time of passes", .max("scrape_pass", "cpu_s").ofMonitor()),
        Panel.chart(
          "CPU time per host",
          .value(
            "scrape_pass", "1000 * last(\"cpu_s\") / last(\"hosts\")", named: "per host",
            isOverTime: true
          ).ofMonitor(), unit: "ms"
        ).explained("The CPU time of a pass over the number of hosts that it asked."),
        Panel.chart("Points", .last("scrape_pass", "points").ofMonitor()),
        Panel.chart(
          "Queue of each sink",
          .last("scrape_sink", "queued", by: "sink").where("host", Query.monitor)
        ).explained(
          "Points that wait in the store; 0 if the last delivery was complete."),
        Panel.table(
          "Slowest hosts",
          .value("scrape", "max(\"duration_ms\")", named: "duration_ms", by: "host")
            .where("target", "ssh")
        )
        .transformed(
          "sortBy",
          [
            (
              "sort",
              .array([
                .object([("field", .string("duration_ms")), ("desc", .boolean(true))])
              ])
            )
          ]
        )
        .columns(("host", "Host"), ("duration_ms", "Slowest"), hiding: ["Time"])
        .column("Slowest", ("unit", .string("ms"))).linked(.ofRow),
        Panel.table(
          "Failures", .rows("scrape", "host", "target", "reason", limit: 200).where("\"up\" = 0")
        )
        .columns(("Time", "Time"), ("host", "Host"), ("target", "Target"), ("reason", "Reason"))
        .linked(.ofRow).with { $0.noValue = "no failure in this range" },
        Panel.chart(
          "Duration of sessions", .max("scrape", "duration_ms", by: "host").where("target", "ssh")
        ).linked(.ofSeries),
        Panel.chart(
          "Clock offset of hosts",
          .last("scrape", "clock_offset_s", by: "host").where("target", "ssh")
        ).linked(.ofSeries),
        Panel.table(
          "Events of the monitor",
          .rows("event", "severity", "subject", "text", limit: 100).where("host", Query.monitor)
        )
        .columns(
          ("Time", "Time"), ("severity", "Severity"), ("subject", "Check"),
          ("text", "What happened")
        )
        .column("Time", ("custom.width", .integer(150)))
        .column(
          "Severity", ("mappings", .array([Mapping.severity])), ("custom.width", .integer(75)),
          ("custom.cellOptions", .object([("type", .string("color-text"))]))
        )
        .column("Check", ("custom.width", .integer(90)))
        .with { $0.noValue = "no event in this range" },
        Strip.ages([]),
      ]
    return board
  }
}
