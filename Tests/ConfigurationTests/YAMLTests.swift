import Testing

@testable import Configuration

struct YAMLTests {
  private func read(_ text: String) throws(ConfigurationError) -> Node {
    try YAML.read(Source("a.yml", text: text))
  }

  /// The tree in a short notation: `'x'` quoted, `|x` a block.
  private func shape(_ node: Node) -> String {
    let tag = node.tag.map { "\($0) " } ?? ""
    return switch node.content {
    case .scalar(let text, .plain): tag + text
    case .scalar(let text, .quoted): "\(tag)'\(text)'"
    case .scalar(let text, .block): "\(tag)|\(text)"
    case .sequence(let items): "\(tag)[\(items.map(shape).joined(separator: ", "))]"
    case .mapping(let pairs):
      "\(tag){\(pairs.map { "\(shape($0.key)): \(shape($0.value))" }.joined(separator: ", "))}"
    }
  }

  @Test(
    arguments: [
      ("", ""), ("# only a comment\n", ""), ("a", "a"), ("---\na: 1\n...\n", "{a: 1}"),
      ("a: {b: [1, 'two', \"three\"]}", "{a: {b: [1, 'two', 'three']}}"),
      ("a: |\n  x\n  y\n", "{a: |x\ny\n}"), ("no: on\n1.10: ~", "{no: on, 1.10: ~}"),
      ("a: !vault x\nb: !!str 5", "{a: !vault x, b: !!str 5}"),
      ("{\"a\": [1, null, true]}", "{'a': [1, null, true]}"),
      ("{\n\t\"a\": 1\n}", "{'a': 1}"),
      ("\u{feff}a: 1", "{a: 1}"), ("a: 1\r\nb: 2\r\n", "{a: 1, b: 2}"),
      ("a: &x {p: 1}\nb: *x", "{a: {p: 1}, b: {p: 1}}"),
      ("a: &x 1\nb: &x 2\nc: *x", "{a: 1, b: 2, c: 2}"),
      ("b: {<<: {p: 1, q: 2}, p: 3}", "{b: {p: 3, q: 2}}"),
      ("b: {p: 3, <<: [{p: 1, q: 2}, {q: 5, r: 6}]}", "{b: {p: 3, q: 2, r: 6}}"),
      ("b: {'<<': {p: 1}}", "{b: {'<<': {p: 1}}}"),
    ])
  func `text becomes a tree`(text: String, tree: String) throws {
    #expect(shape(try read(text)) == tree)
  }

  @Test(
    arguments: [
      ("a: 1\na: 2", "2:1", "\"a\" stands twice here"),
      ("a: {b: 1, 'b': 2}", "1:11", "\"b\" stands twice here"),
      ("a:\n\tb: 1", "2:1", "a tab where YAML wants spaces"),
      ("a: *b", "1:4", "\"*b\" refers to nothing above it"),
      ("a: &a [*a]", "1:8", "\"*a\" stands inside what it refers to"),
      ("[a]: 1", "1:1", "a key is a word, not a list"),
      ("? {a: 1}\n: 1", "1:3", "a key is a word, not a mapping"),
      ("&a [1]: 2", "1:1", "a key is a word, not a list"),
      ("x: &a [1]\n*a : 2", "2:1", "a key is a word, not a list"),
      ("a: {<<: 5}", "1:9", "\"<<\" takes a mapping, not text"),
      ("a: {<<: {}, <<: {}}", "1:13", "\"<<\" stands twice here"),
      ("a: @x", "1:4", "a value cannot begin with \"@\""),
      ("a: \"\\q\"", "1:5", "no such escape in double quotes"),
      ("a: [1, 2", "1:4", "this list is not closed"),
      ("a: 'x", "1:4", "this quote is not closed"),
      ("ü: {ö: é, ö: é}", "1:11", "\"ö\" stands twice here"),
      ("e\u{301}: [a, *b]", "1:8", "\"*b\" refers to nothing above it"),
      ("a: 1\n--- \nb: 2", "2:1", "a second document begins; a file holds one"),
      ("a: 1\nb\nc: 2", "2:1", "a key without its \":\""),
      ("a: !x!y 1", "1:4", "a tag that means nothing here"),
    ])
  func `a text that is no tree is reported at its place`(
    text: String, place: String, problem: String
  ) throws {
    let error = try #require(throws: ConfigurationError.self) { try read(text) }
    #expect(error.problem == problem)
    #expect("\(error.line ?? 0):\(error.column ?? 0)" == place)
  }

