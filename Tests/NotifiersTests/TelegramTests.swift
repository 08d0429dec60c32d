import Engine
import Foundation
import Lab
import Testing

@testable import Notifiers

/// What people in a chat see of an incident.
struct TelegramTests {
  @Test func `an incident is one message, which is changed as it develops and closed`() async throws
  {
    let room = try TelegramRoom(-100_123)
    var text = StyledText()
    text.add(.init("🔴 "), .init("web3", .bold), .init(" down · 14:05"))
    text.add(.init("first check: "), .init("scrape host web3", .code))
    try await room.deliver(notice(text), .first)
    #expect(room.messages[0].pieces("bold") == ["web3"])
    #expect(room.messages[0].pieces("code") == ["scrape host web3"])
    try await room.deliver(notice("🔴 web[3-4] down · 14:06"), .change)
    // Nothing has changed: nothing is called.
    try await room.deliver(notice("🔴 web[3-4] down · 14:06"), .change)
    #expect(room.api.calls.count == 2)
    try await room.deliver(
      notice("🟢 web[3-4] back after 2 min", subject: "🟢 web[3-4] back", kind: .recovery), .end)
    #expect(room.texts == ["🟢 web[3-4] back after 2 min", "🟢 web[3-4] back"])
    #expect(room.messages[0].versions.count == 3)
    #expect(room.messages[1].replyTo == room.messages[0].id)
    #expect(room.messages.map(\.isSilent) == [false, false])
    // Delivered again after all: nothing more.
    try await room.deliver(
      notice("🟢 web[3-4] back after 2 min", subject: "🟢 web[3-4] back", kind: .recovery), .end)
    #expect(room.messages.count == 2)
    #expect(room.api.violations == [])
    for call in room.api.calls { #expect(call.parameters["parse_mode"] == nil) }
    #expect(
      room.api.calls[0].parameters["link_preview_options"] == "{\"is_disabled\":true}")
  }

  @Test func `a lasting incident is sent anew below, with sound, and the older message says so`()
    async throws
  {
    let room = try TelegramRoom(42)
    try await room.deliver(notice("🔴 web3 down"), .first)
    try await room.deliver(notice("🔴 web3 down for 4 h", subject: "🔴 web3 still down"), .again)
    #expect(room.texts == ["🔴 web3 still down · continued below", "🔴 web3 down for 4 h"])
    #expect(room.messages[1].isSilent == false)
    try await room.deliver(notice("🔴 web3 down for 5 h"), .change)
    #expect(room.texts[1] == "🔴 web3 down for 5 h")
    try await room.deliver(notice("🟢 web3 back", subject: "🟢 web3 back"), .end)
    #expect(room.messages.last?.replyTo == room.messages[1].id)
    // It begins once more: a message of its own.
    try await room.deliver(notice("🔴 web3 down again"), .first)
    #expect(room.texts.last == "🔴 web3 down again" && room.messages[1].text == "🟢 web3 back")
    #expect(room.api.violations == [])
  }

  @Test func `what is quiet makes no sound, neither at the beginning nor at the end`() async throws
  {
    let room = try TelegramRoom(42)
    try await room.deliver(notice("🟡 web3 slow", isSilent: true), .first)
    try await room.deliver(notice("🟢 web3", subject: "🟢 web3 well", isSilent: true), .end)
    #expect(room.messages.map(\.isSilent) == [true, true])
  }

  @Test func `a topic gets what is for it`() async throws {
    let chat = BotAPI.Chat(-1_001_234_567_890, topics: [7: "CTF"])
    let room = try TelegramRoom(chat, topic: 7)
    try await room.deliver(notice("🔴 web3 down"), .first)
    try await room.deliver(notice("🟢 web3 back", subject: "🟢 web3 back"), .end)
    #expect(room.api.messages(in: chat, topic: 7).map(\.text) == ["🟢 web3 back", "🟢 web3 back"])
    #expect(room.telegram.name == "telegram -1001234567890/7")
    #expect(room.api.violations == [])
  }

