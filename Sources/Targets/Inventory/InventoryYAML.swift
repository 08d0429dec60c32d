internal import Configuration

/// Reads Ansible's YAML shape: groups, each with `hosts`, `vars` and `children`.
extension InventoryDraft {
  private static let sections = ["hosts", "vars", "children"]

  mutating func read(yaml root: Node) {
    if root.isNull { return }
    guard let pairs = root.pairs else {
      findings.add(root.mismatch("an inventory", "a mapping of groups", hint: Self.shape))
      return
    }
    if let plugin = pairs.first(where: { $0.name == "plugin" }) {
      findings.add(
        ConfigurationError(
          "the settings of a plugin, not an inventory; scrape runs no plugins", at: plugin.key,
          hint: "write its result to a file: ansible-inventory -i THIS --list --yaml > hosts.yml"))
      return
    }
    if let meta = pairs.first(where: { $0.name == "_meta" }) {
      findings.add(
        ConfigurationError(
          "what a program answered to --list, which has another shape", at: meta.key,
          hint: "write its result to a file: ansible-inventory -i IT --list --yaml > hosts.yml"))
      return
    }
    for pair in pairs {
      if Self.sections.contains(pair.name) {
        findings.add(
          ConfigurationError(
            "\"\(pair.name)\" stands outside any group", at: pair.key,
            hint: "put it under a group; \"all:\" holds everything"))
        continue
      }
      read(group: pair, depth: 0)
    }
  }

  private static let shape = "the shape is: all: {hosts: {fw1: {address: 10.0.0.1}}}"

  private mutating func read(group pair: Node.Pair, depth: Int) {
    let name = pair.name
    guard
      findings.attempt({ () throws(ConfigurationError) -> Void in
        if pair.key.untouchable != nil {
          throw ConfigurationError("a group's name is a template", at: pair.key)
        }
        try checkName(name, pair.key)
      }) != nil
    else { return }
    note(group: name, at: pair.key.mark)
    if pair.value.isNull { return }
    guard let sections = pair.value.pairs else {
      findings.add(
        pair.value.mismatch("group \"\(name)\"", "a mapping of hosts, vars and children"))
      return
    }
    define(group: name, at: pair.key.mark)
    for section in sections {
      switch section.name {
      case "vars": readVariables(of: name, section.value)
      case "children":
        for child in entries(section, "groups") {
          read(group: child, depth: depth + 1)
          guard groups[child.name] != nil else { continue }
          if child.name == "all" {
            findings.add(ConfigurationError("\"all\" cannot be in a group", at: child.key))
          } else {
            add(child: child.key, to: name)
          }
        }
      case "hosts":
        for host in entries(section, "hosts") { readHost(host, in: name) }
      default: strayKey(section, in: name)
      }
    }
  }

  private mutating func readVariables(of group: String, _ node: Node) {
    for pair in findings.attempt({ () throws(ConfigurationError) in
      try node.mapping("vars of group \"\(group)\"")
    }) ?? [] {
      set(group: group, pair.key, pair.value)
    }
  }

  /// The entries of `hosts` or `children`; a single word is one without settings.
  private mutating func entries(_ section: Node.Pair, _ what: String) -> [Node.Pair] {
    let node = section.value
    if node.isNull { return [] }
    if let pairs = node.pairs { return pairs }
    if node.text != nil {
      return [
        Node.Pair(key: node, value: Node(.scalar("", .plain), mark: node.mark, end: node.end))
      ]
    }
    let first = node.items?.first?.text ?? "fw1"
    findings.add(
      ConfigurationError(
        "\"\(section.name)\" is a mapping of \(what), not a list", at: node,
        hint: "write \"\(first):\" in place of \"- \(first)\""))
    return []
  }

  private mutating func readHost(_ pair: Node.Pair, in group: String) {
    if case .scalar(let text, .plain) = pair.key.content, Int(text) != nil {
      findings.add(
        ConfigurationError(
          "a host's name is text, not a number", at: pair.key, hint: "put it in quotes: \"\(text)\""
        ))
      return
    }
    if pair.key.untouchable != nil {
      findings.add(ConfigurationError("a host's name is a template", at: pair.key))
      return
    }
    guard
      let variables = findings.attempt({ () throws(ConfigurationError) in
        try pair.value.mapping("host \"\(pair.name)\"")
      })
    else { return }
    add(hosts: pair.key, to: group, variables: variables)
  }

  /// A key of a group that is none of the three. Ansible skips it with a warning; an obvious slip is an
  /// error here, because hosts would be missing silently.
  private mutating func strayKey(_ pair: Node.Pair, in group: String) {
    if let near = nearest(to: pair.name, among: Self.sections) {
      findings.add(
        ConfigurationError(
          "unknown key \"\(pair.name)\" in group \"\(group)\"", at: pair.key,
          hint: "did you mean \"\(near)\"?"))
    } else if Variable.own.contains(pair.name) || pair.name.hasPrefix("ansible_") {
      findings.add(
        ConfigurationError(
          "\"\(group)\" stands where groups stand, but has the settings of a host", at: pair.key,
          hint:
            "a host belongs under \"hosts:\" of a group, settings of a group under its \"vars:\""))
    } else {
      let isGroup = pair.value.pairs?.contains { Self.sections.contains($0.name) } == true
      findings.warn(
        ConfigurationError(
          "unknown key \"\(pair.name)\" in group \"\(group)\" is skipped", at: pair.key,
          hint: isGroup
            ? "a group in a group stands under \"children:\""
            : "a group has only hosts, vars and children"))
    }
  }
}
