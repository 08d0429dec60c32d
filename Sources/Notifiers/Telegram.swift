public import Transfer
internal import Charts
public import Engine

/// Sends notifications to Telegram chats: one message for each incident, edited as the incident
/// develops.
///
/// `telegram: {token: "${TELEGRAM_TOKEN}", chats: [-1001234567890, {chat: "@range", topic: 7}]}`.
/// See core.telegram.org/bots/api. Emphasis is given by position and length (`entities`), never by
/// markup, so text from a host can neither style nor break a message. A lost answer may lead to a
/// duplicate message, never to a missing one.
public struct Telegram: Notifier {
  /// A chat, or a topic of one.
  struct Place: Sendable, Equatable {
    /// A number, or a name with its `@`.
    var chat: String
    var topic: Int64?
    var theme = Chart.Theme.light

    var name: String { "telegram \(chat)" + (topic.map { "/\($0)" } ?? "") }

    /// The present number: a group that became a supergroup has a new one.
    func chat(_ memory: NotifierMemory) -> String { memory.values["chat"] ?? chat }
  }

  public static let kind = "telegram"
  public let isLiving = true
  public var name: String { place.name }
  public var lane: String { bot.lane }
  let place: Place
  private let bot: TelegramBot

  init(_ place: Place, by bot: TelegramBot) {
    self.place = place
    self.bot = bot
  }

  public func close() { bot.close() }

