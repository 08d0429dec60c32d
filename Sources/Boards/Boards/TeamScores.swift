internal import Metrics

/// Scores of all teams: with `scores: {by: [team]}` of the services of each team.
enum TeamScores {
  static func panels(_ site: BoardSite) -> [Panel] {
    guard site.scopes.contains("team") else {
      return [
        Panel.text(
          "Scores of teams need `scores: {by: [team]}` in scrape.yml and the tag `team` on hosts.")
      ]
    }
    return [
      Panel.bars(
        "Score of each team",
        .value("service_summary", "last(\"score\")", named: "score", by: "team")
          .where("scope", "tag_team"), unit: "percent", height: 9
      ).ranged(0, 100).coloured(.score),
      Panel.chart(
        "Scores over time",
        Query.last("service_summary", "score", by: "team").where("scope", "tag_team"), height: 9
      ).ranged(0, 100),
      Panel.chart(
        "SLA of each team",
        Query.last("service_summary", "sla", by: "team").where("scope", "tag_team"), unit: "percent"
      ).ranged(0, 100),
      Panel.chart(
        "Services that are not ok",
        Query.last("service_summary", "major", "critical", by: "team").where("scope", "tag_team")),
      Panel.states(
        "Timeline of each team",
        Query.last("service_summary", "score", by: "team").where("scope", "tag_team"), height: 9
      ).coloured(.score).with { $0.unit = "percent" },
      shares,
    ]
  }

  /// The services of each team by state, a donut per team.
  private static var shares: Panel {
    var panel = Panel.donut(
      "Services of $team by state",
      .latest("service_summary", "ok", "minor", "major", "critical", "unknown")
        .where("scope", "tag_team").ofHosts(["team"]), width: 4)
    panel.repeats = "team"
    for (state, colour) in [
      ("ok", "green"), ("minor", "yellow"), ("major", "orange"), ("critical", "red"),
      ("unknown", "purple"),
    ] {
      panel = panel.column(
        state, ("color", .object([("mode", .string("fixed")), ("fixedColor", .string(colour))])))
    }
    return panel
  }
}
