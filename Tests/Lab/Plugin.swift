import Foundation

/// A check of Debian's monitoring-plugins, for a second opinion on the same service.
public enum Plugin {
  private static let folder = "/usr/lib/nagios/plugins"

  public static func isInstalled(_ name: String) -> Bool {
    FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)")
  }

  /// What it says: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, and its text.
  public static func run(_ name: String, _ arguments: [String]) throws -> Outcome {
    try Lab.run("\(folder)/\(name)", arguments, timeout: 20)
  }
}
