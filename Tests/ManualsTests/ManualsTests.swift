import Testing

@testable import Manuals

/// A program with everything that makes rendering hard.
let tea = Program(
  name: "tea", version: "1.0", summary: "makes tea - and no coffee",
  discussion: "Boils water.\n\n.dots begin a line; 'quotes' too. Names are `a-b` and \\n.",
  commands: [
    CommandManual(
      name: "make", summary: "Makes tea: [green] or black, it's up to you.",
      operands: "[PATTERN] | try [RULE] | lint FILE",
      options: [
        OptionManual(["-i", "--inventory"], value: "PATH", "Where the tea is."),
        OptionManual(["--kind"], value: "green|black", "The kind."),
        OptionManual(["-q", "--quiet"], value: nil, "Says nothing."),
      ],
      discussion: "First paragraph,\nof two lines.\n\n  an indented line\n    one more\n\nThe end.",
      examples: [Term("tea make 'green*' --kind \"x\"", "makes some")]),
    CommandManual(
      name: "drink", summary: "Drinks it.", operands: "list|test [CONTACT]", options: [],
      discussion: "", examples: [Term("tea drink list", "who drinks")]),
  ],
  exits: [Term("0", "Tea."), Term("1", "No tea.")],
  values: [
    "PATTERN": .list("patterns"), "CONTACT": .names("contacts"), "FILE": .files,
    "make --inventory": .files,
  ])

@Suite struct ManualsTests {
  @Test(arguments: [
    ("plain", "plain"), (".dot", "\\&.dot"), ("a.b", "a.b"), ("'q'", "\\&\\(aqq\\(aq"),
    ("a-b", "a\\-b"), ("\\n", "\\en"), ("~/x", "\\(ti/x"), ("°", "\\[u00B0]"), ("🟢", "\\[u1F7E2]"),
  ])
  func `roff takes no letter for its own`(_ text: String, _ escaped: String) {
    #expect(Roff.escaped(text) == escaped)
  }

  @Test(
    arguments: [
      ("see [`http`](probes.md#http).", [.text("see "), .code("http"), .text(".")]),
      ("[the store](operation.md#the-store)", [.text("the store")]),
      ("`[one, two]`; also `one`", [.code("[one, two]"), .text("; also "), .code("one")]),
      ("a[0] and [b]", [.text("a[0] and [b]")]),
      ("it`s", [.text("it`s")]),
    ] as [(String, [Piece])])
  func `links become their text, and code stays code`(_ text: String, _ pieces: [Piece]) {
    #expect(Piece.pieces(text) == pieces)
  }

  @Test func `paragraphs and literal lines are told apart`() {
    #expect(
      Block.blocks(tea.commands[0].discussion) == [
        .paragraph(["First paragraph,", "of two lines."]),
        .literal(["  an indented line", "    one more"]), .paragraph(["The end."]),
      ])
  }

  @Test(
    arguments: [
      (0, nil, ["try", "lint"], ["PATTERN"]), (1, "try", [], ["RULE"]), (1, "lint", [], ["FILE"]),
      (1, nil, [], []), (2, "lint", [], []),
    ] as [(Int, String?, [String], [String])])
  func `operands offer what their form has in that place`(
    _ index: Int, _ first: String?, _ literals: [String], _ placeholders: [String]
  ) {
    let operands = Operands("[PATTERN] | try [RULE] | lint FILE")
    let place = operands.place(index, after: first)
    #expect(place.literals == literals && place.placeholders == placeholders)
  }

  @Test func `alternatives in brackets are one place`() {
    let operands = Operands("[PATTERN] [DURATION | until TIME]")
    #expect(operands.count == 2)
    #expect(operands.place(1, after: nil).literals == ["until"])
    #expect(Operands("").count == 0)
    #expect(Operands("list|test [CONTACT]").place(1, after: "test").placeholders == ["CONTACT"])
  }

  @Test(arguments: [
    (0, "January 1, 1970"), (951_782_400, "February 29, 2000"),
    (1_764_201_600, "November 27, 2025"),
    (4_107_542_399, "February 28, 2100"), (4_107_542_400, "March 1, 2100"),
  ])
  func `the date of a page is that of the calendar`(_ seconds: Int, _ text: String) {
    #expect(ManualDate.text(secondsSince1970: seconds) == text)
  }

  @Test func `a page has every option, and each form of the operands`() throws {
    let pages = ManualPages(tea, [], date: "November 27, 2026").pages
    #expect(pages.map(\.file) == ["tea.1", "tea-make.1", "tea-drink.1"])
    let page = try #require(pages.first { $0.file == "tea-make.1" }).text
    #expect(page.contains(".It Fl i , Fl \\-inventory Ar PATH\n"))
    #expect(page.contains(".Nm tea make\n.Op Ar OPTIONS\nlint FILE\n"))
    #expect(page.contains(".It Li \"tea make \\(aqgreen*\\(aq \\-\\-kind \"\"x\"\"\"\n"))
    #expect(page.contains(".Bd -literal -offset indent\nan indented line\n"))
    #expect(!page.split(separator: "\n").contains { $0.hasPrefix("'") })
  }

  @Test func `the page of commands keeps bars and stars out of its tables`() {
    let page = CommandsPage.text(tea)
    #expect(page.contains("| `--kind` `green\\|black` | The kind. |"))
    #expect(page.contains("* `tea make 'green*' --kind \"x\"`: makes some"))
  }

  @Test func `completion knows what stands where`() {
    let make = tea.commands[0]
    #expect(tea.values(of: make.options[0], in: make) == .files)
    #expect(tea.values(of: make.options[1], in: make) == .words(["green", "black"]))
    #expect(tea.values(of: make.options[2], in: make) == nil)
    let places = Completions(tea).places
    #expect(places.contains { $0.command == "make" && $0.first == "lint" && $0.values == [.files] })
    // After `try` nothing is known: no file of another form is offered there.
    #expect(!places.contains { $0.command == "make" && $0.index == 1 && $0.first != "lint" })
  }
}
