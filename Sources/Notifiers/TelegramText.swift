/// The content of one Telegram message: a text and its emphasised parts.
///
/// "MessageEntity" and "Formatting options" in core.telegram.org/bots/api: offsets and lengths are
/// UTF-16 code units. Without a parse mode no text is markup.
struct TelegramText: Equatable {
  struct Entity: Equatable {
    var isCode: Bool
    var offset: Int
    var length: Int
  }

  var text: String
  var entities: [Entity]

  /// The limits of a message and of a caption in UTF-16 units.
  static let limit = 4096
  static let captionLimit = 1024
  /// The limit of entities; Telegram ignores the rest.
  private static let entityLimit = 100
  /// The limit of messages for one notice.
  private static let pieceLimit = 10

  var units: Int { text.utf16.count }

  /// A short hash of the text, for the store.
  var digest: String {
    let places = entities.map { "\($0.isCode)\($0.offset),\($0.length)" }
    return ([text] + places).joined(separator: "\u{0}").fingerprint
  }

  /// A text without emphasis, cut to the limit of one message.
  init(plain text: String) {
    let pieces = TelegramText.pieces(StyledText([[.init(text)]]))
    self = pieces.first ?? TelegramText([])
  }

  /// The text split into as many messages as it needs: between lines if possible, else after a
  /// comma or at a blank, else between characters. No message is empty; an empty text yields none.
  static func pieces(_ styled: StyledText, first: Int = limit) -> [TelegramText] {
    var cutter = Cutter(first: first)
    for line in styled.lines where !cutter.isFull { cutter.add(line) }
    cutter.flush()
    guard cutter.isFull, let last = cutter.pieces.prefix(pieceLimit).last else {
      return cutter.pieces
    }
    return cutter.pieces.prefix(pieceLimit - 1) + [last.ending(in: "… and more: scrape status")]
  }

  /// The same message with the line in place of its last one.
  private func ending(in line: String) -> TelegramText {
    var kept = text[..<(text.lastIndex(of: "\n") ?? text.endIndex)]
    while kept.utf16.count + 1 + line.utf16.count > Self.limit { kept.removeLast() }
    let end = kept.utf16.count
    var copy = self
    copy.text = kept + "\n" + line
    copy.entities.removeAll { $0.offset >= end }
    if let last = copy.entities.indices.last {
      copy.entities[last].length = min(copy.entities[last].length, end - copy.entities[last].offset)
    }
    return copy
  }

  /// The unit that is never split: a grapheme with its style.
  private struct Atom {
    var text: String
    var style: StyledText.Style
    var isBlank: Bool
    var units: Int

    init(_ text: String, _ style: StyledText.Style) {
      self.text = text
      self.style = style
      isBlank = text.allSatisfy(\.isWhitespace)
      units = text.utf16.count
    }

    static let lineBreak = Atom("\n", .plain)
  }

  /// A message of the atoms, without blanks at its ends, which Telegram strips.
  private init(_ atoms: some BidirectionalCollection<Atom>) {
    var atoms = Array(atoms.drop { $0.isBlank })
    while atoms.last?.isBlank == true { atoms.removeLast() }
    text = ""
    entities = []
    var offset = 0
    for atom in atoms {
      text += atom.text
      defer { offset += atom.units }
      guard atom.style != .plain else { continue }
      let isCode = atom.style == .code
      if let last = entities.last, last.isCode == isCode, last.offset + last.length == offset {
        entities[entities.count - 1].length += atom.units
      } else {
        entities.append(Entity(isCode: isCode, offset: offset, length: atom.units))
      }
    }
    if entities.count > Self.entityLimit {
      // Code spans prevent links and take priority; the last entity that Telegram accepts covers
      // the rest.
      var inert = entities.filter(\.isCode)
      if inert.count > Self.entityLimit, let last = inert.last {
        inert.removeLast(inert.count - Self.entityLimit)
        let start = inert[Self.entityLimit - 1].offset
        inert[Self.entityLimit - 1].length = last.offset + last.length - start
      }
      let others = entities.lazy.filter { !$0.isCode }.prefix(Self.entityLimit - inert.count)
      entities = (inert + others).sorted { $0.offset < $1.offset }
    }
  }

  private struct Cutter {
    private(set) var pieces: [TelegramText] = []
    /// Whether the text exceeds all messages together.
    private(set) var isFull = false
    private var atoms: [Atom] = []
    private var units = 0
    private let first: Int
    /// A longer grapheme is not one that people see: it is split between its code points.
    private static let longest = 64

    init(first: Int) { self.first = first }

    private var limit: Int { pieces.isEmpty ? first : TelegramText.limit }

    mutating func flush() {
      let piece = TelegramText(atoms)
      if !piece.text.isEmpty { pieces.append(piece) }
      if pieces.count > TelegramText.pieceLimit { isFull = true }
      atoms = []
      units = 0
    }

    mutating func add(_ line: [StyledText.Span]) {
      var rest = Self.atoms(of: line)[...]
      var length = rest.reduce(0) { $0 + $1.units }
      while length > 0 || rest.isEmpty {
        let room = limit - units - (atoms.isEmpty ? 0 : 1)
        if length <= room {
          append(rest)
          return
        }
        if length <= TelegramText.limit, !atoms.isEmpty {
          flush()
          continue
        }
        // A line longer than a message continues in this one if there is a place to split it.
        let cut = Self.cut(rest, within: room, anywhere: atoms.isEmpty)
        if cut > rest.startIndex { append(rest[..<cut]) }
        flush()
        rest = rest[cut...].drop { $0.isBlank }
        length = rest.reduce(0) { $0 + $1.units }
        if rest.isEmpty || isFull { return }
      }
    }

    private mutating func append(_ line: ArraySlice<Atom>) {
      if !atoms.isEmpty {
        atoms.append(.lineBreak)
        units += 1
      }
      for atom in line {
        atoms.append(atom)
        units += atom.units
      }
    }

    /// The place after the last comma or before the last blank within that many units.
    private static func cut(
      _ line: ArraySlice<Atom>, within room: Int, anywhere: Bool
    ) -> Int {
      var units = 0
      var best = line.startIndex
      for (index, atom) in zip(line.indices, line) {
        if atom.isBlank, units > 0 { best = index }
        units += atom.units
        guard units <= room else {
          return best > line.startIndex || !anywhere ? best : max(index, line.startIndex + 1)
        }
        if atom.text == "," { best = index + 1 }
      }
      return line.endIndex
    }

    private static func atoms(of line: [StyledText.Span]) -> [Atom] {
      var atoms: [Atom] = []
      for span in line.flatMap({ TelegramLinks.inert($0) }) {
        for character in span.text {
          if character.isNewline {
            // Only the author of the text makes line breaks.
            atoms.append(Atom(" ", span.style))
          } else if character.utf16.count <= longest {
            atoms.append(Atom(String(character), span.style))
          } else {
            for scalar in character.unicodeScalars {
              atoms.append(Atom(String(Character(scalar)), span.style))
            }
          }
        }
      }
      return atoms
    }
  }
}
