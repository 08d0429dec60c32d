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
        // The state is a tag: only the newest points tell which one holds.
        Panel.table(
          "Containers",
          .latest(
            "docker_container_status", "exitcode", "uptime_ns", "restart_count", by: "host",
            "container_name", "container_status"
          )
          .ofHosts().within(5), height: 10
        )
        .columns(
          ("host", "Host"), ("container_name", "Container"), ("container_status", "State"),
          ("uptime_ns", "Run time"), ("restart_count", "Restarts"), ("exitcode", "Exit code"),
          ("Time", "Last result")
        )
        .column("Run time", ("unit", .string("ns")))
        .column("Last result", ("unit", .string(GrafanaUnit.age)))
        .linked(.ofRow).with { $0.noValue = "no result of containers for 5 min" },
        Panel.table(
          "Health checks of containers",
          .latest(
            "docker_container_health", "health_status", "failing_streak", by: "host",
            "container_name"
          ).ofHosts(), height: 10
        )
        .columns(
          ("host", "Host"), ("container_name", "Container"), ("health_status", "Health"),
          ("failing_streak", "Failed checks"), ("Time", "Last result")
        )
        .column("Last result", ("unit", .string(GrafanaUnit.age)))
        .linked(.ofRow).with { $0.noValue = "no container with a health check" },
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
    if site.has(collector: "kubernetes") { board.panels += pods }
    if site.has(collector: "libvirt") {
      board.panels += [
        Strip.headline("Virtual machines"),
        Panel.states(
          "State of each virtual machine",
          .last("libvirt_state", "state", by: "host", "domain_name").ofHosts()
        ).mapped(Mapping.machine).linked(.ofSeries),
        Panel.chart(
          "CPU of virtual machines",
          Query.mean("libvirt_cpu", "usage_percent", by: "host", "domain_name").ofHosts()
        ).linked(.ofSeries),
        Panel.chart(
          "Memory of virtual machines on the host",
          Query.mean("libvirt_balloon", "rss", by: "host", "domain_name").ofHosts(), unit: "kbytes"
        ).linked(.ofSeries),
      ]
    }
    return board
  }

  private static var pods: [Panel] {
    [
      Strip.headline("Pods"),
      // State and readiness are tags: only the newest points tell which ones hold.
      Panel.table(
        "Containers of pods",
        .latest(
          "kubernetes_pod_container", "state_code", "restarts_total", "state_reason",
          by: "host", "namespace", "pod_name", "container_name", "state", "readiness"
        )
        .ofHosts().within(5).lacking("state_reason", "restarts_total"), height: 10
      )
      .columns(
        ("host", "Host"), ("namespace", "Namespace"), ("pod_name", "Pod"),
        ("container_name", "Container"),
        ("state", "State"), ("readiness", "Readiness"), ("state_reason", "Reason"),
        ("restarts_total", "Restarts"), ("Time", "Last result"), hiding: ["state_code"]
      )
      .column("Last result", ("unit", .string(GrafanaUnit.age)))
      .linked(.ofRow).with { $0.noValue = "no result of pods for 5 min" },
      Panel.chart(
        "Restarts of containers in pods",
        Query.last(
          "kubernetes_pod_container", "restarts_total", by: "host", "namespace", "pod_name",
          "container_name"
        ).ofHosts(), height: 10
      ).linked(.ofSeries),
    ]
  }
}
