internal import Configuration

/// The inventory while its files are read: hosts, groups, and each variable with its origin.
struct InventoryDraft {
  /// A group as gathered from all files.
  struct GroupDraft {
    var mark: Mark?
    var isDefined = false
    var children: [String] = []
    var parents: [String] = []
    var hosts: [String] = []
    var members: Set<String> = []
    var variables = Layer()
    var files = Layer()
    var priority = 1
    var depth = 0
  }

  struct HostDraft {
    var mark: Mark
    var groups: [String] = []
    var variables = Layer()
    var files = Layer()
  }

  /// Variables of one level of precedence, later ones over earlier ones.
  struct Layer {
    private(set) var names: [String] = []
    private(set) var values: [String: Node] = [:]
    private(set) var keys: [String: Node] = [:]

    mutating func set(_ key: Node, _ value: Node, as present: String? = nil) {
      let name = present ?? key.text ?? ""
      if values.updateValue(value, forKey: name) == nil { names.append(name) }
      keys[name] = key
    }
  }

  private(set) var groups: [String: GroupDraft] = [:]
  private(set) var groupOrder: [String] = []
  private(set) var hosts: [String: HostDraft] = [:]
  private(set) var hostOrder: [String] = []
  var findings = Findings()
  /// Whether a file could not be read; a missing host may be in it.
  var isIncomplete = false
  /// All `file:PATH` of the folder: see SecretFiles.swift.
  var secretFiles: Set<FileIdentity> = []

  /// The limit of hosts: more are a slip in a range.
  static let hostLimit = 100_000
  static let groupLimit = 10_000

  init() {
    note(group: "all", at: nil)
    note(group: "ungrouped", at: nil)
    groups["all"]?.isDefined = true
    groups["ungrouped"]?.isDefined = true
    link("all", to: "ungrouped")
  }

  /// Adds a group of this name if there is none.
  mutating func note(group name: String, at mark: Mark?) {
    if groups[name] == nil {
      guard groupOrder.count < Self.groupLimit else {
        if let mark {
          findings.add(ConfigurationError("more than \(Self.groupLimit) groups", at: mark))
        }
        return
      }
      groups[name] = GroupDraft()
      groupOrder.append(name)
    }
    if groups[name]?.mark == nil { groups[name]?.mark = mark }
  }

  mutating func define(group name: String, at mark: Mark?) {
    note(group: name, at: mark)
    groups[name]?.isDefined = true
  }

  private mutating func link(_ parent: String, to child: String) {
    if groups[parent]?.children.contains(child) == false {
      groups[parent]?.children.append(child)
      groups[child]?.parents.append(parent)
    }
  }

  /// Makes one group the child of another; a ring is an error.
  mutating func add(child node: Node, to parent: String) {
    let child = node.text ?? ""
    if child == parent {
      findings.add(ConfigurationError("group \"\(child)\" contains itself", at: node))
      return
    }
    if let path = path(from: child, to: parent) {
      findings.add(
        ConfigurationError(
          "group \"\(child)\" contains itself", at: node,
          hint: (path + [child]).joined(separator: " → ")))
      return
    }
    link(parent, to: child)
  }

  /// The groups on the way down from one to another, both included.
  private func path(from start: String, to end: String) -> [String]? {
    var cameFrom: [String: String] = [start: start]
    var queue = [start]
    while let current = queue.popLast() {
      if current == end {
        var path = [end]
        while let last = path.last, last != start, let before = cameFrom[last] {
          path.append(before)
        }
        return path.reversed()
      }
      for child in groups[current]?.children ?? [] where cameFrom[child] == nil {
        cameFrom[child] = current
        queue.append(child)
      }
    }
    return nil
  }

  /// Adds the hosts of one entry to a group, with the entry's variables.
  mutating func add(
    hosts entry: Node, to group: String, variables: [Node.Pair]
  ) {
    guard let names = findings.attempt({ () throws(ConfigurationError) in try HostNames(entry) })
    else { return }
    guard hostOrder.count + names.names.count <= Self.hostLimit else {
      findings.add(ConfigurationError("more than \(Self.hostLimit) hosts", at: entry))
      return
    }
    let variables = Renamed.present(variables, in: Renamed.inventory, &findings)
    var steps: [String: [Node]] = [:]
    var faulty: Set<String> = []
    for pair in variables where Variable.inStep.contains(pair.name) {
      if let nodes = findings.attempt({ () throws(ConfigurationError) in
        try Self.expanded(pair.value, with: names, pair.name)
      }) {
        steps[pair.name] = nodes
      } else {
        faulty.insert(pair.name)
      }
    }
    for (index, name) in names.names.enumerated() {
      if hosts[name] == nil {
        hosts[name] = HostDraft(mark: entry.mark)
        hostOrder.append(name)
      }
      if groups[group]?.members.insert(name).inserted == true {
        groups[group]?.hosts.append(name)
      } else {
        findings.warn(
          ConfigurationError(
            "\"\(name)\" stands twice in group \"\(group)\"", at: entry,
            hint: hosts[name].map { "it first stands at \($0.mark.file):\($0.mark.line)" }))
      }
      if hosts[name]?.groups.contains(group) == false { hosts[name]?.groups.append(group) }
      if let port = names.port {
        hosts[name]?.variables.set(
          Node("ansible_port", like: entry), Node(String(port), like: entry))
      }
      for pair in variables where !faulty.contains(pair.name) {
        let value = steps[pair.name].flatMap { index < $0.count ? $0[index] : nil } ?? pair.value
        if let earlier = hosts[name]?.variables.values[pair.name], earlier != value {
          findings.warn(
            ConfigurationError(
              "\"\(name)\" is described twice, and its \(pair.name) differs", at: pair.key,
              hint: "\(earlier.mark.file):\(earlier.mark.line) says something else; this one counts"
            ))
        }
        hosts[name]?.variables.set(pair.key, value)
      }
    }
  }

