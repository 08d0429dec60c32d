import Testing

@testable import Parsers

@Suite struct NvidiaSMITests {
  static func section(_ value: String) throws -> NvidiaSMI.Section {
    let text = "<nvidia_smi_log><gpu><v>\(value)</v></gpu></nvidia_smi_log>"
    let bytes = Array(text.utf8)
    return try #require(NvidiaSMI.parse(bytes.span).gpus.first).values
  }

  @Test(
    arguments: [
      ("143771 MiB", 143_771, 143_771), ("38 %", 38, 38), ("16x", 16, 16), ("40", 40, 40),
      ("-5 C", -5, -5), ("78.28 W", nil, 78.28), ("0 MiB", 0, 0), ("x", nil, nil),
      ("18446744073709551616 MiB", nil, 18_446_744_073_709_551_616), ("1e5 W", nil, nil),
      ("nan W", nil, nil),
    ] as [(String, Int64?, Double?)])
  func `a value is the number before its unit`(
    _ text: String, _ integer: Int64?, _ decimal: Double?
  ) throws {
    let section = try Self.section(text)
    #expect(section.integer(["w", "v"]) == integer)
    #expect(section.decimal(["w", "v"]) == decimal)
  }

  @Test(arguments: [
    "N/A", "[N/A]", "Not Supported", "[Not Supported]", "[Unknown Error]", "Unknown Error",
    "[Insufficient Permissions]", "Requested functionality has been deprecated",
    "[Requested functionality has been deprecated]", "[GPU requires reset]", "ERR!", "", "[]",
    "\n\t",
  ])
  func `each spelling of no value is no value`(_ text: String) throws {
    let section = try Self.section(text)
    #expect(section.text("v") == nil)
    #expect(section.integer(["v"]) == nil)
    #expect(section.decimal(["v"]) == nil)
    #expect(section.active(["v"]) == nil)
  }

  @Test(arguments: [
    "", "No devices were found", "<?xml version=\"1.0\"?>", "<html></html>",
    "<?xml version=\"1.0\"?><html><gpu/></html>",
  ])
  func `what is not its document is an error`(_ text: String) {
    let bytes = Array(text.utf8)
    #expect(throws: ParseError.self) { try NvidiaSMI.parse(bytes.span) }
  }

  @Test func `a GPU that breaks off before its names is dropped`() throws {
    let bytes = Array("<nvidia_smi_log><gpu><uuid>1</uuid></gpu><gpu><uuid>2</uuid>".utf8)
    let reading = try NvidiaSMI.parse(bytes.span)
    #expect(reading.gpus.map { $0.values.text("uuid") } == ["1"])
    #expect(reading.problem != nil)
  }
}
