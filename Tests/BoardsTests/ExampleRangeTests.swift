import Foundation
import Lab
import Testing

/// The example AS-06 as it is checked in, on real daemons: a namespace in which all of its addresses are one machine.
@Suite(.enabled(if: ExampleRange.isPossible)) struct ExampleRangeTests {
  @Test func `service_summary says 71 of 71 when all is well, and 70 when a server stops`() throws {
    let range = try ExampleRange()
    // A chronyd takes a moment to trust its own clock.
    var all = try range.summary()
    for _ in 0..<3 where all["ok"] != "71i" { all = try range.summary() }
    #expect(
      all["total"] == "71i" && all["online"] == "71i" && all["ok"] == "71i", "\(range.broken)")
    #expect(all["score"] == "100")
    range.stop("vsftpd")
    let less = try range.summary()
    #expect(less["total"] == "71i" && less["online"] == "70i", "\(range.broken)")
    #expect(range.broken.map { $0.contains("service=ftp") } == [true], "\(range.broken)")
  }
}

/// All nodes of inventory/as06 at their addresses and ports: sshd, nginx, tinyproxy, oidentd, mariadbd, Xvnc, Xvfb,
/// chronyd, vsftpd, smbd, and a replayed nvidia-smi.
final class ExampleRange {
  private static let programs = [
    "/usr/sbin/sshd", "/usr/sbin/nginx", "/usr/bin/tinyproxy", "/usr/sbin/oidentd",
    "/usr/sbin/mariadbd", "/usr/bin/mariadb-install-db", Screen.vnc, Screen.xvfb,
    "/usr/sbin/chronyd", "/usr/sbin/vsftpd", "/usr/sbin/smbd",
  ]
  static var isPossible: Bool {
    RoutedRange.isPossible
      && programs.allSatisfy { FileManager.default.isExecutableFile(atPath: $0) }
  }

  private let scratch = Scratch()
  private let authority: Authority
  private let namespace: Daemon
  private var sshd: Sshd?
  private var daemons: [String: Daemon] = [:]
  /// The services that are not ok in the last pass, as line protocol.
  private(set) var broken: [String] = []

  init() throws {
    authority = try Authority()
    namespace = try Daemon(
      "/usr/bin/unshare", ["-n", "/bin/sleep", "300"], log: "\(scratch.path)/namespace")
    let ours = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
    let path = "/proc/\(namespace.identifier)/ns/net"
    _ = eventually {
      (try? FileManager.default.destinationOfSymbolicLink(atPath: path)).map { $0 != ours } ?? false
    }
    // Every address of the inventory, those of the BMCs too, is here.
    let made = try inside([
      "/bin/sh", "-e", "-c", "ip link set lo up; ip route add local 172.18.0.0/16 dev lo",
    ])
    guard made.status == 0 else { throw Unavailable(description: "\(made)") }
    try startDaemons()
    try startScreens()
    scratch.write("bin/nvidia-smi", "#!/bin/sh\necho 'GPU 0: NVIDIA A100'\n", mode: 0o755)
    let sshd = try Sshd(
      addresses: ["0.0.0.0"], port: 22,
      options: ["SetEnv HOME=\(scratch.path) PATH=\(scratch.path)/bin:/usr/bin:/bin"],
      namespace: namespace.identifier)
    self.sshd = sshd
    scratch.write(
      "known_hosts", sshd.knownHostsLines().replacing("0.0.0.0", with: "172.18.172.*"))
    // The inventory as it is, with the account of this range.
    let account =
      "user: root\n    key: \(sshd.key)\n    known_hosts: \(scratch.path)/known_hosts\n    ca: \(authority.file)"
    let hosts = try BoardSites.text("inventory/as06/hosts.yml")
    scratch.write(
      "inventory/hosts.yml",
      hosts.replacing("user: monitor\n    tags", with: "\(account)\n    tags"))
    scratch.write("inventory/scrape.yml", try BoardSites.text("inventory/as06/scrape.yml"))
    for (name, port) in [
      ("nginx", 80), ("nginx", 443), ("nginx", 5000), ("nginx", 8000), ("nginx", 8081),
      ("tinyproxy", 8080), ("oidentd", 113), ("mariadbd", 3306), ("Xvnc", 5900), ("Xvfb0", 6000),
      ("Xvfb1", 6001), ("vsftpd", 21), ("smbd", 445),
    ] {
      let listens = eventually(within: 30) {
        (try? inside(["/bin/bash", "-c", "exec 3<>/dev/tcp/172.18.172.1/\(port)"]).status) == 0
      }
      guard listens else {
        throw Unavailable(description: "\(name): \(scratch.read("\(name).log") ?? "")")
      }
    }
  }

