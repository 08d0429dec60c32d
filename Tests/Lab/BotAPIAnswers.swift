import Foundation
import Synchronization

/// Checks and answers each call.
extension BotAPI {
  /// An error in the form of the Bot API.
  struct Refusal: Error {
    var status: Int
    var words: String
    var parameters = ""

    init(_ status: Int, _ words: String, _ parameters: String = "") {
      self.status = status
      self.words = words
      self.parameters = parameters
    }

    var json: String {
      let escaped = words.replacingOccurrences(of: "\"", with: "\\\"")
      let extra = parameters.isEmpty ? "" : ",\"parameters\":{\(parameters)}"
      return "{\"ok\":false,\"error_code\":\(status),\"description\":\"\(escaped)\"\(extra)}"
    }
  }

  /// The parameters that each method has, of those that there are.
  private static let known: [String: Set<String>] = {
    let sending: Set<String> = [
      "chat_id", "message_thread_id", "disable_notification", "protect_content",
      "reply_parameters", "reply_markup", "allow_paid_broadcast", "message_effect_id",
      "business_connection_id",
    ]
    let caption: Set<String> = ["caption", "caption_entities", "show_caption_above_media"]
    return [
      "getMe": [],
      "sendMessage": sending.union(["text", "entities", "link_preview_options"]),
      "sendPhoto": sending.union(caption).union(["photo", "has_spoiler"]),
      "editMessageText": [
        "chat_id", "message_id", "text", "entities", "link_preview_options", "reply_markup",
      ],
      "editMessageCaption": caption.union(["chat_id", "message_id", "reply_markup"]),
      "deleteMessage": ["chat_id", "message_id"],
      "getChat": ["chat_id"],
    ]
  }()

  func reply(to request: BotAPIServer.Request) -> BotAPIServer.Reply {
    state.withLock { state in
      let parts = request.path.split(separator: "/", omittingEmptySubsequences: true)
      let method = parts.count == 2 ? String(parts[1]) : ""
      var call = Call(method: method, chat: "", parameters: [:], time: Date())
      let parameters = BotAPIParameters(request)
      call.parameters = parameters?.values.mapValues(\.text) ?? [:]
      call.chat = call.parameters["chat_id"] ?? ""
      call.photo = parameters?.files["photo"]
      let index = state.faults.firstIndex { $0.method == nil || $0.method == method }
      let fault = index.map { state.faults.remove(at: $0).fault }
      defer { state.calls.append(call) }
      switch fault {
      case .hang: return .hang
      case .close: return .close
      case .serverError(let status):
        call.status = status
        return Self.page(status, "text/html", "<html><h1>\(status) Bad Gateway</h1></html>")
      case .garbage:
        call.status = 200
        return Self.page(200, "application/json", "{\"ok\":tru")
      case .redirect(let place):
        call.status = 302
        return Self.page(302, "text/html", "", "Location: \(place)\r\n")
      default: break
      }
      do {
        if let fault, fault != .answerLost { try go(wrong: fault, parameters, &state) }
        let result = try answer(request, method, parameters, &state)
        if fault == .answerLost { return .close }
        call.status = 200
        return Self.page(200, "application/json", "{\"ok\":true,\"result\":\(result)}")
      } catch let refusal as Refusal {
        (call.status, call.words) = (refusal.status, refusal.words)
        return Self.page(refusal.status, "application/json", refusal.json)
      } catch {
        return .close
      }
    }
  }

  private static func page(
    _ status: Int, _ type: String, _ body: String, _ headers: String = ""
  ) -> BotAPIServer.Reply {
    .bytes(
      Array(
        ("HTTP/1.1 \(status) X\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n"
          + headers + "\r\n" + body).utf8))
  }

  private func go(
    wrong fault: Fault, _ parameters: BotAPIParameters?, _ state: inout State
  ) throws {
    switch fault {
    case .tooManyRequests(let seconds):
      throw Refusal(
        429, "Too Many Requests: retry after \(seconds)", "\"retry_after\":\(seconds)")
    case .migrated(let new):
      guard let old = parameters?.values["chat_id"]?.integer else { break }
      state.chats[old]?.moved = new
      if state.chats[new] == nil { state.chats[new] = Chat(new) }
    case .unauthorized: throw Refusal(401, "Unauthorized")
    case .forbidden(let why): throw Refusal(403, "Forbidden: \(why)")
    case .notFound: throw Refusal(404, "Not Found")
    case .badRequest(let why): throw Refusal(400, "Bad Request: \(why)")
    case .tooLarge: throw Refusal(413, "Request Entity Too Large")
    default: break
    }
  }

