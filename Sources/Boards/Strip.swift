internal import Metrics

/// The first line of every board: how old the data is, and how many hosts have any.
///
/// A host is *down* if the last pass did not reach it, *stale* if its last point is old, and without
/// data if no row names it: three different things, each visible on every board.
enum Strip {
  /// Three panels of 9 columns in all.
  static func panels(_ variables: [String] = ["group", "host"]) -> [Panel] {
    [
      age(),
      Panel.stat(
        "Hosts up now",
        .latest("scrape", "up", by: "host").where("target", "ssh").ofHosts(variables).within(5)
          .reduced("sum(\"up\") AS \"up\", count(\"up\") AS \"of\""), unit: "short", width: 3
      ).explained("Hosts whose session worked, of those that the last 5 minutes have a result of.")
        .with { $0.noValue = "no result for 5 min" },
      oldest(variables),
    ]
  }

  /// The age of the last pass: everything else is at least as old.
  static func age(width: Int = 3) -> Panel {
    Panel.stat(
      "Last pass", .latest("scrape_pass", "points").ofMonitor(), unit: GrafanaUnit.age,
      width: width, fields: "/^Time$/"
    ).explained(
      "When the last pass over all hosts was written. If it is old, all boards are: look at the timer, `scrape status`, and the queue."
    ).with { $0.noValue = "no pass in this range" }
  }

  /// The age of the host that has been without a result for longest.
  static func oldest(_ variables: [String], width: Int = 3) -> Panel {
    Panel.stat(
      "Oldest data",
      .latest("scrape", "up", by: "host").where("target", "ssh").ofHosts(variables),
      unit: GrafanaUnit.age, width: width, fields: "/^Time$/", reducer: "min"
    ).explained(
      "The last result of the host whose last result is the oldest, of those with any in this range. Hosts with a longer `every:` are older."
    ).with { $0.noValue = "no result in this range" }
  }

  /// The age of each host's last point.
  static func ages(
    _ variables: [String] = ["group", "host"], width: Int = 12, height: Int = 8
  ) -> Panel {
    Panel.table(
      "Last data of each host",
      .latest("scrape", "up", by: "host").where("target", "ssh").ofHosts(variables),
      width: width, height: height
    )
    .columns(("host", "Host"), ("up", "State"), ("Time", "Last result"))
    .column("Last result", ("unit", .string(GrafanaUnit.age)), ("custom.width", .integer(140)))
    .column(
      "State", ("mappings", .array([Mapping.up])), ("custom.width", .integer(80)),
      ("custom.cellOptions", .object([("type", .string("color-text"))]))
    )
    .linked(.ofRow)
    .explained(
      "Down: the last pass did not reach it. An old result: passes do not run, or not for this host."
    )
  }

  /// The last events.
  static func events(
    _ variables: [String] = ["group", "host"], width: Int = 12, height: Int = 10
  ) -> Panel {
    events(
      "Last events",
      .rows("event", "severity", "host", "subject", "text", limit: 100).ofHosts(variables),
      width: width, height: height)
  }

  /// The events of a query with time, severity, host, subject and text.
  static func events(
    _ title: String, _ query: Query, width: Int = 12, height: Int = 8
  ) -> Panel {
    Panel.table(title, query, width: width, height: height)
      .columns(
        ("Time", "Time"), ("severity", "Severity"), ("host", "Host"), ("subject", "Check"),
        ("text", "What happened")
      )
      .column("Time", ("custom.width", .integer(150)))
      .column(
        "Severity", ("mappings", .array([Mapping.severity])), ("custom.width", .integer(75)),
        ("custom.cellOptions", .object([("type", .string("color-text"))]))
      )
      .column("Host", ("custom.width", .integer(90)))
      .column("Check", ("custom.width", .integer(130)))
      .linked(.ofRow)
      .with { $0.noValue = "no event in this range" }
  }

  /// Who came and who failed to come.
  static func logins(_ variables: [String], width: Int = 12, height: Int = 10) -> Panel {
    Panel.table(
      "Logins",
      .rows("login", "host", "action", "user", "from", "tty", limit: 500).ofHosts(variables),
      width: width, height: height
    )
    .columns(
      ("Time", "Time"), ("host", "Host"), ("action", "What"), ("user", "User"), ("from", "From"),
      ("tty", "Terminal")
    )
    .column("Time", ("custom.width", .integer(150)))
    .column("What", ("custom.width", .integer(75)))
    .linked(.ofRow)
    .with { $0.noValue = "no login in this range, or no records of them" }
  }

