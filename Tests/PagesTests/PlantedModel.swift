import Metrics

@testable import Pages

/// A model of many hosts, of which all texts are made by one function: plain ones, or hostile ones.
struct PlantedModel {
  var hosts = 400
  var services = 5
  /// Makes each text, from a short name of its place.
  var text: (String) -> String = { $0 }

  static let now = Timestamp(nanoseconds: 1_795_000_000_000_000_000)

  /// What a hostile host would like a browser to read.
  static let hostile = [
    "<script>alert(1)</script>", "\"onload=\"alert(1)", "'><img src=x onerror=alert(1)>",
    "\u{202E}reversed\u{2066}", "\u{0}\u{1B}[2J\u{7F}\u{85}", "&lt;b&gt;&#60;", "]]>--><!--",
    "</style></script></title>", "javascript:alert(1)", String(repeating: "W", count: 1_000_000),
    "\u{2028}\u{FEFF}\u{FFFE}", "Ä€😀" + String(repeating: "\u{301}", count: 3000),
  ]

  var model: PageModel {
    var model = PageModel(
      title: text("title"), time: Self.now, freshness: text("pass 4 s ago"), isLate: false,
      refresh: .seconds(15))
    model.announcements = [
      PageModel.Announcement(text: text("announcement"), when: text("until 22:00")),
      PageModel.Announcement(text: text("maintenance"), when: text("18:00"), isNext: true),
    ]
    let types = ["icmp", "ssh", "http", "https", "dns"]
    for index in 0..<hosts {
      let name = text("web\(1000 + index)")
      var host = PageModel.Host(
        name: name, group: text("group\(index % 8)"), address: text("10.0.0.\(index)"),
        parent: index >= 20 ? text("web\(1000 + index % 20)") : nil)
      host.isUp = index % 50 != 0
      host.worst = index % 50 == 0 ? .critical : .ok
      host.message = index % 50 == 0 ? text("ssh: unreachable") : ""
      for place in 0..<services {
        let severity: Severity = index % 50 == 0 ? .critical : .ok
        host.services.add(severity, isUp: severity == .ok)
        let changes = [
          StateHistory.Change(
            time: Self.now.before(.seconds(Int64(3600 + 60 * (index % 300)))), from: .ok,
            since: Self.now.before(.seconds(90_000)))
        ]
        model.services.append(
          PageModel.Service(
            host: name, name: text(types[place % 5]), type: text(types[place % 5]),
            severity: severity, isUp: severity == .ok,
            message: severity == .ok ? "" : text("connection_refused: nothing listens"),
            history: StateHistory(
              now: severity, since: nil, changes: severity == .ok ? [] : changes, at: Self.now,
              worth: { $0 == .ok ? 1 : 0 })))
      }
      model.hosts.append(host)
      if index % 50 == 0 {
        model.troubles.append(
          Shown.Trouble(
            severity: .critical, names: name, check: text("ssh"),
            message: text("timeout: no answer"),
            since: Self.now.before(.seconds(300)), effects: text("affects 14 hosts"),
            hosts: index % 100 == 0 ? [name] : [name, text("web1001")]))
      }
    }
    for index in 0..<100 {
      model.events.append(
        Shown.Event(
          time: Self.now.before(.seconds(Int64(60 * index))), severity: .major,
          host: text("web\(1000 + index)"), text: text("ssh: ok → critical")))
    }
    model.incidents = [
      Shown.Incident(
        severity: .critical, names: text("web[1000-1010]"),
        opened: Self.now.before(.seconds(300)), closed: nil,
        lines: [
          Shown.Incident.Line(
            host: text("web1000"), check: text("ssh"), worst: .critical,
            from: Self.now.before(.seconds(300)), until: nil, message: text("timeout"),
            acknowledgement: text("ana: looking"))
        ])
    ]
    model.figures = [Shown.Figure(text("pass took"), text("1.3 s"))]
    for (index, word) in ["rebooted", "policy sshd, check 12: passed → failed"].enumerated() {
      model.changes.append(
        Shown.Event(
          time: Self.now.before(.seconds(Int64(600 * index))), severity: index == 0 ? nil : .minor,
          host: text("web100\(index)"), text: text(word)))
    }
    addPolicies(to: &model)
    model.score = 98
    for slot in 0..<StateHistory.count {
      let time = Self.now.before(.seconds(Int64(960 * (StateHistory.count - slot))))
      model.scores.append((time: time, value: Double(90 + slot % 10)))
    }
    for (index, scope) in [("team", "blue1"), ("team", "blue2"), ("group", "web"), ("group", "db")]
      .enumerated()
    {
      var count = Shown.Count()
      for place in 0..<20 { count.add(place < index ? .critical : .ok, isUp: place >= index) }
      model.scopes.append(
        PageModel.Scope(
          kind: text(scope.0), name: text(scope.1), count: count, score: 100 - Double(5 * index),
          sla: 99.5, values: model.scores.map { ($0.time, $0.value - Double(index)) }))
    }
    return model
  }

