import Foundation

/// A folder with links to a few programs: what a small machine has.
public final class Toolbox: Sendable {
  private let scratch = Scratch()

  public var path: String { scratch.path }

  /// Links to these programs under their names; `links` gives others the file of a program.
  public init(_ programs: [String], links: [String: String] = [:]) throws {
    for name in programs {
      let found = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].map { "\($0)/\(name)" }
        .first(where: FileManager.default.isExecutableFile)
      guard let found else { throw Unavailable(description: "no \(name)") }
      try FileManager.default.createSymbolicLink(
        atPath: "\(path)/\(name)", withDestinationPath: found)
    }
    for (name, file) in links {
      try FileManager.default.createSymbolicLink(
        atPath: "\(path)/\(name)", withDestinationPath: file)
    }
  }

  /// The line of sshd_config(5) that gives sessions these programs only.
  public var option: String { "SetEnv PATH=\(path) HOME=\(path)" }

  /// The processes that were started with it.
  public var processes: [Int32] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return all.compactMap { Int32($0) }.filter { process in
      let bytes = FileManager.default.contents(atPath: "/proc/\(process)/environ") ?? Data()
      return String(decoding: bytes, as: UTF8.self).contains("PATH=\(path)\0")
    }
  }
}