  /// What does not answer now.
  static func broken(
    _ variables: [String] = ["group", "host"], width: Int = 12, height: Int = 10
  ) -> Panel {
    Panel.table(
      "Services that are not ok now",
      .latest("service", "state", by: "host", "service").ofHosts(variables).within(5)
        .reduced("\"state\" AS \"state\"", by: "host", "service").where("\"state\" > 0"),
      width: width, height: height
    )
    .columns(
      ("host", "Host"), ("service", "Service"), ("state", "State"), ("Time", "Since check")
    )
    .column(
      "State", ("mappings", .array([Mapping.state])), ("custom.width", .integer(90)),
      ("custom.cellOptions", .object([("type", .string("color-text"))]))
    )
    .column("Since check", ("unit", .string(GrafanaUnit.age)), ("custom.width", .integer(120)))
    .linked(.ofRow)
    .with { $0.noValue = "all services are ok, or none was checked for 5 min" }
  }

  /// Host × service, each cell the latest state of a service: the heat map of a range.
  ///
  /// A service that was not checked for 10 minutes has no colour.
  static func matrix(
    _ variables: [String] = ["group", "host"], width: Int = 24, height: Int = 10
  ) -> Panel {
    Panel.table(
      "State of services by host",
      .latest("service", "state", by: "host", "service").ofHosts(variables).within(10),
      width: width, height: height
    )
    .matrix(of: "state", rows: "host", columns: "service", empty: "empty")
    .mapped(Mapping.state)
    .colouredCells()
    .with {
      $0.unit = "none"
      $0.noValue = "no service was checked for 10 min"
    }
    .column("host\\service", ("custom.cellOptions", .object([("type", .string("auto"))])))
    .linked(
      DataLink(
        title: "Host ${__data.fields[0]}",
        url: "/d/scrape-host?var-host=${__data.fields[0]}&${__url_time_range}")
    )
    .explained("Empty: the host has no such service, or it was not checked for 10 minutes.")
  }

  /// What policies say of hosts: counts and scores now, and the checks whose result changed.
  static func policies(_ variables: [String] = ["group", "host"]) -> [Panel] {
    [
      headline("Policies"),
      Panel.table(
        "Policies of each host",
        .latest("policy", "score", "passed", "failed", "unknown", by: "host", "policy")
          .ofHosts(variables), height: 10
      )
      .columns(
        ("host", "Host"), ("policy", "Policy"), ("score", "Score"), ("passed", "Passed"),
        ("failed", "Failed"), ("unknown", "Unknown"), ("Time", "Evaluated")
      )
      .column("Score", ("unit", .string("percent")))
      .column("Evaluated", ("unit", .string(GrafanaUnit.age))).linked(.ofRow),
      Panel.chart(
        "Scores of policies", .last("policy", "score", by: "host", "policy").ofHosts(variables),
        height: 10
      ).ranged(0, 100).coloured(.score).linked(.ofSeries),
      Panel.table(
        "Checks of policies that changed",
        .rows("policy_check", "host", "policy", "check", "result", "previous", "title", limit: 200)
          .ofHosts(variables), width: 24
      )
      .columns(
        ("Time", "Time"), ("host", "Host"), ("policy", "Policy"), ("check", "Check"),
        ("previous", "Before"), ("result", "Result"), ("title", "Title")
      )
      .column("Time", ("custom.width", .integer(150))).linked(.ofRow)
      .with { $0.noValue = "no check changed in this range" },
    ]
  }

  /// What disks say of their health.
  static func disks(_ variables: [String] = ["group", "host"]) -> Panel {
    Panel.table(
      "Health of disks",
      .latest(
        "smart_device", "health_ok", "temp_c", "power_on_hours", "percentage_used",
        "reallocated_sectors_count", "pending_sector_count", "media_errors", by: "host", "device",
        "model", "serial_no"
      )
      .ofHosts(variables)
      .lacking(
        "temp_c", "power_on_hours", "percentage_used", "reallocated_sectors_count",
        "pending_sector_count", "media_errors"), width: 24, height: 8
    )
    .columns(
      ("host", "Host"), ("device", "Disk"), ("model", "Model"),
      ("serial_no", "Serial"), ("health_ok", "Health"),
      ("temp_c", "Temperature"), ("power_on_hours", "Hours"), ("percentage_used", "Worn"),
      ("reallocated_sectors_count", "Reallocated"), ("pending_sector_count", "Pending"),
      ("media_errors", "Media errors"), ("Time", "Last result")
    )
    .column(
      "Health", ("mappings", .array([Mapping.passed])),
      ("custom.cellOptions", .object([("type", .string("color-text"))]))
    )
    .column("Temperature", ("unit", .string("celsius")))
    .column("Worn", ("unit", .string("percent")))
    .column("Last result", ("unit", .string(GrafanaUnit.age)))
    .linked(.ofRow)
    .with { $0.noValue = "no disk that the account may ask (SMART)" }
  }

  static func headline(_ title: String, isClosed: Bool = false) -> Panel {
    Panel(.row, title, width: 24, height: 1).with { $0.isClosed = isClosed }
  }

  /// A line that is repeated for each value of a variable, with the panels after it.
  static func line(_ title: String, over variable: String) -> Panel {
    headline(title).with { $0.repeats = variable }
  }
}
