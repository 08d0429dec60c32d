import Testing

@testable import Parsers

struct LineProtocolReaderTests {
  private func shown(_ item: LineProtocolReader.Item) -> String {
    let tags = item.tags.map { " \($0.name)~\($0.value)" }.joined()
    let fields = item.fields.map { " \($0.name):\($0.value)" }.joined()
    return "\(item.measurement)\(tags) |\(fields) | \(item.time.map { "\($0)" } ?? "-")"
  }

  @Test(
    arguments: [
      ("a v=1", "a | v:float(1.0) | -"),
      ("a v=1 5\r\n", "a | v:float(1.0) | 5"),
      ("a,t=x,u=y v=-1i,w=2u -7", "a t~x u~y | v:integer(-1) w:integer(2) | -7"),
      ("a v=-1.5E-3,w=+.5", "a | v:float(-0.0015) w:float(0.5) | -"),
      ("a v=t,w=FALSE", "a | v:boolean(true) w:boolean(false) | -"),
      (
        #"a\ b\,c=d,k\=1=v\ 2,p=\x f\ g="x, \"y\" \\ \n =" 1"#,
        ##"a b,c=d k=1~v 2 p~\x | f g:string("x, \"y\" \\ \\n =") | 1"##
      ),
      (#"a v="""#, #"a | v:string("") | -"#),
    ] as [(String, String)])
  func `a line is taken apart`(line: String, expected: String) throws {
    #expect(try parse(line, as: LineProtocolReader.self).points.map(shown) == [expected])
  }

  @Test(
    arguments: [
      "a", "a ", "a v", "a v=", "a v=1,", "a v=1 x", "a v=1 1 1", "a v=1 1.5", "a,t v=1",
      "a,t= v=1",
      "a,=x v=1", ",t=x v=1", " v=1x", "a v=nan", "a v=inf", "a v=0x10", "a v=1e999", "a v=1f",
      "a v=\"x", "a v=\"x\"y", "a v=\"x\\", "a v=9223372036854775808i", "a v=-1u",
      "a v=18446744073709551615u", "a v=i", "a v=+1i", "a v=1,v=2", "a,t=x,t=y v=1", "a time=1",
      "a,time=x v=1", "a\tb v=1", "a\u{1b}b v=1", "a v=tru", "OK - fine | x=1", "a,t=x",
      "a,t=x=y v=1",
      "good v=1\nbad",
    ])
  func `what is no line refuses all of them`(text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: LineProtocolReader.self) }
  }

  @Test func `bytes that are no text are refused`() {
    for line in ["\u{1}", "x"].map({ Array("a,t=\($0) v=\"".utf8) + [0xff, 0x22] }) {
      #expect(throws: ParseError.self) { try parse(line, as: LineProtocolReader.self) }
    }
  }

  @Test func `comments are words, and empty lines nothing`() throws {
    let reading = try parse("\n#\n  # hello \n#more\na v=1\n \n", as: LineProtocolReader.self)
    #expect(reading.text == "hello" && reading.points.count == 1)
    #expect(try parse("", as: LineProtocolReader.self).points.isEmpty)
  }

  @Test func `too many, too long and too wide are refused`() throws {
    func refused(_ text: String) -> Bool { (try? parse(text, as: LineProtocolReader.self)) == nil }
    func list(_ count: Int, _ item: (Int) -> String) -> String {
      (0..<count).map(item).joined(separator: ",")
    }
    let long = String(repeating: "x", count: 5000)
    for (limit, text) in [
      (200, { String(repeating: "a v=1\n", count: $0) }),
      (16, { "a,\(list($0) { "t\($0)=x" }) v=1" }),
      (64, { "a \(list($0) { "v\($0)=1" })" }),
      (100, { "\(long.prefix($0)) v=1" }),
      (100, { "a,t=\(long.prefix($0)) v=1" }),
      (4096, { "a v=\"\(long.prefix($0))\"" }),
    ] as [(Int, (Int) -> String)] {
      #expect(!refused(text(limit)) && refused(text(limit + 1)))
    }
  }
}
