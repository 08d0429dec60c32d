internal import Configuration
public import Engine
internal import Inventory
internal import Metrics
public import Probes

/// Asks addresses which services they have, as gently as that goes.
///
/// Each TCP port is connected to once; a server that speaks first is answered on that connection (`Greeting`).
/// A silent port is asked with the probes that its number suggests, then as HTTP and as TLS. An address that
/// answers neither an echo request, nor RMCP, nor one of the first ports is not asked further.
public struct Scan: Sendable {
  /// The ports asked of an address that answers.
  public static let ports: [UInt16] = [
    21, 22, 23, 25, 53, 80, 110, 113, 143, 443, 445, 465, 587, 993, 995, 2222, 3128, 3306, 3389,
    5000,
    5432, 5900, 5901, 6000, 6001, 8000, 8080, 8081, 8443, 8888,
  ]
  /// The ports by which an address without an echo is found.
  static let first: [UInt16] = [22, 80, 443, 445, 3389]

  public var ports: [UInt16] = Self.ports
  /// Packets and connections that begin per second.
  public var rate = 200
  /// Addresses asked at a time.
  public var fanOut = 64
  /// The time limit of a connection.
  public var connecting: Duration = .seconds(1)
  /// How long a port may be silent before it is asked.
  public var listening: Duration = .milliseconds(1500)
  /// Whether UDP is asked: ntp, dns and RMCP.
  public var asksDatagrams = true
  let kit: ProbeKit
  /// Ports of SSH that files give single addresses.
  private var more: [String: UInt16] = [:]

  public init(kit: ProbeKit) { self.kit = kit }

  /// Takes the ports of SSH that hosts of files have.
  public mutating func take(_ targets: [Discovery.Target]) {
    for target in targets { more[target.number] = target.port }
  }

  /// The ports to ask of an address.
  func ports(of address: String) -> [UInt16] {
    guard let port = more[address], !ports.contains(port) else { return ports }
    return ports + [port]
  }

  /// What one run saw.
  public struct Result: Sendable {
    public var hosts: [FoundHost] = []
    /// Addresses without any answer.
    public var silent: [String] = []
    public var notes: [String] = []
  }

  /// Asks all addresses.
  public func run(_ addresses: [String], on reactor: isolated Reactor) async -> Result {
    let work = Work(self, Pace(rate: rate))
    var result = Result()
    var found: [Int: FoundHost] = [:]
    var notes: Set<String> = []
    await withTaskGroup(of: (Int, Answer).self) { group in
      var next = 0
      func start() {
        guard next < addresses.count else { return }
        let index = next
        next += 1
        group.addTask(executorPreference: reactor.executor) {
          (index, await work.ask(addresses[index], on: reactor))
        }
      }
      for _ in 0..<max(1, fanOut) { start() }
      while let (index, answer) = await group.next() {
        found[index] = answer.host
        notes.formUnion(answer.notes)
        start()
      }
    }
    for (index, address) in addresses.enumerated() {
      if let host = found[index] {
        result.hosts.append(host)
      } else {
        result.silent.append(address)
      }
    }
    result.notes = notes.sorted()
    return result
  }

  /// What one address said; no host if nothing came.
  fileprivate struct Answer: Sendable {
    var host: FoundHost?
    var notes: Set<String> = []
  }
}

/// One run, shared by the tasks of all addresses.
private final class Work: Sendable {
  private let scan: Scan
  private let pace: Pace
  private let reader: ProbeReader

  init(_ scan: Scan, _ pace: Pace) {
    self.scan = scan
    self.pace = pace
    reader = ProbeBook().reader
  }

