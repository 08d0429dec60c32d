public import Configuration
public import Metrics

/// A service as its users see it: it works while its needs do.
///
/// A need is a check (`web01/https`, with globs `web*/https`), another service by its name, or a number
/// of several: `{at_least: 2, of: ["web*/https"]}`.
public struct BusinessService: Sendable {
  public indirect enum Need: Sendable, Equatable {
    /// Every check whose host and name match.
    case checks(host: String, name: String)
    case service(String)
    case atLeast(Int, [Need])
  }

  public let name: String
  public let needs: [Need]
  public let mark: Mark

  /// Reads `services:`; rejects cycles and unknown names.
  public static func all(from node: Node?, _ findings: inout Findings) -> [BusinessService] {
    guard let node else { return [] }
    let pairs =
      findings.attempt { () throws(ConfigurationError) in try node.mapping("services") } ?? []
    let names = pairs.map(\.name)
    var services: [BusinessService] = []
    for pair in pairs {
      // A list alone is the list of needs.
      let list =
        pair.value.pairs == nil
        ? pair.value
        : findings.decode("service \"\(pair.name)\"", pair.value) { $0.takeNeeds(of: pair.key) }
      guard let list else { continue }
      let entries = needs(list, names, depth: 0, &findings)
      guard let entries else { continue }
      services.append(BusinessService(name: pair.name, needs: entries, mark: pair.key.mark))
    }
    checkRings(services, &findings)
    return services
  }

  /// The settings of a service, and of a need of several.
  public static var references: [Reference] {
    let mark = Source("reference", text: "").mark(atByte: 0)
    let name = Node(.scalar("NAME", .plain), mark: mark, end: mark)
    return [
      Reference(
        "`services.NAME`",
        "A business service; a list of needs, or a mapping. A need is `HOST/CHECK` with globs, another service, or a number of several."
      ) { _ = $0.takeNeeds(of: name) },
      Reference("A need of several", "Ok while enough of its needs are ok.") {
        _ = $0.takeSeveral()
      },
    ]
  }

  /// The needs of a list, or nil if one is wrong.
  private static func needs(
    _ node: Node, _ names: [String], depth: Int, _ findings: inout Findings
  ) -> [Need]? {
    guard depth < 16 else {
      findings.add(ConfigurationError("needs within needs, too deep", at: node))
      return nil
    }
    var all: [Need] = []
    for item in node.items ?? [node] {
      var need: Need?
      if item.pairs != nil {
        if let (least, of) = findings.decode("a need", item, { $0.takeSeveral() }) {
          need = needs(of, names, depth: depth + 1, &findings).map { .atLeast(least, $0) }
        }
      } else {
        need = findings.attempt { () throws(ConfigurationError) in try single(item, names) }
      }
      guard let need else { return nil }
      all.append(need)
    }
    return all
  }

  private static func single(
    _ node: Node, _ names: [String]
  ) throws(ConfigurationError) -> Need {
    let text = try node.string("a need")
    if let slash = Self.slash(text) {
      return .checks(
        host: String(text[..<slash]), name: String(text[text.index(after: slash)...]))
    }
    if names.contains(text) { return .service(text) }
    throw ConfigurationError(
      "\"\(text)\" is no service", at: node,
      hint: didYouMean(text, among: names) ?? "a check is written HOST/CHECK: web01/https")
  }

  /// The end of the host's name: outside the brackets of a range, which may have a step (`web[0-6/2]`).
  private static func slash(_ text: String) -> String.Index? {
    var depth = 0
    return text.indices.first { index in
      if text[index] == "[" { depth += 1 }
      if text[index] == "]" { depth -= 1 }
      return text[index] == "/" && depth <= 0
    }
  }

  /// The service with each host pattern in its needs replaced by the hosts; a pattern that matches none
  /// stays.
  public func resolved<Failure>(
    _ hosts: (String) throws(Failure) -> [String]?
  ) throws(Failure) -> BusinessService {
    func resolve(_ needs: [Need]) throws(Failure) -> [Need] {
      var all: [Need] = []
      for need in needs {
        switch need {
        case .checks(let pattern, let name):
          let names = try hosts(pattern) ?? [pattern]
          all += names.map { .checks(host: $0, name: name) }
        case .atLeast(let least, let of): all.append(.atLeast(least, try resolve(of)))
        case .service: all.append(need)
        }
      }
      return all
    }
    return BusinessService(name: name, needs: try resolve(needs), mark: mark)
  }

