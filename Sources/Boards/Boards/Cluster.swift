internal import Metrics

/// The whole range on one page: topology, health, and links to all other boards.
enum ClusterBoard: BoardFile {
  static func board(_ site: BoardSite) -> Board? {
    var board = Board(
      "cluster", "Cluster", "The whole range: topology, services, score and events.")
    board.variables = [.group]
    board.range = "now-3h"
    let groups = ["group"]
    board.panels =
      Strip.panels(groups) + [
        Panel.stat(
          "Services online",
          .latest("service_summary", "online").where("scope", "all"), width: 3
        ).explained("Services that answered at the last pass."),
        Panel.stat(
          "Services in total", .latest("service_summary", "total").where("scope", "all"), width: 3
        ).explained("Services ever checked: those of the inventory."),
        Panel.stat(
          "Health score", .last("service_summary", "score").where("scope", "all"), width: 4,
          curve: true
        ).ranged(0, 100).coloured(.score).explained(
          "Share of services that are ok, with the weights of `scores:`; unknown ones are excluded."
        ),
        Panel.stat(
          "Not ok",
          .latest("service_summary", "minor", "major", "critical", "unknown")
            .where("scope", "all"), width: 5
        ).coloured(.zeroIsGood),
        graph,
        Panel.bars(
          "Online services of each group",
          .value(
            "service_summary", "100 * last(\"online\") / last(\"total\")", named: "online",
            by: "group"
          ).where("scope", "group").ofHosts(groups), unit: "percent", height: 7
        ).ranged(0, 100).coloured(.score),
        matrix,
        Panel.chart(
          "Score of each group",
          .last("service_summary", "score", by: "group").where("scope", "group").ofHosts(groups)
        ).ranged(0, 100),
        scores,
        Strip.events(groups), Strip.broken(groups),
        Strip.ages(groups), Panel.boards(width: 12),
      ]
    return board
  }

  private static var graph: Panel {
    Panel(.graph, "Topology", width: 12, height: 14).with {
      $0.queries = [
        .latest(
          "topology_node", "title", "subtitle", "mainstat", "secondarystat", "arc__ok",
          "arc__failed", "arc__unknown", by: "id"),
        .latest("topology_edge", "mainstat", by: "id", "source", "target"),
      ]
      $0.unit = "none"
      $0.summary =
        "Hosts with what they are on, behind, or reached through. The circle shows services: green ok, red failed, purple unknown. Nodes of other ages than the last pass stay until the range has passed."
      $0.links = [
        DataLink(
          title: "Host ${__data.fields.title}",
          url: "/d/scrape-host?var-host=${__data.fields.id}&${__url_time_range}")
      ]
      $0 = $0.column("mainstat", ("unit", .string("percent")))
      for (field, colour) in [
        ("arc__ok", "green"), ("arc__failed", "red"), ("arc__unknown", "purple"),
      ] {
        $0 = $0.column(
          field,
          ("color", .object([("mode", .string("fixed")), ("fixedColor", .string(colour))])))
      }
    }
  }

  /// Group × service type, as the score of each.
  private static var matrix: Panel {
    Panel.table(
      "Score of groups by type of service",
      .latest("service_summary", "score", by: "group", "type").where("scope", "group_type")
        .ofHosts(["group"]), height: 7
    )
    .matrix(of: "score", rows: "group", columns: "type")
    .coloured(.score)
    .colouredCells()
    .with {
      $0.unit = "percent"
      $0.decimals = 0
      $0.noValue = "–"
    }
  }

  /// The score of each group per minute, the newest first.
  private static var scores: Panel {
    Panel.table(
      "Scores by the minute",
      .last("service_summary", "score", by: "group").where("scope", "group").ofHosts(["group"])
        .withoutGaps().every("1m"), height: 8
    )
    .matrix(of: "score", rows: "Time", columns: "group")
    .transformed(
      "sortBy",
      [
        (
          "sort",
          .array([.object([("field", .string("Time\\group")), ("desc", .boolean(true))])])
        )
      ]
    )
    .coloured(.score)
    .colouredCells()
    .with {
      $0.unit = "percent"
      $0.decimals = 0
      $0.noValue = "–"
    }
    .column(
      "Time\\group", ("unit", .string("dateTimeAsSystem")),
      ("custom.cellOptions", .object([("type", .string("auto"))])))
  }
}
