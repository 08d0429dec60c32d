import Configuration
import Testing

@testable import Inventory

/// The same bytes in each run, from a number (SplitMix64).
struct Dice: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

struct InventoryRobustnessTests {
  private static let pieces = [
    "all", "hosts", "vars", "children", ":", ": ", "\n", "\n  ", "\n    ", "- ", "[", "]", "{", "}",
    "web[1:3]", "\"", "'", "&a ", "*a", "<<", "!vault ", "|\n", "{{", "=", "#", "\t", "\u{7f}", "é",
    "address", "10.0.0.[1:3]", "[g:vars]\n", "[g:children]\n", "g", "port", "22", ",", "~", "\\",
    "\0",
  ]

  /// Reads the text in both languages and looks at what would be printed.
  @discardableResult private func check(_ source: Source) -> [Host] {
    var draft = InventoryDraft()
    if let root = try? YAML.read(source) { draft.read(yaml: root) }
    draft.read(ini: source)
    draft.close()
    var resolver = Resolver(draft, checkingKeys: false)
    let hosts = resolver.hosts()
    for error in resolver.findings.errors + resolver.findings.warnings {
      #expect(!error.description.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
    }
    return hosts
  }

  @Test(.timeLimit(.minutes(1)), arguments: 0..<8)
  func `random text is read or refused and never traps`(seed: UInt64) {
    var dice = Dice(state: seed)
    for _ in 0..<250 {
      var bytes: [UInt8] = []
      for _ in 0..<Int.random(in: 0...40, using: &dice) {
        if Int.random(in: 0..<8, using: &dice) == 0 {
          bytes.append(UInt8.random(in: .min ... .max, using: &dice))
        } else if let piece = Self.pieces.randomElement(using: &dice) {
          bytes += Array(piece.utf8)
        }
      }
      let source = Source("random", bytes: bytes)
      let hosts = check(source)
      let inventory = Inventory(hosts: hosts, groups: [])
      _ = try? inventory.select(String(decoding: bytes, as: UTF8.self))
      _ = fold([String(decoding: bytes, as: UTF8.self), "a1", "a2"])
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: 0..<6)
  func `an example with slips in it is read or refused and never traps`(seed: UInt64) throws {
    var dice = Dice(state: seed)
    let strays = Array("[]{}:,'\"#&*!|>- \n\t=".utf8)
    for name in ["example/hosts.yml", "example-ini/hosts"] {
      let whole = try Source.read("\(InventoryTests.examples)/\(name)").bytes
      for _ in 0..<40 {
        var bytes = whole
        for _ in 0..<Int.random(in: 1...6, using: &dice) {
          let index = Int.random(in: 0..<bytes.count, using: &dice)
          switch Int.random(in: 0..<3, using: &dice) {
          case 0: bytes[index] = UInt8.random(in: .min ... .max, using: &dice)
          case 1: bytes.remove(at: index)
          default: bytes.insert(strays.randomElement(using: &dice) ?? 0, at: index)
          }
        }
        check(Source("random", bytes: bytes))
      }
    }
  }
}
