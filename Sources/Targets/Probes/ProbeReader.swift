internal import Collectors
public import Configuration
internal import Engine
public import Inventory

/// Reads the entries of `probes:` and the named ones of `modules:` in scrape.yml.
///
/// An entry is short, `NAME[@ADDRESS][:PORT][/PATH] [closed]`, or a mapping of one name to its options,
/// `{http: {port: 8080, path: /health}}`. The name is a probe's, a module's, or that of a service of
/// services(5) or of a port scanner: where its protocol is known, that probe asks (`http-alt` is
/// `http:8000`), else it is a TCP port. A module is written exactly as an entry; an entry that names one
/// may add options, which win over the module's.
public struct ProbeReader: Sendable {
  /// An entry taken apart, before its probe reads the options.
  private struct Entry: Sendable {
    var probe: any Probe.Type
    var pairs: [Node.Pair]
    var isClosed: Bool
    /// The short form, for people.
    var text: String
    /// Of options with an old name.
    var faults: [ConfigurationError] = []
  }

  /// Options that every probe has.
  /// More entries than this for one host are a slip of the pen.
  static let limit = 200

  private let known: [any Probe.Type]
  /// The names of the addresses that hosts have; nil if they are unknown.
  private let addresses: Set<String>?
  private var modules: [String: Entry] = [:]
  /// Ten thousand hosts have the same few lists.
  private var read: [Mark: [ProbePlan]] = [:]

  /// Reads the modules; nil where there are none. `addresses` are the names of the addresses that
  /// entries may ask; nil accepts any.
  public init(
    modules node: Node?, probes: [any Probe.Type] = Probes.all, addresses: Set<String>? = nil,
    _ findings: inout Findings
  ) {
    known = probes
    self.addresses = addresses
    let pairs = findings.attempt { () throws(ConfigurationError) in
      try node?.mapping("modules")
    }
    for pair in (pairs ?? []) ?? [] {
      if probe(pair.name) != nil {
        findings.add(
          ConfigurationError(
            "\"\(pair.name)\" is the name of a probe", at: pair.key,
            hint: "give the module a name of its own"))
        continue
      }
      let entry = findings.attempt { () throws(ConfigurationError) in
        try Self.isName(pair.key)
        return try parsed(pair.value, modules: false)
      }
      guard let entry else { continue }
      modules[pair.name] = entry
      _ = plan(entry, pair.value, &findings)
    }
  }

  /// What a host's `probes:` asks for; what is wrong is left out and becomes a finding.
  public mutating func plans(of host: Host, _ findings: inout Findings) -> [ProbePlan] {
    guard let node = host.probes else { return [] }
    let plans = read[node.mark] ?? plans(node, &findings)
    read[node.mark] = plans
    // The list may be that of a group, whose hosts have ports of their own.
    let own = plans.map { $0.on(host) }
    for plan in own {
      // The collectors log in there, which is the answer to the probe.
      if plan.kind == SSHProbe.name, plan.address == nil, host.connection == .ssh,
        Int(plan.port) == host.port
      {
        continue
      }
      // Where nothing listens, nothing is set off.
      for caution in plan.isClosed || plan.lacksAddress ? [] : plan.probe.cautions(port: plan.port)
      {
        findings.warn(
          ConfigurationError(
            "\(plan.service): \(caution.problem)", at: plan.mark, length: plan.length,
            hint: caution.exemption))
      }
    }
    return own
  }

  /// What a list of entries asks for. A text is a list with commas.
  public func plans(_ node: Node, _ findings: inout Findings) -> [ProbePlan] {
    var entries = node.items
    if node.text != nil {
      entries = findings.attempt { () throws(ConfigurationError) in try node.words("probes") }
    } else if node.pairs != nil {
      // `probes: {http: {…}, icmp: {}}`: the dashes were forgotten, and nothing else is meant.
      findings.add(node.mismatch("probes", "a list", hint: "write a dash before each probe"))
    }
    var plans: [ProbePlan] = []
    for entry in entries ?? [] {
      guard plans.count < Self.limit else {
        findings.add(
          ConfigurationError("more than \(Self.limit) probes of one host", at: entry))
        break
      }
      guard let plan = plan(entry, &findings) else { continue }
      if plans.contains(where: { $0.service == plan.service && $0.port == plan.port }) {
        findings.add(
          ConfigurationError(
            "\"\(plan.service)\" stands here twice", at: entry,
            hint: "give one of them another name: {\(plan.kind): {name: …}}"))
        continue
      }
      plans.append(plan)
    }
    return plans
  }

  /// What one entry asks for, or nil where it is wrong.
  public func plan(_ node: Node, _ findings: inout Findings) -> ProbePlan? {
    guard
      let entry = findings.attempt({ () throws(ConfigurationError) in
        try parsed(node, modules: true)
      })
    else { return nil }
    return plan(entry, node, &findings)
  }

