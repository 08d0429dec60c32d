import Foundation
import Lab

extension LabRange {
  /// All faults of the range. A finding that a pass must make follows from what the fault does, not from
  /// what some version said.
  var faults: [Fault] {
    webFaults + databaseFaults + mailFaults + nameFaults + deskFaults + bmcFaults + appFaults
      + hosts.flatMap { sshFaults($0) }
  }

  /// A daemon that is killed, and one that is stopped in its tracks: the kernel still accepts for it.
  ///
  /// `findings` are made of the services that it serves; `start` begins it anew.
  func daemonFaults(
    _ host: String, _ what: String, _ daemon: Daemon, services: [String], datagrams: [String] = [],
    start: @escaping @Sendable () throws -> Void
  ) -> [Fault] {
    var gone: [String: [Finding]] = [:]
    var silent: [String: [Finding]] = [:]
    for name in services + datagrams {
      gone["service \(name)"] = [.critical("connection_refused")]
      silent["service \(name)"] = [.critical("timeout")]
    }
    return [
      Fault(
        name: "\(host) \(what) killed", host: host, findings: gone,
        on: { daemon.stop() }, off: start),
      Fault(
        name: "\(host) \(what) frozen", host: host, findings: silent, isSlow: true,
        on: { daemon.signal(SIGSTOP) }, off: { daemon.signal(SIGCONT) }),
    ]
  }

  /// Another server in a daemon's place.
  func replaced(
    _ name: String, _ host: String, _ daemon: Daemon, address: String, port: UInt16,
    by steps: [Peer.Step], findings: [String: [Finding]], isSlow: Bool = false,
    start: @escaping @Sendable () throws -> Void
  ) -> Fault {
    let place = Place(address: address, port: port)
    return Fault(
      name: "\(host) \(name)", host: host, findings: findings, isSlow: isSlow,
      on: {
        daemon.stop()
        try place.play(steps)
      },
      off: {
        place.clear()
        try start()
      })
  }

  private var webFaults: [Fault] {
    webs.enumerated().flatMap { index, web in
      let host = hosts[index].name
      let plain: @Sendable () throws -> Void = { try web.plain.restart() }
      let tls: @Sendable () throws -> Void = { try web.tls.restart(certificate: web.certificate) }
      var faults = daemonFaults(
        host, "http", web.plain.daemon, services: ["http", "tcp"], start: plain)
      // The kernel accepts, and tcp asks for no more.
      faults[1].findings["service tcp"] = nil
      faults += daemonFaults(host, "https", web.tls.daemon, services: ["https"], start: tls)
      func page(
        _ name: String, _ finding: Finding..., by steps: [Peer.Step], isSlow: Bool = false
      ) -> Fault {
        replaced(
          "http \(name)", host, web.plain.daemon, address: web.plain.address, port: Port.http,
          by: steps, findings: ["service http": finding], isSlow: isSlow, start: plain)
      }
      let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nit works"
      faults += [
        page("closes at once", .critical("connection_lost"), by: [.close]),
        page("closes after the request", .critical("connection_lost"), by: [.head, .close]),
        page("resets", .critical("connection_lost"), by: [.head, .reset]),
        page(
          "closes in the body", .critical("connection_lost"), by: [.head, .say(answer), .close]),
        page(
          "speaks another protocol", .critical("protocol_error"),
          by: [.head, .say("SSH-2.0-OpenSSH_9.2\r\n"), .close]),
        page(
          "drips", .critical("timeout"), by: [.head, .drip(answer + answer, 300)], isSlow: true),
        Fault(
          name: "\(host) http 503", host: host,
          findings: ["service http": [.critical("wrong_answer")]],
          on: { try web.plain.restart("return 503;") }, off: plain),
        Fault(
          name: "\(host) http another page", host: host,
          findings: ["service http": [.critical("wrong_answer")]],
          on: { try web.plain.restart("return 200 'under construction';") }, off: plain),
      ]
      for (kind, certificate) in wrongCertificates {
        faults.append(
          Fault(
            name: "\(host) https \(kind.replacing("_", with: " "))", host: host,
            findings: [
              "service https": [
                isFinding(kind) ? Finding(severity: "minor", reason: kind) : .critical(kind)
              ]
            ],
            on: { try web.tls.restart(certificate: certificate(web.plain.address)) }, off: tls))
      }
      faults.append(
        Fault(
          name: "\(host) https without TLS", host: host,
          findings: ["service https": [.critical("tls_failed")]],
          on: { try web.tls.restart() }, off: tls))
      return faults
    }
  }