  private func answer(
    _ request: BotAPIServer.Request, _ method: String, _ parameters: BotAPIParameters?,
    _ state: inout State
  ) throws -> String {
    let prefix = "/bot\(token)/"
    guard request.path.hasPrefix("/bot") else { throw Refusal(404, "Not Found") }
    guard request.path.hasPrefix(prefix) else { throw Refusal(401, "Unauthorized") }
    guard request.method == "POST" else {
      state.violations.append("\(method): \(request.method) in the place of POST")
      throw Refusal(404, "Not Found")
    }
    if method == "getMe" {
      let id = token.prefix { $0 != ":" }
      return "{\"id\":\(id),\"is_bot\":true,\"first_name\":\"Lab\",\"username\":\"lab_bot\"}"
    }
    guard let known = Self.known[method] else {
      state.violations.append("unknown method \(method)")
      throw Refusal(404, "Not Found: method not found")
    }
    guard let parameters else {
      state.violations.append("\(method): a body that cannot be read")
      throw Refusal(400, "Bad Request: can't parse the request")
    }
    for name in parameters.values.keys.sorted() + parameters.files.keys.sorted()
    where !known.contains(name) {
      state.violations.append("\(method): unknown parameter \(name)")
    }
    let chat = try chat(of: parameters, &state)
    switch method {
    case "getChat": return "{\"id\":\(chat.id),\"type\":\"supergroup\",\"title\":\"Lab\"}"
    case "deleteMessage":
      let index = try place(of: parameters, in: chat, "delete", &state)
      state.messages[index].isDeleted = true
      return "true"
    case "editMessageText", "editMessageCaption":
      let result = try edit(method, parameters, chat, &state)
      count(chat, &state)
      return result
    default:
      let result = try send(method, parameters, chat, &state)
      count(chat, &state)
      return result
    }
  }

  private func chat(of parameters: BotAPIParameters, _ state: inout State) throws -> Chat {
    let found: Chat?
    switch parameters.values["chat_id"] {
    case .integer(let id)?: found = state.chats[id]
    case .string(let name)? where name.hasPrefix("@"):
      found = state.chats.values.first { $0.username == String(name.dropFirst()) }
    case nil: throw Refusal(400, "Bad Request: chat_id is empty")
    default:
      state.violations.append("chat_id is neither a number nor a name")
      found = nil
    }
    guard let chat = found else { throw Refusal(400, "Bad Request: chat not found") }
    if let new = chat.moved {
      throw Refusal(
        400, "Bad Request: group chat was upgraded to a supergroup chat",
        "\"migrate_to_chat_id\":\(new)")
    }
    if let barred = chat.barred { throw Refusal(403, "Forbidden: \(barred)") }
    return chat
  }

  private func place(
    of parameters: BotAPIParameters, in chat: Chat, _ verb: String, _ state: inout State
  ) throws -> Int {
    guard let id = parameters.values["message_id"]?.integer else {
      state.violations.append("message_id is no number")
      throw Refusal(400, "Bad Request: message identifier is not specified")
    }
    guard
      let index = state.messages.firstIndex(where: {
        $0.chat == chat.id && $0.id == id && !$0.isDeleted
      })
    else { throw Refusal(400, "Bad Request: message to \(verb) not found") }
    return index
  }

  private func edit(
    _ method: String, _ parameters: BotAPIParameters, _ chat: Chat, _ state: inout State
  ) throws -> String {
    let index = try place(of: parameters, in: chat, "edit", &state)
    let isCaption = method == "editMessageCaption"
    guard isCaption == (state.messages[index].photo != nil) else {
      throw Refusal(
        400, "Bad Request: there is no \(isCaption ? "caption" : "text") in the message to edit")
    }
    let version = try text(isCaption, parameters, method, &state)
    let old = state.messages[index]
    guard old.text != version.text || old.entities != version.entities else {
      throw Refusal(
        400,
        "Bad Request: message is not modified: specified new message content and reply markup are "
          + "exactly the same as a current content and reply markup of the message")
    }
    state.messages[index].versions.append(version)
    return object(state.messages[index], chat)
  }

