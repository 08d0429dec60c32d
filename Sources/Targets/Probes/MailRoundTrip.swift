internal import Configuration
internal import Engine
internal import Glibc
internal import Metrics
internal import Transfer
internal import Inventory

/// Sends a mail by SMTP, finds it by IMAP and deletes it: checks that mail arrives, and in what
/// time.
///
/// Options: `from`, `to`, `imap` (the options of the probe `imap`, and `port` and `address`, by
/// default the same host's), `within` (the limit of the delivery time; 30s). Its subject holds a
/// random word, for which it searches. Standard: RFC 5322, 9051 (SEARCH, STORE), 4315 (UID
/// EXPUNGE).
struct MailRoundTrip: Sendable {
  private let sender: String
  private let recipient: String
  private let imap: MailCheck?
  private let port: UInt16
  private let address: String?
  private let within: Limits<Duration>

  /// The limit of the whole round trip in time.
  let time: Duration

  init(_ options: inout Fields) {
    let isMissing = ["from", "to", "imap"].filter { !options.has($0) }
    sender =
      options.take("from", Self.mailAddress, otherwise: "required", "Sender of the mail.") ?? ""
    recipient =
      options.take("to", Self.mailAddress, otherwise: "required", "Recipient of the mail.") ?? ""
    var place = (port: UInt16(143), address: String?.none)
    imap = options.nested(
      "imap", otherwise: "required",
      "Server of the recipient's mailbox: options of `imap`, `port` and `address`.",
      example: "{port: 993, user: monitor, password: \"file:mail\"}", isListed: false
    ) { inner in
      let port = inner.take("port", .port, "Port.").flatMap { UInt16(exactly: $0) }
      let check = MailCheck("imap", farewell: "LOGOUT", tlsPort: 993, &inner)
      let address = inner.take(
        "address", .text, otherwise: "the host's", "Address.", example: "10.0.6.31")
      place = (port ?? check.usualPort(143), address)
      return check
    }
    (port, address) = place
    within =
      options.limits(
        "within", .duration(.milliseconds(10) ... .seconds(600)), otherwise: "critical 30s",
        "Limit of the time until the mail is found; extends `timeout`.",
        example: "{minor: 10s, critical: 30s}") ?? Limits(critical: .seconds(30))
    let longest = [within.minor, within.major, within.critical].compactMap { $0 }.max()
    time = min((longest ?? .seconds(30)) + .seconds(5), .seconds(600))
    for name in isMissing { options.add("\(options.what) needs \(name)") }
  }

  private static var mailAddress: SettingType<String> {
    SettingType("mail address", example: "monitor@example.org", mailbox)
  }

  /// An address that is valid unquoted in an envelope and in a header.
  private static func mailbox(_ node: Node, _ what: String) throws(ConfigurationError) -> String {
    let text = try node.string(what)
    let isPlain = text.utf8.allSatisfy {
      $0 > 0x20 && $0 < 0x7f && !"<>\"\\,;:()".utf8.contains($0)
    }
    guard isPlain, text.utf8.count <= 254, text.split(separator: "@").count == 2 else {
      throw ConfigurationError("\(what) is not a mail address", at: node)
    }
    return text
  }

  func run(
    after greeting: Verdict, from smtp: MailCheck, at endpoint: Endpoint,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    guard let imap else { return greeting }
    var verdict: Verdict
    do throws(Verdict) {
      let mailbox = try await self.mailbox(of: endpoint, on: reactor, by: deadline)
      let start = Deadline.now
      let word = try await send(with: smtp, to: endpoint, on: reactor, by: deadline)
      endpoint.note("sent", "the mail \(word)")
      let numbers = try await find(word, by: imap, at: mailbox, on: reactor, by: deadline)
      let took = Deadline.now.since(start)
      endpoint.note("arrived", "after \(Verdict.rounded(took))")
      let said = "the mail arrived after \(Verdict.rounded(took))"
      let severity = within.severity(took)
      verdict =
        severity == .ok
        ? .ok(took, "\(greeting.message); \(said)") : Verdict(severity, .beyondLimit, said)
      verdict.latency = took
      if let problem = await delete(numbers, by: imap, at: mailbox, on: reactor, by: deadline) {
        verdict = verdict.worse(
          Verdict(.minor, .wrongAnswer, "\(said), and cannot be deleted: \(problem.message)"))
      }
    } catch {
      verdict = error
      // The server has greeted.
      verdict.isUp = true
    }
    verdict.points = greeting.points
    return verdict.severity < greeting.severity ? greeting : verdict
  }