  /// Who vouches for a certificate, and for whom: a finding of a service that is up.
  private func isFinding(_ reason: String) -> Bool {
    ["certificate_name", "certificate_untrusted"].contains(reason)
  }

  private typealias Certificate = (certificate: String, key: String)

  /// Reasons, and a certificate for an address that has it.
  private var wrongCertificates: [(String, @Sendable (String) throws -> Certificate)] {
    let (ours, others) = (authority, stranger)
    return [
      (
        "certificate_expired",
        { try ours.certificate("expired-\($0)", names: "IP:\($0)", from: -30, to: -2) }
      ),
      (
        "certificate_not_yet_valid",
        { try ours.certificate("early-\($0)", names: "IP:\($0)", from: 2, to: 30) }
      ),
      ("certificate_name", { try ours.certificate("name-\($0)", names: "DNS:other.example") }),
      ("certificate_untrusted", { try others.certificate("alien-\($0)", names: "IP:\($0)") }),
    ]
  }

  private var databaseFaults: [Fault] {
    let (mariadb, postgres) = (daemons.mariadb, daemons.postgres)
    let both = ["mysql", "mysql-open"]
    var faults = daemonFaults(
      "db1", "mariadb", mariadb.daemon, services: both, start: { try mariadb.restart() })
    faults.append(
      Fault(
        name: "db1 access denied", host: "db1",
        findings: ["service mysql": [.critical("auth_failed")]],
        on: { try mariadb.execute("ALTER USER monitor@'%' IDENTIFIED BY 'other'") },
        off: { try mariadb.execute("ALTER USER monitor@'%' IDENTIFIED BY 'right'") }))
    faults.append(
      Fault(
        name: "db1 another answer", host: "db1",
        findings: ["service mysql": [.critical("wrong_answer")]],
        on: { try mariadb.execute("UPDATE shop.orders SET id = 8") },
        off: { try mariadb.execute("UPDATE shop.orders SET id = 7") }))
    faults.append(
      replaced(
        "mariadb speaks another protocol", "db1", mariadb.daemon, address: mariadb.address,
        port: Port.mysql, by: [.say("220 mail.example ESMTP\r\n"), .silence],
        findings: [
          "service mysql": [.critical("protocol_error")],
          "service mysql-open": [.critical("protocol_error")],
        ], start: { try mariadb.restart() }))
    let open = ["postgres", "postgres-open"]
    var refused: [String: [Finding]] = [:]
    var silent: [String: [Finding]] = [:]
    for name in open {
      refused["service \(name)"] = [.critical("connection_refused")]
      silent["service \(name)"] = [.critical("timeout")]
    }
    faults += [
      Fault(
        name: "db2 postgres killed", host: "db2", findings: refused, on: { postgres.stop() },
        off: { try postgres.restart() }),
      Fault(
        name: "db2 postgres frozen", host: "db2", findings: silent, isSlow: true,
        on: { postgres.freeze() }, off: { postgres.thaw() }),
    ]
    return faults
  }

