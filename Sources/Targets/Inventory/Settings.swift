public import Collectors
public import Configuration
public import Metrics

/// What the operator set in scrape.yml, with the defaults of what was left out.
public struct Settings: Sendable {
  /// Where points are kept between passes, and how much of them.
  public struct Store: Sendable, Equatable {
    /// The database file, absolute; nil is the usual place.
    public var path: String?
    /// How long points are kept.
    public var keep: Duration = .seconds(7 * 86_400)
    /// The most bytes the file may take.
    public var size = 1 << 30
    /// The most changes of states that are remembered, in all and of one host.
    public var changes = 50_000
    public var changesOfHost = 1000
    /// The group whose members may use it, too; nil is nobody but the user that runs passes.
    public var group: String?
  }

  /// By name; `linux` and `gpu` are always there.
  public var profiles: [String: Profile]
  /// How many hosts are asked at once.
  public var fanout = 100
  /// How long a whole pass may take.
  public var deadline: Duration = .seconds(60)
  /// How long a host may take to accept a connection.
  public var connectTimeout: Duration = .seconds(5)
  /// How long bringing the points to the sinks may take, all of them side by side.
  public var deliveryTimeout: Duration = .seconds(10)
  /// How many BMCs are asked at once; each takes a thread while it is.
  public var bmcFanout = 64
  /// How many of them in one subnet (/24, or /64 of IPv6): they share a slow management network.
  public var bmcPerSubnet = 32
  /// How late a due task may run before that is reported.
  public var lateness: Duration = .seconds(30)
  /// How bad a finding of a probe is, such as an open display: no outage, and minor.
  public var findings = Severity.minor
  /// The most series and bytes that one host may write in one pass.
  public var series = 2_000
  public var bytes = 4 << 20
  public var store = Store()
  /// The list of sinks, for their room to read.
  public var sinks: Node?
  /// `rules`, `alerts`, `contacts`, `services`, `scores`, `self` and `modules`, for their rooms to read.
  public var sections: [String: Node] = [:]
  /// The file that was read, or nil.
  public var file: String?
  /// Whether the file could be read at all, where there is one.
  public var isWhole = true

  private static let keys = [
    "profiles", "fanout", "deadline", "connect_timeout", "delivery_timeout", "lateness", "bmc",
    "series", "bytes", "store", "sinks", "rules", "alerts", "contacts", "services", "scores",
    "self", "modules", "targets", "findings",
  ]

  /// The settings where there is no scrape.yml.
  public init(collectors: [any Collector.Type] = Collectors.collectors) {
    profiles = [:]
    for profile in Profile.builtIn(of: collectors) { profiles[profile.name] = profile }
  }

  /// Reads scrape.yml.
  public static func load(
    _ path: String, collectors: [any Collector.Type] = Collectors.collectors
  ) throws(ConfigurationErrors) -> Settings {
    var findings = Findings()
    let settings = read(path, collectors: collectors, &findings)
    try findings.finish()
    return settings
  }

  /// The same with all faults as findings; what is wrong has its default. A file that is no YAML gives
  /// the settings that hold without one, and is not whole.
  public static func read(
    _ path: String, collectors: [any Collector.Type] = Collectors.collectors,
    _ findings: inout Findings
  ) -> Settings {
    let root = findings.attempt { () throws(ConfigurationError) in try YAML.load(path) }
    guard let root else {
      var settings = Settings(collectors: collectors)
      settings.isWhole = false
      return settings
    }
    return Settings(root, collectors: collectors, &findings)
  }

  /// Reads the tree of a scrape.yml; an empty one changes nothing.
  public init(
    _ root: Node, collectors: [any Collector.Type] = Collectors.collectors
  ) throws(ConfigurationErrors) {
    var findings = Findings()
    self.init(root, collectors: collectors, &findings)
    try findings.finish()
  }

