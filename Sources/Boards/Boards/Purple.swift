internal import Metrics

/// Purple team: the whole timeline, for the archive.
enum PurpleBoard: BoardFile {
  static func board(_ site: BoardSite) -> Board? {
    var board = Board(
      "purple", "Purple team", "The timeline of the exercise: all events, states and scores.")
    board.folder = "Purple team"
    board.variables = [.team, .group, .host]
    board.range = "now-2d"
    board.refresh = "5m"
    let all = ["team", "group", "host"]
    board.panels =
      Strip.panels(all) + [
        Panel.chart(
          "Score", Query.last("service_summary", "score").where("scope", "all"), width: 15,
          height: 4
        ).ranged(0, 100),
        Panel.states(
          "State of each service",
          .last("service", "state", by: "host", "service").ofHosts(all), height: 16
        ).mapped(Mapping.state).linked(.ofSeries),
        Panel.states(
          "Sessions", .last("scrape", "up", by: "host").where("target", "ssh").ofHosts(all),
          height: 12
        ).mapped(Mapping.up).linked(.ofSeries),
        Strip.events(all, width: 24, height: 16),
        Strip.logins(all, width: 24, height: 12),
        Strip.ages(all),
      ]
    return board
  }
}