  private func addPolicies(to model: inout PageModel) {
    for (index, host) in model.hosts.enumerated() {
      for policy in ["baseline", "sshd"] {
        let failed = index % 5 == 0 ? 3 : 0
        model.policies.append(
          PageModel.Policy(
            host: host.name, policy: text(policy), time: Self.now.before(.seconds(900)),
            passed: 60, failed: failed, unknown: index % 7 == 0 ? 1 : 0, notApplicable: 2,
            score: failed == 0 ? 100 : 95,
            severity: failed > 0 ? .minor : index % 7 == 0 ? .unknown : .ok))
      }
    }
    for policy in ["baseline", "sshd"] {
      var values: [(time: Timestamp, value: Double)] = []
      for hour in 0..<168 {
        let time = Self.now.before(.seconds(Int64(3600 * (168 - hour))))
        values.append((time: time, value: Double(90 + hour % 9)))
      }
      model.policyScores.append((policy: text(policy), values: values))
    }
  }

  /// The checks that are not passed, of some hosts.
  var findings: [String: [String: [PageModel.Finding]]] {
    var all: [String: [String: [PageModel.Finding]]] = [:]
    for index in stride(from: 0, to: hosts, by: 5) {
      all[text("web\(1000 + index)"), default: [:]][text("baseline")] = [
        PageModel.Finding(
          check: text("12"), title: text("tmp is on its own file system"), isFailed: true,
          why: text("no line of /proc/mounts matches")),
        PageModel.Finding(
          check: text("33"), title: text("shadow is not readable"), isFailed: index % 2 == 0,
          why: text("permission")),
      ]
    }
    return all
  }

  /// All pages, with that of one host.
  var files: [(file: String, bytes: [UInt8])] {
    let pages = pages
    var files = pages.common()
    if let page = pages.policies(findings, patience: 60) { files.append(page) }
    if let page = pages.host(host("web1000")) { files.append(("host/one.html", page.bytes)) }
    return files
  }

  func host(_ name: String) -> HostModel {
    var host = HostModel(name: text(name), from: Self.now.before(.seconds(3600)), to: Self.now)
    host.facts = [text("Debian GNU/Linux 12")]
    var values: [(time: Timestamp, value: Double)] = []
    for index in 0..<240 {
      let time = Self.now.before(.seconds(Int64(15 * (240 - index))))
      values.append((time: time, value: Double((index * 37) % 100)))
    }
    var day: [(time: Timestamp, value: Double)] = []
    for index in 0..<144 {
      let time = Self.now.before(.seconds(Int64(600 * (144 - index))))
      day.append((time: time, value: Double((index * 7) % 60)))
    }
    for title in ["CPU", "Memory", "Traffic", "File systems", "Load"] {
      let unit = title == "Traffic" ? "bit/s" : title == "Load" ? "" : "%"
      let names = title == "File systems" ? [text("/"), text("/var")] : [text("eth0")]
      var graph = HostModel.Graph(
        title: title, unit: unit, latest: text("23 %"),
        lines: names.enumerated().map { index, name in
          HostModel.Line(name, values.map { ($0.time, $0.value / Double(index + 1)) })
        })
      graph.day = names.enumerated().map { index, name in
        var line = HostModel.Line(name, day.map { ($0.time, $0.value / Double(index + 1)) })
        line.peaks = line.values.map { ($0.time, $0.value + 20) }
        return line
      }
      if title == "File systems" {
        graph.thresholds = [
          .init(97, .critical, isBadAbove: true, rule: text("disk full")),
          .init(80, .major, isBadAbove: true, rule: text("disk full")),
          .init(60, .minor, isBadAbove: true, rule: text("disk full")),
        ]
        graph.hiddenLines = 3
      }
      host.graphs.append(graph)
    }
    host.lists = [
      HostModel.List("Logged in", [HostModel.Row(text("alice pts/0"))]),
      HostModel.List(
        "Processes by CPU",
        (1...5).map {
          HostModel.Row(text("postgres"), text("\(60 / $0) %"), share: 0.6 / Double($0))
        }),
    ]
    host.events = [
      Shown.Event(
        time: Self.now.before(.seconds(60)), severity: nil, host: text(name),
        text: text("alice logged in on pts/0 from 10.8.0.12")),
      Shown.Event(
        time: Self.now.before(.seconds(90)), severity: .critical, host: text(name),
        text: text("ssh: ok → critical")),
    ]
    host.findings = findings[text(name)] ?? [:]
    return host
  }

  var pages: Pages { Pages(model, fold: { $0.count == 1 ? $0[0] : "\($0[0]) and more" }) }
}
