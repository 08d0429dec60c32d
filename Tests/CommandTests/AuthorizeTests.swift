import Foundation
import Lab
import Testing

/// `scrape authorize`: the kit on a real sshd, and what it proves from outside.
@Suite(.timeLimit(.minutes(3)), .enabled(if: AccountRoom.isPossible)) struct AuthorizeTests {
  private static let settings = "profiles: {p: {collectors: {mem: , system: , logins: }}}\n"
  private let room: AccountRoom
  private let range: Range

  init() throws {
    room = try AccountRoom(address: "127.77.61.1")
    range = Range(hosts: room.hosts(), settings: Self.settings)
  }

  private func kit(_ words: String...) throws -> String {
    let outcome = try run(
      Scrape.program,
      ["authorize", "web1"] + words + ["--inventory", range.inventory, "--store", range.store],
      environment: ["USER": NSUserName(), "SSH_AUTH_SOCK": "", "LC_ALL": "C.UTF-8"])
    try #require(outcome.status == 0, "\(outcome)")
    return outcome.output
  }

  @Test func `the script is sound shell, makes the account once, and a scrape works`() throws {
    let text = try kit()
    let file = room.scratch.write("kit", text)
    for shell in [["/usr/bin/dash"], ["/bin/bash"], ["/usr/bin/busybox", "sh"]] {
      let outcome = try run(shell[0], shell.dropFirst() + ["-n", file])
      #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(shell): \(outcome)")
    }
    let checked = try run("/usr/bin/shellcheck", ["-s", "sh", file])
    #expect(checked.status == 0, "\(checked.output)")
    // Without the kit there is no account.
    let before = try range.scrape("host", "web1", "--json")
    #expect(before.output.contains("\"reason\":\"auth_failed\""), "\(before)")
    let first = try room.inside("/bin/sh", [file, "web1"])
    #expect(first.status == 0 && first.output.contains("made the account monitor"), "\(first)")
    let again = try room.inside("/bin/sh", [file, "web1"])
    #expect(again.status == 0 && again.output.isEmpty, "\(again)")
    let busybox = try room.inside("/usr/bin/busybox", ["sh", file, "web1"])
    #expect(busybox.status == 0 && busybox.output.isEmpty, "\(busybox)")
    let line = try room.sh("cat /var/lib/monitor/.ssh/authorized_keys").output
    #expect(
      line == "restrict,from=\"127.0.0.1\" \(room.publicKey) scrape\n"
        || line.contains("from=\"127.77.61.1\""), "\(line)")
    #expect(
      try room.sh("stat -c %U%a /var/lib/monitor /var/lib/monitor/.ssh").output
        == "root755\nroot755\n")
    #expect(try room.sh("grep ^monitor: /etc/shadow").output.hasPrefix("monitor:*:"))
    let scraped = try range.scrape("run", "--now")
    #expect(scraped.status == 0, "\(scraped)")
    let verified = try range.scrape("authorize", "web1", "--verify")
    #expect(verified.status == 0, "\(verified)")
    for words in [
      "port forwarding             REFUSED", "terminal                    REFUSED",
      "agent forwarding            REFUSED", "X11 forwarding              REFUSED",
      "remote port forwarding      REFUSED", "forwarding to local sockets REFUSED",
      "tunnel devices              REFUSED", "environment                 REFUSED",
      "other commands              GRANTED   the plain form has a shell",
      "root                        REFUSED", "its own restrictions        REFUSED",
    ] {
      #expect(verified.output.contains(words), "\(words): \(verified.output)")
    }
    // The machine has no such account.
    #expect(try run("/usr/bin/id", ["monitor"]).status != 0)
    // Both runs of the command are in the log.
    let log = try range.scrape("log", "--kind", "action")
    #expect(
      log.output.contains("authorize web1: a kit was printed")
        || log.output.contains("authorize web1: verified"), "\(log)")
  }

  @Test func `what is granted beyond the kit is found`() throws {
    let file = room.scratch.write("kit", try kit())
    try #require(try room.inside("/bin/sh", [file, "web1"]).status == 0)
    // Somebody eases the work of others: no restrictions, a group, a file of the account's own.
    let eased = try room.sh(
      """
      f=/var/lib/monitor/.ssh/authorized_keys
      sed -i 's/^[^ ]* //' $f
      chown monitor $f
      usermod -aG disk monitor
      mkdir -p /run/dbus
      setsid python3 -c 'import socket, time
      s = socket.socket(socket.AF_UNIX); s.bind("/run/dbus/system_bus_socket"); s.listen(); time.sleep(60)
      ' >/dev/null 2>&1 &
      until [ -S /run/dbus/system_bus_socket ]; do sleep 0.1; done
      chmod 666 /run/dbus/system_bus_socket
      """)
    try #require(eased.status == 0, "\(eased)")
    let verified = try range.scrape("authorize", "web1", "--verify")
    #expect(verified.status == 1)
    for right in [
      "port forwarding             GRANTED", "remote port forwarding      GRANTED",
      "forwarding to local sockets GRANTED", "terminal                    GRANTED",
      "agent forwarding            GRANTED", "X11 forwarding              GRANTED",
      "further groups              GRANTED   disk", "its own restrictions        GRANTED",
    ] {
      #expect(verified.output.contains(right), "\(right): \(verified.output)")
    }
    // The kit takes the file back, and says what is not its own to take.
    let mended = try room.inside("/bin/sh", [file, "web1"])
    #expect(mended.output.contains("is in more groups than it needs"), "\(mended)")
    let after = try range.scrape("authorize", "web1", "--verify", "--json")
    let wrong = after.output.split(separator: "\n").filter { $0.contains("\"as_granted\":false") }
    #expect(wrong.count == 1 && wrong[0].contains("further groups"), "\(after)")
  }

  @Test func `an account that owns its home is refused, and nothing is written there`() throws {
    let file = room.scratch.write("kit", try kit())
    _ = try room.sh("useradd --create-home --home-dir /var/lib/monitor monitor")
    let outcome = try room.inside("/bin/sh", [file, "web1"])
    #expect(outcome.status == 1 && outcome.errors.contains("is not root's"), "\(outcome)")
    _ = try room.sh("chown root /var/lib/monitor; ln -s /etc /var/lib/monitor/.ssh")
    let linked = try room.inside("/bin/sh", [file, "web1"])
    #expect(linked.status == 1 && linked.errors.contains("is a symbolic link"), "\(linked)")
    #expect(try room.sh("test ! -e /etc/authorized_keys").status == 0)
    let other = try room.inside("/bin/sh", [file, "web9"])
    #expect(other.status == 1 && other.errors.contains("no host web9"), "\(other)")
  }

  @Test func `an account that has a password is named`() throws {
    let file = room.scratch.write("kit", try kit())
    _ = try room.sh(
      "useradd --system -M -d /var/lib/monitor -s /bin/sh -p '$6$abc$def' monitor")
    let outcome = try room.inside("/bin/sh", [file, "web1"])
    #expect(outcome.status == 0 && outcome.output.contains("monitor has a password"), "\(outcome)")
    _ = try room.sh("usermod -p '*' monitor")
    #expect(try room.inside("/bin/sh", [file, "web1"]).output.isEmpty)
    _ = try room.sh("usermod -p '' monitor")
    #expect(try room.inside("/bin/sh", [file, "web1"]).output.contains("has a password"))
  }

  @Test func `the key of a jump host connects to what is behind it, and listens nowhere`() throws {
    range.scratch.write(
      "inventory/hosts.yml",
      room.hosts()
        + "    behind: {address: 127.77.61.9, port: \(room.port), user: x, key: \(room.key), via: web1, profile: p}\n"
    )
    _ = try room.sh("ssh-keygen -A")
    let file = room.scratch.write("kit", try kit())
    let made = try room.inside("/bin/sh", [file, "web1"])
    try #require(made.status == 0, "\(made)")
    #expect(made.output.contains("add AllowStreamLocalForwarding no"), "\(made)")
    #expect(!made.output.contains("older than OpenSSH"), "\(made)")
    let verified = try range.scrape("authorize", "web1", "--verify")
    #expect(verified.status == 0, "\(verified)")
    for words in ["port forwarding             REFUSED", "remote port forwarding      REFUSED"] {
      #expect(verified.output.contains(words), "\(words): \(verified.output)")
    }
    // What is behind it is reached: nothing listens there.
    let there = try room.ssh("monitor", ["-W", "127.77.61.9:\(room.port)"])
    #expect(there.errors.contains("Connection refused"), "\(there)")
    let other = try room.ssh("monitor", ["-W", "127.77.61.1:\(room.port)"])
    #expect(other.errors.contains("administratively prohibited"), "\(other)")
    _ = try room.sh("echo AllowStreamLocalForwarding no >>/etc/ssh/sshd_config")
    #expect(try room.inside("/bin/sh", [file, "web1"]).output.isEmpty)
  }

  @Test func `the playbook does the same as the script`() throws {
    let playbook = room.scratch.write("kit.yml", try kit("--ansible"))
    let line = try kit("--key").split(separator: "\n").last.map(String.init) ?? ""
    func play() throws -> Outcome {
      try run(
        "/usr/bin/env",
        [
          "HOME=\(room.scratch.path)", "ANSIBLE_NOCOLOR=1", "/usr/bin/nsenter", "-m", "-t",
          "\(room.identifier)", "/usr/bin/ansible-playbook", "-i", "web1,", "-c", "local", playbook,
        ], timeout: 90)
    }
    // A link of who had the account before would have root write elsewhere.
    _ = try room.sh(
      "mkdir -p /var/lib/monitor /etc/elsewhere; ln -s /etc/elsewhere /var/lib/monitor/.ssh; chown 12345 /etc/elsewhere"
    )
    let linked = try play()
    #expect(linked.status != 0 && linked.output.contains("is not root's"), "\(linked)")
    #expect(try room.sh("stat -c %u /etc/elsewhere; ls /etc/elsewhere").output == "12345\n")
    _ = try room.sh("rm /var/lib/monitor/.ssh")
    let first = try play()
    #expect(first.status == 0, "\(first)")
    #expect(try room.sh("cat /var/lib/monitor/.ssh/authorized_keys").output == line + "\n")
    let second = try play()
    #expect(second.output.contains("changed=0"), "\(second)")
    let kit = room.scratch.write("kit", try kit())
    let script = try room.inside("/bin/sh", [kit, "web1"])
    #expect(script.status == 0 && script.output.isEmpty, "\(script)")
    #expect(try range.scrape("run", "--now").status == 0)
  }
}