  @Test func `a channel is known by its name`() async throws {
    let room = try TelegramRoom("@range_news")
    try await room.deliver(notice("test", kind: .test), .first)
    #expect(room.texts == ["test"] && room.telegram.name == "telegram @range_news")
  }

  private func lines(_ count: Int, _ word: String = "host") -> String {
    (1...count).map { "\(word) \($0) " + String(repeating: "x", count: 80) }
      .joined(separator: "\n")
  }

  @Test func `a long text grows and shrinks, and only what changed is changed`() async throws {
    let room = try TelegramRoom(42)
    try await room.deliver(notice(lines(60)), .first)
    #expect(room.messages.count == 2)
    // One sound for one incident.
    #expect(room.messages.map(\.isSilent) == [false, true])
    #expect(room.texts.joined(separator: "\n") == lines(60))
    // Only the last message grows, and a third comes.
    try await room.deliver(notice(lines(100)), .change)
    #expect(room.texts.joined(separator: "\n") == lines(100))
    #expect(room.messages.count == 3 && room.messages.map(\.versions.count) == [1, 2, 1])
    #expect(room.messages[2].isSilent && room.messages[2].replyTo == room.messages[0].id)
    try await room.deliver(notice("🟢 all back", subject: "🟢 all back"), .end)
    #expect(room.texts == ["🟢 all back", "🟢 all back"])
    #expect(room.api.violations == [])
  }

  @Test func `a message that cannot be deleted says nothing any more`() async throws {
    let room = try TelegramRoom(42)
    try await room.deliver(notice(lines(60)), .first)
    room.api.fail(next: .badRequest("message can't be deleted"), method: "deleteMessage")
    try await room.deliver(notice("short"), .change)
    #expect(room.texts == ["short", "…"])
    let calls = room.api.calls.count
    try await room.deliver(notice("short"), .change)
    #expect(room.api.calls.count == calls)
    // It is there still, and used where there is more to say.
    try await room.deliver(notice(lines(60)), .change)
    #expect(room.texts.joined(separator: "\n") == lines(60) && room.messages.count == 2)
  }

  @Test func `a deleted message is sent anew, without sound`() async throws {
    let room = try TelegramRoom(42)
    try await room.deliver(notice(lines(60)), .first)
    room.api.delete(room.messages[1].id, in: 42)
    try await room.deliver(notice(lines(60, "Host")), .change)
    #expect(room.texts.count == 3 && room.texts[0] == "🔴 web3 down · continued below")
    #expect(room.texts[1...].joined(separator: "\n") == lines(60, "Host"))
    #expect(room.messages.dropFirst().allSatisfy { $0.isSilent })
    for message in room.messages { room.api.delete(message.id, in: 42) }
    try await room.deliver(notice("🟢 back", subject: "🟢 back"), .end)
    #expect(room.texts == ["🟢 back", "🟢 back"])
    #expect(room.api.violations == [])
  }

  @Test func `an answer that it says so already is as good as any`() async throws {
    let room = try TelegramRoom(42)
    try await room.deliver(notice("a"), .first)
    // A connection that was kept is tried twice: the second time it has been changed already.
    room.api.fail(next: .answerLost)
    try await room.deliver(notice("b"), .change)
    #expect(room.texts == ["b"] && room.api.calls.last?.status == 400)
    #expect(room.api.calls.last?.words?.contains("not modified") == true)
  }

  @Test func `no text is no message, but there is always one`() async throws {
    let room = try TelegramRoom(42)
    try await room.deliver(notice(" \n "), .first)
    #expect(room.texts == ["🔴 web3 down"])
    try await room.deliver(notice("", subject: " "), .change)
    #expect(room.texts == ["…"] && room.api.violations == [])
  }

  @Test func `what was sent before something broke is not sent twice`() async throws {
    let room = try TelegramRoom(42)
    room.api.fail(next: .serverError(502), method: "editMessageText")
    try await room.deliver(notice("a"), .first)
    // The second of three messages is not taken.
    #expect(await room.failure(notice(lines(100)), .change)?.reason == .busy)
    room.api.stop()
    #expect(await room.failure(notice(lines(100)), .change)?.reason == .unreachable)
    try room.api.start()
    try await room.deliver(notice(lines(100)), .change)
    #expect(room.texts.joined(separator: "\n") == lines(100))
    #expect(room.messages.count == 3 && room.api.violations == [])
  }

