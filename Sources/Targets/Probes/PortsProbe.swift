public import Configuration
public import Engine
public import Metrics

/// `ports`: the TCP ports of a host that accept connections, compared with the expected ones.
///
/// Options: `open` (ports that must accept), `closed` (ports that must not), `scan` (further ports:
/// those of them that accept are new listeners), `allow` (ports that may accept or not),
/// `unexpected` (the severity of a new listener; minor), `at_once` (32). Ports are numbers, ranges
/// (`8000-8100`) and names of services. Writes `ports`.
///
/// The probe opens and closes connections without data, which some servers count against a client:
/// ports with a probe of their own need not be listed here.
public struct PortsProbe: Probe {
  public static let name = "ports"
  public static let summary = "The expected ports are open, and no others."
  public static let measurements = [
    Measurement(
      "ports", "Number of TCP ports by their answer.", isOurs: true,
      tags: ["service": "the entry as written, or its `name`"],
      fields: [
        .integer(
          "open", "closed", "silent", means: "Accepted a connection, refused it, did not answer"),
        .integer("unexpected", means: "Open ports that are not listed"),
      ])
  ]
  public static let canBind = true
  public static let carrier = Carrier.host

  private let open: [UInt16]
  private let shut: [UInt16]
  private let scan: [UInt16]
  private let allow: Set<UInt16>
  private let atOnce: Int
  private let unexpected: Severity

  public init(_ options: inout Fields) {
    open = options.take(
      "open", Self.ports, default: [], "Ports that must accept connections.")
    shut = options.take("closed", Self.ports, default: [], "Ports that must not accept any.")
    scan = options.take(
      "scan", Self.ports, default: [],
      "Ports that are checked, too; one that accepts and is listed nowhere is a new listener.",
      example: "1-1024")
    allow = Set(
      options.take(
        "allow", Self.ports, default: [], "Ports that may accept connections.", example: "[8080]"))
    atOnce = options.take("at_once", .integer(1...256), default: 32, "Connections in parallel.")
    unexpected = options.take(
      "unexpected", .severity, default: .minor, "Severity of a new listener.")
    if let port = open.first(where: shut.contains) {
      options.add("port \(port) is to be open and closed")
    }
    if open.isEmpty, shut.isEmpty, scan.isEmpty {
      options.add(
        "probe ports looks at no port", hint: "write {ports: {open: [22, http], scan: 1-1024}}")
    }
  }

  /// Numbers, ranges and names, each once and in order.
  private static var ports: SettingType<[UInt16]> {
    SettingType(
      "numbers, ranges and names of ports", example: "[22, http, 8000-8100]",
      show: { $0.isEmpty ? "" : "`\($0)`" }
    ) { node, what throws(ConfigurationError) in
      var ports: Set<UInt16> = []
      for word in try node.words(what) {
        let text = word.text ?? ""
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        if let port = portNumber(text, .tcp) {
          ports.insert(port)
        } else if ends.count == 2, let first = portNumber(String(ends[0]), .tcp),
          let last = portNumber(String(ends[1]), .tcp), first <= last
        {
          ports.formUnion(first...last)
        } else {
          throw ConfigurationError(
            "\"\(text)\" is no port and no range of ports", at: word,
            hint: "write 22, http or 1-1024")
        }
      }
      return ports.sorted()
    }
  }

  /// Connections in parallel behind a jump host.
  private static let atOnceBehind = 4

  /// The result of a port.
  enum State: Sendable, Equatable {
    case open, closed, silent
    /// A local error.
    case unlearnt(Verdict)
  }