  private var mailFaults: [Fault] {
    let (postfix, dovecot, vsftpd) = (daemons.postfix, daemons.dovecot, daemons.vsftpd)
    var faults = daemonFaults(
      "mail", "postfix", postfix.daemon, services: ["smtp"], start: { try postfix.restart() })
    faults += daemonFaults(
      "mail", "dovecot", dovecot.daemon,
      services: ["submission", "imap", "imaps", "pop3", "pop3s"], start: { try dovecot.restart() })
    faults += daemonFaults(
      "ftp", "vsftpd", vsftpd.daemon, services: ["ftp"], start: { try vsftpd.restart() })
    func greeting(_ name: String, _ finding: Finding..., by steps: [Peer.Step]) -> Fault {
      replaced(
        "smtp \(name)", "mail", postfix.daemon, address: postfix.address, port: Port.smtp,
        by: steps, findings: ["service smtp": finding], start: { try postfix.restart() })
    }
    faults += [
      greeting("closes", .critical("connection_lost"), by: [.close]),
      greeting(
        "of another server", .critical("wrong_answer"),
        by: [
          .say("220 elsewhere.example ESMTP\r\n"), .line, .say("250 elsewhere.example\r\n"), .line,
          .say("221 bye\r\n"), .close,
        ]),
    ]
    return faults
  }

  private var nameFaults: [Fault] {
    var faults: [Fault] = []
    for (index, unbound) in daemons.unbounds.enumerated() {
      let host = "ns\(index + 1)"
      let start: @Sendable () throws -> Void = { try unbound.restart(LabRange.records) }
      faults += daemonFaults(
        host, "unbound", unbound.daemon, services: ["dns-tcp"], datagrams: ["dns"], start: start)
      let wrong: [String: [Finding]] = [
        "service dns": [.critical("wrong_answer")], "service dns-tcp": [.critical("wrong_answer")],
      ]
      faults += [
        Fault(
          name: "\(host) another address", host: host, findings: wrong,
          on: { try unbound.restart(["www.lab.example. 300 IN A 192.0.2.66"]) }, off: start),
        Fault(
          name: "\(host) name unknown", host: host, findings: wrong,
          on: { try unbound.restart(["lab.example. 300 IN A 192.0.2.8"]) }, off: start),
      ]
    }
    let chrony = daemons.chrony
    faults += daemonFaults(
      "time", "chronyd", chrony.daemon, services: [], datagrams: ["ntp"],
      start: { try chrony.restart(LabRange.timeSource) })
    faults.append(
      Fault(
        name: "time not synchronized", host: "time",
        findings: ["service ntp": [.critical("not_synchronized")]],
        on: { try chrony.restart("") }, off: { try chrony.restart(LabRange.timeSource) }))
    return faults
  }

  private var deskFaults: [Fault] {
    [
      ("files", "smbd", daemons.samba.daemon, "smb"), ("desk1", "xrdp", daemons.xrdp.daemon, "rdp"),
      ("desk2", "Xvnc", daemons.xvnc.daemon, "vnc"), ("desk3", "Xvfb", daemons.xvfb.daemon, "x11"),
    ].map { host, what, daemon, service in
      // Those are not killed: beginning them again takes seconds.
      daemonFaults(host, what, daemon, services: [service], start: {})[1]
    }
  }

  private var bmcFaults: [Fault] {
    bmcs.enumerated().flatMap { index, bmc in
      let host = "gpu\(index + 1)"
      func fault(
        _ name: String, _ findings: [String: [Finding]], isSlow: Bool = false,
        _ change: @escaping @Sendable (inout BMCFaults) -> Void
      ) -> Fault {
        Fault(
          name: "\(host) bmc \(name)", host: host, findings: findings, isSlow: isSlow,
          on: { change(&bmc.faults) }, off: { bmc.faults = BMCFaults() })
      }
      return [
        fault("dead", ["bmc": [.down("bmc", "timeout")]], isSlow: true) { $0.silent = true },
        // It takes longer, and everything comes.
        fault("slow", [:], isSlow: true) { $0.slow = 20 },
        fault("sends twice", ["bmc": [.down("bmc", "protocol_error")]]) { $0.duplicates = true },
        Fault(
          name: "\(host) bmc hot", host: host,
          findings: ["rule hot{": [Finding(severity: "critical")]],
          on: { bmc.set("Inlet Temp", value: 60) }, off: { bmc.set("Inlet Temp", value: 24) }),
      ]
    }
  }

