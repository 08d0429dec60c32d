import Metrics
import Testing

struct JSONTests {
  @Test(
    arguments: [
      (.null, "null"),
      (.boolean(true), "true"),
      (.integer(.min), "-9223372036854775808"),
      (.number(0.1), "0.1"),
      (.number(-0.0), "0"),
      (.number(3), "3"),
      (.number(.nan), "null"),
      (.number(-.infinity), "null"),
      (.number(1e300), "1e+300"),
      (.string("a\"b\\c/d"), #""a\"b\\c/d""#),
      (.string("\n\r\t\u{0}\u{1b}[31m\u{7f}\u{85}"), #""\n\r\t\u0000\u001b[31m\u007f\u0085""#),
      (.string("\u{202e}\u{2028}ü€😀"), #""\u202e\u2028ü€😀""#),
      (.string("\u{e0001}"), #""\udb40\udc01""#),
      (.array([]), "[]"),
      (
        .object([("b", .integer(1)), ("a", .array([.null, .string("")]))]),
        #"{"b":1,"a":[null,""]}"#
      ),
    ] as [(JSON, String)])
  func `a value is written as JSON that hides nothing`(value: JSON, text: String) {
    #expect(value.text == text)
  }

  @Test(
    arguments: [
      ("null", .null), (" [ ] ", .array([])), ("{}", .object([])), ("-12", .integer(-12)),
      ("1.5e3", .number(1500)), ("9223372036854775808", .number(9.223372036854775808e18)),
      (#""a\"\\\/\b\n\u00fc\ud83d\ude00\ud83d""#, .string("a\"\\/\u{8}\nü😀\u{fffd}")),
      (
        #"{"a":[1,true,{"b":"x"}],"c":false}"#,
        .object([
          ("a", .array([.integer(1), .boolean(true), .object([("b", .string("x"))])])),
          ("c", .boolean(false)),
        ])
      ),
      ("", nil), ("[1,]", nil), ("[1", nil), ("{\"a\"}", nil), ("{\"a\":1", nil), ("tru", nil),
      ("1 2", nil), ("\"a", nil), ("\"\\x\"", nil), ("\"\\u12\"", nil), ("+1", nil),
      ("<html>", nil),
      ("\"\n\"", nil), (String(repeating: "[", count: 100_000), nil), ("\"\\u+123\"", nil),
    ] as [(String, JSON?)])
  func `JSON is read, and what is none is not`(text: String, value: JSON?) {
    #expect(JSON(reading: Array(text.utf8)) == value)
  }
}
