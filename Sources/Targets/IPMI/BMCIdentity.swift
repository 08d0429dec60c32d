internal import CFreeIPMI
internal import Engine
internal import Inventory
internal import Metrics

/// The device id and GUID of a BMC, read in each session: they differ for another board.
struct BMCDevice {
  /// The answer to Get Device ID (IPMI v2.0, 20.1).
  let bytes: [UInt8]
  /// The system's GUID; empty where the BMC has none.
  let guid: [UInt8]

  init(asking session: any BMCConversation) throws(BMCSession.Failure) {
    bytes = Array(try session.ask(0x06, 0x01, for: "the device id"))
    guard bytes.count >= 11 else {
      throw .init(reason: .protocolError, detail: "a device id of \(bytes.count) bytes")
    }
    do throws(BMCSession.Failure) {
      guid = Array(try session.ask(0x06, 0x37, for: "the system's GUID"))
    } catch  where !error.endsSession {
      guid = []
    }
  }

  /// The maker's number at IANA (20 bits, low byte first).
  var manufacturer: UInt32 {
    (UInt32(bytes[6]) | UInt32(bytes[7]) << 8 | UInt32(bytes[8]) << 16) & 0xfffff
  }
  var product: UInt16 { UInt16(bytes[9]) | UInt16(bytes[10]) << 8 }
  /// Major in binary, minor in BCD.
  var firmware: String { "\(bytes[2] & 0x7f).\(hex(bytes[3]))" }
  var version: String { "\(bytes[4] & 0x0f).\(bytes[4] >> 4)" }
  /// Whether it is being initialized or updated, and answers only some commands.
  var isBusy: Bool { bytes[2] & 0x80 != 0 }

  /// The maker's name by IANA's list.
  var manufacturerName: String? {
    let text = string(of: 256) { room, size in
      ipmi_iana_enterprise_numbers_string(manufacturer, room, size)
    }
    return text
  }

  /// A hash that differs for another board or other firmware (FNV-1a).
  var key: UInt64 { (bytes + guid).fnv1a }

  var summary: String {
    "\(manufacturerName ?? "maker \(manufacturer)"), product \(product), firmware \(firmware), "
      + "IPMI \(version)\(isBusy ? ", being initialized" : "")"
  }
}

/// Maker, product and serial number, from the FRU inventory (IPMI FRU Information Storage Definition).
public struct BMCIdentity: Sendable, Equatable {
  public var manufacturer: String?
  public var product: String?
  public var serial: String?
  /// `firmware 2.10, IPMI 2.0`.
  public var firmware: String

  /// The limit of bytes read of an inventory; the identity of the machine comes first.
  private static let byteLimit = 2048

  init(of device: BMCDevice, asking session: BMCSession) throws(BMCSession.Failure) {
    firmware = "firmware \(device.firmware), IPMI \(device.version)"
    manufacturer = device.manufacturerName
    do throws(BMCSession.Failure) {
      let areas = Self.areas(try Self.inventory(session))
      manufacturer = areas.product?.0 ?? areas.board?.0 ?? manufacturer
      product = areas.product?.1 ?? areas.board?.1
      serial = areas.product?.2 ?? areas.chassis ?? areas.board?.2
    } catch  where !error.endsSession {
      // Without an inventory the device id still has maker and product.
    }
  }

  var summary: String {
    [manufacturer, product, serial.map { "serial \($0)" }, firmware].compactMap { $0 }
      .joined(separator: ", ")
  }

  /// Reads FRU device 0 (34.1, 34.2), in the largest pieces that the BMC can send.
  private static func inventory(
    _ session: BMCSession
  ) throws(BMCSession.Failure) -> [UInt8] {
    let info = Array(try session.ask(0x0a, 0x10, [0], for: "the FRU inventory's size"))
    // Inventories counted in words are obsolete and not supported.
    guard info.count >= 3, info[2] & 1 == 0 else { return [] }
    let size = min(Int(info[0]) | Int(info[1]) << 8, byteLimit)
    var bytes: [UInt8] = []
    var piece = 64
    while bytes.count < size {
      let place = bytes.count
      let answer: [UInt8]
      do throws(BMCSession.Failure) {
        answer = Array(
          try session.ask(
            0x0a, 0x11,
            [0, UInt8(place & 0xff), UInt8(place >> 8), UInt8(min(piece, size - place))],
            for: "the FRU inventory"))
      } catch  where !error.endsSession && error.reason != .busy && piece > 16 {
        piece = 16
        continue
      }
      guard let count = answer.first, count > 0, answer.count > 1 else { break }
      bytes += answer.dropFirst().prefix(Int(count))
      // A header without areas belongs to an empty inventory.
      if bytes.count >= 8, !bytes.prefix(8).contains(where: { $0 != 0 && $0 != 0xff }) { break }
    }
    return bytes
  }

