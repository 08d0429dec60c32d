import Testing

@testable import Notifiers

/// How a text becomes messages of Telegram's.
struct TelegramTextTests {
  private func styled(_ lines: String...) -> StyledText {
    StyledText(lines.map { [.init($0)] })
  }

  /// What each piece of the text has as emphasis.
  private func emphasised(_ piece: TelegramText) -> [String] {
    let units = Array(piece.text.utf16)
    return piece.entities.map {
      ($0.isCode ? "`" : "*")
        + String(decoding: units[$0.offset..<($0.offset + $0.length)], as: UTF16.self)
    }
  }

  @Test func `emphasis is counted in UTF-16 units, also behind emoji`() {
    let text = StyledText([
      [.init("🔴 "), .init("web3", .bold), .init(" 👩‍👩‍👧 "), .init("scrape host web3", .code)],
      [.init("é", .bold), .init("x", .bold)],
    ])
    let pieces = TelegramText.pieces(text)
    #expect(pieces.count == 1)
    #expect(pieces[0].entities[0] == .init(isCode: false, offset: 3, length: 4))
    #expect(emphasised(pieces[0]) == ["*web3", "`scrape host web3", "*éx"])
  }

  @Test func `mark-up of any kind stays what it is`() {
    let text = "<b>*x*<b> [a](b) `c` &amp; _d_"
    #expect(TelegramText.pieces(styled(text)) == [TelegramText(plain: text)])
    #expect(TelegramText(plain: text).text == text && TelegramText(plain: text).entities.isEmpty)
  }

  @Test(
    arguments: [
      ([], []), ([""], []), ([" ", "\t", ""], []), (["a"], ["a"]), (["", "a  ", ""], ["a"]),
      (["a", "", "b"], ["a\n\nb"]), (["a\nb\r\nc"], ["a b c"]), (["\u{2028}"], []),
    ] as [([String], [String])])
  func `blanks at the ends are no text, and a line is one line`(lines: [String], texts: [String]) {
    #expect(TelegramText.pieces(StyledText(lines.map { [.init($0)] })).map(\.text) == texts)
  }

  @Test func `a long text is cut between lines, each message as full as it can be`() {
    let line = String(repeating: "x", count: 99)
    let pieces = TelegramText.pieces(StyledText(Array(repeating: [.init(line)], count: 100)))
    #expect(pieces.map(\.units) == [4099 - 100, 3999, 1999])
    #expect(pieces.flatMap { $0.text.split(separator: "\n") }.count == 100)
  }

  @Test func `a text of exactly the limit is one message, and of one unit more two`() {
    let full = String(repeating: "x", count: 4096)
    #expect(TelegramText.pieces(styled(full)).map(\.units) == [4096])
    #expect(TelegramText.pieces(styled(full + "y")).map(\.units) == [4096, 1])
    #expect(TelegramText.pieces(styled(String(repeating: "x", count: 4094), "y")).count == 1)
    #expect(TelegramText.pieces(styled(String(repeating: "x", count: 4095), "y")).count == 2)
  }

  @Test func `a longer line is cut behind a comma, and nothing of it is missing`() {
    let names = (1...900).map { "web\($0)" }
    let pieces = TelegramText.pieces(styled("down:", names.joined(separator: ",")))
    #expect(pieces.count == 2 && pieces.allSatisfy { $0.units <= 4096 })
    #expect(pieces[0].text.hasPrefix("down:\nweb1,") && pieces[0].text.hasSuffix(","))
    let all = pieces.map(\.text).joined().dropFirst(6).split(separator: ",")
    #expect(all.map(String.init) == names)
  }

  @Test func `a longer line without commas is cut at a blank, which is left out`() {
    let words = (1...1200).map { "w\($0)" }
    let pieces = TelegramText.pieces(styled(words.joined(separator: " ")))
    #expect(pieces.allSatisfy { $0.units <= 4096 })
    #expect(pieces.flatMap { $0.text.split(separator: " ") }.map(String.init) == words)
  }

