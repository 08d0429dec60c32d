import Metrics

@testable import Live

/// A snapshot of a range with hosts in eight groups, of which some are not well. All texts are made by one
/// function: plain ones, or hostile ones.
struct PlantedSnapshot {
  var hosts = 400
  var text: (String) -> String = { $0 }

  static let now = Timestamp(nanoseconds: 1_795_000_000_000_000_000)

  /// What a hostile host would like a terminal to do.
  static let hostile = [
    "\u{1b}[2J\u{1b}[31mred", "\u{7}\u{8}\u{8}\u{8}", "\u{9b}5A", "\u{90}q\u{9c}", "a\r\nb\tc",
    "\u{202e}reversed\u{2066}", "\u{0}\u{7f}\u{85}", "\u{2028}\u{feff}\u{fffe}",
    "e" + String(repeating: "\u{301}", count: 3000), "漢字かな交じり文", "😀😀😀😀😀😀😀😀😀😀😀😀",
    String(repeating: "W", count: 1_000_000), "\u{1b}]0;title\u{7}", "\u{1b}P+q\u{1b}\\",
  ]

  private static let groups = ["ctf", "db", "firewall", "gpu", "mail", "vpn", "web", "win"]

  private func wave(_ index: Int, _ step: Int, _ top: Double) -> Double {
    let phase = (index * 7 + step * 3) % 24
    return (Double(phase < 12 ? phase : 24 - phase) / 12 * top * 100).rounded() / 100
  }

  var snapshot: Snapshot {
    var snapshot = Snapshot(
      title: text("range-a"), time: Self.now, lastPass: Self.now.before(.seconds(4)),
      limit: .seconds(45))
    for index in 0..<hosts {
      let group = Self.groups[index % 8]
      var host = Snapshot.Host(
        name: text("\(group)\(index / 8 < 10 ? "0" : "")\(index / 8)"), group: text(group))
      host.isUp = index % 57 != 3
      host.severity = index % 57 == 3 ? .critical : index % 41 == 5 ? .minor : .ok
      if host.severity == .critical {
        host.message = text("ssh: timeout: no answer for 5 s (last 14:04:30)")
        host.isKnown = index > 200
      }
      if host.severity == .minor { host.message = text("rule disk full{path=/}: 91 % used") }
      host.since = Self.now.before(.seconds(Int64(60 + index)))
      host.services = Shown.Count(online: host.isUp ? 4 : 0, total: 4)
      if host.isUp {
        for step in 0..<Snapshot.Series.length {
          host.series.cpu.append(wave(index, step, 90))
          host.series.load.append(wave(index, step, 4))
          host.series.memory.append(wave(index + 5, step, 70))
          host.series.latency.append(wave(index + 9, step, 12))
        }
      }
      snapshot.hosts.append(host)
    }
    let bad = snapshot.hosts.filter { $0.severity == .critical && !$0.isKnown }.map(\.name)
    snapshot.troubles = [
      Shown.Trouble(
        severity: .critical, names: text("gpu00,win07"), check: "ssh",
        message: text("timeout: no answer for 5 s (last 14:04:30)"),
        since: Self.now.before(.seconds(75)), effects: text("affects 14 hosts, 31 services")),
      Shown.Trouble(
        severity: .major, names: text("gpu2"), check: "bmc", message: text("PSU 2 input lost"),
        since: Self.now.before(.seconds(420)), mark: "acked by ana"),
    ]
    for (number, name) in bad.enumerated() {
      snapshot.troubles.append(
        Shown.Trouble(
          severity: .minor, names: name, check: "rule disk full", message: text("path=/: 91 %"),
          since: Self.now.before(.seconds(Int64(900 + number))), effects: ""))
    }
    for number in 0..<60 {
      snapshot.events.append(
        Shown.Event(
          time: Self.now.before(.seconds(Int64(30 * number))),
          severity: number % 2 == 0 ? .critical : .ok, host: snapshot.hosts[number % hosts].name,
          text: text("ssh: ok → critical after 3 h  timeout: no answer for 5 s")))
    }
    snapshot.incidents = [
      Shown.Incident(
        severity: .critical, names: text("gpu00,win07"), opened: Self.now.before(.seconds(75)),
        closed: nil,
        lines: [
          Shown.Incident.Line(
            host: text("gpu00"), check: "ssh", worst: .critical,
            from: Self.now.before(.seconds(75)), until: nil, message: "timeout",
            acknowledgement: nil)
        ])
    ]
    snapshot.figures = [Shown.Figure(text("influxdb"), "ok")]
    snapshot.score = 99.2
    return snapshot
  }

  func detail(_ name: String) -> HostDetail {
    var detail = HostDetail(name: name)
    detail.facts = [text("10.0.6.26"), text("via jp1"), text("Ubuntu 22.04.4"), "Linux 6.5.0-41"]
    detail.checks = [
      HostDetail.Check(
        name: "service https", label: text("service https"), severity: .critical,
        since: Self.now.before(.seconds(75)), message: text("timeout: no answer for 5 s"), mark: ""),
      HostDetail.Check(
        name: "rule disk full{path=/}", label: text("disk full path=/"), severity: .minor,
        since: Self.now.before(.seconds(500)), message: text("91 % used"),
        mark: text("acked by ana: cable")),
      HostDetail.Check(
        name: "ssh", label: "ssh", severity: .ok, since: Self.now.before(.seconds(90_000)),
        message: "", mark: ""),
    ]
    detail.graphs = [
      HostDetail.Graph(
        title: text("CPU"), latest: "23.4 %", values: (0..<60).map { wave(2, $0, 90) },
        isShare: true),
      HostDetail.Graph(
        title: text("Traffic eno1 in"), latest: "12 400 000 bit/s",
        values: (0..<60).map { wave(3, $0, 1e7) }, isShare: false),
    ]
    detail.lists = [HostDetail.List(title: text("Logged in"), rows: [text("alice pts/0")])]
    detail.events = snapshot.events.prefix(3).map { $0 }
    return detail
  }
}

/// A person before a screen of some size.
struct Person {
  var state = ViewState(who: "ana")
  var snapshot: Snapshot? = PlantedSnapshot().snapshot
  var width = 80
  var height = 24
  var capabilities = Capabilities(isUTF8: true, isColoured: true)
  var now = PlantedSnapshot.now
  var effects: [ViewState.Effect] = []

  init(width: Int = 80, height: Int = 24) {
    self.width = width
    self.height = height
  }

  mutating func press(_ keys: Key...) {
    for key in keys {
      if let effect = state.press(key, snapshot, width: width, height: height) {
        effects.append(effect)
      }
    }
  }

  mutating func type(_ text: String) {
    for scalar in text.unicodeScalars { press(.character(scalar)) }
  }

  var grid: Grid {
    Frames.draw(
      snapshot, state, width: width, height: height, capabilities, now: now, word: "live")
  }
  var lines: [String] { grid.lines }
  /// The chosen line.
  var chosen: String { lines.first { $0.hasPrefix(">") } ?? "" }
}
