import Foundation
import Metrics
import Testing

@Suite struct Base64Tests {
  @Test(arguments: 0...7) func `text is what Foundation makes, and decodes to the same`(count: Int)
  {
    let bytes = (0..<count).map { UInt8(250 - $0) }
    let text = Base64.encode(bytes)
    #expect(text == Data(bytes).base64EncodedString())
    #expect(Base64.encode(bytes, padded: false) == text.filter { $0 != "=" })
    #expect(Base64.decode(text.utf8) == bytes)
  }

  @Test(arguments: ["A", "AA=A", "A-_A", "AAAAA", "AA\u{0}A"]) func `other text is refused`(
    text: String
  ) {
    #expect(Base64.decode(text.utf8) == nil)
  }
}
