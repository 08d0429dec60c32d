internal import Configuration
internal import Engine
internal import Metrics
internal import Transfer

/// Calls the Bot API as one bot: keeps its limits, follows chats that moved, and keeps its token
/// out of all messages.
final class TelegramBot: Sendable {
  /// The base URL without a slash at its end.
  private let api: String
  private let token: Secret.Value?
  private let trust: Trust
  private let proxy: Proxy?
  private let transfers = Transfers()
  private let pace: TelegramPace
  /// The lane of the bot: its number stands before the colon and is no secret.
  let lane: String

  /// The limit of one call in time, within the deadline of the pass.
  private static let timeout = Duration.seconds(10)
  /// The time that a wait must leave for the call itself.
  private static let margin: Int64 = 250

  init(
    api: String, token: Secret.Value?, tokenName: String, authorities: String?,
    proxy: Proxy? = nil, pace: TelegramPace? = nil
  ) {
    self.api = api
    self.token = token
    self.proxy = proxy
    trust = authorities.map { .only($0) } ?? .system
    let number = token.map { $0.clearText.prefix { $0 != ":" } }.map { String($0) }
    lane = "telegram \(api) bot \(number ?? tokenName)"
    self.pace = pace ?? .of(lane: lane)
  }

  func close() { transfers.close() }

  /// Makes the call as soon as the limits allow it, and follows a chat that moved. The answers
  /// `moved`, `later` and `failed` are handled here or thrown.
  func make(
    _ call: TelegramCall, at place: Telegram.Place, _ memory: inout NotifierMemory,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> TelegramAnswer {
    var call = call
    var attempts = 5
    while true {
      attempts -= 1
      let chat = place.chat(memory)
      pace.recall(chat, memory, now: TelegramPace.now)
      let moment = try await turn(of: call, in: chat, place, on: reactor, by: deadline)
      let answer = await send(call, to: chat, topic: place.topic, on: reactor, by: deadline)
      let now = TelegramPace.now
      pace.finish(chat, taken: moment, now: now)
      defer { pace.remember(place.chat(memory), in: &memory, now: now) }
      switch answer {
      case .moved(let new):
        guard attempts > 0, new != chat else {
          throw fault(.missing, "the chat has moved on and on; name its new number", place)
        }
        memory.values["chat"] = new
        // The old chat's message numbers mean nothing in the new one.
        if call.isOfMessage { return .gone }
        call.reply = nil
      case .later(let seconds):
        let until = now + seconds * 1_000
        pace.silence(chat, until: until)
        guard attempts > 0, until + Self.margin < Self.latest(deadline, now) else {
          throw fault(
            .busy, "Telegram asks to wait for \(seconds) s (429)", place, after: seconds * 1_000)
        }
      case .failed(let reason, let why): throw fault(reason, why, place)
      default: return answer
      }
    }
  }

  /// Waits until the chat accepts a message.
  private func turn(
    of call: TelegramCall, in chat: String, _ place: Telegram.Place, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(DeliveryError) -> Int64 {
    let now = TelegramPace.now
    let (moment, isTaken) = pace.take(
      chat, isUrgent: call.isUrgent, now: now,
      latest: max(now, Self.latest(deadline, now) - Self.margin))
    guard isTaken else {
      let why =
        pace.isSilent(chat, at: now)
        ? "Telegram asked to wait, \((moment - now) / 1_000) s more (429)"
        : "Telegram's limits leave no room for another message yet"
      throw fault(.busy, why, place, after: moment - now)
    }
    guard moment > now else { return moment }
    do throws(WaitError) {
      try await reactor.sleep(until: .after(.milliseconds(moment - now)))
    } catch { throw fault(.cancelled, "cancelled", place) }
    return moment
  }

  /// The deadline as wall-clock milliseconds.
  private static func latest(_ deadline: Deadline, _ now: Int64) -> Int64 {
    let (seconds, attoseconds) = deadline.remaining.components
    return now + min(seconds, 86_400) * 1_000 + attoseconds / 1_000_000_000_000_000
  }

  private func send(
    _ call: TelegramCall, to chat: String, topic: Int64?, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async -> TelegramAnswer {
    guard let token = token?.clearText else {
      return .failed(.unauthorized, "the token was not looked up")
    }
    let form = call.form(chat: chat, topic: topic)
    var request = TransferRequest("POST", "\(api)/bot\(token)/\(call.method)")
    request.headers = [("Content-Type", form.contentType)]
    request.body = form.bytes
    request.secrets = secrets
    request.trust = trust
    request.proxy = proxy
    request.bodyLimit = 64 << 10
    request.keepsConnection = true
    let answer = await transfers.run(
      request, on: reactor, by: min(deadline, .after(Self.timeout)))
    return TelegramAnswer(answer, to: call, topic: topic)
  }

  /// The token and its secret part.
  private var secrets: [String] {
    guard let token = token?.clearText else { return [] }
    return [token, String(token.drop { $0 != ":" }.dropFirst())]
  }

  /// The error; a server's words are clipped and never hold the token.
  private func fault(
    _ reason: DeliveryError.Reason, _ why: String, _ place: Telegram.Place, after wait: Int64? = nil
  ) -> DeliveryError {
    var text = redacted(why.utf8, of: secrets)
    if text.count > 400 { text = text.prefix(400) + "…" }
    return DeliveryError(
      reason, place.name, text, retryAfter: wait.map { .milliseconds(max($0, 0)) })
  }
}
