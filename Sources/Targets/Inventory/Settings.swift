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
    /// The most bytes of what was read for policies, within `size`.
    public var collections = 256 << 20
    /// The group whose members may use it, too; nil is nobody but the user that runs passes.
    public var group: String?

    fileprivate mutating func take(_ fields: inout Fields) {
      fields.set(
        &path, "path", .path, otherwise: "see [the store](operation.md#the-store)",
        "Database file.", example: "/var/lib/scrape/scrape.db")
      fields.set(
        &keep, "keep", .duration(.seconds(60) ... .seconds(10 * 366 * 86_400)),
        "Age of the oldest points.", example: "14d")
      fields.set(
        &size, "size", .bytes((1 << 20)...(1 << 50)), "Limit of the file.", example: "4GiB")
      fields.set(
        &collections, "collections", .bytes(0...(1 << 40)),
        "Of these, what was read for policies, for `scrape policy replay`.", example: "64MiB")
      fields.set(
        &group, "group", .text, otherwise: "none",
        "Group whose members may use `status`, `list`, `alerts`, `silence` and `ack`.",
        example: "noc")
      fields.set(
        &changes, "changes", .integer(100...10_000_000), "Changes of states that are kept.",
        example: "100000")
      fields.set(
        &changesOfHost, "changes_per_host", .integer(10...1_000_000), "Of these, of one host.",
        example: "500")
    }
  }

  /// Where ssh_config is read from.
  public enum ClientConfiguration: Sendable, Equatable {
    /// `~/.ssh/config` and `/etc/ssh/ssh_config`.
    case usual
    case off
    /// This file alone, absolute.
    case file(String)
  }

  /// By name; `linux` and `gpu` are always there.
  public var profiles: [String: Profile]
  /// How many hosts are asked at once.
  public var fanout = 100
  /// How long a whole pass may take.
  public var deadline: Duration = .seconds(60)
  /// How long a host may take to accept a connection.
  public var connectTimeout: Duration = .seconds(5)
  /// Whether scrape.yml says so: else ssh_config may.
  public var hasConnectTimeout = false
  /// Which ssh_config completes the inventory.
  public var sshConfig = ClientConfiguration.usual
  /// How long bringing the points to the sinks may take, all of them side by side.
  public var deliveryTimeout: Duration = .seconds(10)
  /// How many BMCs are asked at once; each takes a thread while it is.
  public var bmcFanout = 64
  /// How many of them in one subnet (/24, or /64 of IPv6): they share a slow management network.
  public var bmcPerSubnet = 32
  /// How often `watch` does what `run` does in each pass.
  public var watchEvery: Duration = .seconds(15)
  /// How late a due task may run before that is reported; `watch` leaves it out then.
  public var lateness: Duration = .seconds(30)
  /// How bad a finding of a probe is, such as an open display: no outage, and minor.
  public var findings = Severity.minor
  /// The most series and bytes that one host may write in one pass.
  public var series = 2_000
  public var bytes = 4 << 20
  public var store = Store()
  /// The list of sinks, for their room to read.
  public var sinks: Node?
  /// `rules`, `alerts`, `contacts`, `services`, `scores`, `policies`, `facts`, `self` and `modules`, for their rooms to read.
  public var sections: [String: Node] = [:]
  /// The file that was read, or nil.
  public var file: String?
  /// Whether the file could be read at all, where there is one.
  public var isWhole = true

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
    var fields = Fields("scrape.yml", at: root)
    let profiles = take(&fields)
    fields.finish(into: &findings)
    if let profiles { read(profiles: profiles, collectors, &findings) }
  }

  /// Takes all settings; returns the profiles.
  private mutating func take(_ fields: inout Fields) -> Node? {
    let profiles = fields.take(
      "profiles", .node("mapping of names to profiles", example: "{linux: {deadline: 20s}}"),
      otherwise: "`linux` and `gpu`",
      "Which collectors run on a host; see [`profiles`](#profilesname).")
    fields.set(
      &fanout, "fanout", .integer(1...10_000, unit: "hosts"),
      "Hosts that are scraped at the same time.", example: "200")
    fields.set(
      &deadline, "deadline", .duration(.seconds(1) ... .seconds(86_400)), "Time limit of a pass.",
      example: "30s")
    fields.set(
      &connectTimeout, "connect_timeout", .duration(.milliseconds(100) ... .seconds(3600)),
      "Time limit of connecting to a host; the SSH key exchange has 1 s more.", example: "3s")
    hasConnectTimeout = fields.has("connect_timeout")
    fields.set(
      &sshConfig, "ssh_config", .clientConfiguration,
      "Whether `~/.ssh/config` and `/etc/ssh/ssh_config` complete the inventory, or one file in their place.",
      example: "off")
    fields.set(
      &deliveryTimeout, "delivery_timeout", .duration(.seconds(1) ... .seconds(3600)),
      "Time limit of delivery to all sinks in parallel; part of the pass.")
    fields.set(
      &lateness, "lateness", .duration(),
      "Delay after the due time from which a late run is reported; `watch` leaves that run out.",
      example: "1m")
    _ = fields.nested("watch", "Settings of `scrape watch`.") { watch in
      watch.set(
        &watchEvery, "every", .duration(.seconds(1) ... .seconds(3600)),
        "Interval of what has none: of all that `scrape run` does in each pass.", example: "5s")
      return Void?.none
    }
    fields.set(
      &series, "series", .integer(100...1_000_000, unit: "series"),
      "Limit of the series that one host may write in one pass; the surplus is dropped and reported.",
      example: "5000")
    fields.set(
      &bytes, "bytes", .bytes((64 << 10)...(16 << 20)),
      "Limit of the bytes that one host may write in one pass; likewise.", example: "8MiB")
    fields.set(
      &findings, "findings", .severity,
      "Severity of an open display, a log-in without a password, an untrusted certificate.")
    _ = fields.nested("bmc", "Limits of reading BMCs.") { bmc in
      bmc.set(
        &bmcFanout, "fanout", .integer(1...256, unit: "BMCs"),
        "BMCs that are read at the same time.", example: "32")
      bmc.set(
        &bmcPerSubnet, "per_subnet", .integer(1...256, unit: "BMCs"),
        "Of these, BMCs in one /24 (IPv6: /64), at most; `scrape status --limits` shows how many now.",
        example: "8")
      return Void?.none
    }
    _ = fields.nested("store", "Where points, states and queues are kept.") {
      store.take(&$0)
      return Void?.none
    }
    sinks = fields.take(
      "sinks", .node("list of sinks", example: "[stdout]"), otherwise: "none",
      "Destinations of points; see [sinks](#every-sink).")
    for (name, type, meaning, example) in Self.rooms {
      let node = fields.take(name, .node(type, example: example), meaning)
      if let node { sections[name] = node }
    }
    return profiles
  }

  /// The settings that other rooms read, each with its section in the reference.
  private static let rooms = [
    (
      "modules", "mapping of names to probes", "Named probes; see [probes](#every-probe).",
      "{login-page: {https: {path: /login}}}"
    ),
    (
      "targets", "mapping", "When a target or service counts as failed; see [`targets`](#targets).",
      "{for: 2}"
    ),
    (
      "rules", "mapping of names to rules", "Thresholds of metrics; see [`rules`](#rules).",
      "{load high: off}"
    ),
    (
      "services", "mapping of names to needs",
      "Business services; see [`services`](#servicesname).",
      "{shop: [web*/https]}"
    ),
    (
      "scores", "mapping, or a preset", "Scores and SLAs; see [`scores`](#scores).",
      "{preset: graded}"
    ),
    (
      "contacts", "mapping of names to contacts",
      "Whom to notify; see [`contacts`](#contactsname).",
      "{ops: {syslog: {address: local}}}"
    ),
    (
      "alerts", "mapping", "Which alerts go to which contact; see [`alerts`](#alerts).",
      "{stale: 10m}"
    ),
    (
      "policies", "mapping of names to policies",
      "Policies that hosts must meet; see [`policies`](#policiesname).",
      "{sshd: {hosts: web*}}"
    ),
    (
      "facts", "mapping", "Reads packages, accounts and services of hosts; see [`facts`](#facts).",
      "{every: 1h}"
    ),
    (
      "pages", "list of pages", "Folders of static web pages; see [`pages`](#pages).",
      "[{folder: /var/lib/scrape/www}]"
    ),
    (
      "self", "mapping, or `off`", "Checks of the scraper itself; see [`self`](#self).",
      "{clock: off}"
    ),
  ]

  /// All settings of scrape.yml but those of the sections.
  public static var reference: Reference {
    Reference("`scrape.yml`", "Every setting is optional.") { fields in
      var settings = Settings()
      _ = settings.take(&fields)
    }
  }

  // MARK: profiles

  /// A profile as written, before what it extends is known.
  private struct Written {
    var key: Node
    var extends: Node?
    var collectors: Node?
    var deadline: Duration?

    init(key: Node, _ fields: inout Fields) {
      self.key = key
      extends = fields.take(
        "extends", .node("name of a profile", example: "linux"),
        "Profile whose collectors it has, too.")
      collectors = fields.take(
        "collectors",
        .node(
          "list of collectors, or mapping of each to its options",
          example: "{disk: 5m, logins: off}"),
        "Collectors that run; `off` removes one, a duration is its `every`.")
      deadline = fields.take(
        "deadline", .duration(.milliseconds(100) ... .seconds(86_400)),
        otherwise: "that of the pass", "Time limit of one host.", example: "20s")
    }
  }

  /// A profile, and the options of each collector.
  public static func references(_ collectors: [any Collector.Type]) -> [Reference] {
    let mark = Source("reference", text: "").mark(atByte: 0)
    let name = Node(.scalar("NAME", .plain), mark: mark, end: mark)
    return [
      Reference("`profiles.NAME`", "Which collectors run on a host, how often, with which options.")
      {
        _ = Written(key: name, &$0)
      },
      Reference(
        "`profiles.NAME.collectors`",
        "A list of collectors, or a mapping. `scrape help metrics` lists all collectors."
      ) { fields in
        _ = fields.nested(
          "NAME", otherwise: "not in the profile", "Any collector; in short its `every`, or `off`.",
          example: "{every: 5m}"
        ) { fields -> Void? in
          Profile.Task.takeInterval(&fields, default: Profile.usualIntervals)
          return nil
        }
        for collector in collectors where !collector.options.isEmpty {
          let summary = collector.summary.prefix(1).uppercased() + collector.summary.dropFirst()
          _ = fields.nested(collector.name, "\(summary).") { fields -> Void? in
            var task = Profile.Task(collector.name, every: .zero)
            task.takeOptions(&fields, of: collector)
            return nil
          }
        }
      },
    ]
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
      var fields = Fields("profile \"\(pair.name)\"", at: pair.value)
      written[pair.name] = Written(key: pair.key, &fields)
      fields.finish(into: &findings)
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
    if node.text != nil && !node.isNull || node.items != nil {
      findings.set(&task.schedule) { () throws(ConfigurationError) in
        try Schedule(node, collector.name)
      }
      return
    }
    var fields = Fields("collector \"\(collector.name)\"", at: node, noun: "option")
    task.take(&fields, of: collector)
    fields.finish(into: &findings)
  }
}