  private func inside(_ words: [String]) throws -> Outcome {
    try run("/usr/bin/nsenter", ["-n", "-t", "\(namespace.identifier)"] + words)
  }

  private func start(_ name: String, _ words: [String]) throws {
    daemons[name] = try Daemon(
      "/usr/bin/nsenter",
      ["-n", "-t", "\(namespace.identifier)", "/usr/bin/timeout", "-s", "KILL", "240"] + words,
      log: "\(scratch.path)/\(name).log")
  }

  func stop(_ name: String) { daemons[name]?.stop() }

  private func startDaemons() throws {
    let path = scratch.path
    // Of all nodes with https.
    let nodes = ["fw01", "ct02", "cp01", "cp02", "cp03", "kp00", "kp01", "kp02"]
    let names = nodes.map { "DNS:\($0)" }.joined(separator: ",")
    let pair = try authority.certificate("range", names: names)
    scratch.write("root/index.html", "<h1>it works</h1>\n", mode: 0o644)
    let plain = [80, 8000, 8081].map { "server { listen \($0); root \(path)/root; }" }
    scratch.write(
      "nginx.conf",
      """
      daemon off; master_process off; worker_processes 1; pid \(path)/nginx.pid;
      error_log stderr;
      events { worker_connections 512; }
      http {
        access_log off;
        client_body_temp_path \(path)/t1; proxy_temp_path \(path)/t2;
        fastcgi_temp_path \(path)/t3; uwsgi_temp_path \(path)/t4; scgi_temp_path \(path)/t5;
        \(plain.joined(separator: "\n  "))
        server { listen 443 ssl; root \(path)/root;
          ssl_certificate \(pair.certificate); ssl_certificate_key \(pair.key); }
        server { listen 5000;
          location / { default_type application/json; return 300 '{"versions": {"values": []}}'; } }
      }

      """)
    try start("nginx", ["/usr/sbin/nginx", "-p", path, "-c", "\(path)/nginx.conf"])
    scratch.write(
      "tinyproxy.conf",
      "Port 8080\nListen 0.0.0.0\nTimeout 10\nMaxClients 20\nBasicAuth monitor secret\nLogLevel Info\n"
    )
    try start("tinyproxy", ["/usr/bin/tinyproxy", "-d", "-c", "\(path)/tinyproxy.conf"])
    try start("oidentd", ["/usr/sbin/oidentd", "-i", "-S", "-a", "0.0.0.0", "-p", "113"])
    let small = ["--user=root", "--innodb-buffer-pool-size=6M", "--innodb-log-file-size=4M"]
    try run(
      "/usr/bin/mariadb-install-db",
      [
        "--no-defaults", "--basedir=/usr", "--datadir=\(path)/data", "--skip-test-db",
        "--auth-root-authentication-method=normal", "--skip-name-resolve",
      ] + small)
    // A server greets only those that some account may come from.
    scratch.write("init.sql", "CREATE USER probe@'%';\n")
    try start(
      "mariadbd",
      [
        "/usr/sbin/mariadbd", "--no-defaults", "--datadir=\(path)/data", "--socket=\(path)/socket",
        "--bind-address=0.0.0.0", "--port=3306", "--pid-file=\(path)/mariadb.pid",
        "--init-file=\(path)/init.sql", "--performance-schema=0", "--skip-name-resolve",
      ] + small)
    scratch.write(
      "chrony.conf",
      "local stratum 3\nport 123\nbindaddress 0.0.0.0\ncmdport 0\nbindcmdaddress /\nallow\npidfile \(path)/chrony.pid\n"
    )
    try start(
      "chronyd", ["/usr/sbin/chronyd", "-d", "-x", "-u", "root", "-f", "\(path)/chrony.conf"])
    try run("/bin/mkdir", ["-p", "\(path)/ftp", "\(path)/secure"])
    try run("/bin/chmod", ["755", path, "\(path)/ftp", "\(path)/secure"])
    scratch.write(
      "vsftpd.conf",
      """
      listen=YES
      listen_ipv6=NO
      background=NO
      anonymous_enable=YES
      local_enable=NO
      anon_root=\(path)/ftp
      secure_chroot_dir=\(path)/secure
      seccomp_sandbox=NO
      xferlog_enable=NO
      isolate_network=NO
      isolate=NO
      ftp_username=daemon

      """)
    try start("vsftpd", ["/usr/sbin/vsftpd", "\(path)/vsftpd.conf"])
    let folders = [
      "private dir", "lock directory", "state directory", "cache directory", "pid directory",
      "ncalrpc dir",
    ].map { "\($0) = \(path)\n" }
    scratch.write(
      "smb.conf",
      "[global]\nsmb ports = 445\ndisable netbios = yes\nlog file = \(path)/smbd.log\n"
        + folders.joined())
    try start("smbd", ["/usr/sbin/smbd", "-F", "--no-process-group", "-s", "\(path)/smb.conf"])
  }

