import Foundation
import Metrics
import Testing

struct RFC3339Tests {
  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.000000001Z"),
      (-1, "1969-12-31T23:59:59.999999999Z"),
      (1_738_555_446_789_000_000, "2025-02-03T04:04:06.789Z"),
      (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"),
      (.max, "2262-04-11T23:47:16.854775807Z"), (.min, "1677-09-21T00:12:43.145224192Z"),
    ] as [(Int64, String)])
  func `a moment is written in UTC, to the nanosecond where it has any`(time: Int64, text: String) {
    #expect(Timestamp(nanoseconds: time).rfc3339 == text)
  }

  @Test func `every day of four centuries is the calendar's`() {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    for day in stride(from: -73_000, to: 106_000, by: 1) {
      let parts = calendar.dateComponents(
        [.year, .month, .day], from: Date(timeIntervalSince1970: Double(day) * 86_400))
      let text = String(
        format: "%04d-%02d-%02d", parts.year ?? 0, parts.month ?? 0, parts.day ?? 0)
      let ours = Timestamp(seconds: Int64(day) * 86_400).rfc3339.prefix(10)
      if ours != text { Issue.record("\(day): \(ours), not \(text)") }
    }
  }

  @Test(
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59.999999999Z", -1),
      ("2026-11-27T10:33:31.245259532Z", 1_795_775_611_245_259_532),
      ("2000-02-29t02:00:00.5+02:00", 951_782_400_500_000_000),
      ("2000-02-28 22:30:00-01:30", 951_782_400_000_000_000),
      ("2025-02-03T04:04:06.7891234567891234567890Z", 1_738_555_446_789_123_456),
      ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
    ] as [(String, Int64)])
  func `a time is read to the nanosecond, with its offset`(text: String, time: Int64) {
    #expect(Timestamp(rfc3339: text)?.nanoseconds == time)
  }

  @Test(arguments: [
    "", "2026-11-27", "2026-11-27T10:33:31", "2026-11-27T10:33:31.Z", "2026-11-27T10:33:31Zx",
    "2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-10T00:00:00Z",
    "2026-11-00T00:00:00Z", "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "2026-11-27T24:00:00Z",
    "2026-11-27T10:33:31+2:00", "2026-11-27T10:33:31+02", "2026-1-27T10:33:31Z",
    "٢٠٢٦-11-27T10:33:31Z",
  ])
  func `what is no time is none`(text: String) {
    #expect(Timestamp(rfc3339: text) == nil)
  }

  @Test func `what is written is read`() {
    for day in stride(from: -100_000, to: 106_000, by: 97) {
      let time = Timestamp(nanoseconds: Int64(day) * 86_400_000_000_000 + 12_345)
      if Timestamp(rfc3339: time.rfc3339) != time { Issue.record("\(time.rfc3339)") }
    }
  }
}