  private typealias Triple = (String?, String?, String?)

  private static func areas(
    _ bytes: [UInt8]
  ) -> (chassis: String?, board: Triple?, product: Triple?) {
    var found: (chassis: String?, board: Triple?, product: Triple?) = (nil, nil, nil)
    guard bytes.count >= 8, let context = ipmi_fru_ctx_create(nil) else { return found }
    defer { ipmi_fru_ctx_destroy(context) }
    guard
      bytes.withUnsafeBytes({
        ipmi_fru_open_device_id_with_buffer(context, $0.baseAddress, UInt32($0.count))
      }) == 0
    else { return found }
    // The areas of the standard, and some records of the maker.
    for _ in 0..<32 {
      var kind: UInt32 = 0
      var length: UInt32 = 0
      var area = [UInt8](repeating: 0, count: 65_536)
      if ipmi_fru_read_data_area(context, &kind, &length, &area, UInt32(area.count)) == 0,
        length > 0
      {
        switch Int32(kind) {
        case IPMI_FRU_AREA_TYPE_CHASSIS_INFO_AREA:
          var type: UInt8 = 0
          var (part, serial) = (ipmi_fru_field_t(), ipmi_fru_field_t())
          if ipmi_fru_chassis_info_area(
            context, area, length, &type, &part, &serial, nil, 0) == 0
          {
            found.chassis = text(of: &serial, context, 0)
          }
        case IPMI_FRU_AREA_TYPE_BOARD_INFO_AREA:
          var language: UInt8 = 0
          var date: UInt32 = 0
          var (maker, name, serial) = (ipmi_fru_field_t(), ipmi_fru_field_t(), ipmi_fru_field_t())
          if ipmi_fru_board_info_area(
            context, area, length, &language, &date, &maker, &name, &serial, nil, nil, nil, 0) == 0
          {
            found.board = (
              text(of: &maker, context, language), text(of: &name, context, language),
              text(of: &serial, context, language)
            )
          }
        case IPMI_FRU_AREA_TYPE_PRODUCT_INFO_AREA:
          var language: UInt8 = 0
          var (maker, name, serial) = (ipmi_fru_field_t(), ipmi_fru_field_t(), ipmi_fru_field_t())
          if ipmi_fru_product_info_area(
            context, area, length, &language, &maker, &name, nil, nil, &serial, nil, nil, nil, 0)
            == 0
          {
            found.product = (
              text(of: &maker, context, language), text(of: &name, context, language),
              text(of: &serial, context, language)
            )
          }
        default: break
        }
      }
      guard ipmi_fru_next(context) == 1 else { break }
    }
    return found
  }

  private static func text(
    of field: inout ipmi_fru_field_t, _ context: ipmi_fru_ctx_t, _ language: UInt8
  ) -> String? {
    let length = field.type_length_field_length
    guard length > 0 else { return nil }
    return withUnsafeBytes(of: &field.type_length_field) { bytes in
      var size = UInt32(IPMI_FRU_AREA_STRING_MAX)
      var room = [CChar](repeating: 0, count: Int(size) + 1)
      guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
        ipmi_fru_type_length_field_to_string(
          context, base, min(length, UInt32(bytes.count)), language, &room, &size) == 0
      else { return nil }
      let written = room.prefix(Int(min(size, UInt32(room.count)))).prefix { $0 != 0 }
      var text = String(decoding: written.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      while let last = text.last, last.isWhitespace { text.removeLast() }
      return text.isEmpty ? nil : text
    }
  }
}

/// Lets a C function write a string of at most `size` bytes; nil if it fails or writes none.
func string(
  of size: Int, _ write: (UnsafeMutablePointer<CChar>?, UInt32) -> Int32
) -> String? {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { room in
    let count = write(room.baseAddress, UInt32(size))
    guard count > 0, count < size else { return nil }
    return String(
      decoding: room.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
