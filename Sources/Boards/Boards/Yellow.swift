internal import Metrics

/// Yellow team: generators of traffic, their hosts and their output.
enum YellowBoard: BoardFile {
  static func board(_ site: BoardSite) -> Board? {
    var board = Board(
      "yellow", "Yellow team", "Generators of traffic: alive, busy, and what they send.")
    board.folder = "Yellow team"
    board.variables = [.group, .host]
    board.panels =
      Strip.panels() + [
        Strip.headline("Traffic"),
        Panel.chart(
          "Sent",
          Query.mean("net", "sent_rate", by: "host", "interface")
            .where("\"interface\" <> 'all'").ofHosts().summed(by: "host")
        ).linked(.ofSeries).explained("The sum of all interfaces of each host."),
        Panel.chart(
          "Established TCP connections",
          Query.last("netstat", "tcp_established", by: "host").ofHosts()
        ).linked(.ofSeries),
        Panel.chart(
          "CPU", Query.mean("cpu", "usage_active", by: "host").where("cpu", "cpu-total").ofHosts()
        ).ranged(0, 100).linked(.ofSeries),
        Panel.chart("Processes", Query.last("processes", "total", by: "host").ofHosts())
          .linked(.ofSeries),
        Panel.table(
          "Processes by CPU",
          .latest("procstat", "process", "cpu_usage", by: "host", "rank").where("by", "cpu")
            .ofHosts()
        )
        .columns(
          ("host", "Host"), ("rank", "Rank"), ("process", "Process"), ("cpu_usage", "CPU"),
          ("Time", "Last result")
        )
        .column("CPU", ("unit", .string("percent")))
        .column("Last result", ("unit", .string(GrafanaUnit.age))).linked(.ofRow),
        Panel.states(
          "State of each service", .last("service", "state", by: "host", "service").ofHosts(),
          width: 12, height: 8
        ).mapped(Mapping.state).linked(.ofSeries),
        Strip.events(), Strip.ages(),
      ]
    return board
  }
}
