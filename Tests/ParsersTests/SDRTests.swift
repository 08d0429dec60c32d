import Testing

@testable import Parsers

@Suite struct SDRTests {
  /// A full record of a temperature, as IPMI v2.0 table 43-1 lays it out.
  static func full(
    name: [UInt8] = Array("Inlet Temp".utf8), typeLength: UInt8? = nil, units: UInt8 = 0x80,
    factors: [UInt8] = [1, 0, 0, 0, 0, 0]
  ) -> [UInt8] {
    var record: [UInt8] = [0x34, 0x12, 0x51, 0x01, 0]
    record += [0x20, 0x00, 0x07, 0x37, 0x81, 0x7f, 0x68, 0x01, 0x01]
    record += [0, 0, 0, 0, 0, 0, units, 1, 0, 0] + factors
    record += [UInt8](repeating: 0, count: 17)
    record += [typeLength ?? 0xc0 | UInt8(name.count)] + name
    record[4] = UInt8(record.count - 5)
    return record
  }

  static func compact(sharing: UInt8, offset: UInt8) -> [UInt8] {
    var record: [UInt8] = [2, 0, 0x51, 0x02, 0, 0x20, 0x01, 0x40, 0x0a, 0x01, 0, 0, 0x08, 0x6f]
    record += [0, 0, 0, 0, 0, 0, 0xc0, 0, 0, sharing, offset, 0, 0, 0, 0, 0, 0]
    record += [0xc4] + Array("PSU ".utf8)
    record[4] = UInt8(record.count - 5)
    return record
  }

  @Test func `a full record names sensor, unit and conversion`() throws {
    let sensor = try #require(
      try SDR.parse(Self.full(factors: [0x0b, 0xc0, 0xf6, 0xc0, 0, 0xd2]).span).first)
    #expect(sensor.name == "Inlet Temp" && sensor.record == 0x1234 && sensor.number == 7)
    #expect(sensor.entity == 0x37 && sensor.instance == 1 && sensor.type == 1)
    #expect(sensor.hasThresholds && sensor.owner == 0x20 && sensor.lun == 0)
    let conversion = try #require(sensor.reading?.conversion)
    #expect(conversion.format == 2 && conversion.m == -245 && conversion.b == -10)
    #expect(conversion.rExponent == -3 && conversion.bExponent == 2)
  }

  @Test(arguments: [
    (UInt8(0xc0), Array("FAN 1  ".utf8), "FAN 1"),
    // 6-bit packed ASCII: the specification's own example of 43.15.
    (0x80, [0x29, 0xdc, 0xa6], "IPMI"),
    (0x40, [0x12, 0xab], "12 -"),
    (0xc0, Array("T\u{e9}".unicodeScalars.map { UInt8($0.value) }), "T\u{e9}"),
    (0xc0, Array("A\0B".utf8), "A"),
    (0xc0, [], ""),
  ])
  func `names come in four codes`(code: UInt8, bytes: [UInt8], name: String) throws {
    let record = Self.full(name: bytes, typeLength: code | UInt8(bytes.count))
    #expect(try SDR.parse(record.span).first?.name == name)
  }

  @Test(arguments: [
    (UInt8(0x03), UInt8(0x01), ["PSU1", "PSU2", "PSU3"]),
    (0x12, 0x19, ["PSUZ", "PSUAA"]),
    (0x01, 0x05, ["PSU"]),
    (0x00, 0x00, ["PSU"]),
  ])
  func `sensors that share a record are written out`(
    sharing: UInt8, offset: UInt8, names: [String]
  ) throws {
    let sensors = try SDR.parse(Self.compact(sharing: sharing, offset: offset).span)
    #expect(sensors.map(\.name) == names)
    #expect(sensors.map(\.number) == names.indices.map { 0x40 + UInt8($0) })
    #expect(sensors.allSatisfy { $0.lun == 1 && $0.reading?.conversion == nil })
  }

  @Test func `entity instances of a shared record are counted on where it says so`() throws {
    let sensors = try SDR.parse(Self.compact(sharing: 0x03, offset: 0x81).span)
    #expect(sensors.map(\.instance) == [1, 2, 3])
  }

  @Test(arguments: [0, 4, 5, 20, 46, 47])
  func `a record that ends early is an error`(length: Int) {
    let record = Array(Self.full().prefix(length))
    #expect(throws: ParseError.self) { try SDR.parse(record.span) }
  }

  @Test func `a record of another type has no sensor`() throws {
    var record = Self.full()
    record[3] = 0x12
    #expect(try SDR.parse(record.span).isEmpty)
  }

  @Test func `nonsense in a record neither traps nor lasts`() {
    var seed: UInt64 = 1
    for _ in 0..<20_000 {
      var record = seed % 2 == 0 ? Self.full() : Self.compact(sharing: 3, offset: 0x7f)
      for _ in 0..<4 {
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        record[Int(seed >> 33) % record.count] = UInt8(truncatingIfNeeded: seed >> 24)
      }
      let cut = Array(record.prefix(Int(seed >> 40) % 64))
      let sensors = (try? SDR.parse(cut.span)) ?? []
      #expect(sensors.count <= 15)
    }
  }
}
