public import Collectors
public import Configuration

/// The collectors of a host, with interval and options of each.
public struct Profile: Sendable, Equatable {
  /// One collector of a profile.
  public struct Task: Sendable, Equatable {
    public var collector: String
    /// When it runs; an interval of zero is each pass.
    public var schedule: Schedule
    public var options: CollectorOptions

    /// The shortest interval.
    public var every: Duration { schedule.shortest ?? .zero }

    public init(_ collector: String, every: Duration, options: CollectorOptions = .init()) {
      self.collector = collector
      schedule = Schedule(every: every)
      self.options = options
    }
  }

  public var name: String
  /// In the order of the list of collectors.
  public var tasks: [Task]
  /// The deadline of a host of this profile; nil is the pass's.
  public var deadline: Duration?

  public init(_ name: String, tasks: [Task], deadline: Duration? = nil) {
    self.name = name
    self.tasks = tasks
    self.deadline = deadline
  }

  /// The task of this collector, or nil.
  public subscript(collector: String) -> Task? { tasks.first { $0.collector == collector } }
}

extension Profile {
  /// What changes slowly or is dear to ask is not asked each pass.
  static let slow: [String: Duration] = [
    "disk": .seconds(60), "processes": .seconds(60), "users": .seconds(60), "logins": .seconds(60),
    "mdstat": .seconds(60), "netstat": .seconds(60), "nstat": .seconds(60),
    "docker": .seconds(60), "hardware": .seconds(60), "libvirt": .seconds(60),
    "openvpn": .seconds(60),
    "smart": .seconds(300), "wireguard": .seconds(60),
  ]

  /// The same in words.
  static var usualIntervals: String {
    let slow = slow.sorted { $0.key < $1.key }.map { "`\($0.key)` \($0.value.text)" }
    return "each pass; \(slow.joined(separator: ", "))"
  }

  /// The built-in profiles by name.
  static let builtIn: [(name: String, collectors: [String])] = {
    let linux = [
      "system", "cpu", "mem", "swap", "diskio", "net", "netstat", "nstat", "conntrack", "kernel",
      "pressure", "disk", "processes", "users", "logins", "mdstat", "hardware",
    ]
    return [
      ("linux", linux), ("gpu", linux + ["gpu"]), ("containers", linux + ["docker"]),
      ("hypervisor", linux + ["libvirt"]), ("vpn", linux + ["openvpn", "wireguard"]),
      ("storage", linux + ["smart"]),
    ]
  }()

  /// The built-in profiles, from the list of collectors.
  static func builtIn(of collectors: [any Collector.Type]) -> [Profile] {
    builtIn.map { name, names in
      Profile(
        name,
        tasks: collectors.map { $0.name }.filter { names.contains($0) }
          .map { Task($0, every: slow[$0] ?? .zero) })
    }
  }
}
