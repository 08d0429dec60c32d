import Transfer
import Charts
import Configuration
import Engine
import Foundation
import Lab
import Metrics
import Testing

@testable import Notifiers

/// A chat of Telegram's in a test: the responder, and the notifier as scrape.yml makes it.
final class TelegramRoom {
  static let token = "123456:LabTokenOfNobody"
  let api: BotAPI
  let chat: BotAPI.Chat
  let telegram: Telegram
  let reactor = Reactor()
  var sent = SentMessage()
  var memory = NotifierMemory()

  /// Telegram's seconds are shorter here, unless its own are asked for.
  init(_ chat: BotAPI.Chat, topic: Int64? = nil, isRealTime: Bool = false) throws {
    self.chat = chat
    api = try BotAPI(token: Self.token, chats: [chat], second: isRealTime ? 1 : 0.02)
    let pace = isRealTime ? nil : TelegramPace(second: 21, minute: 1_220)
    let name = chat.username.map { "\"@\($0)\"" } ?? "\(chat.id)"
    let place = topic.map { "{chat: \(name), topic: \($0)}" } ?? name
    telegram = try #require(
      Self.read("chats: [\(place)], api: \"\(api.url)\"", pace: pace).first as? Telegram)
  }

  deinit {
    telegram.close()
    api.stop()
  }

  /// The notifiers of these settings, with the token in a file.
  static func read(_ settings: String, token: String = token, pace: TelegramPace? = nil) throws
    -> [any Notifier]
  {
    let scratch = Scratch()
    let file = scratch.write("token", token + "\n")
    var findings = Findings()
    let text = "token: \"file:\(file)\"\n"
    let node = try YAML.read(
      Source("/etc/scrape/scrape.yml", text: "{\(text.dropLast()), \(settings)}"))
    let notifiers =
      findings.decode("telegram", node) { Telegram.decode(&$0, secrets: true, pace: pace) } ?? []
    try findings.finish()
    return notifiers
  }

  func deliver(
    _ notice: Notice, _ occasion: Occasion, within timeout: Duration = .seconds(20)
  ) async throws {
    try await Self.deliver(
      telegram, notice, occasion, &sent, &memory, on: reactor, by: .after(timeout))
  }

  static func deliver(
    _ telegram: Telegram, _ notice: Notice, _ occasion: Occasion, _ sent: inout SentMessage,
    _ memory: inout NotifierMemory, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws {
    try await telegram.deliver(notice, occasion, &sent, &memory, on: reactor, by: deadline)
  }

  var messages: [BotAPI.Message] { api.messages(in: chat) }
  var texts: [String] { messages.map(\.text) }
  var conversation: String { api.conversation(of: chat) }

  /// The error of a failed delivery.
  func failure(
    _ notice: Notice, _ occasion: Occasion = .first, within timeout: Duration = .seconds(5)
  ) async -> DeliveryError? {
    do { try await deliver(notice, occasion, within: timeout) } catch {
      return error as? DeliveryError
    }
    return nil
  }
}

func notice(
  _ text: String, subject: String = "🔴 web3 down", kind: Notice.Kind = .problem,
  isSilent: Bool = false, chart: Chart? = nil
) -> Notice {
  var styled = StyledText()
  for line in text.components(separatedBy: "\n") { styled.add(.init(line)) }
  return notice(styled, subject: subject, kind: kind, isSilent: isSilent, chart: chart)
}

func notice(
  _ text: StyledText, subject: String = "🔴 web3 down", kind: Notice.Kind = .problem,
  isSilent: Bool = false, chart: Chart? = nil
) -> Notice {
  Notice(
    kind, incident: "1", severity: .critical, subject: subject, text: text,
    opened: Timestamp(seconds: 1_700_000_000), isSilent: isSilent, chart: chart, contact: "team")
}
