public import Configuration
public import Engine
public import Metrics
internal import Transfer
internal import Inventory

/// `http`: a page has the right status and the expected content.
///
/// Options: `path`, `host` (the virtual host's name, if not the host's address), `status` (numbers,
/// ranges as `200-299` or classes as `2xx`; by default all below 400), `body` and `header` (`{NAME:
/// TEXT}`) for expected texts, `redirects` (the limit of redirects; 0), `redirect_to` (other places
/// to which they may lead: `loopback`, `link-local`, `sinks`), `method`, `headers` to send (values
/// may be secrets), `user` with `password`, or `bearer`. Writes Telegraf's `http_response`.
public struct HTTPProbe: Probe {
  public static let name = "http"
  public static let summary = "A page has the expected status, header and body."
  public static let measurements = [
    Measurement(
      "http_response", "Answer of a web server.",
      tags: [
        "server": "the URL", "method": "such as `GET`", "status_code": "the status",
        "result":
          """
        `success`, `response_string_mismatch`, `body_read_error`, `connection_failed`, \
        `timeout`, `dns_error`, `response_status_code_mismatch`
        """,
      ],
      fields: [
        .float("response_time", unit: .seconds, means: "Time to the whole answer"),
        .float(
          "connect_time", "tls_time", "first_byte_time", unit: .seconds,
          means: """
            Parts of it: connection, TLS, wait for the first byte; absent if there was none; not \
            in Telegraf
            """),
        .integer("content_length", unit: .bytes, means: "Size of the body"),
        .integer("http_response_code", means: "The status"),
        .integer(
          "response_string_match", means: "1 if the body is as expected; only with `body`"),
        .state("result_code", means: "0 to 6 in the order of `result`"),
        .string("result_type", means: "As the tag `result`"),
      ])
  ]
  public static let carrier = Carrier.tcp
  public static let defaultPort: UInt16? = 80
  public static let canBind = true
  private let page: PageCheck

  public init(_ options: inout Fields) { page = PageCheck("http", &options) }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    await page.run(against: endpoint, on: reactor, by: deadline)
  }
}

/// `https`: as `http`, over TLS with a trusted certificate of the right name that does not expire
/// soon.
///
/// Options: those of `http`, and `tls` (see `CertificateCheck`). Writes `http_response` and
/// `x509_cert`.
public struct HTTPSProbe: Probe {
  public static let name = "https"
  public static let summary = "As http, and the certificate is valid for some more days."
  public static let measurements = HTTPProbe.measurements
  public static let carrier = Carrier.tcp
  public static let defaultPort: UInt16? = 443
  public static let canBind = true
  private let page: PageCheck

  public init(_ options: inout Fields) { page = PageCheck("https", &options) }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    await page.run(against: endpoint, on: reactor, by: deadline)
  }
}

/// The request to a web server, and the expected answer.
struct PageCheck: Sendable {
  private let scheme: String
  private let path: String
  private let host: String?
  private let method: String
  private let statuses: [ClosedRange<Int>]?
  private let body: String?
  private let header: [(name: String, text: String)]
  private let redirects: Int
  private let redirectTargets: RedirectTargets
  private let sent: [(name: String, value: SentValue)]
  private let user: String?
  private let password: Secret?
  private let bearer: Secret?
  private let certificate: CertificateCheck?

  private enum SentValue: Sendable {
    case clear(String)
    case secret(Secret)
  }

