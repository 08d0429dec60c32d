import Foundation
import Lab
import Metrics
import Testing

/// A host of the lab: how it misbehaves, and what its `scrape` point says of it.
struct LabHost: Sendable, CustomTestStringConvertible {
  enum Kind: Sendable {
    /// A real sshd that runs this POSIX sh script in place of what it is asked to run.
    case script(String)
    /// The same, and these words before the log-in.
    case banner(String)
    /// A real sshd, and this in the file of accepted keys: `NAME` and `KEY` stand for its own.
    case knownHosts(String)
    /// What does not speak SSH.
    case server(HostileServer.Manner)
    /// This address, where nothing listens.
    case nobody(String)
  }

  var name: String
  /// nil where the host is up. Where a slow machine may end the pass first, both stand here.
  var reason: String?
  var kind: Kind

  init(_ name: String, _ reason: String?, _ kind: Kind) {
    self.name = name
    self.reason = reason
    self.kind = kind
  }

  var testDescription: String { name }
  var saysSomething: Bool {
    switch kind {
    case .script, .banner, .knownHosts: true
    case .server(.silent), .server(.closes), .server(.resets), .nobody: false
    case .server: true
    }
  }
  var isReal: Bool {
    switch kind {
    case .script, .banner, .knownHosts: true
    case .server, .nobody: false
    }
  }
}

extension LabHost {
  /// Runs what was asked for, as sshd would.
  private static let shell = "exec sh -c \"$SSH_ORIGINAL_COMMAND\""
  /// A program that comes before the host's own, in a folder that the script makes.
  private static func program(_ name: String, _ script: String) -> Kind {
    .script(
      """
      mkdir -p "$LAB/bin" && cat >"$LAB/bin/\(name)" <<'END'
      #!/bin/sh
      \(script)
      END
      chmod +x "$LAB/bin/\(name)"; PATH=$LAB/bin:$PATH; export PATH
      \(shell)
      """)
  }
  private static func tail(_ script: String) -> Kind { program("tail", script) }
  private static let ssh = [UInt8].text("SSH-2.0-x\r\n")
  private static let escapes = #"\033[2J\033]0;owned\007\033[31m\302\233 31m\r"#

  static let healthy = (1...3).map { LabHost("healthy\($0)", nil, .script(shell)) }

