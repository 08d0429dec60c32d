internal import Metrics

/// Blue team: its own environment only.
enum BlueBoard: BoardFile {
  static func board(_ site: BoardSite) -> Board? {
    guard !site.teams.isEmpty else { return nil }
    var board = Board("blue", "Blue team", "One team's own hosts and services.")
    board.folder = "Blue team"
    board.variables = [
      Variable(name: "team", label: "Team", query: Variable.team.query, isMulti: false)
    ]
    let team = ["team"]
    board.panels =
      Strip.panels(team) + [
        Panel.states(
          "State of each service",
          .last("service", "state", by: "host", "service").ofHosts(team), height: 14
        ).mapped(Mapping.state).linked(.ofSeries),
        Panel.chart(
          "CPU",
          Query.mean("cpu", "usage_active", by: "host").where("cpu", "cpu-total").ofHosts(team)
        )
        .ranged(0, 100).linked(.ofSeries),
        Panel.chart("Memory", Query.mean("mem", "used_percent", by: "host").ofHosts(team))
          .ranged(0, 100).linked(.ofSeries),
        Panel.chart(
          "Latency",
          Query.mean("ping", "average_response_ms", by: "host", "url", "path").lacking("path")
            .ofHosts(team)
        ).linked(.ofSeries).explained("A line for each address of a host that is asked."),
        Panel.chart("Failed logins", Query.sum("logins", "failed", by: "host").ofHosts(team))
          .linked(.ofSeries).with { $0.noValue = "no records of logins" },
        Strip.events(team), Strip.broken(team), Strip.ages(team),
      ]
    return board
  }
}
