/// Sensor Data Records: the sensors of a BMC and the conversion of their raw readings.
///
/// Source: Intelligent Platform Management Interface Specification v2.0 rev. 1.1, chapter 43 (full,
/// compact and event-only sensor records). Records of other types are skipped. Every length in a
/// record is checked, as FreeIPMI's own cache is read without such a check before version 1.6.11.
public enum SDR: Parser {
  /// One sensor, or one of several that share a record.
  public struct Sensor: Sendable, Equatable {
    public var record: UInt16
    /// The name in the record, without trailing blanks; several sensors may have the same.
    public var name: String
    /// The address of the controller that owns it, 20h being the BMC itself; odd is system software.
    public var owner: UInt8
    public var lun: UInt8
    public var channel: UInt8
    public var number: UInt8
    public var entity: UInt8
    /// The instance of the entity, without the bit for logical containers.
    public var instance: UInt8
    /// Table 42-3: 01h temperature, 04h fan …
    public var type: UInt8
    /// Table 42-1: 01h threshold, 02h…0Ch generic, 6Fh specific to the type of sensor, 70h… OEM.
    public var eventType: UInt8
    /// Nil for a sensor that sends events but has no reading.
    public var reading: Form?

    /// Whether the reading is compared with thresholds.
    public var hasThresholds: Bool { eventType == 0x01 }
  }

  /// The form of a reading.
  public struct Form: Sendable, Equatable {
    public var isPercentage: Bool
    /// Table 43-15: 1 degrees C, 4 volts, 5 amps, 6 watts, 18 RPM …
    public var unit: UInt8
    public var modifierUnit: UInt8
    /// 1: unit divided by modifier unit; 2: multiplied.
    public var modifier: UInt8
    /// 1 per microsecond … 6 per day.
    public var rate: UInt8
    /// The conversion of a raw byte; nil if there is none (compact records, discrete sensors).
    public var conversion: Conversion?
  }

  /// The constants of y = L((M x + B 10^k1) 10^k2).
  public struct Conversion: Sendable, Equatable {
    /// 0 unsigned, 1 one's complement, 2 two's complement.
    public var format: UInt8
    /// 0 linear … 11 cube root; from 70h on the constants must be read with each reading.
    public var linearization: UInt8
    public var m: Int16
    public var b: Int16
    /// k1.
    public var bExponent: Int8
    /// k2.
    public var rExponent: Int8

    /// From bytes 25 to 30 of a full record; Get Sensor Reading Factors answers in the same form.
    public init?(format: UInt8, linearization: UInt8, factors: [UInt8]) {
      guard factors.count >= 6, format < 3 else { return nil }
      self.format = format
      self.linearization = linearization & 0x7f
      m = Self.signed(factors[0], factors[1])
      b = Self.signed(factors[2], factors[3])
      rExponent = Self.nibble(factors[5] >> 4)
      bExponent = Self.nibble(factors[5] & 0x0f)
    }

    /// Ten bits in two's complement: the low byte, and the upper two bits of the other.
    private static func signed(_ low: UInt8, _ high: UInt8) -> Int16 {
      let bits = UInt16(low) | UInt16(high & 0xc0) << 2
      return bits & 0x200 == 0 ? Int16(bits) : Int16(bits) - 1024
    }

    private static func nibble(_ bits: UInt8) -> Int8 {
      bits & 0x8 == 0 ? Int8(bits) : Int8(bits) - 16
    }
  }

  /// The sensors of one record: none for another type, several for a shared record.
  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [Sensor] {
    let record = text.bytes(limit: 260)
    guard record.count >= 5 else { throw ParseError("SDR", "a record of \(record.count) bytes") }
    let kind = record[3]
    guard (1...3).contains(kind) else { return [] }
    let nameAt = kind == 1 ? 47 : kind == 2 ? 31 : 16
    // The length byte may exceed the data.
    guard record.count > nameAt, Int(record[4]) + 5 >= nameAt else {
      throw ParseError("SDR", "record type \(kind) ends after \(record.count) bytes")
    }
    let isEventOnly = kind == 3
    var sensor = Sensor(
      record: UInt16(record[0]) | UInt16(record[1]) << 8,
      name: name(record[nameAt], record[(nameAt + 1)...]),
      owner: record[5], lun: record[6] & 0x03, channel: record[6] >> 4, number: record[7],
      entity: record[8], instance: record[9] & 0x7f,
      type: record[isEventOnly ? 10 : 12], eventType: record[isEventOnly ? 11 : 13],
      reading: nil)
    if !isEventOnly {
      let units = record[20]
      sensor.reading = Form(
        isPercentage: units & 0x01 != 0, unit: record[21], modifierUnit: record[22],
        modifier: units >> 1 & 0x03, rate: units >> 3 & 0x07,
        conversion: kind == 1
          ? Conversion(
            format: units >> 6, linearization: record[23], factors: Array(record[24..<30])) : nil)
    }
    if kind == 1 { return [sensor] }
    return shared(sensor, record[isEventOnly ? 12 : 23], record[isEventOnly ? 13 : 24])
  }

  /// Expands the sensors of a shared record: numbers, and names, in sequence.
  private static func shared(_ first: Sensor, _ sharing: UInt8, _ offset: UInt8) -> [Sensor] {
    let count = max(1, sharing & 0x0f)
    guard count > 1 else { return [first] }
    return (0..<count).compactMap { index in
      let (number, overflow) = first.number.addingReportingOverflow(index)
      guard !overflow else { return nil }
      var sensor = first
      sensor.number = number
      if offset & 0x80 != 0 { sensor.instance = (first.instance &+ index) & 0x7f }
      let place = Int(offset & 0x7f) + Int(index)
      switch sharing >> 4 & 0x03 {
      case 0: sensor.name += "\(place)"
      case 1: sensor.name += letters(place)
      default: break
      }
      return sensor
    }
  }

  /// 0 is A, 25 Z, 26 AA.
  private static func letters(_ place: Int) -> String {
    let last = String(UnicodeScalar(UInt8(ascii: "A") + UInt8(place % 26)))
    return place < 26 ? last : letters(place / 26 - 1) + last
  }

  /// Reads a name by its type/length byte (43.15).
  private static func name(_ typeLength: UInt8, _ bytes: ArraySlice<UInt8>) -> String {
    let bytes = bytes.prefix(Int(typeLength & 0x1f))
    var text: String
    switch typeLength >> 6 {
    case 1:
      let digits = Array("0123456789 -.:,_".utf8)
      text = String(
        decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0x0f)]] }, as: UTF8.self)
    case 2: text = String(decoding: sixBit(bytes), as: UTF8.self)
    default:
      // Latin-1; a byte that is not text ends it.
      let bytes = bytes.prefix { $0 != 0 }
      text =
        bytes.allSatisfy { $0 < 0x80 }
        ? String(decoding: bytes, as: UTF8.self)
        : String(String.UnicodeScalarView(bytes.map { UnicodeScalar($0) }))
    }
    while let last = text.utf8.last, last == UInt8(ascii: " ") || last == 0 { text.removeLast() }
    return text
  }

  /// Four characters in three bytes, from the lowest bits up; zero is a blank.
  private static func sixBit(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var characters: [UInt8] = []
    var bits: UInt32 = 0
    var count: UInt32 = 0
    for byte in bytes {
      bits |= UInt32(byte) << count
      count += 8
      while count >= 6 {
        characters.append(UInt8(bits & 0x3f) + 0x20)
        bits >>= 6
        count -= 6
      }
    }
    return characters
  }
}
