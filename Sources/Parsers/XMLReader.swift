internal import CExpat

/// One element of an XML document: its text and child elements, and its attributes where they are asked for.
public struct XMLElement: Sendable, Equatable {
  public var name: String
  /// Values by name; empty unless `XMLReader.read` keeps them.
  public var attributes: [String: String] = [:]
  /// The character data directly inside, without white space at either end.
  public var text: String
  public var children: [XMLElement]
  /// Whether its end tag was read; false if the document ended inside.
  public var isClosed: Bool

  public init(
    _ name: String, text: String = "", children: [XMLElement] = [], isClosed: Bool = true
  ) {
    self.name = name
    self.text = text
    self.children = children
    self.isClosed = isClosed
  }

  /// The first child of that name, or nil.
  public func child(_ name: String) -> XMLElement? {
    children.first { $0.name == name }
  }

  /// The text at the end of a path such as `fb_memory_usage/total`; nil if there is none or its end
  /// tag was not read.
  public func text(at path: String) -> String? {
    var element = self
    for name in path.split(separator: "/") {
      guard let next = element.children.first(where: { $0.name == name }) else { return nil }
      element = next
    }
    return element.isClosed ? element.text : nil
  }
}

/// Reads XML from a hostile host into a bounded tree; Expat does the work.
///
/// Nothing is loaded, and only the five predefined entities and character references are expanded:
/// a DOCTYPE may name an external DTD, which is not fetched; one with an internal subset, which
/// could declare entities, is refused. Characters that XML forbids (control characters, bytes that
/// are not UTF-8) may be in names that a host chose: they are replaced, not refused.
///
/// All unsafe code of the parsers is in this file: Expat's parser and what it hands to its callbacks.
@safe public enum XMLReader {
  /// The limit of nesting.
  public static let deepest = 32
  /// The limit of elements in a document, without skipped ones.
  public static let mostElements = 50_000
  /// The limit of attributes of an element; further ones are left out.
  public static let mostAttributes = 64
  /// The limit of text in an element and of an attribute's value, in bytes; longer text is clipped.
  public static let longestText = 4096
  /// The limit of a document in bytes.
  public static let longestDocument = 16 << 20

  /// The readable part of a document.
  public struct Document: Sendable, Equatable {
    public var root: XMLElement
    /// Why the document could not be read to its end, or nil.
    public var problem: ParseError?
  }

  /// Reads a document without the elements named in `skipping` and their content.
  ///
  /// A document that is truncated or malformed further down yields the part before, with `problem`
  /// set; one without a root element throws. `keepingAttributes` keeps those of each element, and
  /// `elements` is another limit than `mostElements`.
  public static func read(
    _ text: Span<UInt8>, format: String, skipping: Set<String> = [],
    keepingAttributes: Bool = false, elements: Int = mostElements
  ) throws(ParseError) -> Document {
    guard text.count <= longestDocument else {
      throw ParseError(format, "longer than \(longestDocument) bytes")
    }
    let bytes = repaired(text)
    let tree = Tree(skipping: skipping, keepsAttributes: keepingAttributes, limit: elements)
    var problem = parse(bytes, into: tree, format: format)
    if let refusal = tree.refusal { problem = ParseError(format, refusal, line: problem?.line) }
    guard let root = tree.finish() else {
      throw problem ?? ParseError(format, "no XML element", at: text)
    }
    return Document(root: root, problem: problem)
  }

  /// The bytes, with `?` for those that XML cannot hold.
  private static func repaired(_ text: Span<UInt8>) -> [UInt8] {
    var bytes = unsafe text.withUnsafeBufferPointer { unsafe Array($0) }
    for index in bytes.indices {
      let byte = bytes[index]
      if byte < 0x20, byte != 0x09, byte != 0x0a, byte != 0x0d {
        bytes[index] = UInt8(ascii: "?")
      }
    }
    if (try? UTF8Span(validating: bytes.span)) == nil {
      bytes = Array(String(decoding: bytes, as: UTF8.self).utf8)
    }
    return bytes
  }