  private var appFaults: [Fault] {
    let (plugin, watched, bot, influx) = (plugin, watched, bot, influx)
    let (address, open) = (appAddress, daemons.open)
    let (shut, extra) = (
      Place(address: address, port: Port.shut), Place(address: address, port: 21_005)
    )
    @Sendable func rewrite(_ file: String, _ text: String) throws {
      try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    }
    return [
      Fault(
        name: "app port refuses", host: "app",
        findings: [
          "service open": [.critical("connection_refused")], "service ports": [.critical("closed")],
        ], on: { open.clear() }, off: { try open.play([.silence]) }),
      Fault(
        name: "app port open", host: "app", findings: ["service shut": [.critical("open")]],
        on: { try shut.play([.silence]) }, off: { shut.clear() }),
      Fault(
        name: "app new listener", host: "app",
        findings: ["service ports": [Finding(severity: "minor", reason: "new_listener")]],
        on: { try extra.play([.silence]) }, off: { extra.clear() }),
      Fault(
        name: "app full", host: "app",
        findings: ["rule full{": [Finding(severity: "critical")]],
        on: { try rewrite(plugin, "OK - 99 % | used=99%\n") },
        off: { try rewrite(plugin, "OK - 40 % | used=40%\n") }),
      Fault(
        name: "app file grown", host: "app",
        findings: ["service file": [.critical("beyond_limit"), .critical("wrong_answer")]],
        on: { try rewrite(watched, String(repeating: "x", count: 200)) },
        off: { try rewrite(watched, "unchanged\n") }),
      Fault(
        name: "bot killed", host: "bot",
        findings: ["service http": [.critical("connection_refused")]],
        on: { bot.stop() }, off: { try bot.start() }),
      // What it does not take waits, and nothing of it is lost.
      Fault(
        name: "influx killed", host: "influx",
        findings: ["service http": [.critical("connection_refused")]],
        on: { influx.stop() }, off: { try influx.start() }),
      Fault(
        name: "influx frozen", host: "influx",
        findings: ["service http": [.critical("timeout")]], isSlow: true,
        on: { influx.daemon?.signal(SIGSTOP) }, off: { influx.daemon?.signal(SIGCONT) }),
    ]
  }

  private func sshFaults(_ host: RangeHost) -> [Fault] {
    let (sshd, address, name) = (host.sshd, host.address, host.name)
    let start: @Sendable () throws -> Void = { try sshd.restart() }
    func both(_ reason: String) -> [String: [Finding]] {
      ["ssh": [.critical(reason)], "service ssh": [.critical(reason)]]
    }
    func server(
      _ what: String, _ reason: String, by steps: [Peer.Step], isSlow: Bool = false
    ) -> Fault {
      replaced(
        "ssh \(what)", name, sshd.daemon, address: address, port: Port.ssh, by: steps,
        findings: both(reason), isSlow: isSlow, start: start)
    }
    var faults = [
      Fault(
        name: "\(name) ssh killed", host: name, findings: both("connection_refused"),
        on: { sshd.stop() }, off: start),
      Fault(
        name: "\(name) ssh frozen", host: name, findings: both("timeout"), isSlow: true,
        on: { sshd.daemon.signal(SIGSTOP) }, off: { sshd.daemon.signal(SIGCONT) }),
      Fault(
        name: "\(name) ssh another key", host: name, findings: both("host_key_changed"),
        on: { try sshd.restart(stranger: true) }, off: start),
      server(
        "speaks another protocol", "protocol_error",
        by: [.say("220 mail.example ESMTP\r\n"), .silence]),
      server(
        "drips", "timeout",
        by: [.drip("SSH-2.0-OpenSSH_9.2p1 Debian-with-a-name-that-takes-half-a-minute\r\n", 400)],
        isSlow: true),
    ]
    // What only the host knows is not read where the log-in fails.
    if name == "app" {
      for index in faults.indices {
        faults[index].findings["service file"] = [
          Finding(severity: "unknown", reason: "no_answer")
        ]
      }
    }
    return faults
  }
}
