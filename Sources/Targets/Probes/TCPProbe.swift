public import Configuration
public import Engine
internal import Metrics
internal import Transfer

/// `tcp`: a connection, and with `steps` a conversation.
///
/// Options: `expect` (a text that must come, at once or after what was sent), `send` (a text with
/// `\r`, `\n`, `\t`, `\\` and `\xNN`), `steps` (a list of `{send: …}`, `{expect: …}` and
/// `{starttls: yes}`), `tls` (from the beginning; yes, or `{name: …, ca: …, days: {minor: 14, major: 3}}`).
/// Writes Telegraf's `net_response`, and with TLS `x509_cert`.
public struct TCPProbe: Probe {
  public static let name = "tcp"
  public static let summary = "The port accepts connections, and sends the expected text."
  public static let canBind = true

  enum Step: Sendable {
    case send([UInt8])
    case expect([UInt8])
    case startTLS
  }

  private let steps: [Step]
  private let tls: CertificateCheck

  public init(_ options: inout Fields) {
    var steps: [Step] = []
    if let text = options.take(
      "send", .escaped,
      "Text to send first; `\\r`, `\\n`, `\\t`, `\\0`, `\\\\` and `\\xNN` are bytes.")
    {
      steps.append(.send(text))
    }
    if let text = options.take(
      "expect", .escaped, "Text that must be received.", example: "\"220 \"")
    {
      steps.append(.expect(text))
    }
    let list = options.take(
      "steps", Self.list, default: [], "A dialogue, instead of `send` and `expect`.")
    if !list.isEmpty, !steps.isEmpty {
      options.add("steps stand beside send or expect", hint: "write all of them as steps")
    }
    steps += list
    let asked = CertificateCheck.requested(&options)
    tls = asked ?? CertificateCheck()
    let later = steps.contains { if case .startTLS = $0 { true } else { false } }
    // If TLS begins later, `tls` only gives its settings.
    if asked != nil, !later { steps.insert(.startTLS, at: 0) }
    self.steps = steps
  }

  private static var list: SettingType<[Step]> {
    SettingType(
      "list of `{send: …}`, `{expect: …}`, `{starttls: yes}`",
      example: "[{expect: \"220 \"}, {send: QUIT}]",
      show: { _ in "" }
    ) { node, what throws(ConfigurationError) in
      var list: [Step] = []
      for item in try node.list(what) {
        for pair in try item.mapping("a step") {
          switch pair.name {
          case "send": list.append(.send(try unescaped(pair.value, "send")))
          case "expect": list.append(.expect(try unescaped(pair.value, "expect")))
          case "starttls":
            if try pair.value.boolean("starttls") { list.append(.startTLS) }
          default: throw unknown("step", pair.key, among: ["send", "expect", "starttls"])
          }
        }
      }
      return list
    }
  }

