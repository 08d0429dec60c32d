import Foundation
import Lab
import Metrics
import Testing

@testable import Probes

struct NTPProbeTests {
  static let hasChrony = Chrony.isInstalled

  @Test(.enabled(if: Chrony.isInstalled)) func `chronyd is ok while its clock is set`() async throws
  {
    let server = try Chrony("local stratum 3")
    var answer = try await ask("{ntp: {port: \(server.port), timeout: 500ms}}")
    for _ in 0..<20 where answer.verdict.severity != .ok {
      usleep(100_000)
      answer = try await ask("{ntp: {port: \(server.port), timeout: 500ms}}")
    }
    #expect(
      answer.summary == "ok - up", "\(answer.verdict.message) \(server.scratch.read("log") ?? "")")
    #expect(answer.isSound)
    let point = answer.points[1]
    #expect(point[field: "stratum"] == .integer(3))
    guard case .float(let offset)? = point[field: "offset_ms"] else { return #expect(Bool(false)) }
    #expect(abs(offset) < 50)
    let deep = try await ask("{ntp: {port: \(server.port), stratum: {minor: 3}}}")
    #expect(deep.summary == "minor beyond_limit up")
  }

  @Test(.enabled(if: Chrony.isInstalled)) func `chronyd without a source is not synchronized`()
    async throws
  {
    let server = try Chrony("")
    var answer = try await ask("{ntp: {port: \(server.port), timeout: 500ms}}")
    for _ in 0..<20 where answer.verdict.isUp != true {
      usleep(100_000)
      answer = try await ask("{ntp: {port: \(server.port), timeout: 500ms}}")
    }
    #expect(answer.summary == "critical not_synchronized up", "\(answer.verdict.message)")
    #expect(answer.points[1][field: "offset_ms"] == nil)
  }

  /// What a sound server answers, its clock ahead by so many seconds.
  static func reply(
    _ request: [UInt8], ahead: Double = 0, stratum: UInt8 = 2, leap: UInt8 = 0,
    reference: String = "GPS", mode: UInt8 = 4
  ) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 48)
    bytes[0] = leap << 6 | 4 << 3 | mode
    bytes[1] = stratum
    for (index, byte) in reference.utf8.prefix(4).enumerated() { bytes[12 + index] = byte }
    guard request.count >= 48 else { return bytes }
    bytes.replaceSubrange(24..<32, with: request[40..<48])
    let now = Date().timeIntervalSince1970 + 2_208_988_800 + ahead
    let era = now.truncatingRemainder(dividingBy: 4_294_967_296)
    let stamp = UInt64(era) << 32 | UInt64(era.truncatingRemainder(dividingBy: 1) * 4_294_967_296)
    bytes.put(stamp, at: 32)
    bytes.put(stamp, at: 40)
    return bytes
  }

  @Test(
    arguments: [
      (0, "ok - up"), (0.3, "minor beyond_limit up"), (-0.3, "minor beyond_limit up"),
      (40, "critical beyond_limit up"), (-3600, "critical beyond_limit up"),
      // Beyond the era's end in 2036 the clock is 10 years ahead, and not 126 behind.
      (320_000_000, "critical beyond_limit up"),
    ] as [(Double, String)])
  func `a clock that is wrong is found, and by how much`(ahead: Double, summary: String)
    async throws
  {
    let server = FakeDatagrams { [Self.reply($0, ahead: ahead)] }
    let answer = try await ask("ntp:\(server.port)")
    #expect(answer.summary == summary, "\(answer.verdict.message)")
    guard case .float(let offset)? = answer.points[1][field: "offset_ms"] else {
      return #expect(Bool(false))
    }
    #expect(abs(offset - ahead * 1000) < 50)
  }

  @Test func `refusals, nonsense and forgeries each have a reason of their own`() async throws {
    let cases: [(@Sendable ([UInt8]) -> [[UInt8]], String)] = [
      ({ [Self.reply($0, stratum: 0, reference: "RATE")] }, "minor refused_by_protection up"),
      ({ [Self.reply($0, stratum: 0, reference: "DENY")] }, "major refused_by_protection up"),
      ({ [Self.reply($0, stratum: 0, reference: "RSTR")] }, "major refused_by_protection up"),
      ({ [Self.reply($0, leap: 3)] }, "critical not_synchronized up"),
      ({ [Self.reply($0, stratum: 16)] }, "critical not_synchronized up"),
      ({ [Self.reply($0, mode: 3)] }, "critical protocol_error down"),
      ({ [Array(Self.reply($0).prefix(47))] }, "critical protocol_error down"),
      ({ _ in [Self.reply([])] }, "critical protocol_error down"),
      ({ _ in [[]] }, "critical protocol_error down"),
      // A forger who cannot see our packets is passed over, and the server heard.
      ({ [Self.reply([], ahead: 99), Self.reply($0)] }, "ok - up"),
      ({ _ in [] }, "critical timeout down"),
      ({ request in (0..<100).map { _ in request } }, "critical protocol_error down"),
    ]
    for (answer, summary) in cases {
      let server = FakeDatagrams(answer)
      let result = try await ask("{ntp: {port: \(server.port), timeout: 200ms}}")
      #expect(result.summary == summary, "\(result.verdict.message)")
      #expect(result.isSound)
    }
  }
}
