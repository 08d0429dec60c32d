import Metrics
import Testing

@testable import Passes

/// What boards of others ask for, and which of it our points have.
@Suite struct CommunityBoardTests {
  /// The measurements that a board's statements name, with their fields, and the tags in their conditions and groups.
  struct Needs {
    var number: Int
    var measurements: [(name: String, fields: [String], tags: [String])]
  }

  /// Read from the statements of each board: names only.
  static let boards = [
    Needs(
      number: 928,
      measurements: [
        (
          "cpu",
          words(
            "usage_idle usage_user usage_system usage_softirq usage_steal usage_nice usage_irq usage_iowait usage_guest usage_guest_nice"
          ), ["cpu"]
        ),
        ("disk", words("total used used_percent inodes_used inodes_free"), ["path"]),
        ("diskio", words("reads writes read_bytes write_bytes read_time write_time"), ["name"]),
        ("kernel", words("context_switches processes_forked"), []),
        ("linux_sysctl_fs", words("file-max file-nr"), []),
        ("mem", words("total used used_percent cached free buffered available"), []),
        (
          "net",
          words(
            "bytes_recv bytes_sent err_in err_out drop_in drop_out tcp_estabresets tcp_outrsts tcp_activeopens tcp_passiveopens"
          ), ["interface"]
        ),
        (
          "netstat",
          words(
            "tcp_close tcp_close_wait tcp_closing tcp_established tcp_fin_wait1 tcp_fin_wait2 tcp_last_ack tcp_syn_recv tcp_syn_sent tcp_time_wait"
          ), []
        ),
        (
          "processes",
          words("total total_threads running blocked sleeping stopped zombies paging unknown"), []
        ),
        ("swap", words("in out used total used_percent"), []),
        ("system", words("uptime load1 load5 load15"), []),
      ])
  ]

  private static func words(_ text: String) -> [String] {
    text.split(separator: " ").map(String.init)
  }

  @Test func `the page says which fields of community boards have points`() throws {
    let page = try BoardSites.text("docs/grafana.md")
    for board in Self.boards {
      var (count, missing) = (0, [String]())
      for (name, fields, tags) in board.measurements {
        count += fields.count
        let known = Set(Catalog.all.fields(of: name) ?? [])
        missing += fields.filter { !known.contains($0) }.map { "`\(name).\($0)`" }
        let declared = Catalog.all.entries.filter { $0.measurement.name == name }
          .flatMap { $0.measurement.tags.map(\.name) }
        missing += tags.filter { !declared.contains($0) }.map { "tag `\($0)` of `\(name)`" }
      }
      let fields = missing.count { !$0.hasPrefix("tag") }
      let row =
        "| \(board.number) | \(count - fields) of \(count) | \(missing.isEmpty ? "–" : missing.joined(separator: ", ")) |"
      #expect(page.contains(row), "docs/grafana.md lacks the row \(row)")
    }
  }
}
