import Foundation
import Lab

/// 25 hosts with about 100 services, each host on a loopback address of its own, all of them real daemons
/// but what only a simulation can be: BMCs, the Bot API, and servers that misbehave.
///
/// It writes an inventory with a scrape.yml, whose points go to its InfluxDB and to a file beside.
final class LabRange {
  let scratch = Scratch()
  let block: Block
  let authority: Authority
  /// One whose certificates nobody trusts.
  let stranger: Authority
  let influx: InfluxServer
  let bot: BotAPI
  let webs: [Web]
  let daemons: Daemons
  let bmcs: [BMC]
  let plugin: String
  let watched: String
  private(set) var hosts: [RangeHost] = []

  static let database = "range"
  static let chat: BotAPI.Chat = -1_001_234_567_890
  /// Seconds after which daemons end that nobody ended.
  static let lifetime = 86_400
  /// Seconds until a probe, a connection or a BMC that does not answer is given up.
  static let patience = 3

  var inventory: String { "\(scratch.path)/inventory" }
  var store: String { "\(scratch.path)/state/scrape.db" }
  /// The file that takes every point, as line protocol.
  var points: String { "\(scratch.path)/points.lp" }

  /// How every check is as long as no fault is on.
  var healthy: [Check: [Finding]] {
    hosts.reduce(into: [:]) { $0.merge($1.healthy) { $1 } }
  }

  /// One web server: a page over HTTP and one over TLS.
  struct Web {
    var plain: Nginx
    var tls: Nginx
    var certificate: (certificate: String, key: String)
  }

  /// What there is once.
  struct Daemons {
    var mariadb: MariaDB
    var postgres: PostgreSQL
    var postfix: Postfix
    var dovecot: Dovecot
    var vsftpd: Vsftpd
    var unbounds: [Unbound]
    var chrony: Chrony
    var samba: Samba
    var xrdp: Xrdp
    var xvnc: Screen
    var xvfb: Screen
    var ipmi: IPMISim
    /// An HTTP server that closes after each answer.
    var closing: Peer
    /// A port that accepts.
    var open: Place
  }

  /// What is missing on this machine; empty where the range can be.
  static var missing: [String] {
    let needed: [(String, Bool)] = [
      ("root", getuid() == 0), ("nginx", Nginx.isInstalled), ("mariadbd", MariaDB.isInstalled),
      ("postgres", PostgreSQL.isInstalled), ("vsftpd", Vsftpd.isInstalled),
      ("postfix", Postfix.isInstalled), ("dovecot", Dovecot.isInstalled),
      ("unbound", Unbound.isInstalled), ("chronyd", Chrony.isInstalled),
      ("smbd", Samba.isInstalled), ("xrdp", Xrdp.isInstalled),
      ("Xvnc", Screen.isInstalled(Screen.vnc)), ("Xvfb", Screen.isInstalled(Screen.xvfb)),
      ("ipmi_sim", IPMISim.isInstalled), ("influxd", InfluxServer.isInstalled),
    ]
    return needed.filter { !$0.1 }.map(\.0)
  }

  /// The numbers of the hosts' addresses.
  private enum Number {
    static let web = 1...8
    static let db = 11...12
    static let mail = 13
    static let ftp = 14
    static let names = 15...16
    static let time = 17
    static let files = 18
    static let desks = 21...23
    static let gpus = 31...33
    static let app = 41
    static let influx = 42
    static let bot = 43
  }

