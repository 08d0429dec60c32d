import Testing

@testable import Parsers

/// What the facts of hosts are read from.
struct FactFilesTests {
  @Test func `packages of dpkg are those that are installed`() throws {
    let text = "bash\t5.2-1\tii \nlibc6:i386\t2.36-9\thi \nold\t1.0\trc \nhalf\t\tun \n"
    #expect(
      try parse(text, as: DpkgQuery.self) == [
        InstalledPackage(name: "bash", version: "5.2-1"),
        InstalledPackage(name: "libc6:i386", version: "2.36-9"),
      ])
    for bad in ["bash 5.2-1 ii", "\t1\tii ", "bash\t5\n"] {
      #expect(throws: ParseError.self, "\(bad)") { try parse(bad, as: DpkgQuery.self) }
    }
    #expect(try parse("", as: DpkgQuery.self).isEmpty)
  }

  @Test func `packages of rpm and apk`() throws {
    #expect(
      try parse(
        "openssl\t1:3.0.7-27.el9\tx86_64\ngpg-pubkey\t(none):1-2\t(none)\nbash\t(none):5.1-9\tx\n",
        as: RPMQuery.self)
        == [
          InstalledPackage(name: "openssl", version: "1:3.0.7-27.el9"),
          InstalledPackage(name: "bash", version: "5.1-9"),
        ])
    #expect(throws: ParseError.self) { try parse("error: rpmdb", as: RPMQuery.self) }
    #expect(
      try parse("P:busybox\nV:1.36.1-r28\nP:a\nP:b\nV:2\n", as: APKInstalled.self) == [
        InstalledPackage(name: "busybox", version: "1.36.1-r28"),
        InstalledPackage(name: "b", version: "2"),
      ])
    #expect(throws: ParseError.self) { try parse("V:1\n", as: APKInstalled.self) }
  }

  @Test func `pending updates, and which are for security`() throws {
    let apt = """
      Inst libssl3 [3.0.11-1] (3.0.15-1 Debian-Security:12/stable-security [amd64])
      Inst vim [2:9.0-4] (2:9.0-5 Debian:12.8/stable [amd64]) []
      Inst new (1.0 Ubuntu:24.04/noble-updates, Ubuntu:24.04/noble-security [amd64])
      Conf libssl3 (3.0.15-1 Debian-Security:12/stable-security [amd64])

      """
    #expect(
      try parse(apt, as: AptUpgrade.self) == [
        PackageUpdate(name: "libssl3", from: "3.0.11-1", to: "3.0.15-1", isSecurity: true),
        PackageUpdate(name: "vim", from: "2:9.0-4", to: "2:9.0-5", isSecurity: false),
        PackageUpdate(name: "new", from: nil, to: "1.0", isSecurity: true),
      ])
    for bad in ["Inst ", "Inst a [1]", "Inst a [1"] {
      #expect(throws: ParseError.self, "\(bad)") { try parse(bad, as: AptUpgrade.self) }
    }
    let apk = "Installed:      Available:\nlib-ssl-3.3.0-r2   < 3.3.2-r1 \n"
    #expect(
      try parse(apk, as: APKVersion.self) == [
        PackageUpdate(name: "lib-ssl", from: "3.3.0-r2", to: "3.3.2-r1", isSecurity: nil)
      ])
    #expect(throws: ParseError.self) { try parse("a < 1", as: APKVersion.self) }
  }

  @Test func `accounts and groups`() throws {
    let text = "root:x:0:0:root:/root:/bin/bash\n# x\n+::::::\ngames:x:5:60:games,,,:/usr/games:\n"
    #expect(
      try parse(text, as: Passwd.self) == [
        .init(name: "root", user: 0, group: 0, home: "/root", shell: "/bin/bash"),
        .init(name: "games", user: 5, group: 60, home: "/usr/games", shell: ""),
      ])
    for bad in ["root:x:0", "root:x:a:0::/:/", ":x:0:0::/:/"] {
      #expect(throws: ParseError.self, "\(bad)") { try parse(bad, as: Passwd.self) }
    }
    #expect(
      try parse("root:x:0:\nsudo:x:27:bob,alice,\n+:::\n", as: GroupFile.self) == [
        .init(name: "root", number: 0, members: []),
        .init(name: "sudo", number: 27, members: ["alice", "bob"]),
      ])
    #expect(throws: ParseError.self) { try parse("root:x\n", as: GroupFile.self) }
  }

  @Test func `rules without comments, with their continued lines`() throws {
    let text = "# c\n\nDefaults\tenv_reset\n#includedir /etc/x\nA = /b, \\\n  /c\nlast \\"
    #expect(
      try parse(text, as: RuleLines.self) == [
        "Defaults\tenv_reset", "#includedir /etc/x", "A = /b, /c", "last ",
      ])
  }

  @Test func `enabled units of systemd and OpenRC`() throws {
    let text = """
      ssh.service            enabled         enabled
      off.service            disabled        enabled
      /etc/systemd/system/multi-user.target.wants/cron.service
      /etc/systemd/system/other
        sshd | default nonetwork

      """
    #expect(
      try parse(text, as: EnabledUnits.self) == [
        .init(name: "ssh.service", how: "enabled"),
        .init(name: "cron.service", how: "multi-user.target"),
        .init(name: "sshd", how: "default nonetwork"),
      ])
  }

  @Test func `listening sockets of ss and netstat`() throws {
    let text = """
      Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
      tcp   LISTEN 0      128    0.0.0.0:22         0.0.0.0:*         users:(("sshd",pid=1,fd=3))
      tcp   LISTEN 0      128    0.0.0.0:22         0.0.0.0:*         users:(("sshd",pid=9,fd=3))
      udp   UNCONN 0      0      [fe80::1]%eth0:546 [::]:*
      tcp        0      0 :::80                   :::*                    LISTEN      812/nginx: master
      udp        0      0 0.0.0.0:68              0.0.0.0:*                           -
      tcp   LISTEN 0      1      0.0.0.0:70000      0.0.0.0:*

      """
    #expect(
      try parse(text, as: ListeningSockets.self) == [
        .init(carrier: "tcp", address: "0.0.0.0", port: 22, process: "sshd"),
        .init(carrier: "udp", address: "[fe80::1]%eth0", port: 546, process: nil),
        .init(carrier: "tcp", address: "[::]", port: 80, process: "nginx"),
        .init(carrier: "udp", address: "0.0.0.0", port: 68, process: nil),
      ])
  }
}
