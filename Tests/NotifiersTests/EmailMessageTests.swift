import Foundation
import Metrics
import Testing

@testable import Notifiers

/// A subject as a mail program reads it: encoded words (RFC 2047) of one header, unfolded.
func decodedSubject(_ header: String) -> String {
  var text = ""
  for word in header.components(separatedBy: "\r\n ") {
    guard word.hasPrefix("=?UTF-8?"), word.hasSuffix("?="), word.utf8.count <= 75 else {
      return header
    }
    let parts = word.components(separatedBy: "?")
    if parts[2] == "B" {
      guard let data = Data(base64Encoded: parts[3]),
        let piece = String(data: data, encoding: .utf8)
      else { return "not decodable: \(word)" }
      text += piece
    } else {
      let escaped = parts[3].replacingOccurrences(of: "_", with: " ")
        .replacingOccurrences(of: "%", with: "%25").replacingOccurrences(of: "=", with: "%")
      text += escaped.removingPercentEncoding ?? "not decodable: \(word)"
    }
  }
  return text
}

struct EmailMessageTests {
  static func message(_ subject: String, _ text: String, picture: [UInt8]? = nil) -> EmailMessage {
    EmailMessage(
      from: "scrape@range.example", to: ["a@x.example", "b@y.example"], subject: subject,
      date: Timestamp(seconds: 1_738_555_506), identifier: "i.0@range.example",
      thread: "root@range.example", text: text, picture: picture)
  }

  static func whole(_ message: EmailMessage) -> String {
    String(decoding: message.bytes, as: UTF8.self)
  }

  @Test func `a plain mail reads as it should`() {
    #expect(
      Self.whole(Self.message("web3 down", "web3 ssh: no answer"))
        == """
        Date: Mon, 03 Feb 2025 04:05:06 +0000
        Message-ID: <i.0@range.example>
        From: <scrape@range.example>
        To: <a@x.example>,
         <b@y.example>
        Subject: web3 down
        In-Reply-To: <root@range.example>
        References: <root@range.example>
        Auto-Submitted: auto-generated
        X-Auto-Response-Suppress: All
        MIME-Version: 1.0
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: quoted-printable

        web3 ssh: no answer

        """.replacingOccurrences(of: "\n", with: "\r\n"))
  }

  @Test(arguments: [
    "web3 down", "🔴 web[01-14] down: 14 VMs, 31 services", "Störung: Übertragung über Öl",
    "все узлы недоступны, все узлы недоступны, все узлы недоступны, все узлы недоступны",
    String(repeating: "long ", count: 30) + "end", "=?UTF-8?Q?not encoded?=", "a = b ? c_d",
    String(repeating: "🔴", count: 60), "", "👩‍👩‍👧 family",
  ])
  func `a mail program reads the subject that was written`(subject: String) {
    let encoded = EmailMessage.encodedSubject(subject)
    #expect(encoded.utf8.allSatisfy { $0 < 0x7f })
    for (index, line) in encoded.components(separatedBy: "\r\n").enumerated() {
      #expect(line.utf8.count <= (index == 0 ? 67 : 76), "\(line)")
    }
    #expect(decodedSubject(encoded) == subject.visible)
  }

  @Test(arguments: [
    "x\r\nBcc: all@range.example", "x\nBcc: a@b", "x\r\n\r\nbody", "x\u{0}y", "x\u{2028}y",
    "x\u{202e}y", "x\u{b}y\u{c}z", "é\r\nBcc: all@range.example",
  ])
  func `nothing in a subject can begin a header`(subject: String) {
    let head = Self.whole(Self.message(subject, "text")).components(separatedBy: "\r\n\r\n")[0]
    #expect(!head.lowercased().contains("\r\nbcc"))
    #expect(head.components(separatedBy: "Subject: ").count == 2)
    let bytes = Array(head.replacingOccurrences(of: "\r\n", with: "").utf8)
    #expect(bytes.allSatisfy { $0 >= 0x20 && $0 < 0x7f })
  }

  @Test func `a subject without end is cut between two characters`() {
    let encoded = EmailMessage.encodedSubject(String(repeating: "ü", count: 100_000))
    #expect(decodedSubject(encoded) == String(repeating: "ü", count: 198) + "…")
  }

  @Test(
    arguments: [
      ("short", "quoted-printable"), ("ends in a blank \nnext", "quoted-printable"),
      ("a=b and more", "quoted-printable"),
      (String(repeating: "x", count: 500), "quoted-printable"),
      (String(repeating: "x ", count: 75) + " ", "quoted-printable"),
      (".\n..\nFrom me", "quoted-printable"), ("мёртв\nвсё", "base64"), ("", "quoted-printable"),
      (String(repeating: "=", count: 77), "base64"),
      ("naïve text of some length", "quoted-printable"),
    ] as [(String, String)])
  func `a mail program reads the text that was written`(text: String, encoding: String) throws {
    let (found, body) = EmailMessage.encodedText(text)
    #expect(found == encoding)
    let encoded = String(decoding: body, as: UTF8.self)
    #expect(encoded.components(separatedBy: "\r\n").allSatisfy { $0.utf8.count <= 76 })
    var decoded: String?
    if encoding == "base64" {
      let joined = encoded.replacingOccurrences(of: "\r\n", with: "")
      decoded = Data(base64Encoded: joined).flatMap { String(data: $0, encoding: .utf8) }
    } else {
      #expect(!encoded.contains(" \r\n"))
      decoded =
        encoded.replacingOccurrences(of: "=\r\n", with: "")
        .replacingOccurrences(of: "%", with: "%25").replacingOccurrences(of: "=", with: "%")
        .removingPercentEncoding
    }
    #expect(decoded == text.replacingOccurrences(of: "\n", with: "\r\n") + "\r\n")
  }

  @Test func `a picture comes whole beside the text`() throws {
    let picture = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let mail = Self.whole(Self.message("s", "text", picture: picture))
    let parts = mail.components(separatedBy: "--=_scrape")
    try #require(parts.count == 4)
    #expect(parts[0].contains("multipart/mixed; boundary=\"=_scrape\""))
    #expect(parts[1].hasSuffix("\r\n\r\ntext\r\n"))
    #expect(parts[3] == "--\r\n")
    let data = parts[2].components(separatedBy: "\r\n\r\n")[1]
      .replacingOccurrences(of: "\r\n", with: "")
    #expect(Data(base64Encoded: data).map { Array($0) } == picture)
  }
}