  init(_ scheme: String, _ options: inout Fields) {
    self.scheme = scheme
    path = options.take(
      "path", Self.pagePath, default: "/", "Path and query of the page.")
    host = options.take(
      "host", Self.hostName, otherwise: "the address", "Name of the virtual host.")
    method = options.take(
      "method", Self.methodName, default: "GET", "Method of the request.")
    statuses = options.take(
      "status", Self.ranges, otherwise: "all below 400",
      "Accepted statuses: numbers, ranges or classes.")
    body = options.take(
      "body", .text, "Text that the first MiB of the body contains.", example: "Welcome")
    header = options.take(
      "header", Self.wantedHeaders, default: [],
      "Text that each of these headers contains; an empty text only requires the header.")
    redirects = options.take(
      "redirects", .integer(0...20), default: 0,
      "Redirects to follow. Another origin (scheme, host, port) gets no header, no body, no "
        + "credentials, and no method but GET or HEAD.",
      example: "3")
    redirectTargets = options.take(
      "redirect_to", Self.targets, default: [],
      "Targets of redirects that are otherwise refused: addresses of this machine, link-local and "
        + "multicast addresses, servers of sinks.")
    sent = options.take(
      "headers", Self.headers, default: [], "Headers to send; a value may be a secret.")
    user = options.take("user", .text, "User of Basic authentication.", example: "monitor")
    password = options.take("password", .secret, "Password of the user.")
    bearer = options.take("bearer", .secret, "Bearer token, instead of a user.")
    if password != nil, user == nil { options.add("a password without user") }
    certificate = scheme == "https" ? CertificateCheck(&options) : nil
  }

  private static func word(_ node: Node, _ what: String) throws(ConfigurationError) -> String {
    let text = try node.string(what)
    guard !text.isEmpty, text.utf8.count <= 4096,
      text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
    else {
      throw ConfigurationError(
        "\(what) is empty, or holds what must be written as %XX", at: node)
    }
    return text
  }

  private static var pagePath: SettingType<String> {
    SettingType("text", example: "/health") { node, what throws(ConfigurationError) in
      let path = try word(node, what)
      return path.hasPrefix("/") ? path : "/\(path)"
    }
  }

