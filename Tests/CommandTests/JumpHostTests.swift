import Foundation
import Lab
import Testing

/// Hosts behind a jump host: until it can be gone through, nothing of them is asked.
@Suite struct JumpHostTests {
  @Test func `nothing behind a jump host is asked, and one line says so`() throws {
    let page = FakeServer([.answer { _ in Array("HTTP/1.0 200 OK\r\n\r\nok".utf8) }, .close])
    let bmc = FakeDatagrams { [$0] }
    let scratch = Scratch()
    let program = scratch.write(
      "check", "#!/bin/sh\necho ran >> \(scratch.path)/ran\n", mode: 0o755)
    let door = try Door()
    let range = Range(
      hosts: """
        all:
          hosts:
            jp1: {connection: local, profile: none}
            h1:
              address: 127.0.0.1
              port: \(door.port)
              via: jp1
              bmc: {address: 127.0.0.1, port: \(bmc.port), user: a, password: "file:\(scratch.path)/p"}
              probes:
                - http:\(page.port)
                - icmp
                - ssh
                - dns
                - {exec: {command: \(program), name: here}}
                - {exec: {command: /bin/true, on: host, name: there}}
                - file/etc/passwd
        """, settings: "profiles: {none: {collectors: []}}\n")
    scratch.write("p", "x")
    let run = try range.scrape("run", "--stdout")
    let lines = Line.all(run.output)
    let services = lines.filter { $0.measurement == "service" }
    #expect(services.count == 7, "\(run)")
    #expect(services.allSatisfy { $0.fields["reason"] == "\"not_supported\"" }, "\(services)")
    #expect(services.allSatisfy { $0.fields["state"] == "4i" && $0.fields["up"] == nil })
    let warnings = run.errors.split(separator: "\n").filter { $0.contains("h1") }
    #expect(warnings.count == 1 && warnings[0].contains("not_supported"), "\(run.errors)")
    #expect(
      warnings[0].contains("neither the host nor its services nor its BMC are asked"),
      "\(run.errors)")
    let status = try range.scrape("status").output
    #expect(
      status.split(separator: "\n").count { $0.contains("not_supported") } == 1, "\(status)")
    let probe = try range.scrape("probe", "http:\(page.port)", "h1")
    #expect(probe.status == 1 && probe.output.contains("not_supported"), "\(probe)")
    let host = try range.scrape("host", "h1")
    #expect(host.output.contains("not_supported"), "\(host)")
    _ = try range.scrape("doctor")
    #expect(scratch.read("ran") == nil)
    #expect(page.visits == 0 && bmc.visits == 0)
  }
}