  /// A VNC server with a password, and two displays that ask for a cookie.
  private func startScreens() throws {
    let path = scratch.path
    scratch.write("clear", "password")
    try run(
      "/usr/bin/openssl",
      [
        "enc", "-des-ede3-ecb", "-nosalt", "-nopad", "-K",
        String(repeating: "e84ad660c4721ae0", count: 3), "-in", "\(path)/clear", "-out",
        "\(path)/passwd",
      ])
    try start(
      "Xvnc",
      [
        Screen.vnc, ":77", "-rfbport", "5900", "-nolisten", "unix", "-nolock", "-SecurityTypes",
        "VncAuth", "-PasswordFile", "\(path)/passwd",
      ])
    let name = "MIT-MAGIC-COOKIE-1"
    let cookie: [UInt8] =
      [0xff, 0xff, 0, 0, 0, 0, 0, UInt8(name.utf8.count)] + Array(name.utf8) + [0, 16]
      + [UInt8](repeating: 7, count: 16)
    _ = FileManager.default.createFile(atPath: "\(path)/auth", contents: Data(cookie))
    for display in 0...1 {
      try start(
        "Xvfb\(display)",
        [
          Screen.xvfb, ":\(display)", "-listen", "tcp", "-nolisten", "unix", "-nolock", "-screen",
          "0", "320x200x8", "-auth", "\(path)/auth",
        ])
    }
  }

  /// The fields of `service_summary` of all services after a pass.
  func summary() throws -> [String: String] {
    let program = (CommandLine.arguments[0] as NSString).deletingLastPathComponent + "/scrape"
    let outcome = try run(
      "/usr/bin/nsenter",
      [
        "-n", "-t", "\(namespace.identifier)", program, "run", "--stdout", "--inventory",
        "\(scratch.path)/inventory", "--store", "\(scratch.path)/db",
      ], environment: ["BMC_PASSWORD": "none", "SSH_AUTH_SOCK": ""], timeout: 120)
    let lines = outcome.output.split(separator: "\n").map(String.init)
    broken = lines.filter {
      $0.hasPrefix("service,") && !$0.contains("state=0i") && !$0.contains("probe=icmp")
    }
    guard
      let line = lines.first(where: {
        $0.hasPrefix("service_summary,") && $0.contains("scope=all")
      }), let fields = line.split(separator: " ").dropFirst().first
    else { throw Unavailable(description: "\(outcome.errors)\n\(outcome.output.suffix(2000))") }
    return Dictionary(
      fields.split(separator: ",").compactMap { field in
        let parts = field.split(separator: "=").map(String.init)
        return parts.count == 2 ? (parts[0], parts[1]) : nil
      }, uniquingKeysWith: { $1 })
  }
}
