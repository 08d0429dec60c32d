internal import Metrics

/// Everything of one host.
enum HostBoard: BoardFile {
  static func board(_ site: BoardSite) -> Board? {
    var board = Board("host", "Host", "Everything of one host.")
    board.variables = [.oneHost]
    let host = ["host"]
    func chart(_ title: String, _ queries: Query..., limits: (String, String)? = nil) -> Panel {
      Panel.chart(title, queries[0].ofHosts(host), width: 8, height: 7).with { panel in
        panel.queries = queries.map { $0.ofHosts(host) }
        if let limits { panel.thresholds = site.limits(limits.0, limits.1) }
      }
    }
    board.panels =
      Strip.panels(host) + [
        Panel.stat(
          "Session", .latest("scrape", "up").where("target", "ssh").ofHosts(host), width: 3,
          fields: "/^up$/"
        ).mapped(Mapping.up).coloured(.oneIsGood),
        Panel.stat(
          "Uptime", .latest("system", "uptime").ofHosts(host), width: 3, fields: "/^uptime$/"),
        Panel.stat(
          "CPUs", .latest("system", "n_cpus").ofHosts(host), width: 3, fields: "/^n_cpus$/"),
        Panel.stat("Users", .latest("users", "count").ofHosts(host), width: 3, fields: "/^count$/"),
        Panel.stat(
          "Problems", .latest("scrape", "problems").where("target", "ssh").ofHosts(host), width: 3,
          fields: "/^problems$/"
        ).coloured(.zeroIsGood),
        Strip.headline("Load"),
        chart(
          "CPU",
          .mean("cpu", "usage_user", "usage_system", "usage_iowait", "usage_steal")
            .where("cpu", "cpu-total")
        ).ranged(0, 100).with {
          $0.custom += [
            ("stacking", .object([("mode", .string("normal")), ("group", .string("A"))]))
          ]
        },
        chart("Load", .mean("system", "load1", "load5", "load15")),
        chart(
          "Memory", .mean("mem", "used_percent").named("used"),
          .mean("swap", "used_percent").named("swap"), limits: ("mem", "used_percent")
        ).ranged(0, 100),
        chart("Pressure", .mean("pressure", "avg60", by: "resource", "type")).ranged(0, nil),
        chart(
          "Processes", .mean("processes", "total", "running", "blocked", "zombies")),
        chart("Users", .last("users", "count", "unique")),
        Strip.headline("Disks"),
        chart(
          "File systems", .mean("disk", "used_percent", by: "path"),
          limits: ("disk", "used_percent")
        )
        .ranged(0, 100),
        chart("Inodes", .mean("disk", "inodes_used_percent", by: "path")).ranged(0, 100),
        chart("Disk utilisation", .mean("diskio", "io_util", by: "name")).ranged(0, 100),
        chart("Disk traffic", .rate("diskio", "read_bytes", "write_bytes", by: "name")),
        chart("Disk latency", .mean("diskio", "io_await", by: "name")),
      ] + (site.has(collector: "smart") ? [Strip.disks(host)] : []) + [
        Strip.headline("Network"),
        chart(
          "Traffic",
          .mean("net", "recv_rate", "sent_rate", by: "interface").where("\"interface\" <> 'all'")),
        chart(
          "Errors and drops",
          .rate("net", "err_in", "err_out", "drop_in", "drop_out", by: "interface")
            .where("\"interface\" <> 'all'")),
        chart(
          "TCP sockets by state",
          .last("netstat", "tcp_established", "tcp_listen", "tcp_time_wait")),
        chart(
          "Sockets by family",
          .last("sockstat", "tcp_established", "tcp_inuse", "udp_inuse", by: "family")),
        chart("Latency", .mean("ping", "average_response_ms", by: "url", "path").lacking("path")),
        chart("Loss", .mean("ping", "percent_packet_loss", by: "url", "path").lacking("path"))
          .ranged(0, 100),
        Strip.headline("Services"),
        Panel.states(
          "State of each service", .last("service", "state", by: "service").ofHosts(host)
        )
        .mapped(Mapping.state).sized(16, 9),
        chart("Latency of services", .mean("service", "latency_ms", by: "service")).sized(8, 9),
      ] + (site.hasPolicies ? Strip.policies(host) : []) + [
        Strip.headline("Power and sensors", isClosed: true),
        chart("Power", .mean("ipmi_power", "watts", by: "source")),
        chart(
          "Temperatures",
          .mean("ipmi_sensor", "value", by: "name", "entity_id").where("unit", "degrees_c")
        ).with { $0.unit = "celsius" },
        chart("Fans", .mean("ipmi_sensor", "value", by: "name", "entity_id").where("unit", "rpm"))
          .with {
            $0.unit = "rotrpm"
          },
        Strip.headline("GPUs", isClosed: true),
        chart("GPU utilisation", .mean("nvidia_smi", "utilization_gpu", by: "index")).ranged(
          0, 100),
        chart("GPU memory", .mean("nvidia_smi", "memory_used", by: "index")),
        chart("GPU temperature", .mean("nvidia_smi", "temperature_gpu", by: "index")),
        Strip.headline("Events and processes"),
        Strip.events(host),
        Strip.logins(host),
        Panel.table(
          "Processes by CPU",
          .latest("procstat", "process", "pid", "cpu_usage", "memory_rss", by: "rank")
            .where("by", "cpu").ofHosts(host), height: 8
        )
        .columns(
          ("rank", "Rank"), ("process", "Process"), ("pid", "PID"), ("cpu_usage", "CPU"),
          ("memory_rss", "Memory"), ("Time", "Last result")
        )
        .column("CPU", ("unit", .string("percent")))
        .column("Memory", ("unit", .string("bytes")))
        .column("Last result", ("unit", .string(GrafanaUnit.age))),
        Panel.table(
          "Results of scrapes",
          .rows("scrape", "target", "up", "reason", "duration_ms", "bytes", "problems", limit: 50)
            .ofHosts(host), height: 8
        )
        .columns(
          ("Time", "Time"), ("target", "Target"), ("up", "State"), ("reason", "Reason"),
          ("duration_ms", "Duration"), ("bytes", "Bytes"), ("problems", "Problems")
        )
        .column("Time", ("custom.width", .integer(150)))
        .column("State", ("mappings", .array([Mapping.up])))
        .column("Duration", ("unit", .string("ms"))).column("Bytes", ("unit", .string("bytes"))),
      ]
    return board
  }
}
