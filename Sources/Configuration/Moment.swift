internal import Glibc
public import Metrics

extension SettingType where Value == Timestamp {
  /// A local time: `2026-11-20 18:00`.
  public static var moment: SettingType {
    SettingType("local time", example: "\"2026-11-20 18:00\"") {
      node, what throws(ConfigurationError) in
      let numbers = try node.string(what).split { "-: T".contains($0) }.map { Int32($0) ?? -1 }
      let ranges: [ClosedRange<Int32>] = [1970...2200, 1...12, 1...31, 0...23, 0...59]
      guard numbers.count == ranges.count, zip(ranges, numbers).allSatisfy({ $0.contains($1) })
      else { throw node.mismatch(what, "a moment", hint: "write it as \"2026-11-20 18:00\"") }
      var parts = tm()
      (parts.tm_year, parts.tm_mon, parts.tm_mday) = (numbers[0] - 1900, numbers[1] - 1, numbers[2])
      (parts.tm_hour, parts.tm_min, parts.tm_isdst) = (numbers[3], numbers[4], -1)
      return Timestamp(seconds: Int64(mktime(&parts)))
    }
  }
}