  // MARK: one entry

  private func probe(_ name: String) -> (any Probe.Type)? { known.first { $0.name == name } }

  private static func isName(_ node: Node) throws(ConfigurationError) {
    let text = node.text ?? ""
    guard !text.isEmpty, text.utf8.count <= 64,
      text.utf8.allSatisfy({
        (0x30...0x39).contains($0) || (0x61...0x7a).contains($0 | 0x20) || $0 == UInt8(ascii: "-")
          || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
      })
    else {
      throw ConfigurationError(
        "not the name of a module", at: node, hint: "letters, digits, \"-\", \"_\" and \".\"")
    }
  }

  private func parsed(_ node: Node, modules: Bool) throws(ConfigurationError) -> Entry {
    if node.text != nil, !node.isNull { return try short(node, modules: modules) }
    guard let pairs = node.pairs, let pair = pairs.first else {
      throw node.mismatch("a probe", "a name such as http:8080 or a mapping of one name")
    }
    if pairs.count > 1 {
      throw ConfigurationError(
        "a probe is one name, and here are \(pairs.count)", at: pairs[1].key,
        hint: "the options of \"\(pair.name)\" stand one step further in")
    }
    // `http: 8080` is what a forgotten quote makes of "http:8080".
    if let rest = pair.value.text, !pair.value.isNull {
      var entry = try short(
        Node("\(pair.name):\(rest)", like: pair.value), modules: modules)
      entry.text = "\(pair.name):\(entry.text.drop { $0 != ":" }.dropFirst())"
      return entry
    }
    // `{"x11:1": {…}}`: the short form, with options.
    var entry =
      pair.name.contains { $0 == "@" || $0 == ":" || $0 == "/" || $0 == " " }
      ? try short(pair.key, modules: modules) : try base(pair.key, modules: modules)
    let (options, faults) = Renamed.present(
      try pair.value.mapping("options of \"\(pair.name)\""), in: "probe \(entry.probe.name)")
    entry.faults += faults
    entry.pairs += options
    if entry.probe.carrier.canBeClosed,
      let closed = options.first(where: { $0.name == "closed" })?.value
    {
      entry.isClosed = try closed.boolean("closed")
    }
    func text(_ key: String) -> String? {
      options.last { $0.name == key }?.value.text
    }
    var name = String(pair.name.prefix { $0 != ":" && $0 != "/" && $0 != " " })
    if let address = text("at") {
      let rest = entry.text.dropFirst(name.count)
      name = "\(name.prefix { $0 != "@" })@\(address)"
      entry.text = name + rest
    }
    if let port = text("port") { entry.text = "\(name):\(port)" }
    if let path = text("path") { entry.text += path.hasPrefix("/") ? path : "/\(path)" }
    return entry
  }

  /// `NAME[@ADDRESS][:PORT][/PATH] [closed]`
  private func short(_ node: Node, modules: Bool) throws(ConfigurationError) -> Entry {
    let words = Self.parts(of: node, at: " ", limit: 8)
    guard let first = words.first else { throw node.mismatch("a probe", "a name") }
    var isClosed = false
    for word in words.dropFirst() {
      guard word.text == "closed" else {
        throw unknown("word", word, among: ["closed"], in: "a probe")
      }
      isClosed = true
    }
    let whole = first.text ?? ""
    let end = whole.firstIndex { $0 == "@" || $0 == ":" || $0 == "/" } ?? whole.endIndex
    let name = Self.part(of: first, whole[..<end])
    var rest = whole[end...]
    var entry = try base(name, modules: modules)
    if rest.first == "@" {
      rest = rest.dropFirst()
      let address = rest.prefix { $0 != ":" && $0 != "/" }
      guard !address.isEmpty else {
        throw ConfigurationError(
          "the name of the address is missing", at: first,
          hint: "write \(name.text ?? "")@public")
      }
      entry.pairs.append(.init(key: Node("at", like: name), value: Self.part(of: first, address)))
      rest = rest.dropFirst(address.count)
    }
    if rest.first == ":" {
      rest = rest.dropFirst()
      let port = rest.prefix { $0 != "/" }
      if let at = port.firstIndex(of: "@") {
        throw ConfigurationError(
          "the address stands before the port", at: Self.part(of: first, port[at...]),
          hint: "write \(name.text ?? "")\(port[at...]):\(port[..<at])")
      }
      guard !port.isEmpty else {
        throw ConfigurationError(
          "the port is missing", at: first, hint: "write \(name.text ?? ""):PORT")
      }
      entry.pairs.append(.init(key: Node("port", like: name), value: Self.part(of: first, port)))
      rest = rest.dropFirst(port.count)
    }
    if !rest.isEmpty {
      let path = Self.part(of: first, rest)
      entry.pairs.append(.init(key: Node("path", like: path), value: path))
    }
    entry.isClosed = entry.isClosed || isClosed
    entry.text = whole
    return entry
  }