  private func send(
    _ method: String, _ parameters: BotAPIParameters, _ chat: Chat, _ state: inout State
  ) throws -> String {
    let values = parameters.values
    var topic: Int64?
    if let value = values["message_thread_id"] {
      guard let number = value.integer else {
        state.violations.append("\(method): message_thread_id is no number")
        throw Refusal(400, "Bad Request: message thread not found")
      }
      if let topics = chat.topics {
        guard topics[number] != nil else {
          throw Refusal(400, "Bad Request: message thread not found")
        }
        if chat.closedTopics.contains(number) { throw Refusal(400, "Bad Request: TOPIC_CLOSED") }
        topic = number
      }
    }
    if let silent = values["disable_notification"], silent.boolean == nil {
      state.violations.append("\(method): disable_notification is no boolean")
    }
    if let preview = values["link_preview_options"], preview["is_disabled"]?.boolean == nil {
      state.violations.append("\(method): link_preview_options without is_disabled")
    }
    var reply: Int64?
    if let wanted = values["reply_parameters"] {
      guard let id = wanted["message_id"]?.integer else {
        state.violations.append("\(method): reply_parameters without message_id")
        throw Refusal(400, "Bad Request: can't parse reply parameters JSON object")
      }
      let isThere = state.messages.contains { $0.chat == chat.id && $0.id == id && !$0.isDeleted }
      guard isThere || wanted["allow_sending_without_reply"]?.boolean == true else {
        throw Refusal(400, "Bad Request: message to be replied not found")
      }
      if isThere { reply = id }
    }
    let isPhoto = method == "sendPhoto"
    var photo: [UInt8]?
    if isPhoto {
      guard let bytes = parameters.files["photo"] else {
        state.violations.append("sendPhoto: no photo")
        throw Refusal(400, "Bad Request: there is no photo in the request")
      }
      if let wrong = Self.fault(ofPhoto: bytes) {
        state.violations.append("sendPhoto: \(wrong)")
        throw Refusal(wrong.hasPrefix("too many bytes") ? 413 : 400, "Bad Request: \(wrong)")
      }
      photo = bytes
    }
    let version =
      isPhoto && values["caption"] == nil
      ? Message.Version(text: "", entities: [], time: Date())
      : try text(isPhoto, parameters, method, &state)
    let id = (state.last[chat.id] ?? 100) + 1
    state.last[chat.id] = id
    let message = Message(
      id: id, chat: chat.id, topic: topic, versions: [version], photo: photo,
      isSilent: values["disable_notification"]?.boolean == true, replyTo: reply)
    state.messages.append(message)
    return object(message, chat)
  }

  private func object(_ message: Message, _ chat: Chat) -> String {
    let time = Int(message.versions.first?.time.timeIntervalSince1970 ?? 0)
    let name = chat.username.map { ",\"username\":\"\($0)\"" } ?? ""
    let topic = message.topic.map { ",\"message_thread_id\":\($0)" } ?? ""
    return
      "{\"message_id\":\(message.id),\"date\":\(time),\"chat\":{\"id\":\(chat.id),\"type\":"
      + "\"\(chat.kind.rawValue)\"\(name)}\(topic)}"
  }

  /// "My bot is hitting limits" in core.telegram.org/bots/faq: one message a second in a chat, 20 a
  /// minute in a group, 30 a second in all. A clock that ran 50 ms ahead is no fault.
  private func count(_ chat: Chat, _ state: inout State) {
    var clock = timespec()
    clock_gettime(CLOCK_MONOTONIC, &clock)
    let now = Double(clock.tv_sec) + Double(clock.tv_nsec) / 1e9
    if let last = state.times[chat.id]?.last, now - last < 0.95 * second {
      state.violations.append(
        "chat \(chat.id): two messages within \(Int((now - last) * 1000)) ms")
    }
    state.times[chat.id, default: []].append(now)
    if chat.kind != .person {
      let count = state.times[chat.id]?.filter { now - $0 < 59.9 * second }.count ?? 0
      if count > 20 { state.violations.append("group \(chat.id): \(count) messages in a minute") }
    }
    let all = state.times.values.joined().filter { now - $0 < 0.95 * second }.count
    if all > 30 { state.violations.append("\(all) messages of the bot in a second") }
  }
}
