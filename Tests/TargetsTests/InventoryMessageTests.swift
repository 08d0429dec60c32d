import Configuration
import Foundation
import Testing

@testable import Inventory
@testable import Probes

/// What people see when an inventory is wrong: each bad file lies beside the whole message.
///
/// `SCRAPE_WRITE_FIXTURES=1 swift test --filter InventoryMessageTests` writes the messages anew.
struct InventoryMessageTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/inventory").path

  static func files(_ prefix: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasPrefix(prefix) && !$0.hasSuffix(".txt") }.sorted()
  }

  private func compare(_ file: String, _ message: String) throws {
    let shown = message.replacing(Self.folder + "/", with: "") + "\n"
    let name = Self.folder + "/" + (file as NSString).deletingPathExtension + ".txt"
    if ProcessInfo.processInfo.environment["SCRAPE_WRITE_FIXTURES"] != nil {
      try shown.write(toFile: name, atomically: true, encoding: .utf8)
    }
    #expect(try shown == String(contentsOfFile: name, encoding: .utf8))
  }

  @Test(arguments: files("invalid-"))
  func `an invalid inventory is refused with a message that helps`(file: String) throws {
    let errors = try #require(throws: ConfigurationErrors.self) {
      try Inventory.load("\(Self.folder)/\(file)")
    }
    try compare(file, errors.description)
  }

  @Test(arguments: files("warning-"))
  func `an odd inventory is loaded with warnings`(file: String) throws {
    let inventory = try Inventory.load("\(Self.folder)/\(file)")
    try compare(file, inventory.warnings.map(\.description).joined(separator: "\n\n"))
  }

  @Test func `there are bad inventories to try`() {
    #expect(Self.files("invalid-").count >= 20)
    #expect(Self.files("warning-").count >= 1)
  }
}
