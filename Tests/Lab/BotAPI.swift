import Foundation
import Synchronization

/// Telegram's Bot API on loopback: it checks each call as core.telegram.org/bots/api documents it,
/// answers in its words, and keeps what people in the chats would have seen.
///
/// What a client must never do (an unknown parameter, an entity that ends outside of the text, more
/// messages than the limits allow) stands in `violations` whatever the answer was. The words of errors
/// are those of github.com/tdlib/telegram-bot-api.
public final class BotAPI: Sendable {
  /// A chat that the bot may write to.
  public struct Chat: Sendable, ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
    public enum Kind: String, Sendable { case person = "private", group, supergroup, channel }
    public var id: Int64
    /// Without the `@`.
    public var username: String?
    public var kind: Kind
    /// Names of a forum's topics by their number; nil where it is no forum.
    public var topics: [Int64: String]?
    public var closedTopics: Set<Int64> = []
    /// Where it has moved to.
    public var moved: Int64?
    /// Why the bot may not write there: `bot was kicked from the supergroup chat`.
    public var barred: String?

    public init(_ id: Int64, username: String? = nil, topics: [Int64: String]? = nil) {
      self.id = id
      self.username = username
      self.topics = topics
      kind = id > 0 ? .person : id < -1_000_000_000_000 ? .supergroup : .group
    }

    public init(integerLiteral id: Int64) { self.init(id) }

    /// A channel: `@range`.
    public init(stringLiteral name: String) {
      let id = name.unicodeScalars.reduce(Int64(7)) { ($0 * 31 + Int64($1.value)) % 1_000_000_007 }
      self.init(-1_002_000_000_000 - id, username: String(name.drop { $0 == "@" }))
      kind = .channel
    }
  }

  /// What is wrong with the next answer.
  public enum Fault: Sendable, Equatable {
    case tooManyRequests(retryAfter: Int)
    /// The group is a supergroup of that number now; the old one knows the bot no more.
    case migrated(to: Int64)
    case unauthorized
    case forbidden(String)
    case notFound
    /// 400 with the words: `IMAGE_PROCESS_FAILED`.
    case badRequest(String)
    case tooLarge
    /// A page of the server in front: `502 Bad Gateway`.
    case serverError(Int)
    /// 200, but nothing of the Bot API.
    case garbage
    /// Another address is named in the place of an answer.
    case redirect(String)
    /// No answer, until the client goes.
    case hang
    /// Closed without an answer; the call was not seen.
    case close
    /// The call has its effect, and the connection is closed without an answer.
    case answerLost
  }

  /// One call as it came.
  public struct Call: Sendable {
    public var method: String
    public var chat: String
    /// The parameters; JSON where they are lists or objects.
    public var parameters: [String: String]
    public var photo: [UInt8]?
    /// The status of the answer; nil where none was given.
    public var status: Int?
    /// The answer's words where it was an error.
    public var words: String?
    public var time: Date
  }

  /// One message as it is now, with what it was before.
  public struct Message: Sendable {
    public struct Version: Sendable, Equatable {
      public var text: String
      public var entities: [Entity]
      public var time: Date
    }
    public struct Entity: Sendable, Equatable {
      public var type: String
      public var offset: Int
      public var length: Int
    }
    public var id: Int64
    public var chat: Int64
    public var topic: Int64?
    /// The newest is the last.
    public var versions: [Version]
    public var photo: [UInt8]?
    public var isSilent: Bool
    public var replyTo: Int64?
    public var isDeleted = false

    public var text: String { versions.last?.text ?? "" }
    public var entities: [Entity] { versions.last?.entities ?? [] }
    /// The pieces of the text that stand in entities of that type.
    public func pieces(_ type: String) -> [String] {
      let units = Array(text.utf16)
      return entities.filter { $0.type == type }.map {
        String(decoding: units[$0.offset..<($0.offset + $0.length)], as: UTF16.self)
      }
    }
  }

  struct State {
    var chats: [Int64: Chat] = [:]
    var calls: [Call] = []
    var violations: [String] = []
    var messages: [Message] = []
    var faults: [(fault: Fault, method: String?)] = []
    var last: [Int64: Int64] = [:]
    /// When messages were sent or changed, in seconds.
    var times: [Int64: [Double]] = [:]
  }

  public let token: String
  /// How long a second of Telegram's limits is, for tests that would otherwise wait for most of
  /// their time.
  let second: Double
  let state: Mutex<State>
  let server: BotAPIServer

  /// Begins to listen on a free port.
  public init(
    token: String = "123456:LabTokenOfNobody", chats: [Chat], second: Double = 1
  ) throws {
    self.token = token
    self.second = second
    var state = State()
    for chat in chats { state.chats[chat.id] = chat }
    self.state = Mutex(state)
    server = try BotAPIServer()
    server.answer = { [weak self] request in self?.reply(to: request) ?? .close }
    try server.start()
  }

  deinit { server.stop() }

  /// The address for `api:`; it stays the same when it is stopped and started again.
  public var url: String { "http://127.0.0.1:\(server.port)" }
  public var calls: [Call] { state.withLock { $0.calls } }
  /// What a client must never do, in order; empty where all was well.
  public var violations: [String] { state.withLock { $0.violations } }

  /// Nobody listens on the port any more; open connections are reset.
  public func stop() { server.stop() }

  /// Listens again on the same port.
  public func start() throws { try server.start() }

  /// The next calls go wrong so, one after the other; only those of the method where one is named.
  public func fail(next fault: Fault, times: Int = 1, method: String? = nil) {
    state.withLock { $0.faults += Array(repeating: (fault, method), count: times) }
  }

  /// No further call goes wrong.
  public func heal() { state.withLock { $0.faults = [] } }

  /// Changes what holds of a chat: its topics, whether the bot may write.
  public func change(_ chat: Int64, _ body: (inout Chat) -> Void) {
    state.withLock { state in
      var changed = state.chats[chat] ?? Chat(chat)
      body(&changed)
      state.chats[chat] = changed
    }
  }

  /// Somebody in the chat deletes the message.
  public func delete(_ id: Int64, in chat: Int64) {
    state.withLock { state in
      for index in state.messages.indices
      where state.messages[index].chat == chat && state.messages[index].id == id {
        state.messages[index].isDeleted = true
      }
    }
  }

  /// The messages that stand in a chat, or in a topic of it, oldest first; without those deleted.
  public func messages(in chat: Chat, topic: Int64? = nil) -> [Message] {
    state.withLock { state in
      state.messages.filter {
        $0.chat == chat.id && !$0.isDeleted && (topic == nil || $0.topic == topic)
      }
    }
  }
}