  /// The same with all faults as findings.
  private init(
    _ root: Node, collectors: [any Collector.Type], _ findings: inout Findings
  ) {
    self.init(collectors: collectors)
    file = root.mark.file
    for pair in findings.attempt({ () throws(ConfigurationError) in
      try root.mapping("scrape.yml")
    }) ?? [] {
      let value = pair.value
      if value.isNull { continue }
      switch pair.name {
      case "profiles":
        read(profiles: value, collectors, &findings)
      case "fanout":
        findings.set(&fanout) { () throws(ConfigurationError) in
          try value.integer("fanout", in: 1...10_000)
        }
      case "deadline":
        findings.set(&deadline) { () throws(ConfigurationError) in
          try value.duration("deadline", in: .seconds(1) ... .seconds(86_400))
        }
      case "connect_timeout":
        findings.set(&connectTimeout) { () throws(ConfigurationError) in
          try value.duration("connect_timeout", in: .milliseconds(100) ... .seconds(3600))
        }
      case "delivery_timeout":
        findings.set(&deliveryTimeout) { () throws(ConfigurationError) in
          try value.duration("delivery_timeout", in: .seconds(1) ... .seconds(3600))
        }
      case "lateness":
        findings.set(&lateness) { () throws(ConfigurationError) in try value.duration("lateness") }
      case "series":
        findings.set(&series) { () throws(ConfigurationError) in
          try value.integer("series", in: 100...1_000_000)
        }
      case "bytes":
        findings.set(&bytes) { () throws(ConfigurationError) in
          try value.bytes("bytes", in: (64 << 10)...(16 << 20))
        }
      case "bmc": read(bmc: value, &findings)
      case "store": read(store: value, &findings)
      case "sinks": sinks = value
      case "findings":
        findings.set(&self.findings) { () throws(ConfigurationError) in
          let words = ["ok", "minor", "major", "critical"]
          let word = try value.string("findings")
          guard words.contains(word), let severity = Severity(rawValue: word) else {
            throw unknown("findings", value, among: words)
          }
          return severity
        }
      case "rules", "alerts", "contacts", "services", "scores", "self", "modules", "targets":
        sections[pair.name] = value
      default: findings.add(unknown("key", pair.key, among: Self.keys, in: "scrape.yml"))
      }
    }
  }

