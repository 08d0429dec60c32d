import Foundation
import Metrics

/// Runs the body with a folder of its own, which is deleted afterwards.
func withFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
  let folder = NSTemporaryDirectory() + "sinks-" + UUID().uuidString
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  return try await body(folder)
}

/// Why a test could not be made ready.
struct Failure: Error, CustomStringConvertible { var description: String }

extension Timestamp {
  /// The system's time, in whole seconds.
  static var now: Timestamp { Timestamp(seconds: Int64(Date().timeIntervalSince1970)) }
}
