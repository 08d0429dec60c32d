internal import Metrics

/// One call of the Bot API, without its chat ("Available methods" in core.telegram.org/bots/api).
struct TelegramCall {
  enum Kind: Equatable {
    case text, picture([UInt8]), editText(Int64), editCaption(Int64), delete(Int64)
    /// Asks for the chat: nothing is sent.
    case look
  }

  var kind: Kind
  /// nil where a message is deleted.
  var text: TelegramText?
  var isSilent = false
  /// Whether the call is urgent: an edit of a sent message can wait.
  var isUrgent = true
  /// The message that this one replies to, if it still exists.
  var reply: Int64?

  init(kind: Kind, text: TelegramText? = nil) {
    self.kind = kind
    self.text = text
  }

  /// Replaces the text of a message.
  init(changing part: TelegramMessages.Part, to text: TelegramText) {
    kind = part.isCaption ? .editCaption(part.message) : .editText(part.message)
    self.text = text
  }

  var method: String {
    switch kind {
    case .text: "sendMessage"
    case .picture: "sendPhoto"
    case .editText: "editMessageText"
    case .editCaption: "editMessageCaption"
    case .delete: "deleteMessage"
    case .look: "getChat"
    }
  }

  var hasPicture: Bool { if case .picture = kind { true } else { false } }
  var isSending: Bool { kind == .text || hasPicture }
  /// Whether the call concerns an existing message.
  var isOfMessage: Bool { !isSending && kind != .look }

  func form(chat: String, topic: Int64?) -> TelegramForm {
    var fields: [(String, JSON)] = [
      ("chat_id", Int64(chat).map { .integer($0) } ?? .string(chat))
    ]
    switch kind {
    case .editText(let id), .editCaption(let id), .delete(let id):
      fields.append(("message_id", .integer(id)))
    case .look: break
    case .text, .picture:
      if let topic { fields.append(("message_thread_id", .integer(topic))) }
      if isSilent { fields.append(("disable_notification", .boolean(true))) }
      if let reply {
        // The message may have been deleted meanwhile.
        let parameters: [(String, JSON)] = [
          ("message_id", .integer(reply)), ("allow_sending_without_reply", .boolean(true)),
        ]
        fields.append(("reply_parameters", .object(parameters)))
      }
    }
    if let text {
      let isCaption = hasPicture || method == "editMessageCaption"
      fields.append((isCaption ? "caption" : "text", .string(text.text)))
      if !text.entities.isEmpty {
        fields.append(
          (isCaption ? "caption_entities" : "entities", .array(text.entities.map(\.json))))
      }
      if !isCaption {
        // A URL in the text gets no preview of a page that a stranger chose.
        fields.append(("link_preview_options", .object([("is_disabled", .boolean(true))])))
      }
    }
    if case .picture(let bytes) = kind { return TelegramForm(fields, picture: bytes) }
    return TelegramForm(fields)
  }
}

extension TelegramText.Entity {
  fileprivate var json: JSON {
    .object([
      ("type", .string(isCode ? "code" : "bold")), ("offset", .integer(Int64(offset))),
      ("length", .integer(Int64(length))),
    ])
  }
}
