import Foundation
import Lab

/// A run of the built `scrape`, with what it printed and what it cost.
struct MeasuredRun: Sendable {
  var status: Int32
  var output: Data
  var errors: Data
  var seconds: Double
  /// The most memory that was resident at once, in bytes.
  var peakMemory: Int

  init(_ arguments: [String], environment: [String: String] = [:], timeout: Double) throws {
    let scratch = Scratch()
    let out = scratch.write("out", "")
    let err = scratch.write("err", "")
    let start = Date()
    // The shell keeps the exit status; its child is watched.
    let daemon = try Daemon(
      "/bin/sh",
      [
        "-c", "\"$0\" \"$@\" >'\(out)' 2>'\(err)'; echo $? >'\(scratch.path)/status'",
        Scrape.program,
      ]
        + arguments, environment: environment, log: "\(scratch.path)/log")
    let shell = "/proc/\(daemon.identifier)/task/\(daemon.identifier)/children"
    var peak = 0
    let ended = eventually(within: timeout) {
      let process = ((try? String(contentsOfFile: shell, encoding: .utf8)) ?? "")
        .trimmingCharacters(in: .whitespaces)
      if let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
        let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") })
      {
        peak = max(peak, Int(line.split(separator: " ").dropLast().last ?? "") ?? 0)
      }
      return !daemon.isRunning
    }
    seconds = Date().timeIntervalSince(start)
    if !ended { daemon.stop() }
    let word = (scratch.read("status") ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
    status = Int32(word) ?? -1
    output = FileManager.default.contents(atPath: out) ?? Data()
    errors = FileManager.default.contents(atPath: err) ?? Data()
    peakMemory = peak << 10
  }
}
