import Charts
import Foundation
import Lab
import Metrics
import Testing

@testable import Notifiers

/// Charts beside and above their texts.
struct TelegramPictureTests {
  private func chart(_ values: [Double] = [91, 93, 97]) -> Chart {
    let from = Timestamp(seconds: 1_700_000_000)
    return Chart(
      title: "web3 disk used", unit: "%",
      series: [
        .init(
          "/",
          values.enumerated().map {
            (Timestamp(seconds: from.seconds + Int64($0.offset) * 300), $0.element)
          })
      ], thresholds: [.init(95, .major)], from: from, to: Timestamp(seconds: from.seconds + 900))
  }

  private func long(_ count: Int) -> String {
    (1...count).map { "host \($0) " + String(repeating: "x", count: 80) }.joined(separator: "\n")
  }

  @Test func `a short text stands under its picture, and is changed there`() async throws {
    let room = try TelegramRoom(-100)
    try await room.deliver(notice("🟠 web3 disk 97 %", chart: chart()), .first)
    #expect(room.messages.count == 1 && room.messages[0].photo != nil)
    try await room.deliver(notice("🟠 web3 disk 98 %", chart: chart()), .change)
    try await room.deliver(notice("🟢 web3 disk", subject: "🟢 web3 disk", chart: chart()), .end)
    #expect(room.texts == ["🟢 web3 disk", "🟢 web3 disk"])
    #expect(
      room.api.calls.map(\.method) == [
        "sendPhoto", "editMessageCaption", "editMessageCaption", "sendMessage",
      ])
    #expect(room.messages.map(\.isSilent) == [false, false] && room.api.violations == [])
  }

  @Test func `emphasis under a picture is emphasis`() async throws {
    let room = try TelegramRoom(42)
    var text = StyledText()
    text.add(.init("🟠 "), .init("web3", .bold), .init(" @admin"))
    try await room.deliver(notice(text, chart: chart()), .first)
    #expect(room.messages[0].pieces("bold") == ["web3"])
    #expect(room.messages[0].pieces("code") == ["@admin"] && room.api.violations == [])
  }

  @Test func `a text that outgrows its picture goes on below, in a reply to it`() async throws {
    let room = try TelegramRoom(42)
    try await room.deliver(notice(long(5), chart: chart()), .first)
    try await room.deliver(notice(long(40), chart: chart()), .change)
    #expect(room.texts.joined(separator: "\n") == long(40))
    #expect(room.messages.count == 2 && room.messages[1].replyTo == room.messages[0].id)
    #expect(room.messages[0].photo != nil && room.messages[1].photo == nil)
    try await room.deliver(notice("short", chart: chart()), .change)
    #expect(room.texts == ["short"] && room.api.violations == [])
  }

  @Test func `a long text comes first, and its picture as a quiet reply`() async throws {
    let room = try TelegramRoom(42)
    try await room.deliver(notice(long(20), chart: chart()), .first)
    #expect(room.texts == [long(20), ""])
    #expect(room.messages[1].photo != nil && room.messages[1].replyTo == room.messages[0].id)
    #expect(room.messages.map(\.isSilent) == [false, true])
    try await room.deliver(notice(long(21), chart: chart()), .change)
    #expect(room.messages.count == 2 && room.api.violations == [])
  }

  @Test func `a new message has a picture of its own`() async throws {
    let room = try TelegramRoom(42)
    try await room.deliver(notice("97 %", chart: chart()), .first)
    try await room.deliver(notice("98 %", chart: chart([1, 2])), .again)
    #expect(room.texts == ["🔴 web3 down · continued below", "98 %"])
    #expect(room.messages.allSatisfy { $0.photo != nil } && room.api.violations == [])
  }

  @Test(
    arguments: [
      .badRequest("IMAGE_PROCESS_FAILED"), .badRequest("PHOTO_INVALID_DIMENSIONS"), .tooLarge,
      .badRequest("not enough rights to send photos to the chat"),
      .badRequest("CHAT_SEND_PHOTOS_FORBIDDEN"),
    ] as [BotAPI.Fault])
  func `a picture that is not taken keeps no text back`(fault: BotAPI.Fault) async throws {
    let room = try TelegramRoom(-100)
    room.api.fail(next: fault, method: "sendPhoto")
    try await room.deliver(notice("97 %", chart: chart()), .first)
    #expect(room.texts == ["97 %"] && room.messages[0].photo == nil)
    #expect(room.messages[0].isSilent == false)
    room.api.fail(next: fault, method: "sendPhoto")
    try await room.deliver(notice(long(20), chart: chart()), .again)
    #expect(room.texts == ["🔴 web3 down · continued below", long(20)])
    #expect(room.api.calls.filter { $0.method == "sendPhoto" }.count == 2)
  }

  @Test func `a chart that cannot be drawn keeps no text back`() async throws {
    let room = try TelegramRoom(42)
    try await room.deliver(notice("97 %", chart: chart([])), .first)
    #expect(room.texts == ["97 %"] && room.api.calls.map(\.method) == ["sendMessage"])
  }

  @Test(arguments: [.serverError(500), .garbage, .answerLost] as [BotAPI.Fault])
  func `where the picture breaks off, the text goes first the next time`(
    fault: BotAPI.Fault
  ) async throws {
    let room = try TelegramRoom(42)
    room.api.fail(next: fault, times: 2, method: "sendPhoto")
    #expect(await room.failure(notice("97 %", chart: chart())) != nil)
    let before = room.messages.count
    if fault == .answerLost {
      // It is there, but who sent it does not know.
      #expect(room.texts == ["97 %"])
    }
    room.api.heal()
    try await room.deliver(notice("97 %", chart: chart()), .first)
    #expect(room.texts.dropFirst(before) == ["97 %", ""])
    #expect(room.messages[before].isSilent == false && room.messages[before].photo == nil)
    #expect(room.messages[before + 1].photo != nil)
  }

  @Test func `a picture that never arrives is given up, and the text with it is not`() async throws
  {
    let room = try TelegramRoom(42)
    room.api.fail(next: .serverError(500), times: 9, method: "sendPhoto")
    #expect(await room.failure(notice("97 %", chart: chart()))?.reason == .busy)
    #expect(room.texts == [])
    _ = await room.failure(notice("97 %", chart: chart()))
    #expect(room.texts == ["97 %"])
    for _ in 0..<3 { _ = await room.failure(notice("97 %", chart: chart()), .change) }
    #expect(room.texts == ["97 %"])
    #expect(room.api.calls.filter { $0.method == "sendPhoto" }.count <= 4)
  }

  @Test func `no border between the parts of a form stands in one of them`() {
    let picture = [UInt8](repeating: 0x2d, count: 5000)
    let form = TelegramForm([("caption", .string("--scrape-\r\n--"))], picture: picture)
    let boundary = form.contentType.split(separator: "=")[1]
    let text = String(decoding: form.bytes, as: UTF8.self)
    #expect(text.components(separatedBy: "--\(boundary)").count == 4)
    #expect(text.hasSuffix("\r\n--\(boundary)--\r\n") && boundary.utf8.count <= 70)
  }
}
