import Foundation
import Lab
import Testing

/// The gate for signed batches, attacked: at each try something is sent that nobody signed for this host and
/// session, and must not run.
@Suite(.timeLimit(.minutes(4)), .enabled(if: AccountRoom.isPossible)) struct GateTests {
  /// Plays the attacker, who has the key that logs in, records what was sent before, and cannot sign.
  ///
  /// Arguments: how a gate is started (words, separated by blanks), the folder of keys, the host's name, a
  /// folder where everybody may write, and the tries to leave out. Prints a line for each try.
  static let attacker = #"""
    import base64, os, subprocess, sys, time
    from concurrent.futures import ThreadPoolExecutor
    start, folder, host, marks, over = sys.argv[1].split(), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5]
    overSSH = over == "ssh"
    env = {k: v for k, v in os.environ.items() if k not in ("SSH_AUTH_SOCK", "SSH_TTY")}

    def evil(name): return "echo pwned-$((6*7)); : > %s/ran-%s" % (marks, name)

    def opened(command="scrape-batch", options=(), more={}):
        if overSSH:
            words = start[:1] + list(options) + start[1:] + ([command] if command else [])
            return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, env=dict(env, **more))
        own = dict(env, **more)
        own.pop("SSH_ORIGINAL_COMMAND", None)
        if command is not None: own["SSH_ORIGINAL_COMMAND"] = command
        return subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, env=own)

    def greeted(process):
        words = process.stdout.readline().decode(errors="replace").split()
        return words[3] if words[:2] == ["scrape-gate", "1"] and len(words) == 4 else None

    def armour(text, key="user", namespace="scrape-batch"):
        made = subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", folder + "/" + key, "-n", namespace],
                              input=text, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        return b"".join(made.stdout.split(b"\n")[1:-2])

    def text(batch, number, count=1, name=None):
        if isinstance(batch, str): batch = batch.encode()
        return ("scrape batch 1\n%s\n%s\n%s\n" % (name or host, number, count)).encode() + batch + b"\n"

    def frame(signature, batch, size=None):
        if isinstance(batch, str): batch = batch.encode()
        body = signature + b"\n" + batch
        return b"%08d\n" % (len(body) if size is None else size) + body

    def ended(process, data=b"", limit=20):
        try: return process.communicate(data, timeout=limit)[0]
        except subprocess.TimeoutExpired:
            process.kill(); process.communicate()
            return b"(did not end)"
        except BrokenPipeError: return process.stdout.read()

    def sent(make, **options):
        def run(name):
            process = opened(**options)
            number = greeted(process)
            if number is None: return ended(process)
            return ended(process, make(name, number))
        return run

    def signed(batch, number, **how):
        keyed = {k: how.pop(k) for k in ("key", "namespace") if k in how}
        return armour(text(batch, number, **how), **keyed)

    def command(words, data=None, **options):
        def run(name):
            process = opened(words.replace("EVIL", evil(name)) if words else words, **options)
            return ended(process, (data or "EVIL\n").replace("EVIL", evil(name)).encode())
        return run

    def replayed(name):
        first = opened(); number = greeted(first)
        recorded = frame(signed(evil(name) + "-first", number), evil(name) + "-first")
        ended(first)
        second = opened(); greeted(second)
        return ended(second, recorded)

    def twice(name):
        process = opened(); number = greeted(process)
        once = "echo one"
        recorded = frame(signed(once, number), once)
        out = ended(process, recorded + recorded)
        return b"pwned-42" if out.count(b"one") != 1 else out

    def slow(name):
        process = opened(); number = greeted(process)
        data = frame(signed(evil(name), number), evil(name))
        begun = time.time()
        try:
            for byte in data[:9]:
                process.stdin.write(bytes([byte])); process.stdin.flush(); time.sleep(0.6)
            process.stdin.write(data[9:]); process.stdin.flush()
        except BrokenPipeError: pass
        return ended(process) + (b"(waited)" if time.time() - begun > 30 else b"")

    def halted(name):
        process = opened(); number = greeted(process)
        data = frame(signed(evil(name), number), evil(name))
        process.stdin.write(data[:200]); process.stdin.flush()
        begun = time.time()
        out = process.stdout.read()
        process.wait()
        return out + (b"(waited)" if time.time() - begun > 15 else b"")

    def nothing(name):
        process = opened(); greeted(process)
        return ended(process)

    long = "x=" + "y" * (2 << 20) + "; "
    tries = {
        "no-signature": sent(lambda n, c: frame(b"", evil(n))),
        "garbage": sent(lambda n, c: frame(b"AAAA", evil(n))),
        "garbage-of-the-right-size": sent(lambda n, c: frame(base64.b64encode(os.urandom(180)), evil(n))),
        "other-key": sent(lambda n, c: frame(signed(evil(n), c, key="other"), evil(n))),
        "other-batch": sent(lambda n, c: frame(signed("true", c), evil(n))),
        "other-host": sent(lambda n, c: frame(signed(evil(n), c, name="web2"), evil(n))),
        "host-with-a-line-break": sent(lambda n, c: frame(signed(evil(n), c, name=host + "\n" + c), evil(n))),
        "replay-in-another-session": replayed,
        "replay-in-the-same-session": twice,
        "number-of-zeros": sent(lambda n, c: frame(signed(evil(n), "0" * 32), evil(n))),
        "no-number": sent(lambda n, c: frame(signed(evil(n), ""), evil(n))),
        "second-first": sent(lambda n, c: frame(signed(evil(n), c, count=2), evil(n))),
        "count-of-zero": sent(lambda n, c: frame(signed(evil(n), c, count=0), evil(n))),
        "namespace-file": sent(lambda n, c: frame(signed(evil(n), c, namespace="file"), evil(n))),
        "namespace-git": sent(lambda n, c: frame(signed(evil(n), c, namespace="git"), evil(n))),
        "appended-line": sent(lambda n, c: frame(signed("true", c), "true\n" + evil(n))),
        "appended-semicolon": sent(lambda n, c: frame(signed("true", c), "true; " + evil(n))),
        "prepended-line": sent(lambda n, c: frame(signed("true", c), evil(n) + "\ntrue")),
        "blank-at-the-end": sent(lambda n, c: frame(signed(evil(n), c), evil(n) + " ")),
        "behind-the-frame": sent(lambda n, c: frame(signed("true", c), "true") + evil(n).encode() + b"\n"),
        "cut-batch": sent(lambda n, c: frame(signed("exit\n" + evil(n), c), evil(n))),
        "nul-in-batch": sent(lambda n, c: frame(signed("true", c), b"true\0; " + evil(n).encode())),
        "nul-signed": sent(lambda n, c: frame(signed(b"true #\0\n" + evil(n).encode(), c),
                                              b"true #\0\n" + evil(n).encode())),
        "nul-in-signature": sent(lambda n, c: frame(b"\0\0", evil(n))),
        "command-in-signature": sent(lambda n, c: frame(("$(" + evil(n) + ")").encode(), "true")),
        "backticks-in-signature": sent(lambda n, c: frame(("`" + evil(n) + "`").encode(), "true")),
        "armour-in-signature": sent(lambda n, c: frame(
            signed("true", c) + b"\r-----END SSH SIGNATURE-----", evil(n))),
        "option-as-signature": sent(lambda n, c: frame(b"-s/etc/passwd", evil(n))),
        "long-signature": sent(lambda n, c: frame(b"A" * 5000, evil(n))),
        "no-line-break": sent(lambda n, c: b"%08d\n" % (2 << 20) + b"A" * (2 << 20)),
        "late-line-break": sent(lambda n, c: b"%08d\n" % (2 << 20) + b"A" * ((2 << 20) - 9) + b"\necho hi\n"),
        "only-a-signature": sent(lambda n, c: b"%08d\n" % 200 + b"A" * 200),
        "empty-batch": sent(lambda n, c: frame(b"AAAA", b"")),
        "size-zero": sent(lambda n, c: b"00000000\n" + evil(n).encode()),
        "size-negative": sent(lambda n, c: b"-0000010\n" + evil(n).encode()),
        "size-with-a-command": sent(lambda n, c: b"$(id)000\n" + evil(n).encode()),
        "size-with-a-semicolon": sent(lambda n, c: b"10;" + evil(n).encode() + b"\n"),
        "size-with-blanks": sent(lambda n, c: b"      10\n" + evil(n).encode()),
        "size-hexadecimal": sent(lambda n, c: b"0x000010\n" + evil(n).encode()),
        "size-with-crlf": sent(lambda n, c: b"0000100\r\n" + evil(n).encode()),
        "size-of-nine-digits": sent(lambda n, c: b"000000100\n" + evil(n).encode()),
        "size-huge": sent(lambda n, c: b"99999999\n" + evil(n).encode() * 1000),
        "size-beyond-what-comes": sent(lambda n, c: frame(signed("true", c), evil(n), size=1 << 20)),
        "oversized-and-signed": sent(lambda n, c: frame(signed(long + evil(n), c), long + evil(n))),
        "plain-commands": sent(lambda n, c: (evil(n) + "\n").encode() * 100),
        "nothing": nothing,
        "slow-size": slow,
        "halted-batch": halted,
        "other-command": command("EVIL"),
        "a-shell": command("exec sh"),
        "command-and-more": command("scrape-batch; EVIL"),
        "command-and-line": command("scrape-batch\nEVIL"),
        "command-and-blank": command("scrape-batch "),
        "command-in-command": command("scrape-batch$(EVIL)"),
        "no-command": command("" if overSSH else None),
        "path-before-command": command("PATH=/tmp:. scrape-batch"),
        "environment-of-bash": command("scrape-batch", more={"BASH_ENV": marks + "/rc", "ENV": marks + "/rc"},
                                       options=["-o", "SendEnv=BASH_ENV ENV"]),
        "environment-path": command("scrape-batch", more={"PATH": marks + ":" + env.get("PATH", "")},
                                    options=["-o", "SendEnv=PATH"]),
        "environment-function": command("scrape-batch", more={"LC_X": "() { :; }; " + evil("environment-function")},
                                        options=["-o", "SendEnv=LC_X"]),
        "environment-ifs": command("scrape-batch", more={"IFS": "0s"}, options=["-o", "SendEnv=IFS"]),
    }
    if overSSH:
        tries.update({
            "terminal": command("scrape-batch", options=["-tt"]),
            "terminal-and-shell": command("", options=["-tt"]),
            "agent": command("EVIL", options=["-A"]),
            "x11": command("EVIL", options=["-X"]),
            "subsystem-sftp": command("sftp", options=["-s"]),
            "subsystem-other": command("EVIL", options=["-s"]),
            "copy": command("scp -t /tmp"),
            "forward": command("", options=["-W", "127.0.0.1:" + start[start.index("-p") + 1]]),
            "remote-forward": command("EVIL", options=["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22"]),
            "socket-forward": command("EVIL", options=["-o", "ExitOnForwardFailure=yes", "-R", "/tmp/scrape-s:127.0.0.1:22"]),
        })
    with open(marks + "/rc", "w") as rc: rc.write(evil("rc") + "\n")
    for tool in ("od", "dd", "head", "tr", "timeout", "ssh-keygen", "printf"):
        with open(marks + "/" + tool, "w") as fake: fake.write("#!/bin/sh\n" + evil("tool") + "\n")
        os.chmod(marks + "/" + tool, 0o755)

    def attempt(item):
        name, run = item
        out = run(name)
        bad = b"pwned-42" in out or b"SSH-2.0" in out or os.path.exists(marks + "/ran-" + name)
        late = b"(waited)" in out or b"(did not end)" in out
        return "%s %s %s" % ("RAN" if bad else "LATE" if late else "refused", name, ascii(out[:100]))

    with ThreadPoolExecutor(6) as pool:
        for line in pool.map(attempt, tries.items()): print(line)
    # What was signed runs: the attacker would have been able to.
    process = opened(); number = greeted(process)
    good = "echo good-$((6*7))"
    out = ended(process, frame(signed(good, number), good))
    print("control" if b"good-42" in out else "NO CONTROL", ascii(out[:100]))
    leaked = [name for name in os.listdir(marks) if name.startswith("ran-")]
    print("marks", leaked)
    """#

  private static func kit(_ room: AccountRoom, _ range: Range) throws -> String {
    let outcome = try range.scrape("authorize", "web1")
    try #require(outcome.status == 0, "\(outcome)")
    return room.scratch.write("kit", outcome.output)
  }

  private static func expectAllRefused(_ outcome: Outcome, atLeast least: Int) {
    let lines = outcome.output.split(separator: "\n").map(String.init)
    #expect(outcome.status == 0, "\(outcome)")
    #expect(lines.count { $0.hasPrefix("refused ") } >= least, "\(outcome)")
    let others = lines.filter { !$0.hasPrefix("refused ") }
    #expect(
      others.count == 2 && others[0].hasPrefix("control") && others[1] == "marks []", "\(others)")
  }

  private static func marks(in scratch: Scratch) throws -> String {
    let folder = "\(scratch.path)/marks"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    chmod(scratch.path, 0o755)
    chmod(folder, 0o777)
    return folder
  }

  @Test(arguments: [
    ["/usr/bin/dash"], ["/bin/bash", "--posix"], ["/usr/bin/busybox", "sh"],
  ])
  func `nothing that is not signed runs in any shell`(shell: [String]) throws {
    let scratch = Scratch()
    let folder = scratch.path
    for name in ["user", "other"] {
      try run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "\(folder)/\(name)"])
    }
    let range = Range(
      hosts: """
        all:
          hosts: {web1: {address: 127.0.0.1, user: monitor, key: \(folder)/user, signed: true}}
        """)
    let text = try range.scrape("authorize", "web1").output
    let gate = try #require(
      text.components(separatedBy: "GATE' | sed").last?.components(separatedBy: "\nGATE\n").first)
    scratch.write(
      "gate",
      String(gate.drop { $0 != "\n" }.dropFirst())
        .replacing("_gate_host=HOST", with: "_gate_host=web1")
        .replacing("_gate_signers=FOLDER/signers", with: "_gate_signers=\(folder)/signers")
        .replacing("timeout 30", with: "timeout 3").replacing("timeout -t 30", with: "timeout -t 3")
    )
    let key = (scratch.read("user.pub") ?? "").split(separator: " ").prefix(2)
    scratch.write(
      "signers", "scrape namespaces=\"scrape-batch\" \(key.joined(separator: " "))\n")
    let outcome = try run(
      "/usr/bin/python3",
      [
        scratch.write("attacker.py", Self.attacker),
        (shell + ["\(folder)/gate"]).joined(separator: " "), folder, "web1",
        try Self.marks(in: scratch), "shell",
      ], timeout: 100)
    Self.expectAllRefused(outcome, atLeast: 60)
  }

  @Test func `nothing that is not signed runs through sshd, and what is signed does`() throws {
    let room = try AccountRoom(address: "127.77.62.1")
    let range = Range(
      hosts: room.hosts("web1", "signed: true"),
      settings: "profiles: {p: {collectors: {mem: , system: , logins: , processes: }}}\n")
    // Without the gate nothing runs.
    let kit = try Self.kit(room, range)
    let made = try room.inside("/bin/sh", [kit, "web1"])
    #expect(made.status == 0, "\(made)")
    #expect(try room.inside("/bin/sh", [kit, "web1"]).output.isEmpty)
    _ = try room.sh("sed -i 's/timeout 30/timeout 3/' /var/lib/monitor/gate")
    let scraped = try range.scrape("run")
    #expect(scraped.status == 0, "\(scraped)")
    let verified = try range.scrape("authorize", "web1", "--verify")
    #expect(verified.status == 0 && !verified.output.contains("GRANTED"), "\(verified)")
    let outcome = try run(
      "/usr/bin/python3",
      [
        room.scratch.write("attacker.py", Self.attacker),
        "/usr/bin/ssh -F /dev/null -o BatchMode=yes -o UserKnownHostsFile=\(room.knownHosts) "
          + "-o IdentitiesOnly=yes -i \(room.key) -p \(room.port) -l monitor \(room.address)",
        room.scratch.path, "web1", try Self.marks(in: room.scratch), "ssh",
      ], timeout: 150)
    Self.expectAllRefused(outcome, atLeast: 70)
    #expect(try range.scrape("run").status == 0)
  }

  @Test(arguments: ["rsa", "ecdsa", "agent"])
  func `each kind of key signs batches`(kind: String) throws {
    let room = try AccountRoom(
      address: "127.77.63.1", keyType: kind == "agent" ? "ed25519" : kind)
    var hosts = room.hosts("web1", "signed: true")
    var variables = ["USER": NSUserName(), "SSH_AUTH_SOCK": "", "LC_ALL": "C.UTF-8"]
    var agent: Daemon?
    if kind == "agent" {
      hosts = hosts.replacing(", key: \(room.key),", with: ",")
      let socket = "\(room.scratch.path)/agent"
      agent = try Daemon(
        "/usr/bin/ssh-agent", ["-D", "-a", socket], log: "\(room.scratch.path)/agent.log")
      _ = eventually { FileManager.default.fileExists(atPath: socket) }
      variables["SSH_AUTH_SOCK"] = socket
      variables["HOME"] = room.scratch.path
      try run("/usr/bin/ssh-add", ["-q", room.key], environment: variables)
    }
    let range = Range(hosts: hosts, settings: "profiles: {p: {collectors: {mem: }}}\n")
    func scrape(_ words: String...) throws -> Outcome {
      try run(
        Scrape.program, words + ["--inventory", range.inventory, "--store", range.store],
        environment: variables)
    }
    let kit = room.scratch.write("kit", try scrape("authorize", "web1").output)
    #expect(try room.inside("/bin/sh", [kit, "web1"]).status == 0)
    let scraped = try scrape("run")
    #expect(scraped.status == 0, "\(scraped)")
    withExtendedLifetime(agent) {}
  }

  @Test func `a key of its own signs, and the key that logs in runs nothing`() throws {
    let room = try AccountRoom(address: "127.77.64.1")
    let range = Range(
      hosts: room.hosts("web1", "signed: true, signing_key: \(room.scratch.path)/other"),
      settings: "profiles: {p: {collectors: {mem: }}}\n")
    let kit = try Self.kit(room, range)
    #expect(try room.inside("/bin/sh", [kit, "web1"]).status == 0)
    #expect(try range.scrape("run").status == 0)
    let signers = try room.sh("cat /var/lib/monitor/signers").output
    let other = (room.scratch.read("other.pub") ?? "").split(separator: " ")[1]
    #expect(signers.contains(other) && signers.split(separator: "\n").count == 1, "\(signers)")
    // With the key that logs in, as somebody would who took it.
    let taken = Range(
      hosts: room.hosts("web1", "signed: true"), settings: "profiles: {p: {collectors: {mem: }}}\n")
    let outcome = try taken.scrape("host", "web1", "--json")
    #expect(outcome.output.contains("the signature does not fit"), "\(outcome)")
  }

  @Test func `kept sessions and jump hosts carry signed batches`() async throws {
    let room = try AccountRoom(address: "127.77.65.1")
    let jump = try Sshd(addresses: ["127.77.65.2"])
    let range = Range(
      hosts: """
        all:
          vars: {profile: p}
          hosts:
            jp1: {address: 127.77.65.2, port: \(jump.port), user: \(NSUserName()), key: \(jump.key),
              known_hosts: \(jump.knownHosts)}
            web1: {address: 127.77.65.1, port: \(room.port), user: monitor, key: \(room.key),
              known_hosts: \(room.scratch.path)/names, via: jp1, signed: true}
        """,
      settings: "watch: {every: 1s}\nprofiles: {p: {collectors: {mem: , system: , logins: }}}\n")
    let hostKey = (room.scratch.read("host.pub") ?? "").split(separator: " ").prefix(2)
    room.scratch.write(
      "names",
      "[127.77.65.1]:\(room.port),web1,[web1]:\(room.port) \(hostKey.joined(separator: " "))\n")
    let text = try range.scrape("authorize", "web1", "--from", "127.0.0.0/8").output
    let kit = room.scratch.write("kit", text)
    #expect(try room.inside("/bin/sh", [kit, "web1"]).status == 0)
    let scraped = try range.scrape("run")
    #expect(scraped.status == 0, "\(scraped)")
    let before = room.log.components(separatedBy: "Accepted publickey").count
    let watcher = try Watcher(range)
    #expect(try await watcher.asks("web1", 6, within: 60), "\(watcher.log)")
    watcher.daemon.stop(SIGTERM)
    let log = watcher.log
    let after = room.log.components(separatedBy: "Accepted publickey").count
    #expect(after - before == 1, "\(log)")
    #expect(!log.contains("no_shell"), "\(log)")
  }

  @Test func `a host without a gate, and a gate without signatures, are named`() throws {
    let room = try AccountRoom(address: "127.77.66.1")
    let plain = Range(hosts: room.hosts(), settings: "profiles: {p: {collectors: {mem: }}}\n")
    let signed = Range(
      hosts: room.hosts("web1", "signed: true"), settings: "profiles: {p: {collectors: {mem: }}}\n")
    #expect(try room.inside("/bin/sh", [try Self.kit(room, plain), "web1"]).status == 0)
    let none = try signed.scrape("host", "web1", "--json")
    #expect(none.output.contains("there is no gate for signed batches"), "\(none)")
    #expect(try room.inside("/bin/sh", [try Self.kit(room, signed), "web1"]).status == 0)
    let unsigned = try plain.scrape("host", "web1", "--json")
    #expect(unsigned.output.contains("this account runs signed batches only"), "\(unsigned)")
    _ = try room.sh("sed -i 's/^_gate_host=.*/_gate_host=web9/' /var/lib/monitor/gate")
    let other = try signed.scrape("host", "web1", "--json")
    #expect(other.output.contains("its gate is for web9, not for web1"), "\(other)")
  }
}