  private func mailbox(
    of endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> Endpoint {
    var mailbox = endpoint
    mailbox.port = port
    mailbox.addresses = endpoint.addresses.map { $0.with(port: port) }
    guard let address else { return mailbox }
    mailbox.address = address
    guard endpoint.tunnel == nil else {
      mailbox.addresses = [Dial.number(address)?.with(port: port)].compactMap(\.self)
      return mailbox
    }
    do throws(TargetError) {
      mailbox.addresses = try await Connect.resolve(
        address, port: port, on: reactor, by: deadline)
    } catch { throw Verdict(error) }
    return mailbox
  }

  /// Returns the word that identifies the mail.
  private func send(
    with smtp: MailCheck, to endpoint: Endpoint, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(Verdict) -> String {
    let random = UInt64.random(in: .min ... .max)
    let word = "scrape" + String(random, radix: 36)
    let text = """
      From: <\(sender)>\r
      To: <\(recipient)>\r
      Date: \(Self.date())\r
      Message-ID: <\(word)@\(sender.split(separator: "@").last ?? "scrape")>\r
      Subject: round trip \(word)\r
      Auto-Submitted: auto-generated\r
      \r
      Sent by scrape to see whether mail arrives. It deletes what it finds in time.\r

      """
    var request = try await smtp.request(to: endpoint, on: reactor, by: deadline)
    request.sender = "<\(sender)>"
    request.recipients = ["<\(recipient)>"]
    request.body = Array(text.utf8)
    let answer = await endpoint.kit.ask(request, of: endpoint, on: reactor, by: deadline)
    if let failure = smtp.failure(answer) { throw failure.with("the mail was not taken") }
    return word
  }

  /// RFC 5322's date, of now.
  private static func date() -> String {
    var now = Glibc.time(nil)
    var parts = tm()
    gmtime_r(&now, &parts)
    // The locale is C: nothing calls setlocale.
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
      strftime(buffer.baseAddress, 64, "%a, %d %b %Y %H:%M:%S +0000", &parts)
      return buffer.baseAddress.map { String(cString: $0) } ?? ""
    }
  }

  /// Searches for the mail, at growing intervals, until it is there; returns its numbers.
  private func find(
    _ word: String, by imap: MailCheck, at mailbox: Endpoint, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(Verdict) -> [UInt64] {
    let start = Deadline.now
    var pause = Duration.milliseconds(100)
    while true {
      var request = try await imap.request(
        to: mailbox, path: "INBOX", on: reactor, by: deadline)
      request.command = "UID SEARCH SUBJECT \(word)"
      let answer = await mailbox.kit.ask(request, of: mailbox, on: reactor, by: deadline)
      if let failure = imap.failure(answer) {
        if deadline.isPast { throw late(start) }
        throw failure.with("imap")
      }
      let numbers = Self.numbers(answer)
      if !numbers.isEmpty { return numbers }
      do throws(WaitError) {
        try await reactor.sleep(until: min(deadline, .after(pause)))
      } catch { throw Verdict(error, while: "the mail was on its way") }
      if deadline.isPast { throw late(start) }
      // Each search is a login.
      pause = min(pause * 2, .seconds(5))
    }
  }

  private func late(_ start: Deadline) -> Verdict {
    let waited = Verdict.rounded(Deadline.now.since(start))
    return Verdict(.critical, .timeout, "the mail was taken, and had not arrived after \(waited)")
  }

  /// The numbers of `* SEARCH 12 13`; few, as the word is random.
  static func numbers(_ answer: TransferAnswer) -> [UInt64] {
    for line in answer.body.split(separator: UInt8(ascii: "\n"))
      + answer.lines.map({ Array($0.utf8)[...] })
    {
      let words = line.split { $0 <= 0x20 }.map { String(decoding: $0, as: UTF8.self) }
      guard words.count > 2, words[0] == "*", words[1].uppercased() == "SEARCH" else { continue }
      return words.dropFirst(2).prefix(10).compactMap { UInt64($0) }
    }
    return []
  }

  /// Why it could not be deleted; nil if it was.
  private func delete(
    _ numbers: [UInt64], by imap: MailCheck, at mailbox: Endpoint, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async -> Verdict? {
    let all = numbers.map { String($0) }.joined(separator: ",")
    // Without UIDPLUS the second is refused: a plain EXPUNGE would delete mails that others have
    // marked.
    for command in ["UID STORE \(all) +FLAGS.SILENT (\\Deleted)", "UID EXPUNGE \(all)"] {
      do throws(Verdict) {
        var request = try await imap.request(
          to: mailbox, path: "INBOX", on: reactor, by: deadline)
        request.command = command
        let answer = await mailbox.kit.ask(request, of: mailbox, on: reactor, by: deadline)
        if let failure = imap.failure(answer) { return failure }
      } catch { return error }
    }
    return nil
  }
}

extension Verdict {
  /// The same verdict with a prefix.
  fileprivate func with(_ words: String) -> Verdict {
    var verdict = Verdict(severity, reason, "\(words): \(message)", isUp: isUp, latency: latency)
    verdict.points = points
    return verdict
  }
}
