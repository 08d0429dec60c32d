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
          "TCP sockets by family",
          Query.last("sockstat", "tcp_inuse", by: "host", "family").ofHosts(), width: 8
        ).linked(.ofSeries),
        Panel.chart(
          "Link utilisation",
          Query.max("net", "recv_percent", "sent_percent", by: "host", "interface").ofHosts(),
          width: 8
        ).ranged(0, 100).linked(.ofSeries).with { $0.noValue = "no link reports its speed" },
        Panel.states(
          "State of links", .last("ethtool", "link", by: "host", "interface").ofHosts(), height: 6
        ).mapped(Mapping.up).linked(.ofSeries),
        Strip.headline("Latency and loss"),
        Panel.chart(
          "Mean round trip",
          Query.mean("ping", "average_response_ms", by: "host", "url", "path").lacking("path")
            .ofHosts()
        ).coloured(site.limits("ping", "average_response_ms")).linked(.ofSeries),
        Panel.chart(
          "Loss",
          Query.mean("ping", "percent_packet_loss", by: "host", "url", "path").lacking("path")
            .ofHosts()
        ).ranged(0, 100).coloured(site.limits("ping", "percent_packet_loss")).linked(.ofSeries),
        Strip.line("Latency of $host", over: "host"),
        smoke,
      ]
    // Before the line that is repeated for each host.
    let vpn = vpn(site)
    if let line = board.panels.firstIndex(where: { $0.repeats != nil }), !vpn.isEmpty {
      board.panels.insert(contentsOf: [Strip.headline("VPN")] + vpn, at: line)
    }
    return board
  }

  /// WireGuard's peers and OpenVPN's clients.
  private static func vpn(_ site: BoardSite) -> [Panel] {
    var panels: [Panel] = []
    if site.has(collector: "wireguard") {
      panels += [
        Panel.chart(
          "Last handshake of WireGuard peers",
          Query.last("wireguard_peer", "handshake_age_s", by: "host", "device", "public_key")
            .ofHosts()
        ).linked(.ofSeries).explained(
          "A peer with traffic renews its session every 2 minutes; an older handshake means an idle or broken peer."
        ),
        Panel.chart(
          "Traffic of WireGuard peers",
          Query.rate("wireguard_peer", "rx_bytes", "tx_bytes", by: "host", "device", "public_key")
            .ofHosts()
        ).linked(.ofSeries),
      ]
    }
    if site.has(collector: "openvpn") {
      panels += [
        Panel.chart(
          "OpenVPN clients", Query.last("openvpn", "clients", by: "host", "file").ofHosts()
        ).linked(.ofSeries),
        Panel.table(
          "OpenVPN clients now",
          .latest(
            "openvpn_client", "real_address", "virtual_address", "bytes_received", "bytes_sent",
            by: "host", "file", "common_name"
          ).ofHosts().within(5)
        )
        .columns(
          ("host", "Host"), ("file", "Server"), ("common_name", "Client"), ("real_address", "From"),
          ("virtual_address", "Address"), ("bytes_received", "Received"), ("bytes_sent", "Sent"),
          hiding: ["Time"]
        )
        .column("Received", ("unit", .string("bytes"))).column("Sent", ("unit", .string("bytes")))
        .linked(.ofRow).with { $0.noValue = "no client for 5 min" },
      ]
    }
    return panels
  }

  /// The round trip as SmokePing draws it: a band from the least to the greatest, the mean as a line,
  /// the loss below.
  ///
  /// Of the host's `address` alone: the mean of two paths would be that of neither. The charts above have
  /// a line for each address.
  private static var smoke: Panel {
    func pings(_ function: String, _ field: String, _ name: String) -> Query {
      let query =
        function == "max" ? Query.max("ping", field) : Query.mean("ping", field)
      return query.where("\"path\" = ''").ofHosts(["host"]).named(name)
    }
    return Panel.chart(
      "Round trip and loss of $host", pings("mean", "minimum_response_ms", "minimum"),
      pings("mean", "average_response_ms", "average"),
      pings("max", "maximum_response_ms", "maximum"),
      pings("mean", "percent_packet_loss", "loss"), width: 24
    )
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
