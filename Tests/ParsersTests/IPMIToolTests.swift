import Foundation
import Testing

@testable import Parsers

/// Captures of ipmitool 1.8.19 asking OpenIPMI's simulator, beside this file.
@Suite struct IPMIToolTests {
  static let capture: [UInt8] = {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Fixtures/ipmitool/openipmi.txt")
    return (try? Data(contentsOf: file)).map { [UInt8]($0) } ?? []
  }()

  @Test func `answers and sensors are read`() throws {
    let reading = try IPMITool.parse(Self.capture.span)
    #expect(reading.device == nil && reading.answers.count == 9)
    #expect(
      reading.answers[[6, 1]]
        == .bytes([0x20, 1, 2, 0x17, 2, 0x9f, 0x7c, 0x2a, 0, 0x5b, 0x0a, 0, 0, 0, 0]))
    #expect(reading.answers[[0, 1]] == .refused(0xff))
    #expect(reading.answers[[0x2c, 2, 0xdc, 1, 0, 0]] == .refused(0xc1))
    guard case .bytes(let record)? = reading.answers[[0x0a, 0x43, 0, 0, 1, 0, 0, 0xff]] else {
      Issue.record("no record")
      return
    }
    #expect(record.count == 18 && record[16...] == [0x55, 0x50])
    #expect(reading.sensors.count == 13)
    #expect(
      reading.sensors[1]
        == .init(
          name: "CPU1 Temp", number: 2, state: "unc", entity: 3, instance: 1, text: "88 degrees C"))
    #expect(reading.sensors[7].text == "Presence detected, Power Supply AC lost")
    #expect(reading.sensors.last?.state == "ns" && reading.sensors.last?.number == 0x1e)
  }

  @Test func `a bar in a name is a part of it`() throws {
    let reading = try parse(
      "? sdr\na | b | c | 0Ah | ok  |  7.12 | 3 RPM\nx | 0Ah | ok\nx | 0A | ok | 7.1 | 3\n"
        + "x | 0Ah | ok | 7.300 | 3\n", as: IPMITool.self)
    #expect(reading.sensors.map(\.name) == ["a | b | c"])
    #expect(reading.sensors.map(\.instance) == [12])
  }

  @Test(
    arguments: [
      ("? 0x06 0x01\nCould not open device\n! absent\n", .absent),
      ("? 0x06 0x01\nCould not open device\n! closed\n", .closed), ("? 0x06 0x01\n 20\n", nil),
    ] as [(String, IPMITool.Device?)])
  func `a device that cannot be opened is known`(text: String, device: IPMITool.Device?) throws {
    #expect(try parse(text, as: IPMITool.self).device == device)
  }

  @Test(arguments: ["", "bash: ipmitool: not found\n", "Inlet | 01h | ok | 7.1 | 3 RPM\n"])
  func `other texts are an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: IPMITool.self) }
  }

  @Test func `a hostile host cannot make it large`() throws {
    var text = ""
    for number in 0..<2_000 {
      let digits = ["0x", String(number / 256 % 16, radix: 16), String(number % 16, radix: 16)]
      text += "? 0x01 \(digits.joined()) 0x\(number % 90 + 10)\n"
    }
    text += "? 0x06 0x01\n" + String(repeating: " 00 11 22 33\n", count: 5_000)
    text += "? sdr\n" + String(repeating: "x | 01h | ok | 7.1 | 3 RPM\n", count: 5_000)
    let reading = try parse(text, as: IPMITool.self)
    #expect(reading.answers.count <= IPMITool.answerLimit)
    #expect(reading.sensors.count == IPMITool.sensorLimit)
    for case .bytes(let bytes) in reading.answers.values {
      #expect(bytes.count <= IPMITool.byteLimit)
    }
  }
}
