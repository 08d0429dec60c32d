public import Configuration
public import Engine
public import Metrics
internal import Parsers
internal import Transfer

/// `dns`: the name server answers a query with the expected records.
///
/// Options: `domain` (also as the path: `dns/www.example.org`), `type` (A), `answer` (the expected
/// records, in any order and no others), `rcode` (NOERROR), `recursion` (on), `authoritative` (the
/// server must be authoritative for the zone), `protocol` (udp or tcp). Without a domain the root
/// is queried, and any answer is accepted. Writes Telegraf's `dns_query`.
public struct DNSProbe: Probe {
  public static let name = "dns"
  public static let summary = "The name server answers, with the expected code and records."
  public static let measurements = [
    Measurement(
      "dns_query", "Answer of a name server.",
      tags: [
        "server": "the address as configured", "domain": "", "record_type": "such as `A`",
        "result": "`success`, `timeout`, `error`", "rcode": "such as `NXDOMAIN`",
      ],
      fields: [
        .float("query_time_ms", unit: .milliseconds, means: "Time to the answer"),
        .state("result_code", means: "0 to 2 in the order of `result`"),
        .state(
          "rcode_value", means: "Code of RFC 1035 and its successors; absent without an answer"),
      ])
  ]
  public static let carrier = Carrier.udp
  public static let defaultPort: UInt16? = 53
  public static let canBind = true

  private let domain: String?
  private let type: (name: String, number: UInt16)
  private let answer: [String]?
  private let rcode: Int?
  private let isRecursive: Bool
  private let needsAuthority: Bool
  private let overTCP: Bool

