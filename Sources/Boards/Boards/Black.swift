internal import Metrics

/// Black team: the exercise as a whole, scores of all teams, what happened.
enum BlackBoard: BoardFile {
  static func board(_ site: BoardSite) -> Board? {
    var board = Board(
      "black", "Black team", "The exercise as a whole: every team's services and score.")
    board.folder = "Black team"
    board.variables = [.team]
    board.panels =
      Strip.panels(["team"]) + [
        Panel.stat(
          "Services online", .latest("service_summary", "online").where("scope", "all"), width: 3),
        Panel.stat(
          "Services in total", .latest("service_summary", "total").where("scope", "all"), width: 3),
        Panel.stat(
          "Health score", .last("service_summary", "score").where("scope", "all"), width: 9,
          curve: true
        ).ranged(0, 100).coloured(.score),
      ] + TeamScores.panels(site) + [
        Strip.matrix(["team"]),
        Strip.events(["team"], width: 24, height: 12), Strip.broken(["team"]), Strip.ages(["team"]),
      ]
    return board
  }
}
