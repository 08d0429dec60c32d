import Foundation
import Testing

@testable import Parsers

/// Captures of other people's machines that may lie beside the checkout; they are not part of it.
private let captures = URL(filePath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().appending(path: "shared/captures")

private let areThere = FileManager.default.fileExists(atPath: captures.path())

@Suite(.enabled(if: areThere, "no ../shared/captures beside the checkout"))
struct CapturesBesideTests {
  static func bytes(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: captures.appending(path: path)))
  }

  @Test(arguments: [
    ("centos-7.7_who.txt", 2), ("centos-7.7_who-a.txt", 2), ("ubuntu-18.04_who-a.txt", 2),
  ])
  func `who`(_ file: String, _ count: Int) throws {
    let bytes = try Self.bytes("hosts/" + file)
    let sessions = try Who.parse(bytes.span)
    #expect(sessions.count == count)
    #expect(sessions.allSatisfy { $0.user == "kbrazil" && $0.since?.year == 2020 })
  }

  @Test(arguments: [
    "centos-7.7_last-crash.txt", "centos-7.7_last-wF.txt", "fedora32_last.txt",
    "ubuntu-18.04_last.txt", "ubuntu-18.04_lastb.txt",
  ])
  func `last`(_ file: String) throws {
    let bytes = try Self.bytes("hosts/" + file)
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
      .filter { !$0.isEmpty && !$0.contains(" begins ") }
    let records = try Last.parse(bytes.span)
    #expect(records.count == lines.count)
    let boots = lines.filter { $0.hasPrefix("reboot") }.count
    #expect(records.count { $0.kind == .boot } == boots)
    #expect(records.allSatisfy { $0.terminal != "" && !$0.user.contains(" ") })
  }

  @Test(arguments: [
    ("gtx-1070-ti.xml", 1, 0), ("quadro-p400.xml", 1, 0), ("tesla-t4.xml", 1, 0),
    ("rtx-3060-v12.xml", 1, 0), ("rtx-3080-v13.xml", 1, 0), ("a100-sxm4-v12.xml", 1, 4),
  ])
  func `nvidia-smi`(_ file: String, _ gpus: Int, _ instances: Int) throws {
    let bytes = try Self.bytes("nvidia-smi/" + file)
    let reading = try NvidiaSMI.parse(bytes.span)
    #expect(reading.problem == nil)
    #expect(reading.gpus.count == gpus)
    #expect(reading.gpus.reduce(0) { $0 + $1.instances.count } == instances)
    for gpu in reading.gpus {
      #expect(gpu.values.text("uuid")?.hasPrefix("GPU-") == true)
      #expect(gpu.values.integer(["fb_memory_usage/total"]) ?? 0 > 1000)
      #expect(gpu.values.integer(["temperature/gpu_temp"]) ?? 0 > 10)
    }
  }
}
