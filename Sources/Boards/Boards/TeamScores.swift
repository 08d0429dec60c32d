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
        .latest("service_summary", "score", by: "team").where("scope", "tag_team"), height: 9
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
    ]
  }
}
