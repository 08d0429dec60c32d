/// What does a board's inventory memory hold?
///
/// Platform Management FRU Information Storage Definition 1.0, revision 1.3.
public struct BMCInventory: Sendable {
  public var manufacturer = "Example Systems"
  public var product = "PowerNode 2000"
  public var part = "PN-2000-A1"
  public var serial = "SN0123456789"
  public var assetTag = "rack 7"
  public var boardManufacturer = "Example Boards"
  public var board = "MB-X11"
  public var boardSerial = "BD9876543210"
  public var chassisSerial = "CH5550001"

  public init() {}

  /// The whole memory, 512 bytes.
  var image: [UInt8] {
    let chassis = area([23] + text("CHS-01") + text(chassisSerial))
    // Minutes since 1996: 2023-01-01.
    let minutes: UInt32 = 14_201_280
    let boardArea = area(
      [0] + little(minutes).prefix(3) + text(boardManufacturer) + text(board) + text(boardSerial)
        + text("PART-B1") + text(""))
    let productArea = area(
      [0] + text(manufacturer) + text(product) + text(part) + text("1.0") + text(serial)
        + text(assetTag) + text(""))
    let first = 1
    let second = first + chassis.count / 8
    let third = second + boardArea.count / 8
    var head: [UInt8] = [1, 0, UInt8(first), UInt8(second), UInt8(third), 0, 0]
    head.append(checksum(head))
    let all = head + chassis + boardArea + productArea
    return all + [UInt8](repeating: 0xff, count: max(0, 512 - all.count))
  }

  /// Type and length, eight-bit characters. One alone would read as the end of the list.
  private func text(_ text: String) -> [UInt8] {
    let bytes = Array((text.utf8.count == 1 ? text + " " : text).utf8.prefix(63))
    return [0xc0 | UInt8(bytes.count)] + bytes
  }

  private func area(_ fields: [UInt8]) -> [UInt8] {
    var bytes = [1, 0] + fields + [0xc1]
    while bytes.count % 8 != 7 { bytes.append(0) }
    bytes[1] = UInt8((bytes.count + 1) / 8)
    return bytes + [checksum(bytes)]
  }
}