/// What the kit says, without a host.
@Suite struct AuthorizeTextTests {
  private func range(_ hosts: String, _ settings: String = "") throws -> Range {
    let range = Range(hosts: hosts, settings: "profiles: {p: {collectors: {mem: }}}\n" + settings)
    for name in ["key", "second"] {
      try run(
        "/usr/bin/ssh-keygen",
        ["-q", "-t", "ed25519", "-N", "", "-f", "\(range.scratch.path)/\(name)"])
    }
    return range
  }

  private func authorize(_ range: Range, _ words: String...) throws -> Outcome {
    try run(
      Scrape.program,
      ["authorize"] + words + ["--inventory", range.inventory, "--store", range.store],
      environment: ["SSH_AUTH_SOCK": "", "HOME": range.scratch.path, "LC_ALL": "C.UTF-8"])
  }

  @Test func `a jump host may connect to what is behind it, and to nothing else`() throws {
    let range = try range(
      """
      all:
        vars: {user: monitor, key: ../key, profile: p}
        hosts:
          jp1: {address: 127.9.0.1, port: 2222}
          jp2: {address: 10.1.0.2, via: jp1}
          web1: {address: 10.2.0.1, via: jp2, probes: [http, "tcp:8443", dns, icmp]}
          db1: {address: "2001:db8::5", port: 2022, via: jp2, probes: ["postgres"]}
          other: {address: 127.9.0.9}
      """)
    let outcome = try authorize(range, "jp1,jp2,web1,other", "--key")
    let lines = outcome.output.split(separator: "\n").map(String.init)
    try #require(outcome.status == 0 && lines.count == 8, "\(outcome)")
    #expect(
      lines[1].hasPrefix(
        "restrict,port-forwarding,permitopen=\"10.1.0.2:22\",permitlisten=\"127.0.0.1:1\",from=\"127.0.0.1\" ssh-ed25519 "
      ))
    #expect(
      lines[3].hasPrefix(
        "restrict,port-forwarding,permitopen=\"10.2.0.1:22\",permitopen=\"10.2.0.1:80\","
          + "permitopen=\"10.2.0.1:8443\",permitopen=\"[2001:db8::5]:2022\","
          + "permitopen=\"[2001:db8::5]:5432\",permitlisten=\"127.0.0.1:1\",from=\"127.9.0.1\" "),
      "\(lines[3])")
    #expect(lines[5].hasPrefix("restrict,from=\"10.1.0.2\" "))
    #expect(lines[7].hasPrefix("restrict,from=\"127.0.0.1\" "))
    #expect(outcome.errors.contains("web1: from= is what the inventory has of jp2"))
    let given = try authorize(range, "web1", "--key", "--from", "192.0.2.1,192.0.2.0/24")
    #expect(given.output.contains("restrict,from=\"192.0.2.1,192.0.2.0/24\" "))
    #expect(try authorize(range, "web1", "--from", "a\"b").status == 2)
  }

  @Test func `root, this machine and hosts without a key are left out`() throws {
    let range = try range(
      """
      all:
        vars: {profile: p}
        hosts:
          r: {user: root, key: ../key, address: 127.9.0.1}
          here: {connection: local}
          none: {user: monitor, address: 127.9.0.1}
          bad: {user: "a;b", key: ../key, address: 127.9.0.1}
      """)
    let outcome = try authorize(range, "all")
    #expect(outcome.status == 1 && outcome.output.isEmpty, "\(outcome)")
    for words in [
      "r: left out, as its `user:` is root", "here: it is this machine",
      "none: left out, as the monitor has no key", "bad: left out, as \"a;b\" is no name",
    ] {
      #expect(outcome.errors.contains(words), "\(outcome.errors)")
    }
    let given = try authorize(range, "r", "--account", "scrape")
    #expect(given.status == 0 && given.output.contains("  account=scrape\n"), "\(given)")
  }

  @Test func `a command that no line of sudoers can permit alone is left out, and named`() throws {
    let range = try range(
      """
      all:
        vars: {user: monitor, key: ../key, profile: p, address: 127.9.0.1, become: sudo}
        hosts: {web1: }
      """, "policies: {own: {file: ../own.yml, hosts: all}}\n")
    range.scratch.write(
      "own.yml",
      #"""
      policy: {id: own, name: n, file: f.yml, description: d}
      checks:
        - id: 1
          title: t
          condition: all
          rules:
            - "c:sshd -T \"x\n@includedir /tmp/x\" -> r:x"
            - 'c:grep ^.|. /root/$ -> r:x'
            - 'c:aa-status "" -> r:x'
            - 'c:sshd -T -> r:x'
      """#)
    let printed = try run(
      Scrape.program,
      ["policy", "sudoers", "--inventory", range.inventory, "--store", range.store],
      environment: ["SSH_AUTH_SOCK": "", "HOME": range.scratch.path, "LC_ALL": "C.UTF-8"])
    let kit = try authorize(range, "web1", "--from", "192.0.2.1")
    for outcome in [printed, kit] {
      #expect(outcome.status == 0 && outcome.output.contains("/usr/sbin/sshd -T,"), "\(outcome)")
      for words in ["@includedir", "^.", "aa-status"] {
        #expect(!outcome.output.contains(words), "\(words): \(outcome.output)")
        #expect(outcome.errors.contains(words), "\(words): \(outcome.errors)")
      }
    }
    let file = range.scratch.write("rules", printed.output, mode: 0o440)
    if getuid() == 0 { #expect(try run("/usr/sbin/visudo", ["-cf", file]).status == 0) }
  }

  @Test func `each part says what probes and policies need, and no more`() throws {
    let range = try range(
      """
      all:
        vars: {user: monitor, key: ../key, profile: p, address: 127.9.0.1}
        hosts:
          full:
            become: sudo
            policies: [own]
            bmc: {address: 127.9.0.7, user: "o'brien", password: "file:../pw"}
            probes: [ssh:2200, mysql: {user: probe, password: "file:../pw"}, "dns", "tcp:3306", "tcp:99 closed"]
          plain: {policies: [own]}
      """,
      """
      policies: {own: {file: ../own.yml, hosts: all}}
      """)
    range.scratch.write("pw", "x\n")
    range.scratch.write(
      "own.yml",
      """
      policy: {id: own, name: n, file: f.yml, description: d}
      checks:
        - {id: 1, title: t, condition: all, rules: ['c:sshd -T -> r:x', 'f:/etc/shadow -> r:x']}
      """)
    let outcome = try authorize(range, "all", "--from", "192.0.2.1")
    try #require(outcome.status == 0, "\(outcome)")
    let text = outcome.output
    #expect(text.contains("bmc='o'\\''brien'"), "\(text)")
    #expect(text.components(separatedBy: "sudo=1").count == 2, "\(text)")
    #expect(text.contains("monitor ALL = (root) NOPASSWD: SCRAPE_POLICIES"))
    #expect(text.contains("/usr/sbin/sshd -T"))
    #expect(text.contains("exempts='sshd fail2ban database'"), "\(text)")
    let file = range.scratch.write("kit", text)
    let checked = try run("/usr/bin/shellcheck", ["-s", "sh", file])
    #expect(checked.status == 0, "\(checked.output)")
    let root = getuid() == 0
    let firewall = try run("/bin/sh", [file, "full", "firewall", "database"])
    if root {
      #expect(
        firewall.output.contains(
          "nft insert rule inet filter input ip saddr 192.0.2.1 tcp dport { 22, 2200, 3306 } accept"
        ),
        "\(firewall)")
      #expect(firewall.output.contains("udp dport { 53 } accept"))
      #expect(firewall.output.contains("GRANT USAGE ON *.* TO 'probe'@'192.0.2.1';"))
      #expect(firewall.output.contains("max_connect_errors"))
      #expect(
        try run("/bin/sh", [file, "plain", "bmc"]).errors.contains("names no user for the BMC"))
    }
    let playbook = try authorize(range, "all", "--ansible", "--from", "192.0.2.1")
    #expect(playbook.output.contains("visudo -cqf %s") && playbook.output.contains("state: absent"))
  }
}
