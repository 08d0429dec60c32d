public import Configuration
public import Engine
internal import Charts
internal import Metrics
public import Transfer

/// Sends notifications by mail through an SMTP server.
///
/// `email: {server: smtps://mail.example:465, from: scrape@range.example, to: [ops@range.example],
/// username: scrape, password: "${MAIL_PASSWORD}"}`. All mails of one incident form one thread.
/// Standards: RFC 5321 (SMTP), 3207 (STARTTLS), 4954 (AUTH), 8314 (implicit TLS).
public struct Email: Notifier {
  /// The server, the sender and the recipients.
  public struct Configuration: Sendable {
    /// `smtp://mail.example:587` or `smtps://mail.example:465`.
    public var server: String
    public var from: String
    public var to: [String]
    public var username: String?
    public var password = ""
    /// Whether a plain connection must switch to TLS. Otherwise nothing is encrypted.
    public var startsTLS: Bool
    /// A PEM file of certificates to trust instead of the system's.
    public var authorities: String?

    public init(server: String, from: String, to: [String], startsTLS: Bool = false) {
      self.server = server
      self.from = from
      self.to = to
      self.startsTLS = startsTLS
    }
  }

  public static let kind = "email"
  public let name: String
  public var lane: String { "\(configuration.server) \(configuration.username ?? "")" }
  public let isLiving = false
  let configuration: Configuration
  private let transfers = Transfers()

  public init(_ configuration: Configuration) {
    self.configuration = configuration
    name = "email \(configuration.to.joined(separator: ","))"
  }

  public func close() { transfers.close() }

  // MARK: sending

  public func deliver(
    _ notice: Notice, _ occasion: Occasion, _ sent: inout SentMessage,
    _ memory: inout NotifierMemory,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    var history = EmailHistory(sent)
    let content = notice.fingerprint(occasion)
    // Some recipients have this mail already; others refused it.
    let recipients = history.recipients(of: content, among: configuration.to)
    var message = message(of: notice, after: history)
    message.picture = await picture(notice, on: reactor, by: deadline)
    var request = TransferRequest("PUT", "\(configuration.server)/\(greeting)")
    request.requiresTLS = configuration.startsTLS
    request.user = configuration.username
    request.password = configuration.username.map { _ in configuration.password }
    if let file = configuration.authorities { request.trust = .only(file) }
    request.sender = "<\(configuration.from)>"
    request.recipients = recipients.map { "<\($0)>" }
    // One missing mailbox must not block the others.
    request.allowsRefusedRecipients = true
    request.body = message.bytes
    let answer = await transfers.run(request, on: reactor, by: deadline)
    let refusals = refusals(answer, recipients)
    let isRefusedByAll = refusals.count == recipients.count && answer.error?.reason == .failed
    if let error = answer.error, !(isRefusedByAll && history.isPartial) {
      throw failure(error, answer, isRefusedByAll ? refusals : [])
    }
    history.thread = history.thread ?? message.identifier
    history.note(
      content, refused: refusals.map(\.recipient), forNow: refusals.contains(where: \.isForNow))
    sent = history.sent
    if history.isPartial {
      let reason: DeliveryError.Reason = refusals.contains(where: \.isForNow) ? .busy : .refused
      throw DeliveryError(reason, name, "\(say(refusals)); the others have it")
    }
  }

  /// Drawing is slow and reads fonts: it must not run on a reactor.
  private static let painters = BlockingPool(name: "charts", threads: 1)

