import Foundation
import Testing

@testable import Policies

/// The vectors measured on Wazuh's engines, where they lie beside the checkout.
enum SharedVectors {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../shared/captures/sca").standardized

  static let areThere = FileManager.default.fileExists(
    atPath: folder.appending(path: "rules.tsv").path())

  /// The rows of a file, without its header.
  static func rows(_ name: String) throws -> [[String]] {
    let text = String(decoding: try Data(contentsOf: folder.appending(path: name)), as: UTF8.self)
    return text.split(separator: "\n").filter { !$0.hasPrefix("#") }
      .map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
  }

  /// The bytes of a column of `osregex.tsv`.
  static func bytes(_ column: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Array(column.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let next = rest.popFirst() else {
        bytes.append(byte)
        continue
      }
      switch next {
      case UInt8(ascii: "t"): bytes.append(9)
      case UInt8(ascii: "n"): bytes.append(10)
      case UInt8(ascii: "r"): bytes.append(13)
      case UInt8(ascii: "x"):
        bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
        rest = rest.dropFirst(2)
      default: bytes.append(next)
      }
    }
    return bytes
  }
}