  private static func checkRings(_ services: [BusinessService], _ findings: inout Findings) {
    let byName = Dictionary(services.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var sound: Set<String> = []
    func walk(_ service: BusinessService, _ path: [String]) -> [String]? {
      if path.contains(service.name) { return path + [service.name] }
      if sound.contains(service.name) { return nil }
      for name in service.needs.flatMap(\.services) {
        if let next = byName[name], let ring = walk(next, path + [service.name]) { return ring }
      }
      sound.insert(service.name)
      return nil
    }
    for service in services {
      guard let ring = walk(service, []) else { continue }
      findings.add(
        ConfigurationError(
          "service \"\(service.name)\" needs itself", at: service.mark,
          length: service.name.count, hint: ring.joined(separator: " → ")))
      return
    }
  }

  /// The state of each service by its name; `checks` are all severities, by host and name.
  ///
  /// Ok if all needs are ok; degraded if enough of them are; else the worst severity.
  public static func states(
    of services: [BusinessService], checks: [String: [String: Severity]]
  ) -> [String: GroupState] {
    let byName = Dictionary(services.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var states: [String: GroupState] = [:]
    func state(of name: String) -> GroupState {
      if let known = states[name] { return known }
      states[name] = .unknown  // Ends the recursion in a cycle.
      let found = byName[name]?.needs.map { state(of: $0) } ?? []
      let state = found.max() ?? .noData
      states[name] = state
      return state
    }
    func members(of need: Need) -> [GroupState] {
      switch need {
      case .service(let name): return [state(of: name)]
      case .atLeast: return [state(of: need)]
      case .checks(let host, let name):
        var found: [GroupState] = []
        let (host, name) = (Glob(host), Glob(name))
        for (one, all) in checks where host.matches(one) {
          for (check, severity) in all where name.matches(check) {
            found.append(GroupState(severity))
          }
        }
        return found
      }
    }
    func state(of need: Need) -> GroupState {
      guard case .atLeast(let least, let needs) = need else {
        return members(of: need).max() ?? .noData
      }
      let all = needs.flatMap { members(of: $0) }
      let good = all.count { $0 == .ok || $0 == .degraded || $0 == .minor }
      let hopeful = all.count { $0 == .unknown || $0 == .noData }
      if all.isEmpty { return .noData }
      if good >= least { return good == all.count && !all.contains(.degraded) ? .ok : .degraded }
      return good + hopeful >= least ? .unknown : .critical
    }
    for service in services { _ = state(of: service.name) }
    return states
  }
}

extension BusinessService.Need {
  /// The check patterns of the need, at any depth.
  public var checks: [(host: String, name: String)] {
    switch self {
    case .checks(let host, let name): [(host, name)]
    case .atLeast(_, let needs): needs.flatMap(\.checks)
    case .service: []
    }
  }

  /// The services that the need names, at any depth.
  var services: [String] {
    switch self {
    case .service(let name): [name]
    case .atLeast(_, let needs): needs.flatMap(\.services)
    case .checks: []
    }
  }
}

extension Fields {
  /// The list of needs of a service.
  fileprivate mutating func takeNeeds(of service: Node) -> Node? {
    let needs = take(
      "needs", .node("list of needs", example: "[{at_least: 2, of: [\"web*/https\"]}, db1/mysql]"),
      otherwise: "required", "What the service needs.")
    if needs == nil {
      addUnlessFaulty(
        ConfigurationError(
          "service \"\(service.text ?? "")\" needs nothing", at: service, hint: "give it `needs:`"))
    }
    return needs
  }

  /// A number of several needs.
  fileprivate mutating func takeSeveral() -> (least: Int, of: Node)? {
    let least = take(
      "at_least", .integer(1...10_000), otherwise: "required", "Number of needs that must be ok.",
      example: "2")
    let of = take(
      "of", .node("list of needs", example: "[\"web*/https\"]"), otherwise: "required", "The needs."
    )
    guard let least, let of else {
      addUnlessFaulty(
        ConfigurationError(
          "a need of several has `at_least:` and `of:`", at: node,
          hint: "{at_least: 2, of: [\"web*/https\"]}"))
      return nil
    }
    return (least, of)
  }
}