  public func cautions(port: UInt16) -> [Caution] {
    // Reading a greeting or sending text is not a login; PostgreSQL objects to silence only.
    let sends = steps.contains { if case .expect = $0 { false } else { true } }
    return port == 5432 && sends ? [] : Caution.wordless(at: [port])
  }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    endpoint.byHand(byHand(endpoint))
    let start = Deadline.now
    let stream: ByteStream
    do throws(Verdict) {
      stream = try await ByteStream.open(endpoint, limit: 64 << 10, on: reactor, by: deadline)
    } catch {
      return result(error, endpoint, connected: nil)
    }
    let connected = Deadline.now.since(start)
    if steps.isEmpty {
      return result(.ok(connected, "accepts connections"), endpoint, connected: connected)
    }
    return await converse(
      on: stream, endpoint, since: start, connected: connected, on: reactor, by: deadline)
  }

  /// Thousands of probes without a conversation wait at the same time: they need no memory for one.
  @inline(never)
  private func converse(
    on stream: ByteStream, _ endpoint: Endpoint, since start: Deadline, connected: Duration,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    var verdict: Verdict
    var certificate: ShownCertificate?
    do throws(Verdict) {
      let said = try await talk(on: stream, endpoint, &certificate, on: reactor, by: deadline)
      let latency = Deadline.now.since(start)
      stream.finish()
      verdict = .ok(latency, said)
    } catch {
      verdict = error
    }
    verdict = result(verdict, endpoint, connected: connected)
    if let certificate {
      let wrong = certificate.verdict(tls, endpoint, trusted: true, latency: verdict.latency)
      verdict = verdict.worse(wrong)
      verdict.points.append(certificate.point(endpoint, "tcp"))
    }
    return verdict
  }

  /// The verdict with its point.
  @inline(never)
  private func result(
    _ verdict: Verdict, _ endpoint: Endpoint, connected: Duration?
  ) -> Verdict {
    var verdict = verdict
    verdict.points.append(
      netResponse(
        endpoint, .tcp, verdict, connected: connected,
        expects: steps.contains { if case .expect = $0 { true } else { false } }))
    return verdict
  }

  private func byHand(_ endpoint: Endpoint) -> String {
    guard steps.contains(where: { if case .startTLS = $0 { true } else { false } }) else {
      return "nc -v \(endpoint.number) \(endpoint.port)"
    }
    let name = tls.serverName(endpoint)
    return "openssl s_client -connect \(endpoint.number):\(endpoint.port) -servername \(name)"
      + ((tls.authorities ?? endpoint.authorities).map { " -CAfile \($0)" } ?? "")
  }

  /// Returns the message for people.
  private func talk(
    on stream: ByteStream, _ endpoint: Endpoint, _ certificate: inout ShownCertificate?,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> String {
    var said = ""
    for step in steps {
      switch step {
      case .send(let bytes):
        stream.doing = "sending \(shown(bytes))"
        try await stream.send(bytes, on: reactor, by: deadline)
      case .expect(let bytes):
        stream.doing = "waiting for \(shown(bytes))"
        said = "answered \(try await expect(bytes, on: stream, on: reactor, by: deadline))"
      case .startTLS:
        stream.doing = "agreeing on TLS"
        let shown = try await stream.startTLS(
          trusting: tls.trust(endpoint), tls, endpoint, on: reactor, by: deadline)
        certificate = shown
        said = shown.summary(tls)
      }
    }
    return said
  }

  /// Reads until the bytes arrive; otherwise reports what arrived before.
  private func expect(
    _ wanted: [UInt8], on stream: ByteStream, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> String {
    var answer: [UInt8] = []
    while true {
      let from = max(0, answer.count - wanted.count)
      do throws(Verdict) {
        let more = try await stream.some(on: reactor, by: deadline)
        guard !more.isEmpty else {
          throw answer.isEmpty
            ? Verdict(
              .critical, .connectionLost, "the connection was closed while \(stream.doing)")
            : wrong(answer, wanted)
        }
        answer += more
      } catch {
        // Other data arrived, and then silence: a wrong answer.
        throw error.reason == .timeout && !answer.isEmpty ? wrong(answer, wanted) : error
      }
      if answer[from...].firstRange(of: wanted) != nil { return shown(answer) }
    }
  }

  private func wrong(_ answer: [UInt8], _ wanted: [UInt8]) -> Verdict {
    Verdict(.critical, .wrongAnswer, "expected \(shown(wanted)), got \(shown(answer))")
  }
}

/// A text with `\r`, `\n`, `\t`, `\0`, `\\` and `\xNN`, as bytes.
func unescaped(_ node: Node, _ what: String) throws(ConfigurationError) -> [UInt8] {
  let text = try node.string(what)
  guard text.utf8.count <= 4096 else {
    throw ConfigurationError("\(what) is longer than 4096 bytes", at: node)
  }
  var bytes: [UInt8] = []
  var rest = text.utf8[...]
  while let byte = rest.popFirst() {
    guard byte == UInt8(ascii: "\\") else {
      bytes.append(byte)
      continue
    }
    switch rest.popFirst() {
    case UInt8(ascii: "r"): bytes.append(13)
    case UInt8(ascii: "n"): bytes.append(10)
    case UInt8(ascii: "t"): bytes.append(9)
    case UInt8(ascii: "0"): bytes.append(0)
    case UInt8(ascii: "\\"): bytes.append(UInt8(ascii: "\\"))
    case UInt8(ascii: "x"):
      let digits = rest.prefix(2)
      guard digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
      else { throw ConfigurationError("\\x is followed by two digits", at: node) }
      bytes.append(value)
      rest = rest.dropFirst(2)
    default:
      throw ConfigurationError(
        "\(what) has an unknown escape", at: node, hint: "known: \\r \\n \\t \\0 \\\\ \\xNN")
    }
  }
  guard !bytes.isEmpty else { throw ConfigurationError("\(what) is empty", at: node) }
  return bytes
}

extension Measurement {
  /// The point of a connection.
  static let netResponse = Measurement(
    "net_response", "A connection, or a datagram and its answer, of the probes `tcp` and `udp`.",
    tags: [
      "server": "the address as configured", "port": "", "protocol": "`tcp`, `udp`",
      "result": "`success`, `timeout`, `connection_failed`, `read_failed`, `string_mismatch`",
    ],
    fields: [
      .float(
        "response_time", unit: .seconds,
        means: "Time to the answer; absent without a connection"),
      .state("result_code", means: "0 to 4 in the order of `result`"),
      .string("result_type", means: "As the tag `result`"),
      .boolean("string_found", means: "Whether the text of `expect` came; only with `expect`"),
    ])
}

/// Telegraf's point of a connection; it has no time without one.
func netResponse(
  _ endpoint: Endpoint, _ carrier: Carrier, _ verdict: Verdict, connected: Duration?,
  expects: Bool
) -> Point {
  let result: (name: String, code: Int64) =
    switch verdict.reason {
    case nil: ("success", 0)
    case .timeout where connected == nil: ("timeout", 1)
    case .timeout, .connectionLost, .noAnswer, .protocolError:
      expects ? ("read_failed", 3) : ("timeout", 1)
    case .wrongAnswer: ("string_mismatch", 4)
    default: connected == nil ? ("connection_failed", 2) : ("read_failed", 3)
    }
  var point = Point("net_response")
  point.tag("server", endpoint.address)
  point.tag("port", String(endpoint.port))
  point.tag("protocol", carrier.rawValue)
  point.tag("result", result.name)
  point.integer("result_code", result.code)
  point.string("result_type", result.name)
  point.float("response_time", (verdict.latency ?? connected)?.inSeconds)
  if expects { point.boolean("string_found", result.code == 0) }
  return point
}

extension SettingType where Value == [UInt8] {
  /// A text with escapes.
  static var escaped: SettingType { SettingType("text", example: "'PING\\r\\n'", unescaped) }
}
