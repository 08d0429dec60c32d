internal import Metrics

/// Gateways, firewalls and routers: traffic, errors, tracked connections, latency and loss, VPN.
enum NetworkBoard: BoardFile {
  static func board(_ site: BoardSite) -> Board? {
    var board = Board(
      "network", "Network", "Traffic, errors, connections, latency and loss; a line per path.")
    board.variables = [.group, .host]
    let wired = "\"interface\" <> 'all'"
    board.panels =
      Strip.panels() + [
        Strip.headline("Traffic"),
        Panel.chart(
          "Received", Query.mean("net", "recv_rate", by: "host", "interface").ofHosts().where(wired)
        ).linked(.ofSeries),
        Panel.chart(
          "Sent", Query.mean("net", "sent_rate", by: "host", "interface").ofHosts().where(wired)
        ).linked(.ofSeries),
        Panel.chart(
          "Errors",
          Query.rate("net", "err_in", "err_out", by: "host", "interface").ofHosts().where(wired),
          width: 8
        ).linked(.ofSeries),
        Panel.chart(
          "Drops",
          Query.rate("net", "drop_in", "drop_out", by: "host", "interface").ofHosts().where(wired),
          width: 8
        ).linked(.ofSeries),
        Panel.chart(
          "Tracked connections",
          Query.mean("conntrack", "ip_conntrack_count", by: "host").ofHosts(), width: 8
        ).linked(.ofSeries).explained("The firewall drops new connections when its table is full."),
        Panel.chart(
          "Established TCP connections",
          Query.last("netstat", "tcp_established", by: "host").ofHosts(), width: 8
        ).linked(.ofSeries),
        Panel.chart(
          "Retransmitted segments",
          Query.rate("nstat", "TcpRetransSegs", by: "host").where("name", "snmp").ofHosts(),
          width: 8
        ).linked(.ofSeries),
        Panel.chart(
          "Link speed", Query.last("net", "speed", by: "host", "interface").ofHosts(),
          width: 8
        ).linked(.ofSeries),
        Strip.headline("Latency and loss"),
        Panel.chart(
          "Round trip, average",
          Query.mean("ping", "average_response_ms", by: "host", "url").ofHosts()
        ).coloured(site.limits("ping", "average_response_ms")).linked(.ofSeries),
        Panel.chart(
          "Loss", Query.mean("ping", "percent_packet_loss", by: "host", "url").ofHosts()
        ).ranged(0, 100).coloured(site.limits("ping", "percent_packet_loss")).linked(.ofSeries),
        Strip.line("Latency of $host", over: "host"),
        smoke,
      ]
    return board
  }

  /// The round trip as SmokePing draws it: a band from the least to the greatest, the mean as a line,
  /// the loss below.
  private static var smoke: Panel {
    Panel.chart(
      "Round trip of $host: least, average, greatest",
      Query.mean("ping", "minimum_response_ms").ofHosts(["host"]).named("minimum"), width: 16
    ).with {
      $0.queries = [
        Query.mean("ping", "minimum_response_ms").ofHosts(["host"]).named("minimum"),
        Query.mean("ping", "average_response_ms").ofHosts(["host"]).named("average"),
        Query.max("ping", "maximum_response_ms").ofHosts(["host"]).named("maximum"),
        Query.mean("ping", "percent_packet_loss").ofHosts(["host"]).named("loss"),
      ]
      $0.title = "Round trip and loss of $host"
      $0.width = 24
    }
    .column(
      "maximum", ("custom.fillBelowTo", .string("minimum")), ("custom.lineWidth", .integer(0))
    )
    .column("minimum", ("custom.lineWidth", .integer(0)))
    .column("average", ("custom.lineWidth", .integer(2)))
    .column(
      "loss", ("unit", .string("percent")), ("custom.axisPlacement", .string("right")),
      ("min", .integer(0)), ("max", .integer(100)), ("custom.drawStyle", .string("bars")),
      ("color", .object([("mode", .string("fixed")), ("fixedColor", .string("red"))])))
  }
}