  /// The value for each host of the entry, or an empty list where it is the same for all.
  private static func expanded(
    _ node: Node, with names: HostNames, _ what: String
  ) throws(ConfigurationError) -> [Node] {
    if let pairs = node.pairs {
      // Of `bmc` only the address runs in step, of `addresses` all values do.
      var texts: [String: [String]] = [:]
      for pair in pairs where what == "addresses" || pair.name == "address" {
        texts[pair.name] = try inStep(pair.value, with: names, "\(what).\(pair.name)")
      }
      guard !texts.isEmpty else { return [] }
      return names.names.indices.map { index in
        var copy = node
        copy.content = .mapping(
          pairs.map { pair in
            guard let all = texts[pair.name], index < all.count else { return pair }
            return Node.Pair(key: pair.key, value: Node(all[index], like: pair.value))
          })
        return copy
      }
    }
    return try inStep(node, with: names, what)?.map { Node($0, like: node) } ?? []
  }

  mutating func set(group: String, _ key: Node, _ value: Node, inFile: Bool = false) {
    let name = Renamed.variable(
      key, among: (inFile ? groups[group]?.files.keys : groups[group]?.variables.keys) ?? [:],
      &findings)
    if inFile {
      groups[group]?.files.set(key, value, as: name)
      return
    }
    if key.text == "ansible_group_priority" {
      let priority = findings.attempt { () throws(ConfigurationError) in
        try value.integer("ansible_group_priority")
      }
      groups[group]?.priority = priority ?? 1
    }
    groups[group]?.variables.set(key, value, as: name)
  }

  mutating func set(host: String, fromFile key: Node, _ value: Node) {
    let name = Renamed.variable(key, among: hosts[host]?.files.keys ?? [:], &findings)
    hosts[host]?.files.set(key, value, as: name)
  }

  /// Makes groups without a parent children of `all`, and counts the depths; runs after all files.
  mutating func close() {
    for name in groupOrder where name != "all" && groups[name]?.parents.isEmpty == true {
      link("all", to: name)
    }
    // There are no rings, so the longest way down ends.
    var pending: [String: Int] = [:]
    for name in groupOrder { pending[name] = groups[name]?.parents.count ?? 0 }
    var ready = groupOrder.filter { pending[$0] == 0 }
    while let name = ready.popLast() {
      let depth = groups[name]?.depth ?? 0
      for child in groups[name]?.children ?? [] {
        let known = groups[child]?.depth ?? 0
        groups[child]?.depth = max(known, depth + 1)
        pending[child, default: 1] -= 1
        if pending[child] == 0 { ready.append(child) }
      }
    }
    // A host of `all` alone, or of none, is Ansible's `ungrouped`.
    for name in hostOrder where hosts[name]?.groups.allSatisfy({ $0 == "all" }) == true {
      hosts[name]?.groups.append("ungrouped")
      groups["ungrouped"]?.hosts.append(name)
    }
    // A later file may have put it into a group.
    for name in hostOrder
    where hosts[name]?.groups.contains("ungrouped") == true
      && hosts[name]?.groups.contains(where: { $0 != "ungrouped" && $0 != "all" }) == true
    {
      hosts[name]?.groups.removeAll { $0 == "ungrouped" }
      groups["ungrouped"]?.hosts.removeAll { $0 == name }
    }
  }

  /// The group and all above it.
  private func ancestry(of group: String, into found: inout Set<String>) {
    var pending = [group]
    while let name = pending.popLast() {
      guard found.insert(name).inserted else { continue }
      pending += groups[name]?.parents ?? []
    }
  }

  /// Groups of a host by the precedence of their variables, the strongest last.
  func groups(of host: String) -> [String] {
    var found: Set<String> = ["all"]
    for group in hosts[host]?.groups ?? [] { ancestry(of: group, into: &found) }
    return found.sorted { left, right in
      let one = groups[left] ?? GroupDraft()
      let two = groups[right] ?? GroupDraft()
      return (one.depth, one.priority, left) < (two.depth, two.priority, right)
    }
  }
}