extension Profile.Task {
  /// Takes the interval and the options that the collector declares.
  fileprivate mutating func take(_ fields: inout Fields, of collector: any Collector.Type) {
    schedule = Self.takeInterval(&fields) ?? schedule
    takeOptions(&fields, of: collector)
  }

  @discardableResult
  fileprivate static func takeInterval(
    _ fields: inout Fields, default usual: String = ""
  ) -> Schedule? {
    fields.take("every", .schedule(), otherwise: usual, "Time between two runs.")
  }

  fileprivate mutating func takeOptions(_ fields: inout Fields, of collector: any Collector.Type) {
    for option in collector.options {
      let value = fields.take(
        option.name, Self.type(of: option), otherwise: option.usual, option.summary)
      if let value { options.values[option.name] = value }
    }
  }

  private static func type(of option: CollectorOption) -> SettingType<CollectorOptions.Value> {
    switch option.kind {
    case .integer:
      SettingType<Int>.integer(0...Int(Int32.max)).map { .integer($0) }.described(
        "integer", example: "8")
    case .boolean: SettingType<Bool>.boolean.map { .boolean($0) }
    case .strings:
      SettingType<[String]>.words.map { .strings($0) }.described(
        "list of words", example: "[one*, two]")
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

extension SettingType where Value == Settings.ClientConfiguration {
  fileprivate static var clientConfiguration: SettingType {
    SettingType(
      "`on`, `off` or a path with a slash", example: "./ssh_config", show: { _ in "`on`" }
    ) {
      node, what throws(ConfigurationError) in
      if let isOn = node.asBoolean { return isOn ? .usual : .off }
      let path = try node.string(what)
      guard path.contains("/") else {
        throw ConfigurationError(
          "\(what) is on, off or the path of a file", at: node,
          hint: "a path has a slash: ./ssh_config")
      }
      return .file(absolute(path, besides: node.mark.file))
    }
  }
}