  static let hostile: [LabHost] = [
    // Noise around the frames is no harm.
    .init("garbage-before", nil, .script("head -c 3000 /dev/urandom; \(shell)")),
    .init(
      "garbage-after", nil,
      .script("sh -c \"$SSH_ORIGINAL_COMMAND\"; head -c 100000 /dev/urandom")),
    .init("megabyte-before", nil, .script("head -c 1000000 /dev/zero | tr '\\0' x; \(shell)")),
    .init("nuls-before", nil, .script("head -c 1000 /dev/zero; \(shell)")),
    .init("noise-on-errors", nil, .script("head -c 300000 /dev/urandom >&2; \(shell)")),
    .init(
      "forged-frames-before", nil,
      .script(
        "for i in 1 2 3; do echo 00000000000000000000000000000000 s cpu; done; \(shell)")),
    .init(
      "banner", nil, .banner("\u{1b}[2J\u{1b}]0;owned\u{7} m s e z\r\nAuthorized use only\r\n")),
    .init(
      "noisy-profile", nil,
      .script(
        """
        echo Welcome; echo warning >&2; printf 'no newline'
        export LC_ALL=de_DE.UTF-8 TZ=Asia/Tokyo IFS=: GREP_OPTIONS=--color=always CDPATH=/ ENV=/dev/tty
        export POSIXLY_CORRECT=1 COLUMNS=3 LINES=3 PS1='$(reboot)' BLOCK_SIZE=human-readable
        \(shell)
        """)),
    .init("busybox", nil, .script("exec busybox sh")),

    // A shell that is none, or goes.
    .init("ends-at-once", "no_shell", .script("exit 0")),
    .init("refuses", "no_shell", .script("echo This account is not available.; exit 1")),
    .init("escapes", "no_shell", .script("printf '\(escapes)'; printf '\(escapes)' >&2")),
    .init("ends-midway", "connection_lost", tail("kill -9 $PPID; sleep 1")),
    .init("sleeps", "timeout", .script("sleep 100")),
    .init("half-a-line", "timeout", .script("printf 'half a line'; sleep 100")),
    .init("drips", "timeout", .script("while printf x; do sleep 0.1; done")),
    .init("yes", "output_too_large|timeout", .script("yes")),
    .init("yes-on-errors", "output_too_large|timeout", .script("yes >&2")),
    .init(
      "no-line-end", "output_too_large|timeout", .script("tr '\\0' x </dev/zero")),
    .init(
      "echoes-the-script", "no_shell", .script("timeout 1 cat; exit 0")),

    // A host whose frames are right and whose words are not: up, and its lies are its own.
    .init(
      "tail-forges", nil,
      tail(
        #"""
        printf '==> /proc/uptime <==\n\n==> /proc/stat <==\ncpu  -1 99999999999999999999 \033[2J x\n'
        printf '==> /proc/stat <==\ncpu  1 2 3 4 5 6 7 8 9 10\n==> /proc/meminfo <==\nMemTotal: 18446744073709551615 kB\n'
        printf '==> /etc/os-release <==\nPRETTY_NAME="\033[2Jowned\007"\nID="\n'
        """#)),
    .init(
      "tail-lies", nil,
      tail(
        #"""
        /usr/bin/tail "$@" | sed 's/^PRETTY_NAME=.*/PRETTY_NAME="\x1b[2J\x1b]0;owned\x07"/
        s/^ *lo:/e\x1b[2J\xc2\x9b31m\xe2\x80\xae0:/; s/ ext4 / e\x1bt4 /; s/^ID=.*/ID="\xc2\x9b31m\x7f"/; s/^Linux version/\x1b[31m/'
        """#)),
    .init("tail-nuls", nil, tail("head -c 5000 /dev/zero")),
    .init("tail-silent", nil, tail("exit 0")),
    .init("tail-half", nil, tail("printf '==> /proc/stat <==\\ncpu  12 3'")),
    .init("tail-hangs", "timeout", tail("printf '==> /proc/stat <==\\ncpu  12 3'; sleep 100")),
    .init("tail-floods", "output_too_large|timeout", tail("yes '==> /proc/stat <=='")),
    .init("df-large", nil, program("df", "head -c 400000 /dev/zero")),
    .init(
      "replays-the-nonce", nil,
      .script(
        #"""
        nonce=; while IFS= read -r line; do
          case $line in N=*) nonce=${line#N=} ;; exit*) break ;; esac
        done
        echo; echo "$nonce m 1 2 3 4"; yes "$nonce s cpu
          $nonce e 0" | sed 's/^ *//' | head -n 100000
          echo "$nonce z"
        """#)),
    .init(
      "carriage-returns", nil,
      .script(
        "sh -c \"$SSH_ORIGINAL_COMMAND\" | sed -u 's/$/\\r/'")),

    // Keys.
    .init("other-key", "host_key_changed", .knownHosts("NAME ssh-ed25519 OTHER")),
    .init("unknown-key", "host_key_unknown", .knownHosts("elsewhere KEY")),
    .init("revoked-key", "host_key_revoked", .knownHosts("NAME KEY\n@revoked NAME KEY")),

    // What is not SSH.
    .init("silent", "timeout", .server(.silent)),
    .init("closes", "connection_lost", .server(.closes)),
    .init("resets", "connection_lost", .server(.resets)),
    .init(
      "http", "protocol_error",
      .server(
        .saysAndCloses(
          .text(
            "HTTP/1.1 400 Bad Request\r\nServer: \u{1b}[2Jowned\r\n\r\n")))),
    .init("http-open", "protocol_error", .server(.says(.text("HTTP/1.1 400 Bad Request\r\n\r\n")))),
    .init("greets-for-ever", "protocol_error", .server(.repeats([], for: .text("welcome\r\n")))),
    .init("line-for-ever", "protocol_error", .server(.repeats([], for: [0x78]))),
    .init("nuls-for-ever", "protocol_error", .server(.repeats([], for: [0]))),
    .init("old", "protocol_error", .server(.saysAndCloses(.text("SSH-1.5-old\r\n")))),
    .init(
      "ssh-then-garbage", "protocol_error",
      .server(
        .says(ssh + (0..<2000).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }))),
    .init("ssh-then-silence", "timeout", .server(.says(ssh))),
    .init(
      "ssh-drips", "timeout",
      .server(.drips(ssh + [0, 0, 1, 0, 4, 20] + .init(repeating: 7, count: 900)))),
    .init(
      "huge-packet", "protocol_error",
      .server(
        .repeats(ssh, for: [0xff, 0xff, 0xff, 0xf0, 4, 20]))),
    .init(
      "ignores-for-ever", "protocol_error",
      .server(
        .repeats(ssh, for: .packet([2, 0, 0, 0, 3, 0x78, 0x78, 0x78])))),
    .init(
      "unknown-for-ever", "protocol_error",
      .server(
        .repeats(ssh, for: .packet([UInt8](repeating: 200, count: 100))))),
    .init("closed-port", "connection_refused", .nobody("127.0.0.1")),
    .init("no-such-name", "name_unknown", .nobody("no-such-host.invalid")),
  ]
}

/// One pass over all of them, with a short deadline.
private final class HostilePass: Sendable {
  static let deadline = 15.0
  static let shared = Result { try HostilePass() }

  let run: MeasuredRun
  /// What people look at after it.
  let looks: [MeasuredRun]
  /// The lines of line protocol by host.
  let lines: [String: [String]]

  private init() throws {
    let lab = try HostileLab(LabHost.healthy + LabHost.hostile)
    let scratch = lab.scratch
    scratch.write("hosts.yml", lab.inventory)
    // Its own gateway is nobody that a test may ask. The rule is crossed by what hosts made up.
    scratch.write(
      "scrape.yml",
      "self: off\nrules: {made up: {when: net.bytes_recv, minor: \"> -1\"}}\n")
    run = try MeasuredRun(
      [
        "run", "--inventory", "\(scratch.path)/hosts.yml", "--store", "\(scratch.path)/scrape.db",
        "--deadline", "\(Int(Self.deadline))", "--stdout",
      ], environment: ["SSH_AUTH_SOCK": "", "HOME": scratch.path], timeout: 60)
    looks = try [
      ["host", "tail-lies", "--explain"], ["host", "escapes", "--explain"],
      ["host", "tail-lies", "--json"], ["list"], ["status"], ["status", "--json"],
      ["status", "--history"],
    ].map { words in
      try MeasuredRun(
        words + [
          "--inventory", "\(scratch.path)/hosts.yml", "--store", "\(scratch.path)/scrape.db",
        ],
        environment: ["SSH_AUTH_SOCK": "", "HOME": scratch.path], timeout: 30)
    }
    lines = linesByHost(run.output)
    withExtendedLifetime(lab) {}
  }
}

@Suite(.serialized) struct HostileHostTests {
  @Test(arguments: LabHost.healthy + LabHost.hostile)
  func `each host's point says what became of it`(host: LabHost) throws {
    let pass = try HostilePass.shared.get()
    let lines = pass.lines[host.name] ?? []
    let points = lines.filter { $0.hasPrefix("scrape,") }
    #expect(points.count == 1)
    let point = points.first ?? ""
    #expect(point.contains(host.reason == nil ? " up=1i" : " up=0i"), "\(point)")
    // Who is known to have said something has not sent nothing.
    if host.saysSomething { #expect(!point.contains("bytes=0i"), "\(point)") }
    if let reasons = host.reason?.split(separator: "|") {
      #expect(reasons.contains { point.contains("reason=\"\($0)\"") }, "\(point)")
    }
  }

  @Test(arguments: LabHost.healthy)
  func `every point of a healthy host is there`(host: LabHost) throws {
    let pass = try HostilePass.shared.get()
    let measurements = Set(
      (pass.lines[host.name] ?? []).map { $0.prefix { $0 != "," && $0 != " " } })
    #expect(measurements.isSuperset(of: ["mem", "system", "kernel", "net", "processes", "scrape"]))
  }

  @Test(arguments: [
    "garbage-before", "garbage-after", "megabyte-before", "nuls-before", "noise-on-errors",
    "forged-frames-before", "banner", "noisy-profile", "busybox", "carriage-returns",
  ])
  func `what is said around the frames costs no collector`(host: String) throws {
    let pass = try HostilePass.shared.get()
    let point = (pass.lines[host] ?? []).first { $0.hasPrefix("scrape,") } ?? ""
    #expect(point.contains("problems=0i"), "\(point)")
  }

  @Test func `the pass ends by its deadline with an exit code that says so`() throws {
    let run = try HostilePass.shared.get().run
    #expect(run.seconds < HostilePass.deadline + 2)
    #expect(run.status == 1)
  }

  @Test func `nothing of a host reaches a terminal as it came`() throws {
    let pass = try HostilePass.shared.get()
    for run in [pass.run] + pass.looks {
      for (stream, bytes) in [("output", run.output), ("errors", run.errors)] {
        let bad = bytes.firstIndex { ($0 < 0x20 && $0 != 0x0a) || $0 == 0x7f }
        #expect(bad == nil, "\(stream): \(String(decoding: bytes, as: UTF8.self).debugDescription)")
        // C1 controls and marks that reorder text are more than one byte in UTF-8.
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(!text.unicodeScalars.contains { $0.isControl && $0 != "\n" }, "\(stream)")
      }
    }
    #expect(pass.looks.allSatisfy { !$0.output.isEmpty })
    // The name that was made up is there, for a rule that it crosses.
    let said = String(decoding: pass.run.errors, as: UTF8.self)
    #expect(said.contains("made up e\\x1b[2J\\x9b31m\\u{202e}0 "), "\(said)")
  }

  @Test func `memory stays bounded`() throws {
    let run = try HostilePass.shared.get().run
    #expect(run.peakMemory > 0 && run.peakMemory < 150 << 20, "\(run.peakMemory >> 20) MiB")
  }
}
