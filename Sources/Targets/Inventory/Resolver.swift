internal import Configuration
internal import Metrics

/// Turns the draft into hosts: selects and decodes the effective value of each variable.
struct Resolver {
  private let draft: InventoryDraft
  private let checkingKeys: Bool
  var findings: Findings
  private var checkedKeys: [String: KeyFile.Fault?] = [:]

  init(_ draft: InventoryDraft, checkingKeys: Bool) {
    self.draft = draft
    self.checkingKeys = checkingKeys
    findings = draft.findings
  }

  mutating func hosts() -> [Host] {
    checkNames()
    var tagging: Set<String> = []
    var hosts: [Host] = []
    hosts.reserveCapacity(draft.hostOrder.count)
    var orders: [[String]: [String]] = [:]
    for name in draft.hostOrder {
      guard let entry = draft.hosts[name] else { continue }
      let order = orders[entry.groups] ?? draft.groups(of: name)
      orders[entry.groups] = order
      let levels = Levels(draft, host: entry, groups: order)
      hosts.append(host(name, entry, order, levels, &tagging))
    }
    checkVariables(tagging)
    checkTopology(hosts)
    return hosts
  }

  private mutating func host(
    _ name: String, _ entry: InventoryDraft.HostDraft, _ groups: [String], _ levels: Levels,
    _ tagging: inout Set<String>
  ) -> Host {
    let place = Node(.scalar(name, .plain), mark: entry.mark, end: entry.mark)
    var fields = Fields(name, at: place) { names throws(ConfigurationError) in
      guard let found = levels.first(names), !found.value.isNull else { return nil }
      if let (node, problem, hint) = found.value.untouchable {
        throw ConfigurationError("\(found.name) \(problem)", at: node, hint: hint)
      }
      return (found.name, found.value)
    }
    let variables = HostVariables(&fields, host: name)
    fields.finish(into: &findings)
    if variables.connection == .ssh, let key = levels.first(Variable.names(for: "key")) {
      for path in variables.keys { checkKey(path, key.value) }
    }
    if variables.isSigned, let path = variables.signingKey, let key = levels.first(["signing_key"])
    {
      checkKey(path, key.value)
    }
    return Host(
      name: name,
      group: groups.last { $0 != "all" && $0 != "ungrouped" } ?? "ungrouped",
      groups: groups,
      address: variables.address,
      addresses: variables.addresses,
      source: variables.source,
      port: variables.port,
      hostname: variables.hostname,
      user: variables.user,
      keys: variables.keys,
      keyPassphrase: variables.keyPassphrase,
      password: variables.password,
      isSigned: variables.isSigned,
      signingKey: variables.signingKey,
      knownHosts: variables.knownHosts,
      profile: variables.profile,
      probes: variables.probes,
      bmc: bmc(levels, variables.address),
      spool: spool(levels),
      via: via(levels),
      on: variables.on,
      behind: variables.behind,
      ca: variables.ca,
      tags: tags(levels, &tagging),
      every: variables.every,
      connection: variables.connection,
      policies: variables.policies,
      become: variables.become,
      variables: self.variables(levels),
      mark: entry.mark)
  }

  // MARK: one variable

  /// Whether the value can be used. A template or a vault value is an error, because the variable is
  /// needed.
  private mutating func usable(_ found: Levels.Found) -> Bool {
    if found.value.isNull { return false }
    guard let (node, problem, hint) = found.value.untouchable else { return true }
    findings.add(ConfigurationError("\(found.name) \(problem)", at: node, hint: hint))
    return false
  }

  /// Unlike for other variables, the levels add up key by key.
  private mutating func bmc(_ levels: Levels, _ address: String?) -> BMCSettings? {
    let found = levels.all(["bmc"])
    for level in found where !level.value.isNull && !usable(level) { return nil }
    var settings = BMCSettings.decode(found.map(\.value), &findings)
    if settings?.isThroughHost == true, let address { settings?.address = address }
    return settings
  }

  private mutating func spool(_ levels: Levels) -> SpoolSettings? {
    guard let found = levels.first(["spool"]), usable(found) else { return nil }
    return SpoolSettings.decode(found.value, &findings)
  }

