import Metrics
import Testing

@testable import Collectors

/// Captures that were damaged as a hostile or dying host may damage them. Nothing is expected of the
/// points but that making them ends: a trap ends the whole run, with the capture's name in the log.
@Suite struct MutationTests {
  private static let rounds = 100

  @Test(arguments: Capture.all)
  func `a damaged capture does no harm`(_ capture: Capture) throws {
    let collector = try #require(collectors.first { $0.name == capture.collector })
    let sections = try capture.sections()
    var random = SplitMix(
      state: capture.testDescription.utf8.reduce(5381) { $0 &* 33 &+ UInt64($1) })
    for _ in 0..<Self.rounds {
      var damaged = sections
      for name in sections.keys.sorted() where name.contains("/") || name == "script" {
        damaged[name] = damage(Array(sections[name] ?? []), &random)[...]
      }
      let (sample, _) = try capture.collect(damaged, with: collector)
      var lines = LineProtocol()
      for point in sample.points { lines.append(point, at: Timestamp(seconds: 0)) }
      #expect(sample.points.count <= 1100)
    }
  }

  private static let tokens = [
    "18446744073709551615", "99999999999999999999", "-1", "-", "", "0", "\n", "\0", ")", "(", " ",
    "%", ":", "/", "\\040", "\u{1b}[2J", "==\n", "cpu", "9223372036854775808", "[", "]", "=",
  ].map { Array($0.utf8) }

  private func damage(_ text: [UInt8], _ random: inout SplitMix) -> [UInt8] {
    var text = text
    for _ in 0...Int.random(in: 0..<4, using: &random) {
      guard let at = text.indices.randomElement(using: &random) else { return text }
      let end = min(text.count, at + Int.random(in: 0..<40, using: &random))
      switch Int.random(in: 0..<7, using: &random) {
      case 0: text.removeSubrange(at...)
      case 1: text.removeSubrange(at..<end)
      case 2: text[at] = .random(in: 0...255, using: &random)
      case 3: text.insert(contentsOf: text[at..<end], at: at)
      case 4: text.insert(contentsOf: Self.tokens.randomElement(using: &random) ?? [], at: at)
      case 5:
        // A number becomes another.
        let start = text[at...].firstIndex { $0 >= 0x30 && $0 <= 0x39 } ?? at
        let stop = text[start...].firstIndex { $0 < 0x30 || $0 > 0x39 } ?? text.count
        text.replaceSubrange(start..<stop, with: Self.tokens.randomElement(using: &random) ?? [])
      default:
        // A line moves up.
        let newline = text[at...].firstIndex(of: 0x0a) ?? text.count
        let line = Array(text[at..<newline])
        text.insert(contentsOf: line, at: Int.random(in: 0...at, using: &random))
      }
    }
    return text
  }
}

/// A small generator that gives the same numbers at every run.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
