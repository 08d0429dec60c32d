internal import Metrics

/// The messages of one incident in a chat, as the store keeps them between passes.
struct TelegramMessages: Equatable {
  /// One of the live messages.
  struct Part: Equatable {
    var message: Int64
    /// Whether it is the text under a picture.
    var isCaption = false
    var digest = ""
    /// Whether it is the first of its incident.
    var isHead = true
  }

  enum Picture: String {
    /// There is none to send, or it was sent.
    case none
    case wanted
    /// It could not be sent together with the text: the text goes first.
    case afterwards
  }

  /// The chat that holds the messages: their numbers mean nothing in another chat.
  var chat = ""
  var parts: [Part] = []
  /// Replaced messages that are not yet deleted.
  var old: [Part] = []
  /// Whether a message with sound is still to be sent.
  var sounds = false
  var picture = Picture.none
  /// A new copy of the messages is being sent and is not complete.
  var isRenewing = false
  /// The resolution was sent.
  var isClosed = false

  var isEmpty: Bool { self == TelegramMessages() }
  /// Whether the next attempt needs none of this.
  private var isNothing: Bool { parts.isEmpty && old.isEmpty && picture != .afterwards }

  init() {}

  /// Reads the stored text; drops what cannot be read.
  init(reading text: String) {
    guard !text.isEmpty, text.utf8.count <= 1 << 16, let json = JSON(reading: Array(text.utf8)),
      json["v"]?.integer == 1
    else { return }
    chat = json["chat"]?.string ?? ""
    parts = Self.parts(json["parts"])
    old = Self.parts(json["old"])
    sounds = json["sounds"] == .boolean(true)
    isRenewing = json["renewing"] == .boolean(true)
    isClosed = json["closed"] == .boolean(true)
    picture = json["picture"]?.string.flatMap { Picture(rawValue: $0) } ?? .none
  }

  private static func parts(_ json: JSON?) -> [Part] {
    (json?.elements ?? []).prefix(64).compactMap { part in
      guard let message = part["id"]?.integer else { return nil }
      return Part(
        message: message, isCaption: part["caption"] == .boolean(true),
        digest: part["digest"]?.string ?? "", isHead: part["head"] == .boolean(true))
    }
  }

  var text: String {
    if isNothing { return "" }
    var members: [(String, JSON)] = [("v", .integer(1)), ("chat", .string(chat))]
    func add(_ name: String, _ parts: [Part]) {
      guard !parts.isEmpty else { return }
      members.append(
        (
          name,
          .array(
            parts.map { part in
              var members: [(String, JSON)] = [("id", .integer(part.message))]
              if part.isCaption { members.append(("caption", .boolean(true))) }
              if part.isHead { members.append(("head", .boolean(true))) }
              if !part.digest.isEmpty { members.append(("digest", .string(part.digest))) }
              return .object(members)
            })
        ))
    }
    add("parts", parts)
    add("old", old)
    if sounds { members.append(("sounds", .boolean(true))) }
    if picture != .none { members.append(("picture", .string(picture.rawValue))) }
    if isRenewing { members.append(("renewing", .boolean(true))) }
    if isClosed { members.append(("closed", .boolean(true))) }
    return JSON.object(members).text
  }

  /// Leaves the present messages behind; the text starts again below.
  mutating func beginAnew(without gone: Int64? = nil) {
    old = parts.filter { $0.message != gone } + old
    parts = []
  }
}