  private mutating func via(_ levels: Levels) -> String? {
    for found in levels.all(Variable.names(for: "via")) {
      if found.value.isNull {
        if found.name == "via" { return nil }
        continue
      }
      guard usable(found) else { return nil }
      if found.name == "via" {
        let jump = findings.attempt { () throws(ConfigurationError) in
          try JumpHost.checked(found.value, found.name)
        }
        return jump.flatMap { $0 }
      }
      var ignored: [ConfigurationError] = []
      let jump = findings.attempt { () throws(ConfigurationError) in
        try JumpHost.fromArguments(found.value, found.name, &ignored)
      }
      for warning in ignored { findings.warn(warning) }
      if let jump, let text = jump { return text }
    }
    return nil
  }

  // MARK: tags

  /// Tags add up from `all` down to the host; a more specific one of the same name wins, and an empty
  /// one removes it.
  private mutating func tags(_ levels: Levels, _ tagging: inout Set<String>) -> [Tag] {
    var tags: [Tag] = []
    func set(_ name: String, _ value: String?) {
      tags.removeAll { $0.name == name }
      if let value, !value.isEmpty { tags.append(Tag(name, value)) }
    }
    for found in levels.all(["tags"]).reversed() where usable(found) {
      if let pairs = found.value.pairs {
        for pair in pairs {
          guard allowed(tag: pair.key) else { continue }
          if let value = tagValue(pair.value, pair.name) {
            set(pair.name, value.isEmpty ? nil : value)
          }
        }
        continue
      }
      let names = findings.attempt { () throws(ConfigurationError) in
        try found.value.words("tags")
      }
      for name in names ?? [] {
        let text = name.text ?? ""
        guard allowed(tag: name) else { continue }
        tagging.insert(text)
        guard let variable = levels.first(Variable.names(for: text)) else { continue }
        guard usable(variable) else { continue }
        if let value = tagValue(variable.value, text) { set(text, value) }
      }
    }
    return tags
  }

  private mutating func allowed(tag: Node) -> Bool {
    let name = tag.text ?? ""
    let problem: String? =
      if ["host", "group", "target", "time"].contains(name) {
        "the tag \"\(name)\" is scrape's own"
      } else if name.isEmpty || name.utf8.count > 64 || name.hasPrefix("_")
        || name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
      {
        "not the name of a tag"
      } else {
        nil
      }
    if let problem { findings.add(ConfigurationError(problem, at: tag)) }
    return problem == nil
  }

  private mutating func tagValue(_ node: Node, _ name: String) -> String? {
    if node.isNull { return "" }
    return findings.attempt { () throws(ConfigurationError) in
      let text = try node.string("tag \"\(name)\"")
      guard text.utf8.count <= 256,
        !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
      else {
        throw ConfigurationError(
          "the value of a tag is one line of at most 256 bytes", at: node)
      }
      return text
    }
  }

  // MARK: all variables

  private func variables(_ levels: Levels) -> [(name: String, value: Node)] {
    var seen: Set<String> = []
    var all: [(name: String, value: Node)] = []
    for layer in levels.weakestFirst {
      for name in layer.names where seen.insert(name).inserted {
        guard let found = levels.first([name]), found.value.untouchable == nil else { continue }
        all.append((name, found.value))
      }
    }
    return all
  }

  /// Warns of slips in names and of free variables that are dropped, once for each place, however many
  /// hosts inherit it.
  private mutating func checkVariables(_ tagging: Set<String>) {
    let needed = Set(Variable.own).union(Variable.ansible.values.joined()).union(tagging)
    // Ten thousand hosts have the same few names.
    var slips: [String: String?] = [:]
    func check(_ layer: InventoryDraft.Layer, _ findings: inout Findings) {
      for name in layer.names where !needed.contains(name) {
        guard let key = layer.keys[name], let value = layer.values[name] else { continue }
        let slip = slips[name] ?? Variable.slip(name)
        slips[name] = .some(slip)
        if let near = slip {
          findings.warn(
            ConfigurationError(
              "\"\(name)\" is none of scrape's variables", at: key,
              hint: "did you mean \"\(near)\"?"))
        }
        if let (node, problem, _) = value.untouchable {
          findings.warn(
            ConfigurationError(
              "\"\(name)\" \(problem)", at: node,
              hint: "it is left out; nothing of scrape's needs it"))
        }
      }
    }
    for name in draft.groupOrder {
      guard let group = draft.groups[name] else { continue }
      check(group.variables, &findings)
      check(group.files, &findings)
    }
    for name in draft.hostOrder {
      guard let host = draft.hosts[name] else { continue }
      check(host.variables, &findings)
      check(host.files, &findings)
    }
  }

