import Engine
import Foundation
import Lab
import Testing
import Transfer

@testable import Notifiers

/// The same numbers in each run (Knuth's generator of MMIX).
private struct Repeatable: RandomNumberGenerator {
  private var state: UInt64 = 6

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ state >> 32
  }
}

/// What each answer of the Bot API leads to.
struct TelegramAnswerTests {
  @Test(
    arguments: [
      (.unauthorized, .unauthorized, "@BotFather"),
      (.notFound, .unauthorized, "`api:`"),
      (.forbidden("bot was blocked by the user"), .forbidden, "unblock"),
      (.forbidden("bot was kicked from the supergroup chat"), .forbidden, "in again"),
      (.forbidden("bot is not a member of the channel chat"), .forbidden, "administrator"),
      (.forbidden("bot is not a member of the supergroup chat"), .forbidden, "add the bot"),
      (.forbidden("bot can't initiate conversation with a user"), .forbidden, "/start"),
      (.forbidden("user is deactivated"), .forbidden, "take it out"),
      (.badRequest("chat not found"), .missing, "-100"),
      (.badRequest("message thread not found"), .missing, "General"),
      (.badRequest("TOPIC_CLOSED"), .forbidden, "open it again"),
      (
        .badRequest("not enough rights to send text messages to the chat"), .forbidden,
        "administrator"
      ),
      (.badRequest("something new"), .refused, "something new"),
      (.serverError(502), .busy, "502"),
      (.garbage, .protocolError, "no Bot API"),
      (.redirect("http://127.0.0.1:1/"), .protocolError, "no Bot API"),
      (.close, .unreachable, "may be there"), (.hang, .timeout, "may be there"),
    ] as [(BotAPI.Fault, DeliveryError.Reason, String)])
  func `each refusal says what to do`(
    fault: BotAPI.Fault, reason: DeliveryError.Reason, remedy: String
  ) async throws {
    let room = try TelegramRoom(-1_001_234_567_890)
    // A connection that was kept is tried twice.
    room.api.fail(next: fault, times: 2)
    let error = try #require(await room.failure(notice("a"), within: .seconds(2)))
    #expect(error.reason == reason && error.message.contains(remedy), "\(error)")
    #expect(error.name == "telegram -1001234567890")
    #expect(!"\(error)".contains("LabTokenOfNobody") && !"\(error)".contains("123456:"))
    // After the wait it is sent.
    room.api.heal()
    try await room.deliver(notice("a"), .first)
    #expect(room.texts == ["a"] && room.messages[0].isSilent == false)
  }

  @Test func `an unreachable server is reported, and nothing is lost`() async throws {
    let room = try TelegramRoom(42)
    room.api.stop()
    let error = try #require(await room.failure(notice("a")))
    #expect(error.reason == .unreachable && error.closesLane && room.sent.text == "")
    #expect(!"\(error)".contains("LabTokenOfNobody"))
    try room.api.start()
    try await room.deliver(notice("a"), .first)
    #expect(room.texts == ["a"] && room.messages[0].isSilent == false)
  }

  @Test func `an answer that is lost costs a message twice, never one`() async throws {
    let room = try TelegramRoom(42)
    room.api.fail(next: .answerLost)
    let error = try #require(await room.failure(notice("a")))
    #expect(error.message.contains("may be there"))
    try await room.deliver(notice("a"), .first)
    #expect(room.texts == ["a", "a"])
  }

  @Test func `a token that a server repeats is not repeated`() async throws {
    let room = try TelegramRoom(42)
    let token = TelegramRoom.token
    for text in [token, "LabTokenOfNobody", "/bot\(token)/x", "\(token)\u{301}"] {
      room.api.fail(next: .badRequest("no such thing: \(text)"))
      let error = try #require(await room.failure(notice("a")))
      // By code points: an accent makes another character of the letter before it.
      let words = Array(error.message.unicodeScalars)
      #expect(!words.contains("LabTokenOfNobody".unicodeScalars), "\(error)")
      #expect(words.contains("•••".unicodeScalars))
    }
    #expect(!String(reflecting: room.telegram).contains("LabToken"))
    var shown = ""
    dump(room.telegram, to: &shown)
    #expect(!shown.contains("LabToken") && !room.sent.text.contains("LabToken"))
    #expect(!"\(room.memory)".contains("LabToken") && !room.telegram.lane.contains("LabToken"))
    #expect(room.telegram.lane == "telegram \(room.api.url) bot 123456")
  }

