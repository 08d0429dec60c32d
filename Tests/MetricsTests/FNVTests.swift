import Metrics
import Testing

struct FNVTests {
  /// The vectors of draft-eastlake-fnv, section 5.
  @Test(
    arguments: [
      ("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8),
    ] as [(String, UInt64)])
  func `the number is that of the draft`(text: String, number: UInt64) {
    #expect(text.utf8.fnv1a == number)
    var pieces = FNV1a()
    for character in text { pieces.add(String(character)) }
    #expect(pieces.value == number)
    var later = FNV1a(pieces.value)
    later.add(0xff)
    #expect(later.value == (Array(text.utf8) + [0xff]).fnv1a)
  }
}
