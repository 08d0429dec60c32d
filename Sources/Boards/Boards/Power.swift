internal import Metrics

/// Power, temperatures and fans, from the BMCs.
enum PowerBoard: BoardFile {
  static func board(_ site: BoardSite) -> Board? {
    guard site.hasBMC else { return nil }
    var board = Board("power", "Power and sensors", "What the BMCs measure.")
    board.variables = [.group, .host]
    board.panels =
      Strip.panels() + [
        Panel.stat(
          "Total power now",
          .latest("ipmi_power", "watts", by: "host", "source").ofHosts().within(10)
            .reduced("max(\"watts\") AS \"watts\"", by: "host")
            .reduced("sum(\"watts\") AS \"power\""), unit: "watt", width: 4
        ).explained(
          "The sum over machines that reported in the last 10 minutes; of a machine with two sources the greater."
        ),
        Panel.stat(
          "BMCs up now",
          .latest("scrape", "up", by: "host").where("target", "bmc").ofHosts().within(10)
            .reduced("sum(\"up\") AS \"up\", count(\"up\") AS \"of\""), unit: "short", width: 4),
        Panel.chart(
          "Power", Query.mean("ipmi_power", "watts", by: "host", "source").ofHosts(), width: 24
        ).linked(.ofSeries),
        sensors("Temperatures", "degrees_c", "celsius", width: 12).coloured(.none),
        sensors("Fans", "rpm", "rotrpm", width: 12),
        sensors("Voltages", "volts", "volt", width: 12),
        sensors("Currents", "amps", "amp", width: 12),
        Panel.table(
          "Sensors that are not nominal now",
          .latest("ipmi_sensor", "state", by: "host", "name", "entity_id").ofHosts().within(10)
            .reduced("\"state\" AS \"state\"", by: "host", "name", "entity_id")
            .where("\"state\" > 0")
        )
        .columns(
          ("host", "Host"), ("name", "Sensor"), ("entity_id", "Entity"), ("state", "State"),
          ("Time", "Read")
        )
        .column(
          "State",
          (
            "mappings",
            .array([
              Mapping.values([
                (0, "nominal", "green"), (1, "warning", "orange"), (2, "critical", "red"),
              ])
            ])
          ), ("custom.cellOptions", .object([("type", .string("color-text"))]))
        )
        .column("Read", ("unit", .string(GrafanaUnit.age)))
        .linked(.ofRow)
        .with { $0.noValue = "all sensors are nominal, or none was read for 10 min" },
        Strip.events(
          "Event log",
          .rows("event", "severity", "host", "subject", "text", limit: 100).where("source", "sel")
            .ofHosts()
        ).with { $0.noValue = "no entry in this range" },
        Panel.states(
          "Chassis power", .last("ipmi_chassis", "power_on", by: "host").ofHosts(), height: 8
        ).mapped(Mapping.on).linked(.ofSeries),
      ]
    return board
  }

  private static func sensors(
    _ title: String, _ word: String, _ unit: String, width: Int
  ) -> Panel {
    Panel.chart(
      title,
      Query.mean("ipmi_sensor", "value", by: "host", "name", "entity_id").where("unit", word)
        .ofHosts(),
      unit: unit, width: width
    ).linked(.ofSeries)
  }
}