  func ask(_ text: String, on reactor: isolated Reactor) async -> Scan.Answer {
    var answer = Scan.Answer()
    guard let address = Dial.number(text) else { return answer }
    var host = FoundHost(address: text)
    let echo = await probe("icmp: {count: 1, wait: 1s}", of: text, on: reactor)
    if echo?.reason == .notPermitted {
      answer.notes.insert("echo requests: \(echo?.message ?? "")")
    }
    host.answersPing = echo?.isUp == true
    if scan.asksDatagrams, await hasBMC(text, on: reactor) { host.hasBMC = true }
    var isThere = host.answersPing || host.hasBMC
    let ports = scan.ports(of: text)
    let usual = ports.filter(Scan.first.contains)
    let first = usual.isEmpty ? ports : usual
    await ask(first, of: address, &host, &isThere, &answer, on: reactor)
    guard isThere else { return answer }
    await ask(
      ports.filter { !first.contains($0) }, of: address, &host, &isThere, &answer,
      on: reactor)
    if scan.asksDatagrams { await askDatagrams(text, &host, on: reactor) }
    host.services.sort { ($0.port, $0.kind) < ($1.port, $1.kind) }
    host.takeSSHPort()
    let name = await ReverseNames.name(of: address, on: reactor, by: .after(.seconds(3)))
    host.name = name.flatMap(FoundName.of)
    if host.name == nil {
      host.name = certificateName(host)
      host.isNamedByItself = host.name != nil
    }
    answer.host = host
    return answer
  }

  /// The first name of a certificate that is one host's.
  private func certificateName(_ host: FoundHost) -> String? {
    let ignored: Set<String> = ["localhost", "localhost.localdomain"]
    return host.services.flatMap(\.names).filter { !$0.contains("*") && !isAddress($0) }
      .compactMap(FoundName.of).first { !ignored.contains($0.lowercased()) }
  }

  /// The ports, four at a time.
  private func ask(
    _ ports: [UInt16], of address: Dial.Address, _ host: inout FoundHost, _ isThere: inout Bool,
    _ answer: inout Scan.Answer, on reactor: isolated Reactor
  ) async {
    var services: [FoundService] = []
    var answered = false
    var notes: Set<String> = []
    await withTaskGroup(of: (FoundService?, Greeting.Port).self) { group in
      var rest = ports[...]
      func start() {
        guard let port = rest.popFirst() else { return }
        group.addTask(executorPreference: reactor.executor) { [self] in
          await service(at: port, of: address, on: reactor)
        }
      }
      for _ in 0..<4 { start() }
      while let (service, port) = await group.next() {
        if let service { services.append(service) }
        switch port {
        case .open, .closed: answered = true
        case .silent: break
        case .failed(let why): notes.insert(why)
        }
        start()
      }
    }
    host.services += services
    answer.notes.formUnion(notes)
    if answered { isThere = true }
  }

  private func service(
    at port: UInt16, of address: Dial.Address, on reactor: isolated Reactor
  ) async -> (FoundService?, Greeting.Port) {
    await pace.turn(on: reactor)
    // Servers that wait for a word need not be listened to.
    let suggested = Self.suggested[port] ?? []
    let greeting = await Greeting.of(
      address, port: port, connecting: scan.connecting,
      listening: suggested.isEmpty ? scan.listening : .milliseconds(200), kit: scan.kit, on: reactor
    )
    guard greeting.port == .open else { return (nil, greeting.port) }
    if let kind = greeting.kind {
      guard kind != "telnet" else {
        return (FoundService("tcp", port, detail: "telnet"), .open)
      }
      return (FoundService(kind, port, detail: greeting.detail), .open)
    }
    if greeting.isSpoken {
      let detail = greeting.detail.isEmpty ? "" : "it says \"\(greeting.detail)\""
      return (FoundService("tcp", port, detail: detail, isCertain: false), .open)
    }
    let text = address.text
    // Beyond what its number suggests a server is asked for a page only.
    for kind in suggested + ["http", "https"].filter({ !suggested.contains($0) }) {
      let entry = Self.entry(kind, port)
      guard let verdict = await probe(entry, of: text, on: reactor) else { continue }
      guard Self.isSpoken(kind, verdict) else { continue }
      // A server of HTTPS says in clear that it wants TLS.
      if kind == "http", verdict.message.contains("400"),
        let sealed = await probe("https: {port: \(port)}", of: text, on: reactor),
        Self.isSpoken("https", sealed)
      {
        return (found("https", port, sealed), .open)
      }
      return (found(kind, port, verdict), .open)
    }
    return (FoundService("tcp", port, isCertain: false), .open)
  }

