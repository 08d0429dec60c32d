internal import Metrics

/// HTML under construction: well-formed and escaped, whatever the texts hold.
///
/// Names of elements and attributes are literals of this program, all else is text, which is escaped here
/// and nowhere else. Control characters and marks that reorder text are shown as such, and texts are cut
/// (HTML Living Standard, 13.1.2 to 13.1.4).
struct Markup {
  private(set) var bytes: [UInt8] = []
  private var open: [StaticString] = []

  /// An attribute, of which the value is text.
  struct Attribute {
    fileprivate enum Value {
      case text(String)
      case number(Double)
      case path(Path)
      case alone
    }
    fileprivate let name: StaticString
    fileprivate let value: Value

    init(_ name: StaticString, _ value: String) {
      self.name = name
      self.value = .text(value)
    }

    init(_ name: StaticString, _ value: Double) {
      self.name = name
      self.value = .number(value)
    }

    /// The data of an SVG path, which may be of any length: it is made of numbers only.
    init(d path: Path) {
      name = "d"
      value = .path(path)
    }

    /// An attribute that stands alone: `hidden`.
    init(_ name: StaticString) {
      self.name = name
      value = .alone
    }

    static func css(_ name: String) -> Attribute { Attribute("class", name) }
    /// A page of the same folder, or a place in this page: never another scheme.
    static func link(_ page: PageName) -> Attribute { Attribute("href", page.path) }
  }

  /// Data of an SVG path (SVG 2, 9.3).
  struct Path {
    fileprivate private(set) var bytes: [UInt8] = []

    private mutating func add(_ command: StaticString, _ numbers: Double...) {
      command.withUTF8Buffer { bytes += $0 }
      for (place, number) in numbers.enumerated() {
        if place > 0 { bytes.append(UInt8(ascii: " ")) }
        bytes += Markup.coordinate(number).utf8
      }
    }

    mutating func move(_ x: Double, _ y: Double) { add("M", x, y) }
    mutating func line(_ x: Double, _ y: Double) { add("L", x, y) }
    mutating func right(_ length: Double) { add("h", length) }
    mutating func curve(
      _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ x: Double, _ y: Double
    ) {
      add("C", x1, y1, x2, y2, x, y)
    }
    mutating func close() { add("Z") }
  }

  /// The limit of one text, in Unicode scalars.
  static let longest = 600

  // MARK: Elements

  mutating func element(
    _ name: StaticString, _ attributes: Attribute..., content: (inout Markup) -> Void
  ) {
    start(name, attributes, end: ">")
    content(&self)
    raw("</")
    raw(name)
    raw(">")
  }

  mutating func element(_ name: StaticString, _ attributes: Attribute..., text: String) {
    start(name, attributes, end: ">")
    self.text(text)
    raw("</")
    raw(name)
    raw(">")
  }

  /// An element without content in HTML: `meta`, `input`.
  mutating func void(_ name: StaticString, _ attributes: Attribute...) {
    start(name, attributes, end: ">")
  }

  /// An element without content in SVG.
  mutating func shape(_ name: StaticString, _ attributes: Attribute...) {
    start(name, attributes, end: "/>")
  }

  /// A style or script of this program: these two elements hold text that is not escaped.
  mutating func own(_ name: StaticString, _ content: StaticString) {
    start(name, [], end: ">")
    raw(content)
    raw("</")
    raw(name)
    raw(">")
  }

  mutating func doctype() { raw("<!doctype html>\n") }

  private mutating func start(
    _ name: StaticString, _ attributes: [Attribute], end: StaticString
  ) {
    raw("<")
    raw(name)
    for attribute in attributes {
      raw(" ")
      raw(attribute.name)
      switch attribute.value {
      case .alone: continue
      case .text(let text):
        raw("=\"")
        escape(text)
        raw("\"")
      case .number(let number):
        raw("=\"")
        self.number(number)
        raw("\"")
      case .path(let path):
        raw("=\"")
        bytes += path.bytes
        raw("\"")
      }
    }
    raw(end)
  }

  // MARK: Text

  mutating func text(_ text: String) { escape(text) }

  private mutating func raw(_ text: StaticString) {
    text.withUTF8Buffer { bytes += $0 }
  }

  private mutating func escape(_ text: String) {
    var text = text
    // Not by characters: one may have any number of marks.
    if text.utf8.count > Self.longest {
      let scalars = text.unicodeScalars
      if let end = scalars.index(
        scalars.startIndex, offsetBy: Self.longest, limitedBy: scalars.endIndex),
        end < scalars.endIndex
      {
        text = String(text[..<end]) + "…"
      }
    }
    // Most texts need nothing of this.
    let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    for byte in (isPlain ? text : text.visible).utf8 {
      switch byte {
      case UInt8(ascii: "&"): raw("&amp;")
      case UInt8(ascii: "<"): raw("&lt;")
      case UInt8(ascii: ">"): raw("&gt;")
      case UInt8(ascii: "\""): raw("&quot;")
      case UInt8(ascii: "'"): raw("&#39;")
      default: bytes.append(byte)
      }
    }
  }

  /// A coordinate with at most one decimal.
  private mutating func number(_ value: Double) {
    bytes += Markup.coordinate(value).utf8
  }

  static func coordinate(_ value: Double) -> String {
    guard value.magnitude < 1e9 else { return "0" }
    let tenths = Int((value * 10).rounded())
    let (whole, part) = tenths.magnitude.quotientAndRemainder(dividingBy: 10)
    let sign = tenths < 0 ? "-" : ""
    return part == 0 ? "\(sign)\(whole)" : "\(sign)\(whole).\(part)"
  }
}