  public func inquire(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> String? {
    var memory = NotifierMemory()
    let call = TelegramCall(kind: .look)
    _ = try await bot.make(call, at: place, &memory, on: reactor, by: deadline)
    return "the token is valid, and the bot sees the chat"
  }

  public func deliver(
    _ notice: Notice, _ occasion: Occasion, _ sent: inout SentMessage,
    _ memory: inout NotifierMemory,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    var state = TelegramMessages(reading: sent.text)
    // Completed steps are recorded even if a later one fails.
    defer { sent.text = state.text }
    begin(notice, occasion, &state)
    let wasThere = !state.parts.isEmpty
    try await bring(notice, occasion, &state, &memory, on: reactor, by: deadline)
    if occasion == .end, !state.isClosed {
      if wasThere, let head = state.parts.first {
        try await close(notice, head, &memory, on: reactor, by: deadline)
      }
      state.isClosed = true
    }
  }

  /// Applies the occasion to the messages that are wanted.
  private func begin(_ notice: Notice, _ occasion: Occasion, _ state: inout TelegramMessages) {
    if occasion == .first, state.isClosed { state = TelegramMessages() }
    let isNew = state.isEmpty
    switch occasion {
    case .first where isNew:
      state.sounds = true
      state.picture = notice.chart == nil ? .none : .wanted
    case .again where !state.isRenewing:
      state.beginAnew()
      state.isRenewing = true
      state.isClosed = false
      state.sounds = true
      state.picture = notice.chart == nil ? .none : .wanted
    case .end:
      state.picture = .none
      if isNew { state.sounds = true }
    default: break
    }
  }

  /// Makes the chat show the notice, with as few calls as possible.
  private func bring(
    _ notice: Notice, _ occasion: Occasion, _ state: inout TelegramMessages,
    _ memory: inout NotifierMemory,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    var restarts = 3
    while true {
      let chat = place.chat(memory)
      if state.chat != chat {
        // Messages of another chat are out of reach.
        (state.parts, state.old) = ([], [])
        state.chat = chat
      }
      if try await show(notice, occasion, &state, &memory, on: reactor, by: deadline) { break }
      restarts -= 1
      guard restarts > 0 else {
        throw DeliveryError(.refused, name, "its messages vanish as soon as they are sent")
      }
    }
    try await clear(notice, &state, &memory, on: reactor, by: deadline)
    state.isRenewing = false
  }

  /// Sends and edits messages until they show the text; false if one of them was deleted and all
  /// must start again below.
  private func show(
    _ notice: Notice, _ occasion: Occasion, _ state: inout TelegramMessages,
    _ memory: inout NotifierMemory,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Bool {
    if state.parts.isEmpty, state.picture == .wanted {
      try await showPicture(notice, &state, &memory, on: reactor, by: deadline)
    }
    let isCaption = state.parts.first?.isCaption == true
    let pieces = texts(
      notice, first: isCaption ? TelegramText.captionLimit : TelegramText.limit)
    var isBelow = false
    for (index, piece) in pieces.enumerated() {
      guard index < state.parts.count else {
        var call = TelegramCall(kind: .text, text: piece)
        call.isSilent = notice.isSilent || !state.sounds
        call.isUrgent = occasion != .change
        // A message added later may stand far below the others.
        if !isBelow { call.reply = state.parts.first?.message }
        guard case .done(let number?) = try await make(call, &memory, on: reactor, by: deadline)
        else { return false }
        let chat = place.chat(memory)
        guard chat == state.chat || index == 0 else {
          // The chat moved between two parts: the part that arrived alone in the new chat is
          // deleted.
          state.parts = []
          state.old = [.init(message: number, isHead: false)]
          state.chat = chat
          return false
        }
        state.parts.append(.init(message: number, digest: piece.digest, isHead: index == 0))
        state.chat = chat
        state.sounds = false
        isBelow = true
        continue
      }
      let part = state.parts[index]
      guard part.digest != piece.digest else { continue }
      var call = TelegramCall(changing: part, to: piece)
      call.isUrgent = occasion != .change
      if try await make(call, &memory, on: reactor, by: deadline) == .gone {
        state.beginAnew(without: part.message)
        return false
      }
      state.parts[index].digest = piece.digest
    }
    for index in state.parts.indices.reversed() where index >= pieces.count {
      if state.parts[index].digest == Self.nothing.digest { continue }
      if try await remove(state.parts[index], &memory, on: reactor, by: deadline) {
        state.parts.remove(at: index)
      } else {
        state.parts[index].digest = Self.nothing.digest
      }
    }
    if state.picture != .none {
      try await addPicture(notice, &state, &memory, on: reactor, by: deadline)
    }
    return true
  }

  /// The text of a message that is no longer needed.
  private static let nothing = TelegramText(plain: "…")

  /// The text in messages; at least one, as Telegram refuses an empty text.
  private func texts(_ notice: Notice, first: Int) -> [TelegramText] {
    let pieces = TelegramText.pieces(notice.text, first: first)
    return pieces.isEmpty ? [subject(of: notice)] : pieces
  }

  private func subject(of notice: Notice) -> TelegramText {
    let subject = TelegramText(plain: notice.subject)
    return subject.text.isEmpty ? Self.nothing : subject
  }

  /// Deletes a message, or blanks it if it cannot be deleted. True if it is gone.
  private func remove(
    _ part: TelegramMessages.Part, _ memory: inout NotifierMemory, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(DeliveryError) -> Bool {
    var call = TelegramCall(kind: .delete(part.message))
    call.isUrgent = false
    guard try await make(call, &memory, on: reactor, by: deadline) == .stuck else { return true }
    let edit = TelegramCall(changing: part, to: Self.nothing)
    return try await make(edit, &memory, on: reactor, by: deadline) == .gone
  }

  /// Marks the old messages in one line after the text has started again below.
  private func clear(
    _ notice: Notice, _ state: inout TelegramMessages, _ memory: inout NotifierMemory,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    while let part = state.old.first {
      do throws(DeliveryError) {
        if part.isHead {
          let line = TelegramText(plain: subject(of: notice).text + " · continued below")
          var call = TelegramCall(changing: part, to: line)
          call.isUrgent = false
          _ = try await make(call, &memory, on: reactor, by: deadline)
        } else {
          _ = try await remove(part, &memory, on: reactor, by: deadline)
        }
      } catch  where error.reason != .refused {
        throw error
      } catch {
        // A message that cannot be deleted stays; the text was delivered.
      }
      state.old.removeFirst()
    }
  }

  /// Sends a short reply below the message, with sound.
  private func close(
    _ notice: Notice, _ head: TelegramMessages.Part, _ memory: inout NotifierMemory,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    var call = TelegramCall(kind: .text, text: subject(of: notice))
    call.isSilent = notice.isSilent
    call.reply = head.message
    _ = try await make(call, &memory, on: reactor, by: deadline)
  }

  // MARK: Pictures

  /// Sends the picture with the text as its caption, if the text is short enough.
  private func showPicture(
    _ notice: Notice, _ state: inout TelegramMessages, _ memory: inout NotifierMemory,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    let pieces = texts(notice, first: TelegramText.limit)
    guard let chart = notice.chart, let caption = pieces.first, pieces.count == 1,
      caption.units <= TelegramText.captionLimit
    else { return }
    guard let png = await TelegramPicture.draw(chart, place.theme, on: reactor, by: deadline)
    else {
      state.picture = .none
      return
    }
    var call = TelegramCall(kind: .picture(png), text: caption)
    call.isSilent = notice.isSilent || !state.sounds
    // The picture may be the reason for the failure; the text must not depend on it.
    state.picture = .afterwards
    let answer: TelegramAnswer
    do throws(DeliveryError) {
      answer = try await make(call, &memory, on: reactor, by: deadline)
    } catch {
      if error.retryAfter != nil { state.picture = .wanted }
      throw error
    }
    state.picture = .none
    guard case .done(let number?) = answer else { return }
    state.parts = [.init(message: number, isCaption: true, digest: caption.digest)]
    state.chat = place.chat(memory)
    state.sounds = false
  }

  /// Sends the picture below the text.
  private func addPicture(
    _ notice: Notice, _ state: inout TelegramMessages, _ memory: inout NotifierMemory,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    guard let chart = notice.chart,
      let png = await TelegramPicture.draw(chart, place.theme, on: reactor, by: deadline)
    else {
      state.picture = .none
      return
    }
    var call = TelegramCall(kind: .picture(png))
    call.isSilent = true
    call.reply = state.parts.first?.message
    let isLast = state.picture == .afterwards
    do throws(DeliveryError) {
      _ = try await make(call, &memory, on: reactor, by: deadline)
      state.picture = .none
    } catch {
      // Two attempts, however long the incident lasts; waiting for the rate limit is no attempt.
      if error.retryAfter == nil { state.picture = isLast ? .none : .afterwards }
      throw error
    }
  }

  private func make(
    _ call: TelegramCall, _ memory: inout NotifierMemory, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(DeliveryError) -> TelegramAnswer {
    try await bot.make(call, at: place, &memory, on: reactor, by: deadline)
  }
}
