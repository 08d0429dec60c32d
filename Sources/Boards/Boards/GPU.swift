internal import Metrics

/// Every GPU: use, memory, temperature, power and faults.
enum GPUBoard: BoardFile {
  static func board(_ site: BoardSite) -> Board? {
    guard site.has(collector: "gpu") else { return nil }
    var board = Board("gpu", "GPU", "Every GPU: use, memory, temperature, power and faults.")
    board.variables = [.group, .host]
    func chart(_ title: String, _ fields: String) -> Panel {
      Panel.chart(title, Query.mean("nvidia_smi", fields, by: "host", "index").ofHosts())
        .linked(.ofSeries).coloured(site.limits("nvidia_smi", fields))
    }
    board.panels =
      Strip.panels() + [
        Panel.stat(
          "GPUs now",
          .latest("gpu_health", "count", by: "host").ofHosts().within(5)
            .reduced("sum(\"count\") AS \"GPUs\""), unit: "short", width: 4),
        Panel.stat(
          "Hosts with lost GPUs now",
          .latest("gpu_health", "lost", by: "host").ofHosts().within(5)
            .reduced("sum(\"lost\") AS \"hosts\""), unit: "short", width: 4
        ).coloured(.zeroIsGood),
        chart("Utilisation", "utilization_gpu").ranged(0, 100),
        chart("Memory used", "memory_used"),
        chart("Temperature", "temperature_gpu"), chart("Power", "power_draw"),
        chart("Fan", "fan_speed").ranged(0, 100), chart("SM clock", "clocks_current_sm"),
        Panel.table(
          "Lost GPUs",
          .latest("gpu_health", "lost", "count", "expected", "reason", by: "host").ofHosts()
            .lacking("reason")
        )
        .columns(
          ("host", "Host"), ("count", "GPUs"), ("expected", "Expected"), ("lost", "Lost"),
          ("reason", "Reason"), ("Time", "Last result")
        )
        .column("Last result", ("unit", .string(GrafanaUnit.age))).linked(.ofRow),
        Panel.chart(
          "Uncorrected memory errors",
          Query.last("nvidia_smi", "ecc_errors_volatile_dram_uncorrectable", by: "host", "index")
            .ofHosts()
        ).linked(.ofSeries).with { $0.noValue = "no GPU here counts memory errors (ECC)" },
      ]
    return board
  }
}
