internal import Engine
internal import Glibc
internal import Metrics
internal import Synchronization

/// Keeps a bot within Telegram's limits; all notifiers of this process that use the bot share them.
///
/// "My bot is hitting limits" in core.telegram.org/bots/faq: one message a second in a chat, 20 a
/// minute in a group or channel, 30 a second in all. Edits of messages count as well. Times are
/// wall-clock milliseconds, so that the next pass can read them.
final class TelegramPace: Sendable {
  private struct Sent {
    var all: [Int64] = []
    var chats: [String: [Int64]] = [:]
    /// The time until which Telegram asked for silence.
    var silence: [String: Int64] = [:]
  }

  private let sent = Mutex(Sent())
  private let second: Int64
  private let minute: Int64

  /// Tests pass other lengths than Telegram's.
  init(second: Int64 = second, minute: Int64 = minute) {
    (self.second, self.minute) = (second, minute)
  }

  private static let paces = Mutex<[String: TelegramPace]>([:])

  /// The pace of a bot: contacts that share a bot share its limits.
  static func of(lane: String) -> TelegramPace {
    paces.withLock { paces in
      if let known = paces[lane] { return known }
      let new = TelegramPace()
      paces[lane] = new
      return new
    }
  }

  /// Slightly more than a second: messages sent a second apart may arrive closer together.
  static let second: Int64 = 1_050
  static let minute: Int64 = 61_000
  /// Longer than the longest silence that is kept.
  private static let longest: Int64 = 8 * 86_400_000

  static var now: Int64 { Timestamp.now.nanoseconds / 1_000_000 }

  /// Takes the next time at which the chat accepts a message, if it is no later than `latest`;
  /// otherwise returns that time. Part of a group's minute is reserved for urgent messages.
  func take(
    _ chat: String, isUrgent: Bool = true, now: Int64, latest: Int64
  ) -> (moment: Int64, isTaken: Bool) {
    sent.withLock { sent in
      sent.all.removeAll { $0 <= now - second || $0 > now + minute }
      for (name, times) in sent.chats {
        // A time far ahead comes from a clock that has been set back since.
        let kept = times.filter { $0 > now - minute && $0 <= now + minute }
        sent.chats[name] = kept.isEmpty ? nil : kept
      }
      var moment = max(now, sent.silence[chat] ?? now)
      let times = sent.chats[chat] ?? []
      if let last = times.last { moment = max(moment, last + second) }
      let most = isUrgent ? 20 : 15
      if Self.isGroup(chat), times.count >= most {
        moment = max(moment, times[times.count - most] + minute)
      }
      if sent.all.count >= 30 {
        moment = max(moment, sent.all[sent.all.count - 30] + second)
      }
      guard moment <= latest else { return (moment, false) }
      sent.chats[chat] = times + [moment]
      sent.all = (sent.all + [moment]).sorted()
      return (moment, true)
    }
  }

  /// The call has ended: only now is its arrival time known.
  func finish(_ chat: String, taken moment: Int64, now: Int64) {
    sent.withLock { sent in
      if let index = sent.chats[chat]?.lastIndex(of: moment) {
        sent.chats[chat]?[index] = max(now, moment)
        sent.chats[chat]?.sort()
      }
      if let index = sent.all.lastIndex(of: moment) { sent.all[index] = max(now, moment) }
      sent.all.sort()
    }
  }

  /// Records that Telegram asks for silence in the chat until the given time.
  func silence(_ chat: String, until moment: Int64) {
    sent.withLock { $0.silence[chat] = max($0.silence[chat] ?? moment, moment) }
  }

  /// Whether Telegram's request for silence in the chat is still in force.
  func isSilent(_ chat: String, at now: Int64) -> Bool {
    sent.withLock { ($0.silence[chat] ?? now) > now }
  }

  private static func isGroup(_ chat: String) -> Bool { chat.hasPrefix("-") || chat.hasPrefix("@") }

  // MARK: From pass to pass

  /// Loads the state that the previous pass stored.
  func recall(_ chat: String, _ memory: NotifierMemory, now: Int64) {
    let times = Self.numbers(memory.values["sent"]).filter { $0 <= now && $0 > now - minute }
    let silence = Self.numbers(memory.values["silent"])
    sent.withLock { sent in
      let known = Set(sent.chats[chat] ?? [])
      let new = times.suffix(20).filter { !known.contains($0) }
      if !new.isEmpty { sent.chats[chat] = (known + new).sorted() }
      // The first number is the time of the request: a time in the future means that the clock has
      // been set.
      if silence.count == 2, silence[0] <= now, silence[1] > now, silence[1] < now + Self.longest {
        sent.silence[chat] = max(sent.silence[chat] ?? 0, silence[1])
      }
    }
  }

  /// Stores the state for the next pass.
  func remember(_ chat: String, in memory: inout NotifierMemory, now: Int64) {
    sent.withLock { sent in
      let times = (sent.chats[chat] ?? []).filter { $0 > now - minute && $0 <= now }.suffix(20)
      memory.values["sent"] =
        times.isEmpty ? nil : times.map { String($0) }.joined(separator: ",")
      if let until = sent.silence[chat], until > now {
        memory.values["silent"] = "\(now),\(until)"
      } else {
        memory.values["silent"] = nil
      }
    }
  }

  private static func numbers(_ text: String?) -> [Int64] {
    (text ?? "").utf8.split(separator: UInt8(ascii: ",")).prefix(64)
      .compactMap { Int64(String(decoding: $0, as: UTF8.self)) }
  }
}