  private mutating func read(bmc node: Node, _ findings: inout Findings) {
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping("bmc", keys: ["fanout", "per_subnet"], &findings)
    }
    for pair in pairs ?? [] {
      let read = { () throws(ConfigurationError) in
        try pair.value.integer(pair.name, in: 1...256)
      }
      if pair.name == "fanout" {
        findings.set(&bmcFanout, read)
      } else {
        findings.set(&bmcPerSubnet, read)
      }
    }
  }

  private mutating func read(store node: Node, _ findings: inout Findings) {
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping(
        "store", keys: ["path", "keep", "size", "group", "changes", "changes_per_host"], &findings)
    }
    for pair in pairs ?? [] {
      switch pair.name {
      case "path":
        findings.set(&store.path) { () throws(ConfigurationError) in
          absolute(try pair.value.string("path"), besides: pair.value.mark.file)
        }
      case "changes":
        findings.set(&store.changes) { () throws(ConfigurationError) in
          try pair.value.integer("changes", in: 100...10_000_000)
        }
      case "changes_per_host":
        findings.set(&store.changesOfHost) { () throws(ConfigurationError) in
          try pair.value.integer("changes_per_host", in: 10...1_000_000)
        }
      case "group":
        findings.set(&store.group) { () throws(ConfigurationError) in
          try pair.value.string("group")
        }
      case "keep":
        findings.set(&store.keep) { () throws(ConfigurationError) in
          try pair.value.duration("keep", in: .seconds(60) ... .seconds(10 * 366 * 86_400))
        }
      default:
        findings.set(&store.size) { () throws(ConfigurationError) in
          try pair.value.bytes("size", in: (1 << 20)...(1 << 50))
        }
      }
    }
  }

  // MARK: profiles

  /// A profile as written, before what it extends is known.
  private struct Written {
    var key: Node
    var extends: Node?
    var collectors: Node?
    var deadline: Duration?
  }

  private mutating func read(
    profiles node: Node, _ collectors: [any Collector.Type], _ findings: inout Findings
  ) {
    var written: [String: Written] = [:]
    var order: [String] = []
    let pairs = findings.attempt { () throws(ConfigurationError) in try node.mapping("profiles") }
    for pair in pairs ?? [] {
      guard
        findings.attempt({ () throws(ConfigurationError) in try checkName(pair.name, pair.key) })
          != nil
      else { continue }
      var profile = Written(key: pair.key)
      let entries = findings.gather { findings throws(ConfigurationError) in
        try pair.value.mapping(
          "profile \"\(pair.name)\"", keys: ["extends", "collectors", "deadline"], &findings)
      }
      for entry in entries ?? [] {
        switch entry.name {
        case "extends": profile.extends = entry.value
        case "collectors": profile.collectors = entry.value
        default:
          findings.set(&profile.deadline) { () throws(ConfigurationError) in
            try entry.value.duration("deadline", in: .milliseconds(100) ... .seconds(86_400))
          }
        }
      }
      written[pair.name] = profile
      order.append(pair.name)
    }
    let builtIn = profiles
    var done: [String: Profile] = [:]
    var ringed: Set<String> = []
    for name in order {
      resolve(name, written, builtIn, collectors, path: [], &done, &ringed, &findings)
    }
    for (name, profile) in done { profiles[name] = profile }
  }

  private func resolve(
    _ name: String, _ written: [String: Written], _ builtIn: [String: Profile],
    _ collectors: [any Collector.Type], path: [String], _ done: inout [String: Profile],
    _ ringed: inout Set<String>, _ findings: inout Findings
  ) {
    guard done[name] == nil, !ringed.contains(name), let profile = written[name] else { return }
    // A profile that bears a built-in one's name changes that one.
    var base = builtIn[name] ?? Profile(name, tasks: [])
    if let extends = profile.extends, !extends.isNull {
      guard path.count < 32 else {
        findings.add(ConfigurationError("profiles that extend each other too deep", at: extends))
        return
      }
      let parent = extends.text ?? ""
      if parent == name || path.contains(parent) {
        if builtIn[parent] == nil || parent != name {
          ringed.formUnion(path + [name])
          findings.add(
            ConfigurationError(
              "profile \"\(name)\" extends itself", at: extends,
              hint: parent == name ? nil : (path + [name, parent]).joined(separator: " → ")))
          return
        }
      } else {
        resolve(
          parent, written, builtIn, collectors, path: path + [name], &done, &ringed, &findings)
        guard let known = done[parent] ?? (written[parent] == nil ? builtIn[parent] : nil) else {
          if written[parent] == nil {
            findings.add(
              unknown(
                "profile", extends, among: (Array(written.keys) + Array(builtIn.keys)).sorted()))
          }
          return
        }
        base = known
        base.name = name
      }
    }
    base.deadline = profile.deadline ?? base.deadline
    if let node = profile.collectors { change(&base, by: node, collectors, &findings) }
    done[name] = base
  }

  private func change(
    _ profile: inout Profile, by node: Node, _ collectors: [any Collector.Type],
    _ findings: inout Findings
  ) {
    let what = "collectors of profile \"\(profile.name)\""
    // A list names collectors that run with their defaults.
    if let items = node.items {
      for item in items {
        guard let collector = kind(of: item, collectors, &findings) else { continue }
        profile.add(
          profile[collector.name]
            ?? Profile.Task(collector.name, every: Profile.slow[collector.name] ?? .zero))
      }
      profile.sort(like: collectors)
      return
    }
    let pairs = findings.attempt { () throws(ConfigurationError) in try node.mapping(what) }
    for pair in pairs ?? [] {
      guard let collector = kind(of: pair.key, collectors, &findings) else { continue }
      if pair.value.asBoolean == false {
        profile.tasks.removeAll { $0.collector == collector.name }
        continue
      }
      var task =
        profile[collector.name]
        ?? Profile.Task(collector.name, every: Profile.slow[collector.name] ?? .zero)
      if pair.value.asBoolean != true { read(pair.value, into: &task, of: collector, &findings) }
      profile.add(task)
    }
    profile.sort(like: collectors)
  }

  private func kind(
    of node: Node, _ collectors: [any Collector.Type], _ findings: inout Findings
  ) -> (any Collector.Type)? {
    if let collector = collectors.first(where: { $0.name == node.text }) { return collector }
    findings.add(unknown("collector", node, among: collectors.map { $0.name }))
    return nil
  }

  private func read(
    _ node: Node, into task: inout Profile.Task, of collector: any Collector.Type,
    _ findings: inout Findings
  ) {
    // `disk: 5m` is short for `disk: {every: 5m}`.
    if node.text != nil, !node.isNull {
      findings.set(&task.every) { () throws(ConfigurationError) in
        try node.interval(collector.name)
      }
      return
    }
    let pairs = findings.attempt { () throws(ConfigurationError) in
      try node.mapping("collector \"\(collector.name)\"")
    }
    for pair in pairs ?? [] {
      if pair.name == "every" {
        findings.set(&task.every) { () throws(ConfigurationError) in
          try pair.value.interval("every")
        }
        continue
      }
      guard let option = collector.options.first(where: { $0.name == pair.name }) else {
        findings.add(
          unknown(
            "option", pair.key, among: ["every"] + collector.options.map(\.name),
            in: "collector \"\(collector.name)\""))
        continue
      }
      let value = findings.attempt { () throws(ConfigurationError) -> CollectorOptions.Value in
        switch option.kind {
        case .integer: .integer(try pair.value.integer(option.name, in: 0...Int(Int32.max)))
        case .boolean: .boolean(try pair.value.boolean(option.name))
        case .strings: .strings(try pair.value.strings(option.name))
        }
      }
      if let value { task.options.values[option.name] = value }
    }
  }
}

extension Profile {
  fileprivate mutating func add(_ task: Task) {
    if let index = tasks.firstIndex(where: { $0.collector == task.collector }) {
      tasks[index] = task
    } else {
      tasks.append(task)
    }
  }

  fileprivate mutating func sort(like collectors: [any Collector.Type]) {
    tasks = collectors.compactMap { self[$0.name] }
  }
}