  /// The chart as a picture; nil if there is none or it cannot be drawn: the text holds everything.
  private func picture(
    _ notice: Notice, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> [UInt8]? {
    guard let chart = notice.chart else { return nil }
    let limit = min(deadline, .after(.seconds(5)))
    return await Self.painters.run(by: limit, on: reactor) { try? chart.png(.light) } ?? nil
  }

  private func message(of notice: Notice, after history: EmailHistory) -> EmailMessage {
    var headers: [(name: String, value: String)] = [
      ("X-Scrape-Kind", notice.kind.rawValue), ("X-Scrape-Severity", notice.severity.rawValue),
    ]
    let incident = notice.incident.asIdentifier
    if !incident.isEmpty { headers.append(("X-Scrape-Incident", incident)) }
    if notice.severity == .critical, notice.kind == .problem {
      headers += [("X-Priority", "1"), ("Importance", "high")]
    } else if notice.isSilent {
      headers += [("X-Priority", "5"), ("Importance", "low")]
    }
    // A mail that is sent again after a lost answer has the same identifier: most mailboxes keep
    // one copy.
    let place = "\(notice.contact) \(name)".fingerprint
    let what = incident.isEmpty ? "\(notice.kind.rawValue).\(notice.opened.nanoseconds)" : incident
    let domain = configuration.from.split(separator: "@").last.map { String($0) } ?? "scrape"
    return EmailMessage(
      from: configuration.from, to: configuration.to, subject: notice.subject, date: .now,
      identifier: "\(what).\(history.count).\(place)@\(domain)",
      thread: history.thread, headers: headers, text: notice.text.plain)
  }

  /// The name of this machine for the server: with a domain, as many servers require one.
  private var greeting: String {
    let name = nameOfThisMachine()
    if name.contains(".") { return name }
    return "\(name).\(configuration.from.split(separator: "@").last ?? "localdomain")"
  }

  // MARK: server answers

  /// A recipient that the server refused.
  private struct Refusal {
    var recipient: String
    var answer: String
    var isForNow: Bool { answer.hasPrefix("4") }
  }

  /// The answers to RCPT come before the answer to DATA, or last if DATA was never sent.
  private func refusals(_ answer: TransferAnswer, _ recipients: [String]) -> [Refusal] {
    // The last line of each answer has no dash after the code (RFC 5321, 4.2.1).
    var finals = answer.lines.filter { $0.utf8.dropFirst(3).first != UInt8(ascii: "-") }
    // The answer to QUIT.
    if finals.last?.hasPrefix("221") == true { finals.removeLast() }
    guard
      let end = finals.lastIndex(where: { $0.hasPrefix("354") })
        ?? (answer.error?.message.hasPrefix("RCPT") == true ? finals.count : nil),
      end > recipients.count
    else { return [] }
    return zip(recipients, finals[(end - recipients.count)..<end]).compactMap {
      $1.hasPrefix("4") || $1.hasPrefix("5") ? Refusal(recipient: $0, answer: $1) : nil
    }
  }

  private func say(_ refusals: [Refusal]) -> String {
    refusals.prefix(5).map { "\($0.recipient) is refused: \(harmless($0.answer))" }
      .joined(separator: ", ") + (refusals.count > 5 ? " and \(refusals.count - 5) more" : "")
  }

  /// A line of the server; it may repeat what was sent.
  private func harmless(_ line: String) -> String {
    firstLine(redacted(line.utf8, of: [configuration.password]).utf8)
  }

  private func failure(
    _ error: TransferError, _ answer: TransferAnswer, _ refusals: [Refusal]
  ) -> DeliveryError {
    let last = answer.lines.last { $0.hasPrefix("4") || $0.hasPrefix("5") }
    let said = last.map { harmless($0) } ?? error.message.visible
    let isForNow = last?.hasPrefix("4") == true
    switch error.reason {
    case .failed where !refusals.isEmpty:
      return DeliveryError(isForNow ? .busy : .refused, name, say(refusals))
    case .failed:
      return DeliveryError(
        isForNow ? .busy : .refused, name, "the server does not take the mail: \(said)")
    case .denied:
      return DeliveryError(
        .unauthorized, name, "the server refuses the login: \(said); check username and password")
    case .insecure where configuration.startsTLS:
      return DeliveryError(
        error, name,
        hint: "if the server cannot do STARTTLS, write smtps:// or `starttls: no`")
    case .untrusted:
      return DeliveryError(
        error, name, hint: "`ca:` names a file with the certificate of its authority")
    default:
      // A server that refuses all clients says so in its greeting.
      if isForNow, answer.lines.count == 1 { return DeliveryError(.busy, name, said) }
      return DeliveryError(error, name)
    }
  }

  // MARK: configuration

  public static let summary = "Mail, through an SMTP server."
  public static let example =
    "{server: \"smtps://mail.example:465\", from: scrape@range.example, to: [ops@range.example]}"

  public static func decode(_ fields: inout Fields, secrets: Bool) -> [any Notifier] {
    var configuration = Configuration(server: "", from: "", to: [])
    configuration.server =
      fields.require("server", Self.server, "Server: `smtps://` or `smtp://`, host and port.") ?? ""
    configuration.from = fields.require("from", Self.sender, "Sender.") ?? ""
    configuration.to = fields.require("to", Self.recipients, "Recipients.") ?? []
    fields.set(&configuration.username, "username", .word, otherwise: "none", "User.")
    fields.set(
      &configuration.password, "password", .secret(lookUp: secrets), "Password of the user.")
    let startsTLS = fields.take(
      "starttls", .boolean, otherwise: "`yes` for `smtp://` beyond this machine",
      "Whether a plain connection must switch to TLS.")
    configuration.authorities = fields.takeAuthorities()
    if fields.has("username") != fields.has("password") {
      fields.add("username and password go together")
    }
    let isEncrypted = configuration.server.hasPrefix("smtps:")
    let host = configuration.server.drop { $0 != "/" }.dropFirst(2)
    let isHere = isThisMachine(hostname(host))
    configuration.startsTLS = startsTLS ?? (!isEncrypted && !isHere)
    if isEncrypted, startsTLS == true {
      fields.add(
        "smtps:// speaks TLS from the beginning", at: "starttls", hint: "take starttls out")
    }
    if configuration.username != nil, !isEncrypted, !configuration.startsTLS, !isHere,
      fields.has("starttls")
    {
      fields.add(
        "the password would be sent in clear", at: "starttls", hint: "starttls: yes, or smtps://")
    }
    return [Email(configuration)]
  }

  /// The host of `host:port`.
  private static func hostname(_ place: Substring) -> String {
    if place.hasPrefix("[") { return String(place.prefix { $0 != "]" }) + "]" }
    return String(place.prefix { $0 != ":" })
  }

  private static var server: SettingType<String> {
    SettingType("URL", example: "smtps://mail.example:465", mailServer)
  }

  private static var sender: SettingType<String> {
    SettingType("mail address", example: "scrape@range.example", mailbox)
  }

  private static var recipients: SettingType<[String]> {
    SettingType("list of mail addresses", example: "[ops@range.example]") {
      node, what throws(ConfigurationError) in
      var all: [String] = []
      for recipient in try node.words(what) {
        let address = try mailbox(recipient, what)
        if !all.contains(address) { all.append(address) }
      }
      guard !all.isEmpty else { throw ConfigurationError("email has nobody in `to`", at: node) }
      return all
    }
  }

  private static func mailServer(
    _ node: Node, _ what: String
  ) throws(ConfigurationError) -> String {
    var url = try SettingType<String>.word.decode(node, what)
    while url.utf8.last == UInt8(ascii: "/") { url.removeLast() }
    guard let start = ["smtp://", "smtps://"].first(where: { url.hasPrefix($0) }),
      url.utf8.count > start.utf8.count
    else {
      throw ConfigurationError(
        "server must begin with smtp:// or smtps://", at: node, hint: "smtps://mail.example:465")
    }
    guard !url.utf8.contains(UInt8(ascii: "@")) else {
      // Reported without the line, which may hold a password.
      var error = ConfigurationError(
        "server holds a user or a password", file: node.mark.file,
        hint: "write them as username and password")
      error.line = node.mark.line
      throw error
    }
    guard !url.utf8.dropFirst(start.utf8.count).contains(where: { "/?# ".utf8.contains($0) })
    else { throw ConfigurationError("server must be a host and a port", at: node) }
    return url
  }

  /// An address that is valid unquoted in an envelope and in a header.
  private static func mailbox(_ node: Node, _ what: String) throws(ConfigurationError) -> String {
    let text = try node.string(what)
    let isPlain = text.utf8.allSatisfy {
      $0 > 0x20 && $0 < 0x7f && !"<>\"\\,;:()".utf8.contains($0)
    }
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard isPlain, text.utf8.count <= 254, parts.count == 2, parts.allSatisfy({ !$0.isEmpty })
    else {
      throw ConfigurationError(
        "\(what) is not a mail address", at: node, hint: "ops@range.example, without a name")
    }
    return text
  }
}