  @Test func `no character is cut, unless it is none`() {
    let family = "👩‍👩‍👧"
    let pieces = TelegramText.pieces(styled(String(repeating: family, count: 1000)))
    #expect(pieces.count == 2 && pieces.allSatisfy { $0.text.allSatisfy { "\($0)" == family } })
    // A letter below a tower of accents would never fit.
    let tower = "e" + String(repeating: "\u{301}", count: 9_000)
    #expect(TelegramText.pieces(styled(tower)).map(\.units) == [4096, 4096, 809])
    let flags = TelegramText.pieces(styled("x" + String(repeating: "😀", count: 4096)))
    #expect(
      flags.allSatisfy { $0.units <= 4096 } && !flags.contains { $0.text.contains("\u{fffd}") })
    #expect(flags.map(\.text).joined().count == 4097)
  }

  @Test func `each message has its own emphasis, also of a word that is cut`() {
    let text = StyledText([
      [.init("a", .bold)], [.init(String(repeating: "c", count: 5000), .code)],
      [.init("z ", .bold), .init("  ", .code)],
    ])
    let pieces = TelegramText.pieces(text)
    #expect(pieces.map(\.units) == [1, 4096, 906])
    #expect(pieces[1].entities == [.init(isCode: true, offset: 0, length: 4096)])
    #expect(
      pieces[2].entities == [
        .init(isCode: true, offset: 0, length: 904), .init(isCode: false, offset: 905, length: 1),
      ])
  }

  @Test func `a picture's text is shorter than those that follow it`() {
    let lines = StyledText(Array(repeating: [.init(String(repeating: "x", count: 99))], count: 60))
    #expect(TelegramText.pieces(lines, first: 1024).map(\.units) == [999, 3999, 999])
  }

  @Test func `what nobody would read is not sent, and said not to be`() {
    let lines = StyledText(
      Array(repeating: [.init(String(repeating: "x", count: 4000))], count: 50))
    let pieces = TelegramText.pieces(lines)
    #expect(pieces.count == 10 && pieces.allSatisfy { (1...4096).contains($0.units) })
    #expect(pieces[9].text.hasSuffix("\n… and more: scrape status"))
    let one = TelegramText.pieces(styled(String(repeating: "y", count: 100_000)))
    #expect(one.count == 10 && one[9].units <= 4096 && one[9].text.hasSuffix("scrape status"))
    let fits = StyledText(Array(repeating: [.init(String(repeating: "x", count: 4000))], count: 10))
    #expect(TelegramText.pieces(fits).map(\.units) == Array(repeating: 4000, count: 10))
  }

  @Test func `emphasis beyond what Telegram takes is left out`() {
    let lines = StyledText(Array(repeating: [.init("h", .bold), .init(" down")], count: 300))
    #expect(TelegramText.pieces(lines).map(\.entities.count) == [100])
  }

  @Test func `of more addresses than Telegram takes emphasis for, none becomes a link`() {
    let lines = StyledText(
      Array(repeating: [.init("web ", .bold), .init("a.co b.co c.co")], count: 90))
    for (text, count) in [
      (lines, 1), (StyledText(lines.lines + Array(repeating: lines.lines[0], count: 3000)), 10),
    ] {
      let pieces = TelegramText.pieces(text)
      #expect(pieces.count == count)
      for piece in pieces {
        let units = Array(piece.text.utf16)
        var plain = units
        #expect(piece.entities.count == 100)
        var end = 0
        for entity in piece.entities {
          #expect(entity.offset >= end && entity.length > 0)
          end = entity.offset + entity.length
          #expect(end <= units.count)
          if entity.isCode { for index in entity.offset..<end { plain[index] = 0x20 } }
        }
        #expect(!String(decoding: plain, as: UTF16.self).contains(".co"))
      }
    }
  }

  @Test(
    arguments: [
      ("ask @admin now", ["@admin"]), ("mail root@evil.example.", ["root@evil.example"]),
      ("see https://evil.example/x?y=1, please", ["https://evil.example/x?y=1"]),
      ("(www.evil.com)", ["www.evil.com"]), ("disk /data at 97.5 %", ["/data"]),
      ("/var/log of 10.0.6.26:22", ["/var/log", "10.0.6.26:22"]), ("#1 of #ctf", ["#ctf"]),
      ("cash $USD 5", ["$USD"]), ("tg://resolve?domain=x", ["tg://resolve?domain=x"]),
      ("load 3.12 2.80, 6.5.0-41 · 14:05, 5 min. and/or a@ @ # / $5", []), ("…/… и т.д.", []),
      ("пример.рф", ["пример.рф"]), ("x@admin", ["x@admin"]),
      ("error:evil.example tcp:10.0.6.26:22", ["error:evil.example", "tcp:10.0.6.26:22"]),
      ("evil.example!x ?evil.example", ["evil.example!x", "?evil.example"]),
      ("—evil.example— evil.xn--p1ai", ["—evil.example—", "evil.xn--p1ai"]),
      ("#1st #_x #12 14:05:33.250", ["#1st", "#_x"]), ("took 0.5s, 1.2.3 v1.2", []),
    ])
  func `nothing in a text becomes a link, a name that is called, or a command`(
    text: String, inert: [String]
  ) {
    let piece = TelegramText(plain: text)
    #expect(piece.text == text && emphasised(piece) == inert.map { "`\($0)" })
  }

  @Test func `texts that differ only in emphasis are different`() {
    let plain = TelegramText(plain: "ab")
    let bold = TelegramText.pieces(StyledText([[.init("a", .bold), .init("b")]]))[0]
    let code = TelegramText.pieces(StyledText([[.init("a", .code), .init("b")]]))[0]
    #expect(Set([plain.digest, bold.digest, code.digest]).count == 3)
    #expect(plain.digest == TelegramText(plain: "ab").digest)
  }
}
