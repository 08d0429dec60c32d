import Foundation
import Lab
import Testing

/// The probes that the host itself answers take part in its one SSH session.
@Suite struct HostQuestionTests {
  private let sshd: Sshd
  private let range: Range

  init() throws {
    sshd = try Sshd()
    let plugin = sshd.scratch.write(
      "check_x", "#!/bin/sh\necho \"WARNING - $1 | load=7;5;9\"\nexit 1\n", mode: 0o755)
    let slow = sshd.scratch.write("check_slow", "#!/bin/sh\nsleep 30\n", mode: 0o755)
    let loud = sshd.scratch.write("check_loud", "#!/bin/sh\nyes | head -c 200000\n", mode: 0o755)
    range = Range(
      hosts: """
        all:
          hosts:
            h1:
              address: 127.0.0.1
              port: \(sshd.port)
              key: \(sshd.key)
              known_hosts: \(sshd.knownHosts)
              probes:
                - {exec: {command: [\(plugin), "it's $HOSTNAME$"], on: host, name: load}}
                - {exec: {command: \(slow), on: host, name: slow, timeout: 1s}}
                - {exec: {command: \(loud), on: host, name: loud}}
                - {exec: {command: /bin/none, on: host, name: none}}
                - {file: {path: /etc/passwd, owner: root, name: users}}
                - {file: {path: /etc/shadow.none, name: gone}}
                - "ssh:\(sshd.port)"
        """)
  }

  private var logins: Int { sshd.log.occurrences(of: "Accepted publickey") }
  /// Without the one by which the lab saw that it listens.
  private var contacts: Int { sshd.log.occurrences(of: "Connection from") - 1 }

  @Test func `one log-in serves collectors, commands of probes and the probe ssh`() throws {
    let outcome = try range.scrape("run", "--stdout")
    let lines = Line.all(outcome.output)
    func service(_ name: String) -> [String: String] {
      lines.first { $0.measurement == "service" && $0.tags["service"] == name }?.fields ?? [:]
    }
    #expect(service("load")["state"] == "1i", "\(outcome)")
    #expect(service("load")["message"] == "\"WARNING - it's h1\"")
    #expect(service("slow")["reason"] == "\"timeout\"" && service("slow")["up"] == "0i")
    #expect(service("loud")["reason"] == "\"protocol_error\"")
    #expect(service("none")["state"] == "4i", "\(service("none"))")
    #expect(service("users")["state"] == "0i" && service("gone")["state"] == "3i")
    #expect(service("ssh:\(sshd.port)")["state"] == "0i")
    #expect(lines.contains { $0.measurement == "nagios" && $0.tags["perfdata"] == "load" })
    #expect(lines.contains { $0.measurement == "filestat" && $0.fields["exists"] == "1i" })
    // What is wrong with a plugin is no failure of the host or of its collectors.
    let scrape = lines.first { $0.measurement == "scrape" }
    #expect(scrape?.fields["up"] == "1i" && lines.contains { $0.measurement == "mem" })
    #expect(logins == 1 && contacts == 1, "\(sshd.log)")
    // Without collectors it is one log-in as well.
    _ = try range.scrape("run", "--only", "probes")
    #expect(logins == 2 && contacts == 2, "\(sshd.log)")
  }

  @Test func `a program on the host is given the host's address and the log-in's environment`()
    throws
  {
    let shown = sshd.scratch.write(
      "show", "#!/bin/sh\necho \"OK $1 $LC_ALL $TZ $HOME\"\n", mode: 0o755)
    let outcome = try range.scrape(
      "probe", "{exec: {command: [\(shown), \"$HOSTNAME$=$HOSTADDRESS$\"], on: host}}", "h1")
    #expect(outcome.status == 0, "\(outcome)")
    #expect(outcome.output.contains("OK h1=127.0.0.1 C UTC \(sshd.scratch.path)"), "\(outcome)")
  }

  @Test func `by hand they are asked the same way, and explained`() throws {
    let one = try range.scrape("probe", "{file: {path: /etc/passwd, mode: '0644'}}", "h1")
    #expect(one.status == 0 && one.output.contains("bytes, changed"), "\(one)")
    #expect(logins == 1 && contacts == 1)
    let host = try range.scrape("host", "h1", "--only", "probes", "--explain")
    #expect(host.output.contains("probe load") && host.output.contains("load=7;5;9"), "\(host)")
    #expect(logins == 2 && contacts == 2, "\(sshd.log)")
    let stranger = try range.scrape("probe", "file/etc/passwd", "127.0.0.1")
    #expect(stranger.status == 2 && stranger.errors.contains("a host of the inventory"))
  }

  @Test func `a host that cannot be asked leaves them unknown`() throws {
    sshd.stop()
    let lines = Line.all(try range.scrape("run", "--stdout").output)
    let users = lines.first { $0.tags["service"] == "users" }
    #expect(users?.fields["state"] == "4i" && users?.fields["up"] == nil, "\(lines)")
    #expect(users?.fields["message"]?.contains("could not be asked") == true)
  }
}
