import Foundation

/// What people in a chat would have seen, as text.
extension BotAPI {
  /// The chat's messages from the first to the last: when they came, with or without sound, to what
  /// they reply, how often they were changed. Bold is `**so**`, code is `` `so` ``.
  ///
  /// With `versions` each form that a message had is shown, else only the last.
  public func conversation(
    of chat: Chat, topic: Int64? = nil, versions: Bool = false
  ) -> String {
    let (known, messages) = state.withLock { state in
      (
        state.chats[chat.id] ?? chat,
        state.messages.filter { $0.chat == chat.id && (topic == nil || $0.topic == topic) }
      )
    }
    var lines = ["── \(known.username.map { "@\($0)" } ?? "\(known.id)") ──"]
    for message in messages {
      var head = "\(Self.clock(message.versions.first?.time))  #\(message.id)"
      if topic == nil, let place = message.topic {
        head += " in topic \(known.topics?[place] ?? "\(place)")"
      }
      head += message.isSilent ? "  silent" : "  🔔"
      if let reply = message.replyTo { head += "  ↪ #\(reply)" }
      if message.isDeleted { head += "  deleted" }
      lines.append(head)
      if let photo = message.photo { lines.append("  [picture, \(photo.count) bytes]") }
      let shown = versions ? message.versions[...] : message.versions.suffix(1)
      for (index, version) in shown.enumerated() {
        if index > 0 { lines.append("  ✎ \(Self.clock(version.time))") }
        if version.text.isEmpty { continue }
        lines += Self.marked(version).components(separatedBy: "\n").map { "  │ \($0)" }
      }
      let edits = message.versions.count - 1
      if edits > 0, !versions {
        let last = Self.clock(message.versions.last?.time)
        lines.append("  ✎ changed \(edits) \(edits == 1 ? "time" : "times"), last \(last)")
      }
    }
    return lines.joined(separator: "\n")
  }

  private static func marked(_ version: Message.Version) -> String {
    var text: [UInt16] = []
    for (index, unit) in Array(version.text.utf16).enumerated() {
      for entity in version.entities.reversed() where entity.offset + entity.length == index {
        text += (entity.type == "code" ? "`" : "**").utf16
      }
      for entity in version.entities where entity.offset == index {
        text += (entity.type == "code" ? "`" : "**").utf16
      }
      text.append(unit)
    }
    for entity in version.entities where entity.offset + entity.length == version.text.utf16.count {
      text += (entity.type == "code" ? "`" : "**").utf16
    }
    return String(decoding: text, as: UTF16.self)
  }

  private static func clock(_ time: Date?) -> String {
    var seconds = time_t(time?.timeIntervalSince1970 ?? 0)
    var parts = tm()
    localtime_r(&seconds, &parts)
    return String(format: "%02d:%02d:%02d", parts.tm_hour, parts.tm_min, parts.tm_sec)
  }
}