  private static var hostName: SettingType<String> {
    SettingType("name", example: "www.example.org") { node, what throws(ConfigurationError) in
      let name = try word(node, what)
      guard !name.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "@") })
      else { throw ConfigurationError("host is a name", at: node) }
      return name
    }
  }

  private static var methodName: SettingType<String> {
    SettingType("word", example: "HEAD") { node, what throws(ConfigurationError) in
      let method = try word(node, what)
      guard method.utf8.allSatisfy({ (0x41...0x5a).contains($0) }) else {
        throw ConfigurationError("method is a word such as GET or HEAD", at: node)
      }
      return method
    }
  }

  private static var wantedHeaders: SettingType<[(name: String, text: String)]> {
    SettingType("mapping of names to texts", example: "{Server: nginx}") {
      node, what throws(ConfigurationError) in
      var headers: [(name: String, text: String)] = []
      for pair in try node.mapping(what) {
        headers.append((pair.name.lowercased(), try pair.value.string(pair.name)))
      }
      return headers
    }
  }

  private static var headers: SettingType<[(name: String, value: SentValue)]> {
    SettingType("mapping of names to texts or secrets", example: "{X-Api-Key: \"${KEY}\"}") {
      node, what throws(ConfigurationError) in
      var headers: [(name: String, value: SentValue)] = []
      for pair in try node.mapping(what) { headers.append((pair.name, try value(pair.value))) }
      return headers
    }
  }

  private static var targets: SettingType<RedirectTargets> {
    let known: [(String, RedirectTargets)] = [
      ("loopback", .loopback), ("link-local", .linkLocal), ("sinks", .sinks),
    ]
    return SettingType(
      "list of \(either(known.map(\.0)))", example: "[loopback]", show: { _ in "" }
    ) { node, what throws(ConfigurationError) in
      var targets: RedirectTargets = []
      for word in try node.words(what) {
        guard let target = known.first(where: { $0.0 == word.text }) else {
          throw ConfigurationError(
            "\"\(word.text ?? "")\" is no place that redirects may lead to", at: word,
            hint: "one of loopback, link-local, sinks; other servers need no leave")
        }
        targets.insert(target.1)
      }
      return targets
    }
  }

  private static func value(_ node: Node) throws(ConfigurationError) -> SentValue {
    let text = try node.string("a header")
    if ["${", "file:", "credential:"].contains(where: text.hasPrefix) {
      return .secret(try Secret(node, "a header"))
    }
    return .clear(text)
  }

  private static var ranges: SettingType<[ClosedRange<Int>]> {
    SettingType("list of statuses", example: "[2xx, 301-303, 404]", statuses)
  }

  private static func statuses(
    _ node: Node, _ what: String
  ) throws(ConfigurationError) -> [ClosedRange<Int>] {
    var ranges: [ClosedRange<Int>] = []
    for word in try node.words(what) {
      let text = word.text ?? ""
      let ends = text.split(separator: "-", maxSplits: 1).map { Int($0) ?? 0 }
      let hundreds = text.hasSuffix("xx") ? Int(text.dropLast(2)) : nil
      if let hundreds, (1...5).contains(hundreds) {
        ranges.append(hundreds * 100...hundreds * 100 + 99)
      } else if let first = ends.first, let last = ends.last, (100...599).contains(first),
        (first...999).contains(last)
      {
        ranges.append(first...last)
      } else {
        throw ConfigurationError(
          "not a status of HTTP", at: word, hint: "write 200, 200-299 or 2xx")
      }
    }
    return ranges
  }

  func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    let request: TransferRequest
    do throws(Verdict) {
      request = try await self.request(for: endpoint, on: reactor, by: deadline)
    } catch {
      return error
    }
    endpoint.byHand(byHand(request, endpoint))
    let answer = await endpoint.kit.ask(request, of: endpoint, on: reactor, by: deadline)
    var verdict = evaluate(answer, endpoint)
    verdict.latency = answer.phases.answered == nil ? nil : answer.phases.total
    verdict.points.append(point(answer, verdict, url: request.url))
    if certificate != nil {
      let source = "\(scheme)://\(endpoint.hostInURL(host)):\(endpoint.port)"
      if let point = certificatePoint(answer, source: source) { verdict.points.append(point) }
    }
    return verdict
  }

  private func request(
    for endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> TransferRequest {
    let isUsual = endpoint.port == (scheme == "https" ? 443 : 80)
    let place = endpoint.hostInURL(certificate?.serverName(endpoint, host: host) ?? host)
    var request = TransferRequest(
      method, "\(scheme)://\(place)\(isUsual ? "" : ":\(endpoint.port)")\(path)")
    if let host, certificate?.name != nil { request.headers.append(("Host", host)) }
    request.redirects = redirects
    request.redirectTargets = redirectTargets
    request.sinks = endpoint.kit.sinks
    request.user = user
    request.password = try await endpoint.kit.secrets.text(
      of: password, on: reactor, by: deadline)
    request.bearer = try await endpoint.kit.secrets.text(
      of: bearer, on: reactor, by: deadline)
    for (name, value) in sent {
      switch value {
      case .clear(let text): request.headers.append((name, text))
      case .secret(let secret):
        let text = try await endpoint.kit.secrets.text(
          of: secret, on: reactor, by: deadline)
        request.headers.append((name, text ?? ""))
        request.secrets.append(text ?? "")
      }
    }
    if let certificate {
      request.trust = certificate.trust(endpoint)
      request.names = certificate.names(endpoint, host: host)
      request.toleratesFaults = true
    }
    return request
  }

  private func byHand(_ request: TransferRequest, _ endpoint: Endpoint) -> String {
    var line = "curl -v"
    if method == "HEAD" { line += " -I" } else if method != "GET" { line += " -X \(method)" }
    if redirects > 0 { line += " -L" }
    if user != nil { line += " -u \(user ?? "")" }
    if case .systemAnd(let file) = request.trust { line += " --cacert \(file)" }
    if endpoint.hostInURL(host) != endpoint.hostInURL(endpoint.number) {
      line += " --connect-to ::\(endpoint.hostInURL(endpoint.number)):"
    }
    return "\(line) '\(request.url)'"
  }

  // MARK: Answer

  private func evaluate(_ answer: TransferAnswer, _ endpoint: Endpoint) -> Verdict {
    if let error = answer.error {
      // A secret was withheld: whether the page is right is unknown.
      if error.reason == .untrusted, let certificate {
        return certificate.withheld(answer.faults, answer.certificates.first, error.message)
      }
      return Verdict(error)
    }
    let page = judgePage(answer)
    return page.worse(
      certificate?.verdict(answer.faults, answer.certificates.first, endpoint.findings))
  }

  private func judgePage(_ answer: TransferAnswer) -> Verdict {
    let status = answer.status ?? 0
    // "HTTP/1.1 503 Service Unavailable": the text after the version.
    var said = answer.lines.last.map { String($0.drop { $0 != " " }.dropFirst()) } ?? ""
    if said.isEmpty { said = String(status) }
    if let place = answer[header: "location"], (300...399).contains(status) {
      said += " → \(place)"
    }
    guard isExpected(status) else { return unexpected(status, said) }
    for (name, text) in header {
      let found = answer.headers.filter { $0.name == name }
      guard found.contains(where: { $0.value.contains(text) || text.isEmpty }) else {
        let instead = found.first.map { "is \"\($0.value)\"" } ?? "is missing"
        return Verdict(
          .critical, .wrongAnswer, "\(said), but header \(name) \(instead), expected \"\(text)\"")
      }
    }
    if let body, !holds(answer.body, body) {
      let cut = answer.isCut ? " in the first \(answer.body.count) bytes" : ""
      return Verdict(
        .critical, .wrongAnswer, "\(said), but the body does not hold \"\(body)\"\(cut)")
    }
    let size = answer.isCut ? "more than \(answer.body.count)" : "\(answer.body.count)"
    var message = "\(said), \(size) bytes"
    if let certificate, let shown = answer.certificates.first {
      message += ", certificate for \(certificate.daysLeft(shown)) days more"
    }
    return .ok(nil, message)
  }

  private func isExpected(_ status: Int) -> Bool {
    statuses?.contains { $0.contains(status) } ?? (100..<400).contains(status)
  }

  private func unexpected(_ status: Int, _ said: String) -> Verdict {
    let severity: Severity = (400...499).contains(status) && statuses == nil ? .major : .critical
    switch status {
    case 401, 403:
      let isGiven = user != nil || bearer != nil
      return Verdict(
        severity, .authFailed,
        "\(said); " + (isGiven ? "check user and password" : "give user and password, or a path"))
    case 429: return Verdict(severity, .refusedByProtection, said)
    default: return Verdict(severity, .wrongAnswer, said)
    }
  }

  private func holds(_ body: [UInt8], _ text: String) -> Bool {
    let wanted = Array(text.utf8)
    guard let first = wanted.first else { return true }
    guard body.count >= wanted.count else { return false }
    return body.withUnsafeBufferPointer { body in
      var index = 0
      let last = body.count - wanted.count
      while index <= last {
        if body[index] == first, body[index..<(index + wanted.count)].elementsEqual(wanted) {
          return true
        }
        index += 1
      }
      return false
    }
  }

  private func point(_ answer: TransferAnswer, _ verdict: Verdict, url: String) -> Point {
    let result: (name: String, code: Int64) =
      switch (answer.error?.reason, verdict.reason) {
      case (.unresolved, _): ("dns_error", 5)
      case (.timeout, _): ("timeout", 4)
      case (.some, _): answer.status == nil ? ("connection_failed", 3) : ("body_read_error", 2)
      case (nil, _) where !isExpected(answer.status ?? 0): ("response_status_code_mismatch", 6)
      case (nil, .wrongAnswer): ("response_string_mismatch", 1)
      default: ("success", 0)
      }
    var point = Point("http_response")
    point.tag("server", url)
    point.tag("method", method)
    if let status = answer.status { point.tag("status_code", String(status)) }
    point.tag("result", result.name)
    point.integer("result_code", result.code)
    point.string("result_type", result.name)
    guard answer.error == nil else { return point }
    point.float("response_time", answer.phases.total.inSeconds)
    point.integer("content_length", Int64(answer.body.count))
    point.integer("http_response_code", answer.status.map { Int64($0) })
    if body != nil { point.integer("response_string_match", result.code == 1 ? Int64(0) : 1) }
    let phases = answer.phases
    var before = Duration.zero
    for (name, after) in [
      ("connect_time", phases.connected), ("tls_time", phases.secured),
      ("first_byte_time", phases.answered),
    ] {
      guard let after else { continue }
      point.float(name, (after - before).inSeconds)
      before = after
    }
    return point
  }
}
