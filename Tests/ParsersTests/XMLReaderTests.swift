import Testing

@testable import Parsers

@Suite struct XMLReaderTests {
  static func read(_ text: String, skipping: Set<String> = []) throws -> XMLReader.Document {
    let bytes = Array(text.utf8)
    return try XMLReader.read(bytes.span, format: "test", skipping: skipping)
  }

  @Test func `elements nest, text is trimmed, the five entities and character references are read`()
    throws
  {
    let document = try Self.read(
      "<?xml version=\"1.0\"?><a x='1'> <b>\n&lt;1&gt; &amp; &#65;&quot;&apos; </b><b/><!-- c --><c><d>2</d></c></a>"
    )
    #expect(document.problem == nil)
    #expect(document.root.name == "a")
    #expect(document.root.children.map(\.name) == ["b", "b", "c"])
    #expect(document.root.text(at: "b") == "<1> & A\"'")
    #expect(document.root.text(at: "c/d") == "2")
    #expect(document.root.text(at: "c/x") == nil)
  }

  @Test func `a DTD outside is accepted and not loaded`() throws {
    let document = try Self.read(
      "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a>x&unknown;y</a>")
    #expect(document.problem == nil)
    #expect(document.root.text == "xy")
  }

  @Test(arguments: [
    "<!DOCTYPE a [<!ENTITY b \"bb\">]><a>&b;</a>", "<!DOCTYPE a []><a/>",
    "<!DOCTYPE a [<!ENTITY % p SYSTEM \"file:///etc/passwd\">%p;]><a/>",
    "<!DOCTYPE a SYSTEM \"x.dtd\" [<!ELEMENT a ANY>]><a/>", "", "plain", "<", "<a b>", "</a>",
    "\u{feff}", "<a",
  ])
  func `a document that declares entities or has no element is refused`(_ text: String) {
    #expect(throws: ParseError.self) { try Self.read(text) }
  }

  @Test(
    arguments: [
      ("<a><b>1</b><c>2", "1"), ("<a><b>1</b></c></a>", "1"), ("<a><b>1</b>&</a>", "1"),
      ("<a><b>1</b></a><a/>", "1"), ("<a><b>1", nil), ("<a><b>1</a></b>", nil),
      ("<a><b>1</b><c>&undefined;</c></a>", "1"),
    ] as [(String, String?)])
  func `what ended before the break is kept, what did not has no text`(
    _ text: String, _ value: String?
  ) throws {
    let document = try Self.read(text)
    #expect(document.problem != nil)
    #expect(document.root.text(at: "b") == value)
  }

  @Test func `elements that are left out are left out with all within`() throws {
    let document = try Self.read(
      "<a><skip><b>1</b><skip>2</skip></skip><b>3</b></a>", skipping: ["skip"])
    #expect(document.root.children.map(\.text) == ["3"])
    let whole = "<skip><b>1</b></skip>"
    #expect(throws: ParseError.self) { try Self.read(whole, skipping: ["skip"]) }
  }

  @Test func `depth, elements and text are bounded`() throws {
    let deep = String(repeating: "<a>", count: 100_000)
    let tooDeep = try Self.read(deep)
    #expect(tooDeep.problem?.problem == "more than 32 elements deep")
    let within = try Self.read("<a><skip>" + deep, skipping: ["skip"])
    #expect(within.problem?.problem == "more than 32 elements deep")
    let many = "<a>" + String(repeating: "<b/>", count: XMLReader.mostElements) + "</a>"
    let tooMany = try Self.read(many)
    #expect(tooMany.problem?.problem == "more than 50000 elements")
    #expect(tooMany.root.children.count == XMLReader.mostElements - 1)
    let long = try Self.read("<a>" + String(repeating: "x", count: 1_000_000) + "</a>")
    #expect(long.root.text.utf8.count == XMLReader.longestText)
    let nested = String(repeating: "<a>", count: 32) + String(repeating: "</a>", count: 32)
    let deepest = try Self.read(nested)
    #expect(deepest.problem == nil)
  }

  @Test func `bytes that XML forbids are replaced`() throws {
    let bytes = Array("<a><b>x".utf8) + [0, 0x1b, 0xff, 0xc3] + Array("y</b></a>".utf8)
    let document = try XMLReader.read(bytes.span, format: "test")
    #expect(document.problem == nil)
    #expect(document.root.text(at: "b") == "x??\u{fffd}\u{fffd}y")
  }

  @Test func `a document cannot choose another encoding`() throws {
    let document = try Self.read("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>é</a>")
    #expect(document.root.text == "é")
  }
}