  init() throws {
    let block = try Block()
    self.block = block
    let path = scratch.path
    // Daemons of other users look into it.
    try run("/bin/chmod", ["755", path])
    authority = try Authority()
    stranger = try Authority()
    let authority = authority
    bot = try BotAPI(chats: [Self.chat], second: 0.02)
    influx = try InfluxServer(
      address: block.address(Number.influx), port: Port.influx, lifetime: Self.lifetime)
    webs = try Number.web.map { number in
      let address = block.address(number)
      let certificate = try authority.certificate(
        "web\(number)", names: "DNS:web0\(number),IP:\(address)")
      return Web(
        plain: try Nginx(address: address, port: Port.http),
        tls: try Nginx(certificate: certificate, address: address, port: Port.https),
        certificate: certificate)
    }
    let mail = block.address(Number.mail)
    let mailbox = scratch.path + "/mail"
    try run("/bin/mkdir", ["-p", mailbox])
    try run("/bin/chown", ["65534:65534", mailbox])
    let desks = Number.desks.map { block.address($0) }
    daemons = Daemons(
      mariadb: try MariaDB(
        [
          "CREATE USER monitor@'%' IDENTIFIED BY 'right'",
          "CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT)",
          "INSERT INTO shop.orders VALUES (7)", "GRANT SELECT ON shop.* TO monitor@'%'",
        ], options: ["--skip-name-resolve"], address: block.address(Number.db.lowerBound),
        port: Port.mysql),
      postgres: try PostgreSQL(
        ["CREATE ROLE monitor LOGIN PASSWORD 'right';"],
        address: block.address(Number.db.upperBound), port: Port.postgres),
      postfix: try Postfix(into: mailbox, address: mail, port: Port.smtp),
      dovecot: try Dovecot(
        certificate: try authority.certificate("mail", names: "DNS:mail,IP:\(mail)"),
        relay: Port.smtp,
        address: mail,
        ports: [Port.imap, Port.imaps, Port.pop3, Port.pop3s, Port.submission]),
      vsftpd: try Vsftpd(address: block.address(Number.ftp), port: Port.ftp),
      unbounds: try Number.names.map {
        try Unbound(Self.records, address: block.address($0), port: Port.dns)
      },
      chrony: try Chrony(
        Self.timeSource, address: block.address(Number.time), port: Port.ntp,
        lifetime: Self.lifetime),
      samba: try Samba(
        ["server signing = mandatory"], address: block.address(Number.files), port: Port.smb,
        lifetime: Self.lifetime),
      xrdp: try Xrdp(
        security: "negotiate", try authority.certificate("desk", names: "DNS:desk1,IP:\(desks[0])"),
        address: desks[0], port: Port.rdp, lifetime: Self.lifetime),
      xvnc: try Screen(
        vnc: ["-SecurityTypes", "VncAuth"], password: "geheim12", address: desks[1],
        port: Port.vnc, lifetime: Self.lifetime),
      xvfb: try Screen(cookie: true, lifetime: Self.lifetime),
      ipmi: try IPMISim(
        address: block.address(Number.gpus.upperBound), port: Port.bmc, lifetime: Self.lifetime),
      closing: try Peer(
        Self.closing, address: block.address(Number.app), port: Port.http),
      open: Place(address: block.address(Number.app), port: Port.open))
    bmcs = try Number.gpus.dropLast().map { number in
      try BMC(address: block.address(number), port: Port.bmc)
    }
    try daemons.chrony.wait()
    try daemons.open.play([.silence])
    plugin = scratch.write("plugin/used", "OK - 40 % | used=40%\n", mode: 0o644)
    watched = scratch.write("watched/file", "unchanged\n", mode: 0o644)
    scratch.write("inventory/secrets/mysql", "right\n")
    scratch.write("inventory/secrets/mail", "right\n")
    scratch.write("inventory/secrets/vnc", "geheim12\n")
    scratch.write("inventory/secrets/bmc", "secret\n")
    scratch.write("inventory/secrets/telegram", bot.token + "\n")
    try makeHosts()
    writeInventory()
  }

  var appAddress: String { block.address(Number.app) }
  static let records = ["www.lab.example. 300 IN A 192.0.2.7", "lab.example. 300 IN A 192.0.2.8"]
  static let timeSource = "local stratum 3"
  /// HTTP/1.0 as the oldest servers speak it: the end of the connection is the end of the page.
  static let closing: [Peer.Step] = [.head, .say("HTTP/1.0 200 OK\r\n\r\nok"), .close]

