internal import Metrics

/// One call of the Bot API, without the chat that it is for ("Available methods" in
/// core.telegram.org/bots/api).
struct TelegramCall {
  enum Kind: Equatable {
    case text, picture([UInt8]), editText(Int64), editCaption(Int64), delete(Int64)
  }

  var kind: Kind
  /// nil where a message is deleted.
  var text: TelegramText?
  var isSilent = false
  /// Whether people wait for it: a change of what they have been told can wait.
  var isUrgent = true
  /// The message that it is a reply to, where that is still there.
  var reply: Int64?

  init(kind: Kind, text: TelegramText? = nil) {
    self.kind = kind
    self.text = text
  }

  /// Makes a message say something else.
  init(changing part: TelegramTold.Part, to text: TelegramText) {
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
    }
  }

  var hasPicture: Bool { if case .picture = kind { true } else { false } }
  var isSending: Bool { kind == .text || hasPicture }
  /// Whether it is about a message that is there already.
  var isOfMessage: Bool { !isSending }

  func form(chat: String, topic: Int64?) -> TelegramForm {
    var fields: [(String, JSON)] = [
      ("chat_id", Int64(chat).map { .integer($0) } ?? .string(chat))
    ]
    switch kind {
    case .editText(let id), .editCaption(let id), .delete(let id):
      fields.append(("message_id", .integer(id)))
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
        // An address in the text is no picture of a page that somebody else chose.
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
