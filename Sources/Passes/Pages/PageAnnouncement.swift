internal import Configuration
internal import Engine
internal import Metrics
internal import Pages

/// An announcement at the top of pages: a text, or a file with one, and when it is shown.
struct PageAnnouncement: Sendable {
  private var text: String?
  private var file: String?
  private var from: Timestamp?
  private var until: Timestamp?

  private init(file: String) { self.file = file }

  /// The path of a file alone.
  static func file(from base: String) -> SettingType<PageAnnouncement> {
    SettingType("path", example: "/etc/scrape/announcement.txt") {
      node, what throws(ConfigurationError) in
      PageAnnouncement(file: PageSettings.path(try node.string(what), from: base))
    }
  }

  init?(_ fields: inout Fields, from base: String) {
    text = fields.take(
      "text", .text, otherwise: "that of the file", "Text.", example: "Maintenance")
    file = fields.take(
      "file", .text("path"), otherwise: "none", "File with the text, read at each pass.",
      example: "/etc/scrape/announcement.txt")
    from = fields.take(
      "from", .moment, otherwise: "at once",
      "Begin; before it the next announcement is shown with its times.",
      example: "\"2026-11-20 18:00\"")
    until = fields.take(
      "until", .moment, otherwise: "never", "End.", example: "\"2026-11-20 22:00\"")
    guard !fields.isReference else { return }
    file = file.map { PageSettings.path($0, from: base) }
    if (text == nil) == (file == nil) {
      fields.addUnlessFaulty(
        ConfigurationError(
          text == nil
            ? "an announcement has no text" : "an announcement has both a text and a file",
          at: fields.node, hint: "give it `text: …` or `file: …`"))
      return nil
    }
    if let from, let until, until <= from {
      fields.add("the announcement ends before it begins", at: "until")
      return nil
    }
  }

  /// The limit of a file.
  private static let limit = 16_384
  private static let most = 5

  /// Those of now, and the next one.
  static func shown(
    _ all: [PageAnnouncement], at now: Timestamp
  ) -> [PageModel.Announcement] {
    var shown: [PageModel.Announcement] = []
    for one in all where one.from.map({ $0 <= now }) != false {
      guard one.until.map({ now < $0 }) != false, let text = one.words else { continue }
      shown.append(
        PageModel.Announcement(
          text: text, when: one.until.map { "until \(Self.moment($0))" } ?? ""))
      if shown.count == most { break }
    }
    let coming = all.filter { $0.from.map { $0 > now } == true }
      .sorted { ($0.from ?? now) < ($1.from ?? now) }
    for next in coming {
      guard let text = next.words, let from = next.from else { continue }
      let end = next.until.map { " – \(Self.moment($0))" } ?? ""
      shown.append(
        PageModel.Announcement(text: text, when: "\(Self.moment(from))\(end)", isNext: true))
      break
    }
    return shown
  }

  /// Without seconds, which settings do not have.
  private static func moment(_ time: Timestamp) -> String { String(Format.time(time).dropLast(3)) }

  /// The text, with its blanks as one; nil where there is none.
  private var words: String? {
    var text = self.text
    if let file {
      text = (try? SmallFile.read(file, limit: Self.limit)).map {
        String(decoding: $0, as: UTF8.self)
      }
    }
    let words = (text ?? "").split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return words.isEmpty ? nil : words
  }
}