struct EmailHistoryTests {
  @Test func `a delivery's record is read back`() {
    var history = EmailHistory()
    history.thread = "root@x"
    #expect(history.recipients(of: "c", among: ["a@x", "b@x"]) == ["a@x", "b@x"])
    history.note("c", refused: [], forNow: false)
    #expect(history.sent.text == "1 root@x")
    #expect(EmailHistory(history.sent) == history)
    history.note("d", refused: ["b@x"], forNow: true)
    #expect(history.sent.text == "1 root@x d 1 b@x")
    #expect(EmailHistory(history.sent) == history)
  }

  @Test(arguments: ["", "x", "-1 a", "99999999999999999999 a", "sent"])
  func `text of another notifier is nothing`(text: String) {
    #expect(EmailHistory(SentMessage(text)) == EmailHistory())
  }

  @Test func `who lacks a mail is tried again, and not for ever`() {
    var history = EmailHistory()
    history.thread = "root@x"
    history.note("c", refused: ["b@x"], forNow: false)
    #expect(history.recipients(of: "c", among: ["a@x", "b@x"]) == ["b@x"])
    history.note("c", refused: ["b@x"], forNow: false)
    // The same again is a repetition for all.
    #expect(!history.isPartial && history.count == 1)
    #expect(history.recipients(of: "c", among: ["a@x", "b@x"]) == ["a@x", "b@x"])
  }

  @Test func `what is new goes to all, also to those who lacked the last`() {
    var history = EmailHistory()
    history.thread = "root@x"
    history.note("c", refused: ["b@x"], forNow: true)
    #expect(history.recipients(of: "d", among: ["a@x", "b@x"]) == ["a@x", "b@x"])
    #expect(history.count == 1)
  }
}