  public func cautions(port: UInt16) -> [Caution] { Caution.wordless(at: open + scan) }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    let ports = Set(open).union(shut).union(scan).sorted()
    endpoint.byHand("nmap -sT -p \(Self.folded(ports)) \(endpoint.number)")
    let start = Deadline.now
    let states = await look(at: ports, of: endpoint, on: reactor, by: deadline)
    for (port, state) in states where state == .open {
      endpoint.note("open", "\(port) \(serviceName(port, .tcp) ?? "")")
    }
    var verdict = evaluate(states, of: ports.count)
    if verdict.isUp == true { verdict.latency = Deadline.now.since(start) }
    var point = Point("ports")
    point.integer("open", Int64(states.values.count { $0 == .open }))
    point.integer("closed", Int64(states.values.count { $0 == .closed }))
    point.integer("silent", Int64(states.values.count { $0 == .silent }))
    point.integer("unexpected", Int64(newcomers(states).count))
    verdict.points = [point]
    return verdict
  }

  /// Checks the ports, that many in parallel; those cut off by the deadline count as silent.
  private func look(
    at ports: [UInt16], of endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> [UInt16: State] {
    // A jump host opens few connections at a time that are not answered; others need it, too.
    let atOnce = endpoint.tunnel == nil ? atOnce : min(atOnce, Self.atOnceBehind)
    // A silent port must leave time for the others.
    let rounds = (ports.count + atOnce - 1) / atOnce
    let share = max(deadline.remaining / max(1, rounds), .milliseconds(50))
    return await withTaskGroup(of: (UInt16, State).self) { group in
      var states: [UInt16: State] = [:]
      var next = 0
      func start() {
        guard next < ports.count, !deadline.isPast else { return }
        var one = endpoint
        one.trace = nil
        one.port = ports[next]
        one.addresses = endpoint.addresses.prefix(1).map { $0.with(port: ports[next]) }
        next += 1
        group.addTask(executorPreference: reactor.executor) { [one] in
          (one.port, await reactor.state(of: one, by: min(deadline, .after(share))))
        }
      }
      for _ in 0..<atOnce { start() }
      while let (port, state) = await group.next() {
        states[port] = state
        start()
      }
      return states
    }
  }

  private func newcomers(_ states: [UInt16: State]) -> [UInt16] {
    scan.filter { states[$0] == .open && !open.contains($0) && !shut.contains($0) }
      .filter { !allow.contains($0) }
  }

  private func evaluate(_ states: [UInt16: State], of ports: Int) -> Verdict {
    for state in states.values { if case .unlearnt(let verdict) = state { return verdict } }
    let missing = open.filter { states[$0] != nil && states[$0] != .open }
    let wrong = shut.filter { states[$0] == .open }
    let new = newcomers(states)
    let count = states.values.count { $0 == .open }
    let isUp = states.values.contains { $0 == .open || $0 == .closed }
    var parts: [String] = []
    if !missing.isEmpty { parts.append("closed: \(Self.named(missing))") }
    if !wrong.isEmpty { parts.append("open and should not be: \(Self.named(wrong))") }
    if !new.isEmpty { parts.append("new: \(Self.named(new))") }
    let words = parts.joined(separator: "; ")
    if !isUp, !open.isEmpty, !states.isEmpty {
      return Verdict(.critical, .timeout, "no port answered", isUp: false)
    }
    if !missing.isEmpty { return Verdict(.critical, .closed, words, isUp: isUp) }
    if !wrong.isEmpty { return Verdict(.critical, .open, words, isUp: isUp) }
    if !new.isEmpty, unexpected != .ok {
      return Verdict(unexpected, .newListener, words, isUp: isUp)
    }
    if states.count < ports {
      return Verdict(
        .unknown, .notReached,
        "\(ports - states.count) of \(ports) ports were not looked at; give it a longer timeout",
        isUp: isUp ? true : nil)
    }
    var verdict = Verdict.ok(nil, "\(count) of \(states.count) ports open")
    verdict.isUp = isUp ? true : nil
    return verdict
  }

  /// `22 ssh, 8080 http-alt`
  private static func named(_ ports: [UInt16]) -> String {
    let shown = ports.prefix(10).map { port in
      serviceName(port, .tcp).map { "\(port) \($0)" } ?? "\(port)"
    }
    let rest = ports.count > shown.count ? " and \(ports.count - shown.count) more" : ""
    return shown.joined(separator: ", ") + rest
  }

  /// `22,80,1000-1010`
  private static func folded(_ ports: [UInt16]) -> String {
    var parts: [(UInt16, UInt16)] = []
    for port in ports {
      if let last = parts.last, Int(last.1) + 1 == Int(port) {
        parts[parts.count - 1].1 = port
      } else {
        parts.append((port, port))
      }
    }
    return parts.map { $0.0 == $0.1 ? "\($0.0)" : "\($0.0)-\($0.1)" }.joined(separator: ",")
  }
}

extension Reactor {
  /// Whether a port accepts a connection.
  fileprivate func state(of endpoint: Endpoint, by deadline: Deadline) async -> PortsProbe.State {
    do throws(Verdict) {
      _ = try await ByteStream.open(endpoint, on: self, by: deadline)
      return .open
    } catch {
      switch error.reason {
      case .connectionRefused: return .closed
      case .connectionLost: return .open
      case .timeout, .unreachable: return error.isUp == false ? .silent : .unlearnt(error)
      default: return .unlearnt(error)
      }
    }
  }
}
