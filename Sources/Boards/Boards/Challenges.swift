internal import Metrics

/// Challenge machines, containers and services: states over time, scores by type.
enum ChallengesBoard: BoardFile {
  static func board(_ site: BoardSite) -> Board? {
    var board = Board(
      "challenges", "Challenges", "Virtual machines, containers and services: states and scores.")
    board.variables = [.group, .host]
    board.panels =
      Strip.panels() + [
        Panel.stat(
          "Score", .last("service_summary", "score").where("scope", "all"), width: 15, curve: true
        ).ranged(0, 100).coloured(.score),
        Strip.headline("Services"),
        Panel.states(
          "State of each service",
          .last("service", "state", by: "host", "service").ofHosts(), height: 14
        ).mapped(Mapping.state).linked(.ofSeries),
        Strip.matrix(),
        Panel.chart(
          "Services by state",
          Query.last("service_summary", "ok", "minor", "major", "critical", "unknown")
            .where("scope", "all")
        ),
        Panel.chart(
          "Score by type of service",
          Query.last("service_summary", "score", by: "type").where("scope", "type")
        ).ranged(0, 100),
        Panel.bars(
          "Online by type of service",
          .value(
            "service_summary", "100 * last(\"online\") / last(\"total\")", named: "online",
            by: "type"
          ).where("scope", "type"), unit: "percent"
        ).ranged(0, 100).coloured(.score),
        Strip.broken(),
        Panel.chart(
          "Latency of services",
          Query.mean("service", "latency_ms", by: "host", "service").ofHosts(), height: 10
        ).linked(.ofSeries),
      ]
    if site.has(collector: "docker") {
      board.panels += [
        Strip.headline("Containers"),
        Panel.table(
          "Containers",
          .latest(
            "docker_container_status", "uptime_ns", by: "host", "container_name", "container_status"
          )
          .ofHosts(), height: 10
        ).linked(.ofRow),
        Panel.chart(
          "CPU of containers",
          Query.mean("docker_container_cpu", "usage_percent", by: "host", "container_name")
            .ofHosts(), height: 10
        ).linked(.ofSeries),
        Panel.chart(
          "Memory of containers",
          Query.mean("docker_container_mem", "usage", by: "host", "container_name").ofHosts(),
          height: 10
        ).linked(.ofSeries),
      ]
    }
    if site.has(collector: "libvirt") {
      board.panels += [
        Strip.headline("Virtual machines"),
        Panel.states(
          "State of each machine",
          .last("libvirt_state", "state", by: "host", "domain_name").ofHosts()
        ).linked(.ofSeries),
      ]
    }
    return board
  }
}