  /// The server names the new number of a group only where something is sent (`AccessRights::Edit` in
  /// its `check_chat_access`).
  @Test(arguments: ["CHAT_ID_INVALID", "PEER_ID_INVALID", "chat not found", "something new"])
  func `what can no longer be changed, for whatever reason, is sent anew`(why: String) async throws
  {
    for occasion in [Occasion.change, .end] {
      let room = try TelegramRoom(-100)
      try await room.deliver(notice("a"), .first)
      room.api.fail(next: .badRequest(why))
      try await room.deliver(notice("b"), occasion)
      #expect(room.texts.contains("b"), "\(room.texts)")
    }
  }

  @Test func `a wait that fits is waited`() async throws {
    let room = try TelegramRoom(-100)
    room.api.fail(next: .tooManyRequests(retryAfter: 2))
    let start = ContinuousClock.now
    try await room.deliver(notice("a"), .first)
    #expect(ContinuousClock.now - start > .seconds(2))
    #expect(room.texts == ["a"] && room.api.calls.map(\.status) == [429, 200])
  }

  @Test func `a wait beyond the deadline is reported, and kept also by another process`()
    async throws
  {
    let room = try TelegramRoom(-100)
    room.api.fail(next: .tooManyRequests(retryAfter: 30))
    let error = try #require(await room.failure(notice("a")))
    #expect(error.reason == .busy && !error.closesLane && error.retryAfter == .seconds(30))
    #expect(room.memory.values["silent"] != nil)
    let again = try #require(await room.failure(notice("a")))
    #expect(again.reason == .busy && (again.retryAfter ?? .zero) > .seconds(28))
    #expect(again.message.hasPrefix("Telegram asked to wait, "), "\(again)")
    #expect(room.api.calls.count == 1)
    // As another process would, which knows only what was remembered.
    let pace = TelegramPace()
    pace.recall("-100", room.memory, now: TelegramPace.now)
    #expect(!pace.take("-100", now: TelegramPace.now, latest: TelegramPace.now + 20_000).isTaken)
    // Other chats are not concerned.
    #expect(pace.take("-200", now: TelegramPace.now, latest: TelegramPace.now).isTaken)
  }

  @Test func `a group that became a supergroup is found, once and for all`() async throws {
    let room = try TelegramRoom(-100)
    try await room.deliver(notice("a"), .first)
    room.api.fail(next: .migrated(to: -1_000_000_000_100))
    // What stood in the old group cannot be changed any more.
    try await room.deliver(notice("b"), .change)
    #expect(room.memory.values["chat"] == "-1000000000100")
    try await room.deliver(notice("c"), .change)
    try await room.deliver(notice("d", subject: "🟢"), .end)
    #expect(room.texts == ["a"])
    #expect(room.api.messages(in: -1_000_000_000_100).map(\.text) == ["d", "🟢"])
    #expect(room.api.calls.filter { $0.status == 400 }.count == 1)
    #expect(room.api.violations == [])
  }

  @Test func `a group that moves between two parts has both in its new place`() async throws {
    let room = try TelegramRoom(-100)
    try await room.deliver(notice("a"), .first)
    let long = (1...60).map { "\($0) " + String(repeating: "x", count: 80) }
    let first = TelegramText.pieces(StyledText(long.map { [.init($0)] }))[0]
    try await room.deliver(notice(first.text), .change)
    room.api.fail(next: .migrated(to: -1_000_000_000_100))
    try await room.deliver(notice(long.joined(separator: "\n")), .change)
    let new = room.api.messages(in: -1_000_000_000_100)
    #expect(new.map(\.text).joined(separator: "\n") == long.joined(separator: "\n"))
    #expect(room.api.violations == [])
  }

  @Test func `answers of any kind trap nothing, and never count as done by mistake`() {
    var random = Repeatable()
    let answers = [
      "{\"ok\":true,\"result\":{\"message_id\":7,\"chat\":{\"id\":-100}}}",
      "{\"ok\":false,\"error_code\":429,\"parameters\":{\"retry_after\":99999999999999999999}}",
      "{\"ok\":false,\"error_code\":400,\"parameters\":{\"migrate_to_chat_id\":-100123}}",
      "{\"ok\":false,\"description\":[]}", "{\"ok\":1}", "[]", "", "\u{0}", "{\"result\":{}}",
    ]
    for (index, text) in answers.enumerated() {
      for round in 0..<200 {
        var bytes = Array(text.utf8)
        if round > 0, !bytes.isEmpty {
          for _ in 0..<Int.random(in: 1...4, using: &random) {
            bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 0...255)
          }
        }
        var answer = TransferAnswer()
        answer.status = [200, 400, 429, 500].randomElement(using: &random)
        answer.body = bytes
        let call = TelegramCall(kind: .text)
        let meaning = TelegramAnswer(answer, to: call, topic: nil)
        if index > 0, round == 0 { #expect(meaning != .done(7)) }
        if case .later(let seconds) = meaning { #expect((1...7 * 86_400).contains(seconds)) }
      }
    }
  }
}