  private func makeHosts() throws {
    func host(_ name: String, _ group: String, _ number: Int) throws -> RangeHost {
      try RangeHost(name, group: group, address: block.address(number))
    }
    let short = "timeout: \(Self.patience)s"
    func secret(_ name: String) -> String { "password: \"file:secrets/\(name)\"" }
    for number in Number.web {
      var web = try host("web0\(number)", "web", number)
      web.add("http", "http", "port: \(Port.http), body: it works, \(short)")
      web.add("https", "https", "port: \(Port.https), status: 200, \(short)")
      web.add("tcp", "tcp", "port: \(Port.http), \(short)")
      hosts.append(web)
    }
    var db1 = try host("db1", "db", Number.db.lowerBound)
    db1.add(
      "mysql", "mysql",
      "port: \(Port.mysql), user: monitor, \(secret("mysql")), "
        + "query: SELECT id FROM shop.orders, expect: \"7\", \(short)")
    db1.add("mysql-open", "mysql", "port: \(Port.mysql), \(short)")
    var db2 = try host("db2", "db", Number.db.upperBound)
    db2.add(
      "postgres", "postgres",
      "port: \(Port.postgres), user: monitor, database: postgres, \(secret("mysql")), \(short)")
    db2.add("postgres-open", "postgres", "port: \(Port.postgres), \(short)")
    hosts += [db1, db2]

    var mail = try host("mail", "support", Number.mail)
    mail.add(
      "smtp", "smtp", "port: \(Port.smtp), security: none, expect: mail.lab.example, \(short)")
    mail.add("submission", "smtp", "port: \(Port.submission), security: starttls, \(short)")
    mail.add(
      "imap", "imap",
      "port: \(Port.imap), security: starttls, user: alice, \(secret("mail")), \(short)")
    mail.add("imaps", "imap", "port: \(Port.imaps), security: tls, \(short)")
    mail.add("pop3", "pop3", "port: \(Port.pop3), security: starttls, \(short)")
    mail.add("pop3s", "pop3", "port: \(Port.pop3s), security: tls, \(short)")
    var ftp = try host("ftp", "support", Number.ftp)
    ftp.add("ftp", "ftp", "port: \(Port.ftp), path: /pub, expect: hello.txt, \(short)")
    hosts += [mail, ftp]
    for (index, number) in Number.names.enumerated() {
      var names = try host("ns\(index + 1)", "support", number)
      let question = "port: \(Port.dns), domain: www.lab.example, answer: [192.0.2.7], \(short)"
      names.add("dns", "dns", question)
      names.add("dns-tcp", "dns", "protocol: tcp, \(question)")
      hosts.append(names)
    }
    var time = try host("time", "support", Number.time)
    time.add("ntp", "ntp", "port: \(Port.ntp), tries: 3, \(short)")
    var files = try host("files", "support", Number.files)
    files.add("smb", "smb", "port: \(Port.smb), signing: required, \(short)")
    hosts += [time, files]

    let desks = Array(Number.desks)
    var rdp = try host("desk1", "desk", desks[0])
    rdp.add("rdp", "rdp", "port: \(Port.rdp), security: tls, \(short)")
    var vnc = try host("desk2", "desk", desks[1])
    vnc.add("vnc", "vnc", "port: \(Port.vnc), \(secret("vnc")), \(short)")
    var x11 = try host("desk3", "desk", desks[2])
    x11.add("x11", "x11", "port: \(daemons.xvfb.port), \(short)")
    hosts += [rdp, vnc, x11]

    for (index, number) in Number.gpus.enumerated() {
      var gpu = try host("gpu\(index + 1)", "gpu", number)
      let isReal = number == Number.gpus.upperBound
      gpu.bmc =
        "address: \(gpu.address), port: \(Port.bmc), user: admin, \(secret("bmc")), every: 0s, "
        + "timeout: \(Self.patience)s, deadline: 10s"
        + (isReal ? ", cipher_suite: 3, workarounds: [opensesspriv]" : "")
      if isReal { gpu.bmcFinding = .problems(1) }
      hosts.append(gpu)
    }

    var app = try host("app", "app", Number.app)
    app.add("http", "http", "port: \(Port.http), body: ok, \(short)")
    app.add("open", "tcp", "port: \(Port.open), \(short)")
    app.add("shut", "tcp", "port: \(Port.shut), closed: yes, \(short)")
    app.add("ports", "ports", "open: [\(Port.open)], scan: [21002-21010], \(short)")
    app.add("used", "exec", "command: [/bin/cat, \"\(plugin)\"]")
    app.add("file", "file", "path: \"\(watched)\", size: {max: 100}")
    var influxHost = try host("influx", "app", Number.influx)
    influxHost.add("http", "http", "port: \(Port.influx), path: /ping, status: 204, \(short)")
    var botHost = try host("bot", "app", Number.bot)
    botHost.add(
      "http", "tcp",
      "address: 127.0.0.1, port: \(bot.url.split(separator: ":").last ?? ""), \(short)")
    hosts += [app, influxHost, botHost]
  }

  private func writeInventory() {
    var text = """
      all:
        vars:
          user: \(NSUserName())
          port: \(Port.ssh)
          ca: \(authority.file)
          profile: range
          tags: {site: range}
        children:

      """
    var groups: [String] = []
    for host in hosts where !groups.contains(host.group) { groups.append(host.group) }
    for group in groups {
      text += "    \(group):\n      hosts:\n"
      for host in hosts where host.group == group { text += host.yaml }
    }
    scratch.write("inventory/hosts.yml", text)
    scratch.write(
      "inventory/scrape.yml",
      """
      profiles:
        range: {deadline: 6s, collectors: {system: 0s, cpu: 0s, mem: 0s, net: 0s, disk: 0s}}
      deadline: 15s
      connect_timeout: \(Self.patience)s
      delivery_timeout: 1s
      store: {path: \(store)}
      self: {gateway: off, resolver: off}
      sinks:
        - influxdb: {url: "\(influx.url)", database: \(Self.database)}
        - file: {path: \(points), format: influx, rotate: off, sync: no}
      rules:
        # Built in: all hosts are this machine, with a CPU hog beside; a sensor has its own rule below.
        load high: off
        memory low: off
        bmc sensor: off
        full: {when: "nagios.value{perfdata=used}", critical: "> 95"}
        hot: {when: "ipmi_sensor.value{name=inlet_temp}", critical: "> 45"}
      contacts:
        team:
          telegram: {token: "file:secrets/telegram", chats: [\(Self.chat.id)], api: "\(bot.url)"}

      """)
  }
}
