import Transfer
import Engine
import Foundation
import Lab
import Metrics
import Testing

@testable import Notifiers

/// What lies in a Maildir, as it came, by subject.
private struct Mailbox {
  let path: String

  var mails: [String] {
    let folder = "\(path)/mail/Maildir/new"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.sorted().compactMap { name in
      FileManager.default.contents(atPath: "\(folder)/\(name)")
        .map { String(decoding: $0, as: UTF8.self) }
    }
  }

  func wait(for count: Int) -> [String] {
    _ = eventually { mails.count >= count }
    return mails
  }
}

private func header(_ name: String, of mail: String) -> String? {
  mail.components(separatedBy: "\n").first { $0.hasPrefix("\(name): ") }
    .map { String($0.dropFirst(name.count + 2)) }
}

@Suite(.serialized, .timeLimit(.minutes(3)))
struct EmailTests {
  @Test(.enabled(if: Postfix.isInstalled))
  func `an incident is one thread in a mailbox of a real server`() async throws {
    let scratch = Scratch()
    try run("/bin/chmod", ["755", scratch.path])
    try run("/bin/mkdir", ["-p", "\(scratch.path)/mail"])
    try run("/bin/chown", ["65534", "\(scratch.path)/mail"])
    let server = try Postfix(into: scratch.path)
    defer { server.stop() }
    let mailbox = Mailbox(path: scratch.path)
    let email = Email(
      .init(
        server: "smtp://127.0.0.1:\(server.port)", from: "scrape@range.example",
        to: ["ops@lab.example"]))
    let outage = Notice.outage(message: "no answer\n.\nFrom here")
    let first = await deliver(email, outage)
    #expect(first.error == nil)
    let again = await deliver(email, outage, .again, sent: first.sent)
    #expect(again.error == nil)
    let end = await deliver(email, outage.over, .end, sent: again.sent)
    #expect(end.error == nil)
    let mails = mailbox.wait(for: 3)
    try #require(mails.count == 3, "\(server.log)")
    let root = try #require(
      mails.compactMap { header("Message-ID", of: $0) }.first {
        $0.contains(".0.")
      })
    #expect(Set(mails.compactMap { header("Message-ID", of: $0) }).count == 3)
    #expect(mails.compactMap { header("In-Reply-To", of: $0) } == [root, root])
    let opening = try #require(mails.first { header("In-Reply-To", of: $0) == nil })
    let subject = try #require(header("Subject", of: opening))
    #expect(decodedSubject(subject) == "🔴 web[03-04] down")
    #expect(header("X-Priority", of: opening) == "1")
    #expect(header("X-Scrape-Incident", of: opening) == "web-1738555506")
    // A line of one full stop ends a mail in SMTP; here it is text.
    #expect(opening.contains("\n\nweb03 ssh: no answer\n.\nFrom here\nscrape host web03\n"))
    let closing = try #require(mails.first { header("X-Scrape-Kind", of: $0) == "recovery" })
    #expect(header("X-Priority", of: closing) == nil)
  }

  @Test(.enabled(if: Postfix.isInstalled))
  func `a mailbox that is gone or full does not keep the mail from the others`() async throws {
    let scratch = Scratch()
    try run("/bin/chmod", ["755", scratch.path])
    try run("/bin/mkdir", ["-p", "\(scratch.path)/mail"])
    try run("/bin/chown", ["65534", "\(scratch.path)/mail"])
    let server = try Postfix(
      into: scratch.path,
      settings: """
        smtpd_recipient_restrictions = check_recipient_access inline:{
          {gone@lab.example = 550 5.1.1 nobody of that name}
          {full@lab.example = 452 4.2.2 no room} }
        smtpd_sender_restrictions = check_sender_access inline:{
          {barred@range.example = 554 5.7.1 go away} }
        smtpd_soft_error_limit = 100
        """)
    defer { server.stop() }
    let mailbox = Mailbox(path: scratch.path)
    func email(_ to: String..., from: String = "scrape@range.example") -> Email {
      Email(.init(server: "smtp://127.0.0.1:\(server.port)", from: from, to: to))
    }
    let team = email("a@lab.example", "gone@lab.example", "b@lab.example")
    let first = await deliver(team, .outage())
    let error = try #require(first.error)
    #expect(error.reason == .refused)
    #expect(
      error.message.hasPrefix("gone@lab.example is refused: 550 5.1.1 ")
        && error.message.hasSuffix("; the others have it"), "\(error)")
    #expect(mailbox.wait(for: 2).count == 2, "\(server.log)")
    // In the next pass only the one is tried, and then it is enough.
    let second = await deliver(team, .outage(), sent: first.sent)
    #expect(second.error == nil && !second.sent.text.contains("gone"), "\(second)")
    let end = await deliver(team, .outage().over, .end, sent: second.sent)
    #expect(end.error?.reason == .refused)
    // Two have each of two.
    let mails = mailbox.wait(for: 4)
    #expect(mails.count == 4)
    #expect(mails.filter { header("In-Reply-To", of: $0) != nil }.count == 2)

    let full = await deliver(email("a@lab.example", "full@lab.example"), .outage())
    #expect(full.error?.reason == .busy && full.sent.text.hasSuffix(" 1 full@lab.example"))
    let alone = await deliver(email("gone@lab.example"), .outage())
    #expect(alone.error?.reason == .refused && alone.sent == SentMessage())
    #expect(alone.error?.message.contains("nobody of that name") == true, "\(alone)")
    #expect(alone.error?.message.contains("the others") == false)
    let barred = await deliver(email("a@lab.example", from: "barred@range.example"), .outage())
    #expect(barred.error?.reason == .refused)
    #expect(barred.error?.message.contains("go away") == true, "\(barred)")
    #expect(barred.error?.closesLane == false)
  }

  @Test(.enabled(if: Postfix.isInstalled && Dovecot.isInstalled))
  func `a mail is submitted with TLS and a password, and each wrong one has its reason`()
    async throws
  {
    let authority = try Authority()
    let scratch = Scratch()
    try run("/bin/chmod", ["755", scratch.path])
    try run("/bin/mkdir", ["-p", "\(scratch.path)/mail"])
    try run("/bin/chown", ["65534", "\(scratch.path)/mail"])
    let relay = try Postfix(into: scratch.path)
    defer { relay.stop() }
    let server = try Dovecot(
      certificate: authority.certificate("mail"), relay: relay.port)
    defer { server.stop() }
    var settings = Email.Configuration(
      server: "smtp://localhost:\(server.smtp)", from: "scrape@range.example",
      to: ["ops@lab.example"], startsTLS: true)
    settings.username = "alice"
    settings.password = "right"
    settings.authorities = authority.file
    var notice = Notice.outage()
    notice.chart = .init(
      title: "disk", unit: "%",
      series: [
        .init("/", (0..<30).map { (Timestamp(seconds: 1_738_555_000 + $0 * 60), Double($0)) })
      ], from: Timestamp(seconds: 1_738_555_000), to: Timestamp(seconds: 1_738_557_000))
    let sent = await deliver(Email(settings), notice)
    #expect(sent.error == nil, "\(server.log)")
    let mail = try #require(Mailbox(path: scratch.path).wait(for: 1).first)
    #expect(mail.contains("multipart/mixed"))
    let data = mail.components(separatedBy: "filename=\"chart.png\"\n\n").last?
      .components(separatedBy: "--=_scrape").first?.replacingOccurrences(of: "\n", with: "")
    let picture = try #require(data.flatMap { Data(base64Encoded: $0) })
    #expect(picture.starts(with: [0x89, 0x50, 0x4e, 0x47]) && picture.count > 2_000)

    settings.password = "wrong-word"
    let wrong = await deliver(Email(settings), .outage())
    #expect(wrong.error?.reason == .unauthorized)
    #expect(wrong.error?.message.contains("check username and password") == true, "\(wrong)")
    #expect(wrong.error?.message.contains("wrong-word") == false)
    settings.password = "right"
    settings.authorities = nil
    let stranger = await deliver(Email(settings), .outage())
    #expect(stranger.error?.reason == .unreachable)
    #expect(stranger.error?.message.contains("`ca:` names") == true, "\(stranger)")
    settings.server = "smtp://127.0.0.1:\(relay.port)"
    let clear = await deliver(Email(settings), .outage())
    #expect(clear.error?.message.contains("starttls: no") == true, "\(clear)")
  }

  @Test(
    arguments: [
      ([.say("421 4.3.2 too many\r\n"), .close], .busy, "too many"),
      ([.say("hello\r\n"), .silence], .timeout, "in the time given"),
      ([.silence], .timeout, "in the time given"),
      ([.close], .unreachable, ""),
      ([.flood("220-x\r\n")], nil, ""),
      (
        [
          .say("220 x\r\n"), .line, .say("250 x\r\n"), .line, .say("250 ok\r\n"), .line,
          .say("250 ok\r\n"), .line, .say("354 go\r\n"), .line, .pause(100),
          .say("554 5.7.1 looks like spam \u{1b}[31m\r\n"), .silence,
        ], .refused, "looks like spam \\x1b[31m"
      ),
      (
        [
          .say("220 x\r\n"), .line, .say("250 x\r\n"), .line, .say("250 ok\r\n"), .line,
          .say("250 ok\r\n"), .line, .say("354 go\r\n"), .silence,
        ], .timeout, ""
      ),
    ] as [([Peer.Step], DeliveryError.Reason?, String)])
  func `a server that misbehaves is reported in clear words`(
    steps: [Peer.Step], reason: DeliveryError.Reason?, says: String
  ) async throws {
    let peer = try Peer(steps)
    defer { peer.stop() }
    let email = Email(
      .init(server: "smtp://127.0.0.1:\(peer.port)", from: "a@x.example", to: ["b@x.example"]))
    let start = Date()
    let outcome = await deliver(email, .outage(), within: .seconds(2))
    let error = try #require(outcome.error)
    #expect(Date().timeIntervalSince(start) < 4)
    #expect(reason == nil || error.reason == reason, "\(error)")
    #expect(says.isEmpty || error.message.contains(says), "\(error)")
    #expect(outcome.sent == SentMessage())
  }
}
