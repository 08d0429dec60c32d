import Foundation
import Testing

@testable import Policies

@Suite(.enabled(if: SharedVectors.areThere, "no ../shared/captures beside the checkout"))
struct MatcherVectorTests {
  /// The answer in the notation of the file: match, count of captures, then the captures.
  private func answer(_ row: [String]) throws -> [String] {
    let pattern = SharedVectors.bytes(row[1])
    let subject = SharedVectors.bytes(row[2])[...]
    func told(_ captures: [ArraySlice<UInt8>?]?, numbered: Bool = true) -> [String] {
      guard let captures else { return ["0", "0"] }
      return ["1", "\(captures.count)"] + captures.map { $0.map { escaped($0) } ?? "-" }
    }
    switch row[0] {
    case "osregex", "osregex-nocap":
      guard let regex = try? OSRegex(pattern) else { return ["0", "E"] }
      return told(try regex.match(subject, capturing: row[0] == "osregex"))
    case "osmatch": return [OSMatch(pattern).matches(subject) ? "1" : "0", "0"]
    default:
      guard let regex = try? PCRE2(pattern, row[0] == "pcre2-5x" ? .five : .four) else {
        return ["0", "E"]
      }
      guard let match = try regex.match(subject) else { return ["0", "0"] }
      return ["1", "\(match.groups)"] + (match.groups > 0 ? [match.first.map(escaped) ?? "-"] : [])
    }
  }

  private func escaped(_ bytes: ArraySlice<UInt8>) -> String {
    bytes.map { byte in
      switch byte {
      case UInt8(ascii: "\\"): "\\\\"
      case 9: "\\t"
      case 10: "\\n"
      case 13: "\\r"
      case 0x20..<0x7f: String(UnicodeScalar(byte))
      default: "\\x" + String(format: "%02x", byte)
      }
    }.joined()
  }

  @Test func `every row of the matchers agrees with the original`() throws {
    let rows = try SharedVectors.rows("osregex.tsv")
    #expect(rows.count > 1500)
    var different: [String] = []
    for row in rows {
      let wanted = [row[3], row[4]] + row.dropFirst(7)
      let got = try answer(row)
      // Of PCRE2's captures the first is what a rule reads.
      let compared = row[0].hasPrefix("pcre2") ? Array(wanted.prefix(3)) : wanted
      if got != compared { different.append("\(row.joined(separator: "|")) gives \(got)") }
    }
    #expect(
      different.isEmpty,
      "\(different.count) differ: \(different.prefix(20).joined(separator: "\n"))")
  }
}
