internal import Metrics
internal import Transfer

/// The Bot API's answer to a call, and its meaning.
///
/// "Making requests" and "ResponseParameters" in core.telegram.org/bots/api; the error texts are
/// those of its server (github.com/tdlib/telegram-bot-api).
enum TelegramAnswer: Equatable {
  /// A message was sent or edited; its number if the answer holds one.
  case done(Int64?)
  /// The message has that text already.
  case unchanged
  /// The message to edit does not exist or cannot be edited.
  case gone
  /// The message cannot be deleted.
  case stuck
  /// The text is accepted, the picture is refused.
  case noPicture(String)
  /// The chat has a new number.
  case moved(String)
  /// Refused for that many seconds.
  case later(Int64)
  case failed(DeliveryError.Reason, String)

  init(_ answer: TransferAnswer, to call: TelegramCall, topic: Int64?) {
    if let error = answer.error {
      self = Self.broken(error)
      return
    }
    let status = answer.status ?? 0
    guard let json = JSON(reading: answer.body), case .boolean(let isDone)? = json["ok"] else {
      switch status {
      case 500...: self = .failed(.busy, "the server answers \(status); it is tried again")
      case 413 where call.hasPicture: self = .noPicture("it is too large")
      default:
        self = .failed(
          .protocolError,
          "what answers (\(status)) is no Bot API; is `api:` right? Without it, it is "
            + "https://api.telegram.org")
      }
      return
    }
    if isDone {
      let number = json["result"]?["message_id"]?.integer
      // A message without a known number could never be edited.
      self =
        call.isSending && number == nil
        ? .failed(.protocolError, "the answer does not name the message that was sent")
        : .done(number)
      return
    }
    var words = json["description"]?.string ?? "no reason was given"
    // The kind of the error is given in our own words.
    for kind in ["Bad Request: ", "Forbidden: "] where words.hasPrefix(kind) {
      words.removeFirst(kind.count)
    }
    let code = json["error_code"]?.integer ?? Int64(status)
    if let chat = json["parameters"]?["migrate_to_chat_id"]?.integer {
      self = .moved(String(chat))
    } else if code == 429 {
      self = .later(min(max(json["parameters"]?["retry_after"]?.integer ?? 5, 1), 7 * 86_400))
    } else {
      self = Self.refused(code, words, to: call, topic: topic)
    }
  }

  private static func refused(
    _ code: Int64, _ words: String, to call: TelegramCall, topic: Int64?
  ) -> TelegramAnswer {
    let said = words.lowercased()
    func says(_ any: String...) -> Bool { any.contains { said.contains($0) } }
    switch code {
    case 401:
      return .failed(
        .unauthorized,
        "the token is not valid (\(words)); ask @BotFather for the bot's token, it may have been "
          + "revoked")
    case 404:
      return .failed(
        .unauthorized,
        "no bot has this token, or `api:` is not the address of a Bot API (\(words)); compare the "
          + "token with @BotFather's")
    case 403: return .failed(.forbidden, "\(words); \(remedy(said))")
    case 413 where call.hasPicture: return .noPicture(words)
    case 500...: return .failed(.busy, "\(words) (\(code)); it is tried again")
    default: break
    }
    if call.isOfMessage {
      if says("message is not modified") { return .unchanged }
      if says("message can't be deleted") { return .stuck }
      if says(
        "message to edit not found", "message to delete not found", "message can't be edited",
        "message_id_invalid", "there is no text in the message",
        "there is no caption in the message")
      {
        return .gone
      }
    }
    if !call.isOfMessage,
      says("chat not found", "chat_id is empty", "peer_id_invalid", "group chat was deactivated")
    {
      return .failed(
        .missing,
        "\(words); is the number right, and does the bot know the chat? Add the bot to it, or write "
          + "/start to the bot; groups have negative numbers, large ones begin with -100")
    }
    if says("message thread not found", "topic_deleted", "topic_id_invalid") {
      return .failed(
        .missing,
        "\(words): there is no topic \(topic.map { "\($0)" } ?? "of that number"); the number is in "
          + "the link of a message in the topic, and the topic General has none: leave `topic:` out"
      )
    }
    if says("topic_closed") {
      return .failed(
        .forbidden,
        "the topic is closed (\(words)); open it again, or make the bot an administrator who may "
          + "manage topics")
    }
    if call.hasPicture, says("send photos", "send_photos", "send media", "send_media") {
      return .noPicture(words)
    }
    if says(
      "not enough rights", "write_forbidden", "need administrator rights", "admin_required",
      "no write access", "chat_restricted", "send_plain_forbidden", "have no rights")
    {
      return .failed(
        .forbidden, "\(words); let the bot write there: in a channel it must be an administrator")
    }
    // Any other refusal keeps the message as it is: sending a message shows the true reason. The
    // server names the new number of a group that became a supergroup only in answer to a send.
    if case .delete = call.kind { return .stuck }
    if call.isOfMessage { return .gone }
    return call.hasPicture
      ? .noPicture(words) : .failed(.refused, "the message was refused: \(words)")
  }

  /// What to do if the bot may not write.
  private static func remedy(_ said: String) -> String {
    if said.contains("blocked") { return "the person must unblock the bot and write /start to it" }
    if said.contains("initiate") || said.contains("user") && said.contains("start") {
      return "the person must write /start to the bot first"
    }
    if said.contains("deactivated") || said.contains("deleted") {
      return "it is there no more: take it out of `chats:`"
    }
    if said.contains("kicked") { return "let the bot in again, then add it to the chat" }
    if said.contains("channel") { return "make the bot an administrator who may post" }
    return "add the bot to the chat"
  }

  private static func broken(_ error: TransferError) -> TelegramAnswer {
    switch error.reason {
    case .cancelled: .failed(.cancelled, "cancelled")
    case .timeout:
      .failed(.timeout, "\(error); what was being sent may be there all the same")
    case .lost:
      .failed(
        .unreachable, "\(error); what was being sent may be there all the same, it is sent again")
    case .unresolved, .refused, .unreachable, .forbidden, .cutOff:
      .failed(.unreachable, "\(error); is there a way to the Internet, and `api:` right?")
    case .untrusted, .insecure:
      .failed(
        .unreachable, "\(error); name the server's authority with `ca:` if it is your own")
    case .invalid, .local: .failed(.protocolError, "\(error); check `api:` and `ca:`")
    case .malformed, .failed, .denied, .blocked:
      .failed(.protocolError, "\(error); is `api:` the address of a Bot API?")
    }
  }
}
