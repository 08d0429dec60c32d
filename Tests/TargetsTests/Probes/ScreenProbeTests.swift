import Engine
import Foundation
import Lab
import Metrics
import Testing

struct ScreenProbeTests {
  @Test(.enabled(if: Screen.isInstalled(Screen.vnc)))
  func `a screen without password is found, 200 times without being turned away`() async throws {
    let server = try Screen(vnc: ["-SecurityTypes", "None"])
    for _ in 0..<200 {
      let answer = try await ask("vnc:\(server.port)")
      #expect(answer.summary == "minor no_password up", "\(answer.verdict.message)")
    }
    #expect(!server.log.contains("blacklisted"))
    let meant = try await ask("{vnc: {port: \(server.port), no_password: ok}}")
    #expect(meant.summary == "ok - up")
  }

  @Test(.enabled(if: Screen.isInstalled(Screen.vnc)))
  func `a password is tried where it is given, 200 times without being turned away`() async throws {
    let server = try Screen(vnc: ["-SecurityTypes", "VncAuth"], password: "geheim12")
    let right = server.scratch.write("right", "geheim12\n")
    let wrong = server.scratch.write("wrong", "falsch\n")
    for _ in 0..<200 {
      let answer = try await ask("{vnc: {port: \(server.port), password: 'file:\(right)'}}")
      #expect(answer.summary == "ok - up", "\(answer.verdict.message)")
    }
    #expect(!server.log.contains("blacklisted"))
    let refused = try await ask("{vnc: {port: \(server.port), password: 'file:\(wrong)'}}")
    #expect(refused.summary == "critical auth_failed up", "\(refused.verdict.message)")
    let steps = refused.trace?.steps.map(\.detail).joined() ?? ""
    #expect(steps.contains("secret bytes"))
  }

  @Test(.enabled(if: Screen.isInstalled(Screen.vnc)))
  func `a refusal for asking without a password has a reason of its own`() async throws {
    let server = try Screen(vnc: ["-SecurityTypes", "VncAuth"], password: "x")
    var summary: [String] = []
    for _ in 0..<8 { summary.append(try await ask("vnc:\(server.port)").summary) }
    #expect(summary.first == "ok - up")
    #expect(summary.last == "minor refused_by_protection up")
    // The words that the probe and lint give people do help.
    let exempt = try Screen(
      vnc: ["-SecurityTypes", "VncAuth", "-BlacklistThreshold", "1000000"], password: "x")
    for _ in 0..<20 { #expect(try await ask("vnc:\(exempt.port)").summary == "ok - up") }
  }

  @Test(.enabled(if: Screen.isInstalled(Screen.xvfb)))
  func `an open display is found, and one that asks for a cookie is ok`() async throws {
    let open = try Screen(cookie: false)
    let answer = try await ask("x11:\(open.port - 6000)")
    #expect(answer.summary == "minor open_display up", "\(answer.verdict.message)")
    #expect(answer.port == open.port)
    let shut = try Screen(cookie: true)
    let asked = try await ask("x11:\(shut.port)")
    #expect(asked.summary == "ok - up", "\(asked.verdict.message)")
  }
}
