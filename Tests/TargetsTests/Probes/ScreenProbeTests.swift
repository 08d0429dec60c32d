import Engine
import Foundation
import Lab
import Metrics
import Testing

@testable import Targets

/// A real Xvnc or Xvfb on loopback.
private final class Screen {
  static let vnc = "/usr/bin/Xvnc"
  static let xvfb = "/usr/bin/Xvfb"
  static func isInstalled(_ program: String) -> Bool {
    FileManager.default.isExecutableFile(atPath: program)
  }

  let scratch = Scratch()
  let port: UInt16
  private let daemon: Daemon

  /// Xvnc with these options; a password is written as vncpasswd(1) does, with its well-known key.
  init(vnc options: [String], password: String? = nil) throws {
    port = freePort()
    var options = options
    if let password {
      scratch.write("clear", password + String(repeating: "\0", count: 8 - password.utf8.count))
      let key = "e84ad660c4721ae0"
      try run(
        "/usr/bin/openssl",
        [
          "enc", "-des-ede3-ecb", "-nosalt", "-nopad", "-K", key + key + key, "-in",
          scratch.path + "/clear", "-out", scratch.path + "/passwd",
        ])
      options += ["-PasswordFile", scratch.path + "/passwd"]
    }
    daemon = try Daemon(
      "/usr/bin/timeout",
      ["-s", "KILL", "120", Self.vnc, ":\(port)", "-rfbport", "\(port)", "-interface", "127.0.0.1"]
        + options, log: scratch.path + "/log")
    let log = scratch
    guard eventually(within: 20, { log.read("log")?.contains("Listening for VNC") == true }) else {
      throw Unavailable(description: scratch.read("log") ?? "Xvnc")
    }
  }

  /// Xvfb over TCP, which asks for a cookie where it is told to.
  init(cookie: Bool) throws {
    port = (6100..<6900).map { UInt16($0) }.shuffled().first { !listens($0) } ?? 6099
    var options = ["-ac"]
    if cookie {
      let name = "MIT-MAGIC-COOKIE-1"
      let entry: [UInt8] =
        [0xff, 0xff, 0, 0, 0, 0, 0, UInt8(name.utf8.count)] + Array(name.utf8) + [0, 16]
        + [UInt8](repeating: 7, count: 16)
      let file = scratch.path + "/auth"
      _ = FileManager.default.createFile(atPath: file, contents: Data(entry))
      options = ["-auth", file]
    }
    daemon = try Daemon(
      "/usr/bin/timeout",
      [
        "-s", "KILL", "120", Self.xvfb, ":\(port - 6000)", "-listen", "tcp", "-nolisten", "unix",
        "-screen", "0", "320x200x8",
      ] + options, log: scratch.path + "/log")
    let port = port
    guard eventually(within: 20, { listens(port) }) else {
      throw Unavailable(description: scratch.read("log") ?? "Xvfb")
    }
  }

  var log: String { scratch.read("log") ?? "" }
}

struct ScreenProbeTests {
  @Test(.enabled(if: Screen.isInstalled(Screen.vnc)))
  func `a screen without password is found, 200 times without being turned away`() async throws {
    let server = try Screen(vnc: ["-SecurityTypes", "None"])
    for _ in 0..<200 {
      let answer = try await ask("vnc:\(server.port)")
      #expect(answer.told == "major no_password up", "\(answer.verdict.message)")
    }
    #expect(!server.log.contains("blacklisted"))
    let meant = try await ask("{vnc: {port: \(server.port), no_password: ok}}")
    #expect(meant.told == "ok - up")
  }

  @Test(.enabled(if: Screen.isInstalled(Screen.vnc)))
  func `a password is tried where it is given, 200 times without being turned away`() async throws {
    let server = try Screen(vnc: ["-SecurityTypes", "VncAuth"], password: "geheim12")
    let right = server.scratch.write("right", "geheim12\n")
    let wrong = server.scratch.write("wrong", "falsch\n")
    for _ in 0..<200 {
      let answer = try await ask("{vnc: {port: \(server.port), password: 'file:\(right)'}}")
      #expect(answer.told == "ok - up", "\(answer.verdict.message)")
    }
    #expect(!server.log.contains("blacklisted"))
    let refused = try await ask("{vnc: {port: \(server.port), password: 'file:\(wrong)'}}")
    #expect(refused.told == "critical auth_failed up", "\(refused.verdict.message)")
    let steps = refused.trace?.steps.map(\.detail).joined() ?? ""
    #expect(steps.contains("secret bytes"))
  }

  @Test(.enabled(if: Screen.isInstalled(Screen.vnc)))
  func `being turned away for asking without a password is told apart`() async throws {
    let server = try Screen(vnc: ["-SecurityTypes", "VncAuth"], password: "x")
    var told: [String] = []
    for _ in 0..<8 { told.append(try await ask("vnc:\(server.port)").told) }
    #expect(told.first == "ok - up")
    #expect(told.last == "minor refused_by_protection up")
    // The words that the probe and lint give people do help.
    let exempt = try Screen(
      vnc: ["-SecurityTypes", "VncAuth", "-BlacklistThreshold", "1000000"], password: "x")
    for _ in 0..<20 { #expect(try await ask("vnc:\(exempt.port)").told == "ok - up") }
  }

  @Test(.enabled(if: Screen.isInstalled(Screen.xvfb)))
  func `an open display is found, and one that asks for a cookie is ok`() async throws {
    let open = try Screen(cookie: false)
    let answer = try await ask("x11:\(open.port - 6000)")
    #expect(answer.told == "critical open_display up", "\(answer.verdict.message)")
    #expect(answer.port == open.port)
    let shut = try Screen(cookie: true)
    let asked = try await ask("x11:\(shut.port)")
    #expect(asked.told == "ok - up", "\(asked.verdict.message)")
  }
}
