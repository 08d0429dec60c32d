import Testing

@testable import Parsers

struct DHCPMessageTests {
  static func message(_ options: [UInt8]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 240)
    bytes[0] = 2
    bytes.replaceSubrange(4..<8, with: [1, 2, 3, 4])
    bytes.replaceSubrange(16..<20, with: [192, 0, 2, 7])
    bytes.replaceSubrange(28..<34, with: [2, 0, 0, 0, 0, 9])
    bytes.replaceSubrange(236..<240, with: [0x63, 0x82, 0x53, 0x63])
    return bytes + options
  }

  @Test func `an offer has address, server and lease`() throws {
    let options: [UInt8] = [
      0, 53, 1, 2, 54, 4, 192, 0, 2, 1, 51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 255, 0,
      3, 8, 192, 0, 2, 1, 192, 0, 2, 2, 6, 4, 192, 0, 2, 3, 99, 2, 1, 1, 255, 7,
    ]
    let offer = try parse(Self.message(options), as: DHCPMessage.self)
    #expect(offer.isReply && offer.type == 2 && offer.transaction == 0x0102_0304)
    #expect(offer.offered == "192.0.2.7" && offer.server == "192.0.2.1" && offer.lease == 3600)
    #expect(offer.routers == ["192.0.2.1", "192.0.2.2"] && offer.nameServers == ["192.0.2.3"])
    #expect(offer.hardware == [2, 0, 0, 0, 0, 9] && offer.mask == "255.255.255.0")
  }

  @Test func `an option of the wrong length is ignored`() throws {
    let offer = try parse(
      Self.message([53, 2, 1, 1, 54, 3, 1, 1, 1, 3, 5, 1, 1, 1, 1, 1]), as: DHCPMessage.self)
    #expect(offer.type == nil && offer.server == nil && offer.routers == ["1.1.1.1"])
  }

  @Test(arguments: [
    [], [UInt8](repeating: 0, count: 239), [UInt8](repeating: 0, count: 300),
    message([53, 9, 1]), message([54, 4, 1, 2, 3]),
  ])
  func `a broken message is an error`(bytes: [UInt8]) {
    #expect(throws: ParseError.self) { try parse(bytes, as: DHCPMessage.self) }
  }
}