  private func found(_ kind: String, _ port: UInt16, _ verdict: Verdict) -> FoundService {
    var service = FoundService(kind, port, detail: verdict.message)
    service.isTLS = kind == "https" || [465, 993, 995].contains(port)
    for point in verdict.points where point.measurement == "x509_cert" {
      let names =
        [Self.text(point, "common_name")].compactMap(\.self)
        + (Self.text(point, "san") ?? "").utf8.split(separator: UInt8(ascii: ","))
        .map { String(decoding: $0, as: UTF8.self) }
      for name in names where !service.names.contains(name) { service.names.append(name) }
    }
    return service
  }

  private static func text(_ point: Point, _ field: String) -> String? {
    if case .string(let text) = point[field: field] { text } else { nil }
  }

  /// The probes for a port whose server waits for a word, in their order.
  private static let suggested: [UInt16: [String]] = [
    53: ["dns"], 80: ["http"], 113: ["ident"], 443: ["https", "http"], 445: ["smb"],
    465: ["smtp"], 993: ["imap"], 995: ["pop3"], 3128: ["proxy", "http"], 3389: ["rdp"],
    5000: ["http", "https"], 5432: ["postgres"], 6000: ["x11"], 6001: ["x11"],
    8000: ["http", "https"],
    8080: ["proxy", "http", "https"], 8081: ["http", "https"], 8443: ["https", "http"],
    8888: ["proxy", "http", "https"],
  ]

  private static func entry(_ kind: String, _ port: UInt16) -> String {
    switch kind {
    case "dns": "dns: {port: \(port), protocol: tcp}"
    default: "\(kind): {port: \(port)}"
    }
  }

  /// Whether the answer is one of this protocol.
  private static func isSpoken(_ kind: String, _ verdict: Verdict) -> Bool {
    switch kind {
    // Each answer of HTTP is one to CONNECT, too; only a proxy's is good.
    case "proxy": verdict.severity == .ok
    default: verdict.isUp == true
    }
  }

  private func askDatagrams(
    _ text: String, _ host: inout FoundHost, on reactor: isolated Reactor
  ) async {
    for (kind, port) in [("ntp", UInt16(123)), ("dns", 53)] {
      let verdict = await probe("\(kind): {timeout: 1s}", of: text, on: reactor)
      guard let verdict, verdict.isUp == true else { continue }
      var service = FoundService(kind, port, detail: verdict.message)
      service.isDatagram = true
      host.services.append(service)
    }
  }

  /// Sends a presence ping of ASF 2.0 (section 3.2.4.1); a BMC answers with a pong.
  private func hasBMC(_ text: String, on reactor: isolated Reactor) async -> Bool {
    let ping = #""\\x06\\0\\xff\\x06\\0\\0\\x11\\xbe\\x80\\x01\\0\\0""#
    let pong = #""\\0\\0\\x11\\xbe\\x40""#
    let verdict = await probe(
      "udp: {port: 623, timeout: 1s, send: \(ping), expect: \(pong)}", of: text, on: reactor)
    return verdict?.severity == .ok
  }

  /// Runs an entry of `probes:` once; nil if it cannot be read.
  private func probe(
    _ entry: String, of address: String, on reactor: isolated Reactor
  ) async -> Verdict? {
    var findings = Findings()
    guard let node = try? YAML.read(Source("probe", text: "{\(entry)}", isFile: false)),
      let plan = reader.plan(node, &findings)
    else { return nil }
    await pace.turn(on: reactor)
    let context = ProbeContext(host: address, address: address, kit: scan.kit)
    let results = await Probes.run([plan], of: context, on: reactor, by: .after(.seconds(8)))
    return results.first?.verdict
  }
}