  private static func parse(_ bytes: [UInt8], into tree: Tree, format: String) -> ParseError? {
    // The encoding is fixed, so that the document cannot choose another.
    guard let parser = unsafe XML_ParserCreate("UTF-8") else {
      return ParseError(format, "no memory for the XML parser")
    }
    defer { unsafe XML_ParserFree(parser) }
    unsafe tree.parser = parser
    defer { unsafe tree.parser = nil }

    unsafe XML_SetUserData(parser, Unmanaged.passUnretained(tree).toOpaque())
    unsafe XML_SetElementHandler(
      parser,
      { context, name, attributes in
        guard let tree = unsafe Tree.from(context), let name = unsafe name else { return }
        // Inside a skipped element no name is needed.
        if tree.isSkipping { return tree.skip() }
        unsafe tree.start(String(cString: name), tree.attributes(attributes))
      },
      { context, _ in unsafe Tree.from(context)?.end() })
    unsafe XML_SetCharacterDataHandler(parser) { context, text, count in
      guard let tree = unsafe Tree.from(context), let text = unsafe text, count > 0 else { return }
      unsafe tree.append(UnsafeRawBufferPointer(start: text, count: Int(count)))
    }
    unsafe XML_SetStartDoctypeDeclHandler(parser) { context, _, _, _, hasInternalSubset in
      if hasInternalSubset != 0 {
        unsafe Tree.from(context)?.refuse("declares entities of its own")
      }
    }

    let status = withExtendedLifetime(tree) {
      unsafe bytes.withUnsafeBytes { buffer in
        unsafe XML_Parse(
          parser, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(buffer.count), 1)
      }
    }
    guard status != XML_STATUS_OK else { return nil }
    let code = unsafe XML_GetErrorCode(parser)
    let line = unsafe Int(clamping: XML_GetCurrentLineNumber(parser))
    guard let words = unsafe XML_ErrorString(code) else {
      return ParseError(format, "malformed XML", line: line)
    }
    return ParseError(format, unsafe String(cString: words), line: line)
  }

  /// What Expat's callbacks build; it lives for one call of `read`.
  @safe private final class Tree {
    private let skipping: Set<String>
    private let keepsAttributes: Bool
    private let limit: Int
    private var open: [XMLElement] = []
    private var text: [[UInt8]] = []
    private var root: XMLElement?
    private var count = 0
    /// The depth inside a skipped element.
    private var skipped = 0
    private(set) var refusal: String?
    var parser: XML_Parser?

    init(skipping: Set<String>, keepsAttributes: Bool, limit: Int) {
      self.skipping = skipping
      self.keepsAttributes = keepsAttributes
      self.limit = limit
    }

    @unsafe static func from(_ context: UnsafeMutableRawPointer?) -> Tree? {
      guard let context = unsafe context else { return nil }
      return unsafe Unmanaged<Tree>.fromOpaque(context).takeUnretainedValue()
    }

    var isSkipping: Bool { skipped > 0 }

    func skip() {
      if open.count &+ skipped >= deepest { return refuse("more than \(deepest) elements deep") }
      skipped &+= 1
    }

    /// Expat's list of names and values, one after the other, which ends with a null pointer.
    @unsafe func attributes(
      _ list: UnsafeMutablePointer<UnsafePointer<CChar>?>?
    ) -> [String: String] {
      guard keepsAttributes, let list = unsafe list else { return [:] }
      var found: [String: String] = [:]
      for index in 0..<mostAttributes {
        guard let name = unsafe list[2 &* index], let value = unsafe list[2 &* index &+ 1] else {
          break
        }
        let text = unsafe String(cString: value)
        unsafe found[String(cString: name)] =
          text.utf8.count <= longestText
          ? text : String(decoding: text.utf8.prefix(longestText), as: UTF8.self)
      }
      return found
    }

    func start(_ name: String, _ attributes: [String: String]) {
      guard refusal == nil else { return }
      if skipping.contains(name) { return skip() }
      if open.count >= deepest { return refuse("more than \(deepest) elements deep") }
      count &+= 1
      if count > limit { return refuse("more than \(limit) elements") }
      var element = XMLElement(name, isClosed: false)
      element.attributes = attributes
      open.append(element)
      text.append([])
    }

    func end() {
      guard refusal == nil else { return }
      if skipped > 0 {
        skipped &-= 1
        return
      }
      close(complete: true)
    }

    @unsafe func append(_ bytes: UnsafeRawBufferPointer) {
      guard refusal == nil, skipped == 0, let last = text.indices.last else { return }
      let room = longestText &- text[last].count
      if room > 0 { unsafe text[last].append(contentsOf: bytes.prefix(room)) }
    }

    /// Gives the reason and stops Expat.
    func refuse(_ reason: String) {
      refusal = reason
      if let parser = unsafe parser { unsafe _ = XML_StopParser(parser, XML_Bool(0)) }
    }

    /// The root with all elements that were open when the document ended.
    func finish() -> XMLElement? {
      while !open.isEmpty { close(complete: false) }
      return root
    }

    private func close(complete: Bool) {
      guard var element = open.popLast() else { return }
      let bytes = text.popLast() ?? []
      let isSpace = { (byte: UInt8) in byte <= 0x20 }
      if let first = bytes.firstIndex(where: { !isSpace($0) }),
        let last = bytes.lastIndex(where: { !isSpace($0) })
      {
        element.text = String(decoding: bytes[first...last], as: UTF8.self)
      }
      element.isClosed = complete
      if let parent = open.indices.last {
        open[parent].children.append(element)
      } else if root == nil {
        root = element
      }
    }
  }
}