  @Test func `contacts that share a bot and a chat keep its limits together`() async throws {
    let room = try TelegramRoom(-100, isRealTime: true)
    let others = try TelegramRoom.read("chats: [-100], api: \"\(room.api.url)/\"")
    let other = try #require(others.first as? Telegram)
    #expect(other.lane == room.telegram.lane)
    try await room.deliver(notice("a"), .first)
    var sent = SentMessage()
    var memory = NotifierMemory()
    try await TelegramRoom.deliver(
      other, notice("b"), .first, &sent, &memory, on: room.reactor, by: .after(.seconds(5)))
    other.close()
    try await room.deliver(notice("c"), .change)
    #expect(room.texts == ["c", "b"] && room.api.violations == [])
  }

  @Test func `a group's minute is kept, and what changes waits before what is new`() async throws {
    let room = try TelegramRoom(-100)
    var incidents: [SentMessage] = []
    for index in 0..<15 {
      room.sent = SentMessage()
      try await room.deliver(notice("\(index)"), .first)
      incidents.append(room.sent)
    }
    room.sent = incidents[0]
    let busy = await room.failure(notice("changed"), .change, within: .milliseconds(400))
    #expect(busy?.reason == .busy && (busy?.retryAfter ?? .zero) > .zero)
    for index in 15..<25 {
      room.sent = SentMessage()
      try await room.deliver(notice("\(index)"), .first)
    }
    room.sent = incidents[0]
    try await room.deliver(notice("changed"), .change)
    #expect(room.texts == ["changed"] + (1..<25).map { "\($0)" })
    #expect(room.api.violations == [])
  }

  @Test func `a new message that broke off goes on where it was`() async throws {
    let room = try TelegramRoom(42)
    try await room.deliver(notice("a"), .first)
    room.api.fail(next: .serverError(500), method: "editMessageText")
    #expect(await room.failure(notice("b"), .again)?.reason == .busy)
    #expect(room.texts == ["a", "b"])
    try await room.deliver(notice("b"), .again)
    #expect(room.texts == ["🔴 web3 down · continued below", "b"])
    // The next time is a time of its own.
    try await room.deliver(notice("c"), .again)
    #expect(room.texts.last == "c" && room.messages.count == 3)
  }

  @Test func `sound is not lost with the first attempt`() async throws {
    let room = try TelegramRoom(42)
    try await room.deliver(notice("a"), .first)
    room.api.fail(next: .close, times: 2)
    #expect(await room.failure(notice("b"), .again) != nil)
    try await room.deliver(notice("b"), .change)
    #expect(room.messages.last?.text == "b" && room.messages.last?.isSilent == false)
  }

  @Test(arguments: ["", "{", "nonsense", "{\"v\":2,\"parts\":[{\"id\":1}]}", "[]", "{\"v\":1}"])
  func `what is remembered wrongly is forgotten`(text: String) async throws {
    let room = try TelegramRoom(42)
    room.sent = SentMessage(text)
    try await room.deliver(notice("a"), .change)
    #expect(room.texts == ["a"] && room.messages[0].isSilent)
  }

  @Test func `what is remembered of an incident is small and can be read again`() {
    var sent = TelegramMessages()
    sent.chat = "-100"
    sent.parts = [
      .init(message: 7, isCaption: true, digest: "x", isHead: true),
      .init(message: 8, digest: "y", isHead: false),
    ]
    sent.old = [.init(message: 3)]
    sent.picture = .afterwards
    sent.sounds = true
    sent.isRenewing = true
    sent.isClosed = true
    #expect(TelegramMessages(reading: sent.text) == sent && sent.text.utf8.count < 300)
    #expect(TelegramMessages().text == "" && TelegramMessages(reading: "") == TelegramMessages())
  }
}
