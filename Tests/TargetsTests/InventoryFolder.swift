import Configuration
import Foundation
import Testing

@testable import Inventory

/// A folder of files for one test, gone with it.
final class InventoryFolder {
  let path: String

  init(_ files: [String: String]) throws {
    path = NSTemporaryDirectory() + "scrape-inventory-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for (name, text) in files { try write(name, text) }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ text: String, mode: Int = 0o644) throws {
    let full = "\(path)/\(name)"
    try FileManager.default.createDirectory(
      atPath: (full as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try text.write(toFile: full, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: full)
  }

  func load(_ name: String = "") throws -> Inventory {
    try Inventory.load(name.isEmpty ? path : "\(path)/\(name)", checkingKeys: false)
  }

  /// The inventory of a single file of this text.
  static func inventory(_ text: String, name: String = "hosts.yml") throws -> Inventory {
    try InventoryFolder([name: text]).load(name)
  }

  /// The problems of an inventory that is refused.
  static func problems(_ files: [String: String], _ name: String = "") throws -> [String] {
    let folder = try InventoryFolder(files)
    let errors = try #require(throws: ConfigurationErrors.self) { try folder.load(name) }
    return errors.errors.map(\.problem)
  }
}
