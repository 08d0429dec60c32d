internal import Metrics

/// The wall of servers: CPU and memory on the left, latency and power on the right, a line per host.
enum ServersBoard: BoardFile {
  static func board(_ site: BoardSite) -> Board? {
    var board = Board(
      "servers", "Servers", "CPU, memory, latency and power of every server, a line each.")
    board.variables = [.group, .host]
    board.range = "now-1h"
    var line = [
      Panel.chart(
        "CPU · $host",
        Query.mean("cpu", "usage_active").where("cpu", "cpu-total").ofHosts(["host"])
          .named("CPU"), width: 6, height: 5
      ).ranged(0, 100).coloured(site.limits("cpu", "usage_active")),
      Panel.chart(
        "Memory · $host", Query.mean("mem", "used_percent").ofHosts(["host"]).named("memory"),
        width: 6, height: 5
      ).ranged(0, 100).coloured(site.limits("mem", "used_percent")),
      Panel.chart(
        "Latency · $host",
        Query.mean("ping", "average_response_ms", by: "url", "path").lacking("path").ofHosts([
          "host"
        ]), width: 6,
        height: 5
      ).coloured(site.limits("ping", "average_response_ms")),
    ]
    if site.hasBMC {
      line.append(
        Panel.chart(
          "Power · $host", Query.mean("ipmi_power", "watts", by: "source").ofHosts(["host"]),
          width: 6, height: 5))
    } else {
      line.append(
        Panel.chart(
          "Network · $host",
          Query.mean("net", "recv_rate", "sent_rate", by: "interface").ofHosts(["host"])
            .where("\"interface\" <> 'all'"), width: 6, height: 5))
    }
    board.panels =
      Strip.panels() + [Strip.line("$host", over: "host")]
      + line.map {
        $0.linked(
          DataLink(title: "Host $host", url: "/d/scrape-host?var-host=$host&${__url_time_range}"))
      }
    return board
  }
}