  @Test func `bytes that are not UTF-8 have a place too`() throws {
    let bytes = Array("a: 1\nb: ".utf8) + [0xff, 0x0a]
    let error = try #require(throws: ConfigurationError.self) {
      try YAML.read(Source("a.yml", bytes: bytes))
    }
    #expect(error.description.hasPrefix("a.yml:2:4: bytes that are not UTF-8\n 2 | b: \u{fffd}\n"))
  }

  @Test func `UTF-16 is recognised`() {
    let error = #expect(throws: ConfigurationError.self) {
      try YAML.read(Source("a.yml", bytes: [0xff, 0xfe, 0x61, 0]))
    }
    #expect(error?.description == "a.yml: is UTF-16; save it as UTF-8")
  }

  @Test func `a billion laughs end early`() throws {
    var text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
    for level in 1...12 {
      let alias = "*a\(level - 1)"
      text +=
        "a\(level): &a\(level) [\(Array(repeating: alias, count: 10).joined(separator: ", "))]\n"
    }
    let error = try #require(throws: ConfigurationError.self) { try read(text) }
    #expect(error.problem == "more than 1000000 values with all aliases")
  }

  @Test func `merged mappings count too`() throws {
    var text = "base: &b {" + (0..<2000).map { "k\($0): 1" }.joined(separator: ", ") + "}\n"
    for index in 0..<600 { text += "m\(index): {<<: *b}\n" }
    let error = try #require(throws: ConfigurationError.self) { try read(text) }
    #expect(error.problem == "more than 1000000 values with all aliases")
  }

  @Test(arguments: ["[", "{a: ", "- "])
  func `depth is bounded`(opening: String) throws {
    let text = String(repeating: opening, count: 100)
    let error = try #require(throws: ConfigurationError.self) { try read(text) }
    #expect(error.problem == "more than 64 levels deep")
  }

  @Test func `size is bounded`() {
    let bytes = [UInt8](repeating: UInt8(ascii: " "), count: Source.byteLimit + 1)
    let error = #expect(throws: ConfigurationError.self) {
      try YAML.read(Source("a.yml", bytes: bytes))
    }
    #expect(error?.problem == "is longer than 8388608 bytes")
  }

  @Test(.timeLimit(.minutes(1))) func `one long line costs no more than many`() throws {
    let text = "[" + Array(repeating: "\"é\"", count: 100_000).joined(separator: ",") + "]"
    #expect(try read(text).items?.count == 100_000)
  }

  // MARK: values

  private func value(_ text: String) throws -> Node {
    let root = try read("v: \(text)")
    return try #require(root["v"])
  }

  @Test(arguments: [("no", "no"), ("1.10", "1.10"), ("'~'", "~"), ("0x10", "0x10"), ("''", "")])
  func `text stays as it stands`(text: String, expected: String) throws {
    #expect(try value(text).string("name") == expected)
  }

  @Test(
    arguments: [("yes", true), ("On", true), ("TRUE", true), ("no", false), ("off", false)])
  func `booleans are YAML 1.1's`(text: String, expected: Bool) throws {
    #expect(try value(text).boolean("flag") == expected)
  }

  @Test(
    arguments: [
      ("~", "name must be text, found nothing"), ("[a]", "name must be text, found a list"),
      ("{a: 1}", "name must be text, found a mapping"),
    ])
  func `what is no text is refused`(text: String, problem: String) throws {
    let node = try value(text)
    #expect(throws: ConfigurationError(problem, at: node)) { try node.string("name") }
  }

  @Test(
    arguments: [
      ("5", 5), ("'5'", 5), ("-1", nil), ("11", nil), ("5.0", nil), ("05", nil), ("+5", nil),
      ("0x5", nil), ("5 ", 5), ("99999999999999999999", nil), ("~", nil), ("[5]", nil),
    ] as [(String, Int?)])
  func `a number is a decimal in its range`(text: String, expected: Int?) throws {
    let node = try value(text)
    #expect((try? node.integer("count", in: 0...10)) == expected)
  }

  @Test(
    arguments: [
      ("[a, 'b c']", ["a", "b c"]), ("a", ["a"]), ("a, b ,c", ["a", "b", "c"]), ("[]", []),
      ("~", nil), ("[a, [b]]", nil), ("[a, ]", ["a"]), ("{a: b}", nil),
    ] as [(String, [String]?)])
  func `a list of words may be one word`(text: String, expected: [String]?) throws {
    let node = try value(text)
    #expect((try? node.strings("words")) == expected)
  }

  @Test(
    arguments: [
      ("500ms", .milliseconds(500)), ("15s", .seconds(15)), ("1m", .seconds(60)),
      ("2h", .seconds(7200)), ("1d", .seconds(86_400)), ("30", .seconds(30)),
      ("1w", .seconds(604_800)),
      ("1h30m", .seconds(5400)), ("1.5s", .milliseconds(1500)), ("0", .zero), ("0.1ms", nil),
      ("1:30", nil), ("-1s", nil), ("s", nil), ("", nil), ("1x", nil), ("1 s", nil), ("11y", nil),
      ("99999999999999999d", nil), ("9223372036854775807", nil), ("1h 30m", nil), ("1m5", nil),
      ("4000d", nil),
    ] as [(String, Duration?)])
  func `a length of time has a unit`(text: String, expected: Duration?) {
    #expect(Duration(text: text) == expected)
  }

  @Test(arguments: ["0s", "15s", "90s", "2h", "1d", "250ms", "1m"])
  func `a length of time is written as it is read`(text: String) throws {
    #expect(try #require(Duration(text: text)).text == text)
  }

  @Test(
    arguments: [
      ("64KiB", 65_536), ("1GiB", 1 << 30), ("10MB", 10_000_000), ("1.5KiB", 1536), ("7", 7),
      ("1 GiB", nil), ("GiB", nil), ("1ZiB", nil), ("99999999TiB", nil), ("-1", nil),
    ] as [(String, Int?)])
  func `a size has a unit`(text: String, expected: Int?) {
    #expect(byteCount(text) == expected)
  }

  @Test(
    arguments: [
      ("htpp", "http"), ("porbes", "probes"), ("Address", "address"), ("adress", "address"),
      ("x", nil), ("tcp", nil), ("ssh", nil), ("", nil), ("childern", "children"),
    ] as [(String, String?)])
  func `the nearest word is offered where one is near`(word: String, expected: String?) {
    #expect(nearest(to: word, among: ["http", "probes", "address", "children", "dns"]) == expected)
  }

  @Test(.timeLimit(.minutes(1)), arguments: 0..<4)
  func `random bytes are read or refused`(seed: UInt64) {
    var state = seed
    func next() -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33)
    }
    let pieces = [
      "a", ": ", "- ", "\n", "  ", "[", "]", "{", "}", "&a ", "*a", "<<", "'", "\"", "|", "!t ",
    ]
    for _ in 0..<500 {
      var bytes: [UInt8] = []
      for _ in 0..<(next() % 40) {
        if next() % 6 == 0 {
          bytes.append(UInt8(next() % 256))
        } else {
          bytes += Array(pieces[next() % pieces.count].utf8)
        }
      }
      do throws(ConfigurationError) {
        _ = try YAML.read(Source("random", bytes: bytes))
      } catch {
        #expect(!error.problem.isEmpty)
        #expect(!error.description.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
      }
    }
  }
}
