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
    model.announcement = text("announcement")
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
          PageModel.Trouble(
            severity: .critical, names: name, check: text("ssh"),
            message: text("timeout: no answer"),
            since: Self.now.before(.seconds(300)), effects: text("affects 14 hosts"), mark: nil,
            host: index % 100 == 0 ? name : nil))
      }
    }
    for index in 0..<100 {
      model.events.append(
        PageModel.Event(
          time: Self.now.before(.seconds(Int64(60 * index))), severity: .major,
          host: text("web\(1000 + index)"), text: text("ssh: ok → critical")))
    }
    model.incidents = [
      PageModel.Incident(
        id: 1, severity: .critical, names: text("web[1000-1010]"),
        opened: Self.now.before(.seconds(300)), closed: nil,
        lines: [
          PageModel.Incident.Line(
            host: text("web1000"), check: text("ssh"), worst: .critical,
            from: Self.now.before(.seconds(300)), until: nil, message: text("timeout"),
            acknowledgement: text("ana: looking"))
        ])
    ]
    model.figures = [PageModel.Figure(text("pass took"), text("1.3 s"))]
    model.score = 98
    for slot in 0..<StateHistory.count {
      let time = Self.now.before(.seconds(Int64(960 * (StateHistory.count - slot))))
      model.scores.append((time: time, value: Double(90 + slot % 10)))
    }
    return model
  }

  func host(_ name: String) -> HostModel {
    var host = HostModel(name: text(name), from: Self.now.before(.seconds(3600)), to: Self.now)
    host.facts = [text("Debian GNU/Linux 12")]
    var values: [(time: Timestamp, value: Double)] = []
    for index in 0..<240 {
      let time = Self.now.before(.seconds(Int64(15 * (240 - index))))
      values.append((time: time, value: Double((index * 37) % 100)))
    }
    for title in ["CPU", "Memory", "Traffic"] {
      host.graphs.append(
        HostModel.Graph(
          title: title, unit: title == "Traffic" ? "bit/s" : "%", latest: text("23 %"),
          lines: [(name: text("eth0"), values: values)]))
    }
    host.lists = [(title: "Logged in", rows: [text("alice pts/0")])]
    return host
  }

  var pages: Pages { Pages(model, fold: { $0.count == 1 ? $0[0] : "\($0[0]) and more" }) }
}