  // MARK: across hosts

  private mutating func checkNames() {
    for name in draft.groupOrder {
      guard let group = draft.groups[name], name != "all", name != "ungrouped" else { continue }
      if let host = draft.hosts[name] {
        findings.warn(
          ConfigurationError(
            "\"\(name)\" is the name of a host and of a group", at: host.mark,
            length: name.count))
      }
      if !group.isDefined, let mark = group.mark {
        findings.warn(
          ConfigurationError(
            "group \"\(name)\" is empty and described nowhere", at: mark, length: name.count,
            hint: didYouMean(
              name,
              among: draft.groupOrder.filter {
                draft.groups[$0]?.isDefined == true && $0 != name
              })))
      }
    }
  }

  private mutating func checkTopology(_ hosts: [Host]) {
    var addresses: [String: String] = [:]
    var byName: [String: Host] = [:]
    for host in hosts {
      byName[host.name] = host
      guard host.connection == .ssh else { continue }
      let place = "\(host.address) \(host.port) \(host.via ?? "")"
      if let other = addresses.updateValue(host.name, forKey: place) {
        let node = host[variable: "address"] ?? host[variable: "ansible_host"]
        let problem = "\(host.name) and \(other) have the same address, \(host.address)"
        findings.warn(
          node.map { ConfigurationError(problem, at: $0) }
            ?? ConfigurationError(problem, at: host.mark, length: host.name.count))
      }
    }
    var ringed: Set<String> = []
    for host in hosts where !ringed.contains(host.name) { checkJumps(host, byName, &ringed) }
  }

  private mutating func checkJumps(
    _ host: Host, _ byName: [String: Host], _ ringed: inout Set<String>
  ) {
    var path = [host.name]
    // From the host outwards.
    var rest = Array(host.hops.map(\.name).reversed())
    while !rest.isEmpty {
      let jump = rest.removeFirst()
      let isRing = path.contains(jump)
      path.append(jump)
      if isRing {
        ringed.formUnion(path)
        let problem = "the way to \(host.name) runs in a ring"
        let node = host.viaNode
        let hint = path.joined(separator: " → ")
        findings.add(
          node.map { ConfigurationError(problem, at: $0, hint: hint) }
            ?? ConfigurationError(problem, at: host.mark, length: host.name.count, hint: hint))
        return
      }
      if rest.isEmpty { rest = (byName[jump]?.hops ?? []).map(\.name).reversed() }
    }
  }

  private mutating func checkKey(_ path: String, _ node: Node) {
    guard checkingKeys else { return }
    let fault: KeyFile.Fault?
    if let known = checkedKeys[path] {
      fault = known
    } else {
      fault = KeyFile.fault(path)
      checkedKeys[path] = .some(fault)
    }
    guard let fault else { return }
    findings.add(
      ConfigurationError("the key \(path) \(fault.problem)", at: node, hint: fault.cure))
  }
}

/// The variables of one host in levels, the strongest first.
///
/// As Ansible orders them: vars of `all`, of its groups from the root down, group_vars of `all` and
/// of its groups, the host's own, host_vars. At one level our names win over Ansible's.
struct Levels {
  struct Found {
    var name: String
    var value: Node
  }

  private let layers: [InventoryDraft.Layer]

  init(_ draft: InventoryDraft, host: InventoryDraft.HostDraft, groups: [String]) {
    var layers = [host.files, host.variables]
    for name in groups.reversed() {
      if let group = draft.groups[name] { layers.append(group.files) }
    }
    for name in groups.reversed() {
      if let group = draft.groups[name] { layers.append(group.variables) }
    }
    self.layers = layers.filter { !$0.names.isEmpty }
  }

  var weakestFirst: [InventoryDraft.Layer] { layers.reversed() }

  /// The strongest of these names; within a level, the first of them.
  func first(_ names: [String]) -> Found? {
    for layer in layers {
      for name in names {
        if let value = layer.values[name] { return Found(name: name, value: value) }
      }
    }
    return nil
  }

  /// All that is set, the strongest first.
  func all(_ names: [String]) -> [Found] {
    layers.flatMap { layer in
      names.compactMap { name in layer.values[name].map { Found(name: name, value: $0) } }
    }
  }
}
