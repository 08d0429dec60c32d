internal import Metrics

/// Green team: whether all is ready, and what is missing.
enum GreenBoard: BoardFile {
  static func board(_ site: BoardSite) -> Board? {
    var board = Board(
      "green", "Green team", "Readiness: what does not answer, what is missing, what is late.")
    board.folder = "Green team"
    board.variables = [.group, .host]
    board.range = "now-1h"
    board.panels =
      Strip.panels() + [
        Panel.stat(
          "Hosts with problems now",
          .latest("scrape", "problems", by: "host", "target").ofHosts().within(5)
            .reduced("sum(\"problems\") AS \"problems\"", by: "host")
            .reduced("count(\"problems\") AS \"hosts\"").where("\"problems\" > 0"), unit: "short",
          width: 4
        ).coloured(.zeroIsGood).with { $0.noValue = "none" },
        Strip.ages(height: 12), Strip.broken(height: 12),
        Panel.table(
          "Failures of sessions and BMCs",
          .rows("scrape", "host", "target", "reason", limit: 100).where("\"up\" = 0").ofHosts()
        )
        .columns(("Time", "Time"), ("host", "Host"), ("target", "Target"), ("reason", "Reason"))
        .linked(.ofRow).with { $0.noValue = "no failure in this range" },
        Panel.table(
          "Collectors of each host",
          .latest("scrape", "collectors", "problems", by: "host").where("target", "ssh").ofHosts()
        )
        .columns(
          ("host", "Host"), ("collectors", "Collectors"), ("problems", "With a problem"),
          ("Time", "Last result")
        )
        .column("Last result", ("unit", .string(GrafanaUnit.age))).linked(.ofRow),
        Panel.chart(
          "Clock offset of hosts",
          Query.last("scrape", "clock_offset_s", by: "host").where("target", "ssh").ofHosts()
        )
        .linked(.ofSeries),
        Panel.chart(
          "File system usage", Query.max("disk", "used_percent", by: "host", "path").ofHosts()
        ).ranged(0, 100).coloured(site.limits("disk", "used_percent")).linked(.ofSeries),
      ] + (site.has(collector: "smart") ? [Strip.disks()] : [])
      + (site.hasPolicies ? Strip.policies() : [])
    return board
  }
}