  private static let types: [(name: String, number: UInt16)] = [
    ("A", 1), ("AAAA", 28), ("CNAME", 5), ("MX", 15), ("NS", 2), ("PTR", 12), ("SOA", 6),
    ("SRV", 33), ("TXT", 16), ("CAA", 257),
  ]
  /// The codes of RFC 1035, 2136 and 6895 that a header can hold.
  static let codes = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
    "NXRRSET", "NOTAUTH", "NOTZONE",
  ]

  public init(_ options: inout Fields) {
    domain = options.take(
      "domain", also: ["path"], Self.domainName, otherwise: "the root",
      "Name to ask for; short form `dns/www.example.org`.")
    let names = Self.types.map(\.name)
    let typeName = SettingType<String>.choice(names + names.map { $0.lowercased() })
      .described(either(names), example: "AAAA")
    let name = options.take(
      "type", typeName, otherwise: "`A`; `NS` of the root", "Type of the records.")
    type =
      Self.types.first { $0.name == name?.uppercased() }
      ?? (domain == nil ? ("NS", 2) : ("A", 1))
    answer = options.take(
      "answer", .words, "Expected records, in any order and no others.",
      example: "[192.0.2.10]"
    )?.map(Self.canonical)
    rcode = options.take(
      "rcode", .choice(Self.codes), otherwise: "`NOERROR`", "Expected response code.",
      example: "NXDOMAIN"
    ).flatMap { Self.codes.firstIndex(of: $0) }
    isRecursive = options.take(
      "recursion", .boolean, default: true, "Requests recursion.")
    needsAuthority = options.take(
      "authoritative", .boolean, default: false, "Requires an authoritative answer.")
    overTCP =
      options.take(
        "protocol", .choice(["udp", "tcp"]), otherwise: "`udp`, and `tcp` for a truncated answer",
        "Transport of the query.", example: "tcp") == "tcp"
    if domain == nil, answer != nil || rcode != nil {
      options.add("an answer is expected, but no domain given")
    }
  }

  private static var domainName: SettingType<String> {
    SettingType("domain", example: "www.example.org") { node, what throws(ConfigurationError) in
      // The short form has a path.
      guard what == "path" else { return try domain(node, what) }
      return try domain(Node(String((node.text ?? "").drop { $0 == "/" }), like: node), "domain")
    }
  }

  private static func domain(_ node: Node, _ what: String) throws(ConfigurationError) -> String {
    let text = try node.string(what)
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    guard text.utf8.count < 254, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x5c }),
      text == "."
        || labels.enumerated().allSatisfy({
          (1...63).contains($1.utf8.count) || ($1.isEmpty && $0 > 0 && $0 == labels.count - 1)
        })
    else { throw ConfigurationError("not the name of a domain", at: node) }
    return text
  }

  /// The form for comparison: lower case, without the final dot.
  private static func canonical(_ text: String) -> String {
    let lower = text.lowercased()
    return lower.hasSuffix(".") ? String(lower.dropLast()) : lower
  }

  public var sendsDatagrams: Bool { !overTCP }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    let asked = domain ?? "."
    endpoint.byHand(
      "dig @\(endpoint.number) -p \(endpoint.port) \(overTCP ? "+tcp " : "")"
        + "\(isRecursive ? "" : "+norecurse ")\(asked) \(type.name)")
    let start = Deadline.now
    var verdict: Verdict
    var reading: DNSMessage.Reading?
    var took: Duration?
    do throws(Verdict) {
      let message = try await answer(to: asked, endpoint, on: reactor, by: deadline)
      took = Deadline.now.since(start)
      let found: DNSMessage.Reading
      do throws(ParseError) { found = try DNSMessage.parse(message.span) } catch {
        throw Verdict(.critical, .protocolError, "\(error)")
      }
      reading = found
      note(found, on: endpoint)
      verdict = evaluate(found)
      verdict.latency = took
    } catch {
      endpoint.note("failed", error.message)
      verdict = error
    }
    verdict.points.append(point(endpoint, verdict, reading, took))
    return verdict
  }

  private func answer(
    to asked: String, _ endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> [UInt8] {
    if let answer = try await datagram(asked, endpoint, on: reactor, by: deadline) {
      return answer
    }
    let source = try endpoint.sourceNumber()
    do throws(TransferError) {
      let carried = try await endpoint.dialer?.connection(
        to: endpoint.number, port: endpoint.port, by: deadline)
      let query = try DNSQuery(
        server: endpoint.number, port: endpoint.port, overTCP: overTCP || carried != nil,
        from: source, over: carried)
      return try await query.ask(
        asked, type: type.number, recursive: isRecursive, on: reactor, by: deadline)
    } catch {
      throw Verdict(error)
    }
  }

  /// The answer through a jump host over UDP; nil where it must be asked for over TCP, and for a server
  /// that is asked directly.
  private func datagram(
    _ asked: String, _ endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> [UInt8]? {
    guard endpoint.bridge != nil else { return nil }
    let query: [UInt8]
    do throws(TransferError) {
      query = try DNSQuery.message(asked, type: type.number, recursive: isRecursive)
    } catch {
      throw Verdict(error)
    }
    let answer: [UInt8]
    do throws(Verdict) {
      answer = try await exchange(
        query, with: endpoint, tries: 3, on: reactor, by: deadline
      ) { DNSQuery.isAnswer($0, to: query) }.bytes
    } catch {
      throw error.reason == .noAnswer ? Verdict(.critical, .timeout, error.message) : error
    }
    let isTruncated = answer[2] & 2 != 0
    if isTruncated { endpoint.note("answer", "truncated: asking over TCP") }
    return isTruncated ? nil : answer
  }

  private func note(_ reading: DNSMessage.Reading, on endpoint: Endpoint) {
    endpoint.note(
      "answer",
      "\(Self.code(reading.rcode))\(reading.isAuthoritative ? ", authoritative" : "")"
        + "\(reading.isRecursive ? ", recursive" : ""), \(reading.answers.count) records")
    for record in reading.answers.prefix(20) {
      let type = Self.types.first { $0.number == record.type }?.name ?? "type \(record.type)"
      endpoint.note("record", "\(record.name) \(record.ttl) \(type) \(record.text ?? "")")
    }
  }

  private static func code(_ number: Int) -> String {
    codes.indices.contains(number) ? codes[number] : "code \(number)"
  }

  private func evaluate(_ reading: DNSMessage.Reading) -> Verdict {
    let said = Self.code(reading.rcode)
    guard let domain else { return .ok(nil, "answers \(said)") }
    let question = "\(domain) \(type.name)"
    guard reading.rcode == rcode ?? 0 else {
      return Verdict(.critical, .wrongAnswer, "\(question): \(said)")
    }
    if needsAuthority, !reading.isAuthoritative {
      return Verdict(.critical, .wrongAnswer, "\(question): the answer is not authoritative")
    }
    guard reading.rcode == 0 else { return .ok(nil, "\(question): \(said), as expected") }
    let records = reading.answers.filter { $0.type == type.number }
    let texts = records.compactMap(\.text).sorted()
    let listed = texts.isEmpty ? "no such record" : texts.prefix(8).joined(separator: ", ")
    if let answer {
      let found = Set(texts.map(Self.canonical))
      guard found == Set(answer) else {
        return Verdict(
          .critical, .wrongAnswer,
          "\(question): \(listed); expected \(answer.isEmpty ? "none" : answer.joined(separator: ", "))"
        )
      }
    } else if records.isEmpty {
      return Verdict(.critical, .wrongAnswer, "\(question): no such record")
    }
    return .ok(nil, "\(question): \(listed)")
  }

  private func point(
    _ endpoint: Endpoint, _ verdict: Verdict, _ reading: DNSMessage.Reading?, _ took: Duration?
  ) -> Point {
    let result: (name: String, code: Int64) =
      switch verdict.reason {
      case nil: ("success", 0)
      case .timeout: ("timeout", 1)
      default: ("error", 2)
      }
    var point = Point("dns_query")
    point.tag("server", endpoint.address)
    point.tag("domain", domain ?? ".")
    point.tag("record_type", type.name)
    point.tag("result", result.name)
    if let reading { point.tag("rcode", Self.code(reading.rcode)) }
    point.integer("result_code", result.code)
    point.float("query_time_ms", took?.milliseconds)
    point.integer("rcode_value", reading.map { Int64($0.rcode) })
    return point
  }
}
