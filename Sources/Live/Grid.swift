public import Metrics

/// What the terminal can show.
public struct Capabilities: Sendable, Equatable {
  public var isUTF8: Bool
  public var isColoured: Bool

  public init(isUTF8: Bool, isColoured: Bool) {
    self.isUTF8 = isUTF8
    self.isColoured = isColoured
  }

  static let plain = Capabilities(isUTF8: true, isColoured: false)
}

/// How a cell looks. Colour is severity only, and its word is always beside it.
public struct Style: Sendable, Equatable {
  public var severity: Severity?
  public var isBold = false
  public var isDim = false
  public var isReverse = false

  public static let plain = Style()
  static let bold = Style(isBold: true)
  static let dim = Style(isDim: true)
  /// What must not be overlooked.
  static let alarm = Style(severity: .critical, isBold: true, isReverse: true)

  static func of(_ severity: Severity?, isKnown: Bool = false) -> Style {
    Style(severity: severity, isBold: severity == .critical, isDim: isKnown)
  }

  var reversed: Style {
    var copy = self
    copy.isReverse = true
    return copy
  }
}

/// The cells of a screen.
///
/// All text goes through `visible`, and one cell holds one character without the marks that others put
/// above it: no host moves the cursor, and no text is wider than its columns.
public struct Grid: Sendable {
  struct Cell: Sendable, Equatable {
    /// Nil for the second column of a wide character.
    var scalar: Unicode.Scalar? = " "
    var style = Style.plain
  }

  public let width: Int
  public let height: Int
  let capabilities: Capabilities
  private(set) var cells: [Cell]

  public init(width: Int, height: Int, _ capabilities: Capabilities) {
    self.width = max(1, width)
    self.height = max(1, height)
    self.capabilities = capabilities
    cells = Array(repeating: Cell(), count: self.width * self.height)
  }

  /// The characters for the terminal, each with its columns.
  private func scalars(_ text: String) -> [(scalar: Unicode.Scalar, columns: Int)] {
    let shown = capabilities.isUTF8 ? text.bounded.visible : text.bounded.visible.ascii
    var all: [(Unicode.Scalar, Int)] = []
    all.reserveCapacity(shown.utf8.count)
    for scalar in shown.unicodeScalars {
      if scalar.value >= 0x300, scalar.isMark { continue }
      all.append((scalar, scalar.columns))
    }
    return all
  }

  /// Writes text from a column on, within a width; what is longer is cut with a mark. Returns the column
  /// after it.
  @discardableResult
  mutating func put(
    _ text: String, x: Int, y: Int, width limit: Int = .max, _ style: Style = .plain,
    right: Bool = false
  ) -> Int {
    guard y >= 0, y < height, x >= 0, x < width else { return x }
    let room = min(limit, width - x)
    guard room > 0, !text.isEmpty else { return right ? x + max(0, room) : x }
    var all = scalars(text)
    var total = all.reduce(0) { $0 + $1.columns }
    if total > room {
      let mark = Array((capabilities.isUTF8 ? "…" : room > 3 ? "..." : "").unicodeScalars)
      var used = mark.count
      var kept = 0
      for (_, columns) in all {
        guard used + columns <= room else { break }
        used += columns
        kept += 1
      }
      all = Array(all[..<kept]) + mark.map { ($0, 1) }
      total = used
    }
    var column = right ? x + room - total : x
    for (scalar, columns) in all {
      let place = y * width + column
      cells[place] = Cell(scalar: scalar, style: style)
      if columns == 2 { cells[place + 1] = Cell(scalar: nil, style: style) }
      column += columns
    }
    return right ? x + room : column
  }

  /// Shows a whole row as the chosen one.
  mutating func reverse(row: Int) {
    guard row >= 0, row < height else { return }
    for place in (row * width)..<((row + 1) * width) {
      cells[place].style.isReverse = true
    }
  }

  mutating func fill(row: Int, _ style: Style) {
    guard row >= 0, row < height else { return }
    for place in (row * width)..<((row + 1) * width) { cells[place].style = style }
  }

  /// The rows as text, without the blanks at their ends.
  public var lines: [String] {
    (0..<height).map { row in
      var line = ""
      for cell in cells[(row * width)..<((row + 1) * width)] {
        if let scalar = cell.scalar { line.unicodeScalars.append(scalar) }
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}

extension String {
  /// The text, of which no more is looked at than a line could show: a host may send a megabyte.
  var bounded: String {
    utf8.count <= 2000 ? self : String(String.UnicodeScalarView(unicodeScalars.prefix(1000)))
  }

  /// The columns that its visible form takes.
  var shownColumns: Int { bounded.visible.columns }
}

extension Unicode.Scalar {
  fileprivate var isMark: Bool {
    switch properties.generalCategory {
    case .nonspacingMark, .enclosingMark: true
    default: false
    }
  }
}

/// Bars of the latest values.
enum Bars {
  private static let blocks: [Unicode.Scalar] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
  private static let ascii: [Unicode.Scalar] = ["_", ".", ":", "-", "=", "+", "*", "#"]

  /// The last `count` values on a scale from 0 to `top`; to their greatest without it. Missing values are
  /// blanks on the left.
  static func text(
    _ values: [Double], count: Int, top: Double?, _ capabilities: Capabilities
  ) -> String {
    let shown = values.suffix(count)
    let top = top ?? shown.filter(\.isFinite).max() ?? 1
    let bars = capabilities.isUTF8 ? blocks : ascii
    var text = String(repeating: " ", count: count - shown.count)
    for value in shown {
      guard value.isFinite, top > 0 else {
        text.unicodeScalars.append(value.isFinite ? bars[0] : " ")
        continue
      }
      let share = min(1, max(0, value / top))
      text.unicodeScalars.append(bars[min(bars.count - 1, Int(share * Double(bars.count)))])
    }
    return text
  }
}