  /// What people write for something that is asked in another way.
  private static let otherwise: [String: String] = {
    let gpu = "GPUs are read on the host, by the collector gpu: write `profile: gpu` there"
    let ping = "write icmp"
    let secure = "write https, or {tcp: {port: 443, tls: yes}}"
    var hints = [
      "nvidia-smi": gpu, "nvidia_smi": gpu, "nvidia": gpu, "ping": ping, "ping4": ping,
      "ping6": ping, "tls": secure, "ssl": secure, "certificate": secure,
      "directory": "write file/PATH for a file of the host, smb or ftp for a file server",
      "ipmi": "a BMC is no probe: write `bmc: ADDRESS` beside the host's address",
      "process": "processes are read on the host, by the collector processes of its profile",
    ]
    for collector in Collectors.collectors where hints[collector.name] == nil {
      hints[collector.name] =
        "\(collector.name) is a collector: it stands in the host's `profile`, not in `probes`"
    }
    return hints
  }()

  /// The probe, module or service of this name.
  private func base(_ name: Node, modules allowed: Bool) throws(ConfigurationError) -> Entry {
    let text = name.text ?? ""
    // Port scanners write X11.
    if let probe = probe(text) ?? (modules[text] == nil ? probe(text.lowercased()) : nil) {
      return Entry(probe: probe, pairs: [], isClosed: false, text: text)
    }
    if let module = modules[text] {
      if allowed {
        var entry = module
        entry.text = text
        return entry
      }
    }
    let port = Node.Pair(key: Node("port", like: name), value: name)
    if let known = KnownService.named(text), let probe = known.probe.flatMap(probe) {
      let number = Node.Pair(key: port.key, value: Node("\(known.port)", like: name))
      return Entry(probe: probe, pairs: [number], isClosed: false, text: text)
    }
    if let hint = Self.otherwise[text.lowercased()] {
      throw ConfigurationError("unknown probe \"\(text)\"", at: name, hint: hint)
    }
    if let tcp = probe(TCPProbe.name), portNumber(text, .tcp) != nil, Int(text) == nil {
      return Entry(probe: tcp, pairs: [port], isClosed: false, text: text)
    }
    if Int(text) != nil {
      throw ConfigurationError(
        "\"\(text)\" is no probe", at: name, hint: "a port alone is tcp:\(text)")
    }
    throw unknown(
      "probe", name, among: known.map { $0.name } + (allowed ? modules.keys.sorted() : []))
  }

  private func plan(_ entry: Entry, _ node: Node, _ findings: inout Findings) -> ProbePlan? {
    let kind = entry.probe
    var options = Fields("probe \(kind.name)", at: node, pairs: entry.pairs, noun: "option")
    for fault in entry.faults { options.add(fault) }
    let common = CommonOptions(of: kind, addresses: addresses, &options)
    if entry.isClosed, !kind.carrier.canBeClosed {
      options.add("\(options.what) does not support \"closed\"")
    }
    let probe = kind.init(&options)
    guard options.finish(into: &findings) else { return nil }
    var stem = entry.text
    if let path = common.path, let at = stem.firstRange(of: "@\(path)") { stem.removeSubrange(at) }
    return ProbePlan(
      probe: probe, kind: kind.name, service: common.name ?? String(entry.text.prefix(128)),
      port: common.port ?? 0, hasOwnPort: options.has("port"), address: common.address,
      path: common.path, stem: stem, source: common.source, isAtCentre: common.isAtCentre,
      version: common.version ?? common.source?.version,
      isClosed: entry.isClosed,
      timeout: common.timeout ?? probe.timeout, schedule: common.schedule,
      patience: common.patience,
      findings: common.severity, isCounted: common.isCounted, mark: node.mark,
      length: node.end.line == node.mark.line ? max(1, node.end.column - node.mark.column) : 1)
  }

  // MARK: places within a text

  /// A part of a node's text, with its own place.
  private static func part(of node: Node, _ part: Substring) -> Node {
    let text = node.text ?? ""
    var column = node.mark.column + text.distance(from: text.startIndex, to: part.startIndex)
    if case .scalar(_, .quoted) = node.content { column += 1 }
    let mark = Mark(source: node.mark.source, line: node.mark.line, column: column)
    let end = Mark(
      source: mark.source, line: mark.line, column: column + part.count)
    return Node(.scalar(String(part), .plain), mark: mark, end: end)
  }

  private static func parts(of node: Node, at separator: Character, limit: Int) -> [Node] {
    (node.text ?? "").split(separator: separator, maxSplits: limit).map { part(of: node, $0) }
  }
}
