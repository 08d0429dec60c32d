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
}
