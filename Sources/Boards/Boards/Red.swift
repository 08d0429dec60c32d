internal import Metrics

/// Red team: what the attack did to services, a quarter of an hour ago.
enum RedBoard: BoardFile {
  static func board(_ site: BoardSite) -> Board? {
    var board = Board(
      "red", "Red team",
      "Availability only, and 15 minutes ago. The range can be changed by whoever may edit it: see docs/grafana.md."
    )
    board.folder = "Red team"
    board.range = "now-6h"
    board.until = "now-15m"
    board.annotates = false
    board.panels =
      [
        Panel.text("Availability of services, 15 minutes ago.", height: 2),
        Strip.age(), Strip.oldest([]),
        Panel.stat(
          "Health score", .last("service_summary", "score").where("scope", "all"), width: 8,
          curve: true
        ).ranged(0, 100).coloured(.score),
        Panel.stat(
          "Services online", .latest("service_summary", "online").where("scope", "all"), width: 5,
          fields: "/^online$/"),
        Panel.stat(
          "Services in total", .latest("service_summary", "total").where("scope", "all"), width: 5,
          fields: "/^total$/"),
        Panel.chart(
          "Score by type of service",
          Query.last("service_summary", "score", by: "type").where("scope", "type"), height: 10
        ).ranged(0, 100),
        Panel.chart(
          "Services by state",
          Query.last("service_summary", "ok", "minor", "major", "critical", "unknown")
            .where("scope", "all"), height: 10
        ),
      ]
    return board
  }
}
