import Foundation
import Lab
import Metrics
import Testing

/// Policies in whole passes over real servers.
@Suite(.timeLimit(.minutes(4)), .enabled(if: geteuid() == 0)) struct PolicyRunTests {
  private static let shell = "exec sh -c \"$SSH_ORIGINAL_COMMAND\""
  /// The same for an account without any right.
  private static let ordinary =
    "exec setpriv --reuid 65534 --regid 65534 --clear-groups sh -c \"$SSH_ORIGINAL_COMMAND\""

  private static let policy = """
    dialect: 4
    policy: {id: sample, name: Sample, file: sample.yml, description: d}
    variables: {$etc: FOLDER}
    checks:
      - {id: 1, title: Plain, condition: all, rules: ['f:$etc/plain -> r:^one$']}
      - {id: 2, title: Absent, condition: none, rules: ['f:$etc/gone']}
      - {id: 3, title: "Hidden, or not", condition: none, remediation: "Hide it.\\nThen look.",
         fix: "chmod 600 $etc/hidden\\n", rules: ['f:$etc/hidden -> r:^open']}
      - {id: 4, title: Users, condition: all, rules: ['c:stat -c %U FOLDER/plain -> r:^root$']}
      - {id: 5, title: Refused, condition: none, rules: ['c:rm -rf /nowhere -> r:x']}
      - {id: 6, title: Folder, condition: any, rules: ['d:$etc/many -> r:wanted -> r:x']}
      - {id: 7, title: Firewall, condition: none, rules: ['c:iptables -S -> r:ACCEPT']}

    """

  private struct Site {
    let lab: HostileLab
    let scratch = Scratch()

    init(_ hosts: [LabHost], settings: String = "policies: {sample: {every: 1h}}\n") throws {
      lab = try HostileLab(hosts, net: 40)
      scratch.write("inventory/hosts.yml", lab.inventory)
      scratch.write("inventory/scrape.yml", "self: off\n" + settings)
      scratch.write("etc/plain", "one\ntwo\n", mode: 0o644)
      scratch.write("etc/hidden", "open sesame\n", mode: 0o600)
      scratch.write("etc/many/wanted", "x\n", mode: 0o644)
      chmod(scratch.path, 0o755)
      write(PolicyRunTests.policy)
    }

    func write(_ policy: String) {
      scratch.write(
        "inventory/policies/sample.yml",
        policy.replacingOccurrences(of: "FOLDER", with: "\(scratch.path)/etc"))
    }

    @discardableResult
    func scrape(_ words: String...) throws -> Outcome {
      try run(
        Scrape.program,
        words + [
          "--inventory", "\(scratch.path)/inventory", "--store", "\(scratch.path)/scrape.db",
        ], environment: ["SSH_AUTH_SOCK": "", "HOME": scratch.path, "LC_ALL": "C.UTF-8"])
    }

    /// The results of one host, by check.
    func results(_ host: String) throws -> [String: (result: String, why: String)] {
      let outcome = try scrape("policy", host, "--json")
      guard let json = JSON(reading: Array(outcome.output.utf8)) else { return [:] }
      return Dictionary(
        (json["checks"]?.elements ?? []).map {
          ($0["id"]?.string ?? "", ($0["result"]?.string ?? "", $0["why"]?.string ?? ""))
        }, uniquingKeysWith: { first, _ in first })
    }
  }

  @Test func `a policy is evaluated in the session of the collectors, by root and without`() throws
  {
    let site = try Site([
      LabHost("root", nil, .script(Self.shell)), LabHost("plain", nil, .script(Self.ordinary)),
      LabHost("small", nil, .script("exec busybox sh")),
    ])
    let pass = try site.scrape("run", "--stdout", "--deadline", "40")
    let points = Line.all(pass.output).filter { $0.measurement == "policy" }
    #expect(Set(points.compactMap { $0.tags["host"] }) == ["root", "plain", "small"], "\(pass)")
    #expect(points.allSatisfy { $0.tags["policy"] == "sample" })
    #expect(Line.all(pass.output).contains { $0.measurement == "mem" })
    for host in ["root", "small"] {
      let results = try site.results(host)
      for (id, wanted) in [
        ("1", "passed"), ("2", "passed"), ("3", "failed"), ("4", "passed"), ("5", "unknown"),
        ("6", "passed"),
      ] {
        #expect(results[id]?.result == wanted, "\(host) \(id): \(results[id] as Any)")
      }
      #expect(results["5"]?.why.hasPrefix("not allowed: rm ") == true)
    }
    let plain = try site.results("plain")
    #expect(plain["1"]?.result == "passed" && plain["2"]?.result == "passed")
    for id in ["3", "7"] {
      #expect(plain[id]?.result == "unknown", "\(id): \(plain[id] as Any)")
      if id == "3" { #expect(plain[id]?.why.hasPrefix("permission: ") == true) }
    }
    // 3 failed of 4 or 5 that are decided.
    let point = points.first { $0.tags["host"] == "root" }
    #expect(point?.fields["failed"] != "0i" && point?.fields["unknown"] != "0i")
    #expect(try site.scrape("status").output.contains("policy sample"))
    // It is not due again.
    let second = try site.scrape("run", "--stdout", "--deadline", "40")
    #expect(!Line.all(second.output).contains { $0.measurement == "policy" })
    withExtendedLifetime(site) {}
  }

  @Test func `what changed is a point, and people see tables, reasons and a remedy`() throws {
    let site = try Site(
      [LabHost("root", nil, .script(Self.shell))],
      settings: "profiles: {linux: {collectors: {}}}\npolicies: {sample: {every: 1ms}}\n")
    try site.scrape("run")
    let table = try site.scrape("policy")
    #expect(table.status == 1)
    #expect(table.output.hasPrefix("host  policy  score  passed  failed"), "\(table)")
    #expect(try site.scrape("policy", "--failed").output.contains("Hidden, or not"))
    #expect(try site.scrape("policy", "--matrix").output.contains("3  !  Hidden, or not"))
    let csv = try site.scrape("policy", "--csv").output
    #expect(csv.hasPrefix("host,policy,time,check,title,result,why\n"))
    #expect(csv.contains(",\"3\",\"Hidden, or not\",\"failed\","), "\(csv)")
    let explained = try site.scrape("policy", "--explain", "3", "root").output
    #expect(explained.contains("open sesame") && explained.contains("by hand: ssh root cat "))
    let script = try site.scrape("policy", "remedy", "root").output
    #expect(script.contains("# Hide it.\n# Then look.\nchmod 600 $etc/hidden\n"), "\(script)")
    #expect(try run("/bin/sh", ["-n", "-c", script]).status == 0)
    let playbook = try site.scrape("policy", "remedy", "root", "--ansible").output
    #expect(!playbook.contains("sesame") && playbook.contains("cmd: !unsafe \"chmod 600 "))
    // A changed policy on what was read before: the host is not asked.
    let changed = Self.policy.replacingOccurrences(of: "r:^open'", with: "r:^shut'")
    site.scratch.write(
      "new.yml", changed.replacingOccurrences(of: "FOLDER", with: "\(site.scratch.path)/etc"))
    let replay = try site.scrape(
      "policy", "replay", "\(site.scratch.path)/new.yml", "--policy", "sample")
    #expect(replay.output.contains("3  failed → passed  Hidden, or not"), "\(replay)")
    // The host is repaired: one check changed, and the others did not.
    site.scratch.write("etc/hidden", "shut\n")
    let pass = try site.scrape("run", "--stdout")
    let events = Line.all(pass.output).filter { $0.measurement == "policy_check" }
    #expect(events.map { $0.tags["check"] } == ["3"], "\(pass.output)")
    #expect(events.first?.fields["result"] == "\"passed\"")
    #expect(events.first?.fields["previous"] == "\"failed\"")
    withExtendedLifetime(site) {}
  }

  @Test func `a hostile host costs its slot, and its checks are unknown`() throws {
    func program(_ name: String, _ script: String) -> LabHost.Kind {
      .script(
        """
        mkdir -p "$LAB/bin"
        printf '%s\\n' '#!/bin/sh' '\(script)' >"$LAB/bin/\(name)"
        chmod +x "$LAB/bin/\(name)"; PATH=$LAB/bin:$PATH; export PATH
        \(Self.shell)
        """)
    }
    let hosts = [
      LabHost("good", nil, .script(Self.shell)),
      LabHost("endless-head", nil, program("head", "exec yes")),
      LabHost("hanging-head", nil, program("head", "exec sleep 1000")),
      LabHost("silent-head", nil, program("head", "exit 0")),
      LabHost("lying-find", nil, program("find", "yes f/etc/x | /usr/bin/head -c 9000000")),
      LabHost("hanging-find", nil, program("find", "exec sleep 1000")),
      LabHost(
        "forger", nil,
        .script(
          #"""
          nonce=; while IFS= read -r line; do
            case $line in N=*) nonce=${line#N=} ;; exit*) break ;; esac
          done
          echo; echo "$nonce m 1 2 3 4"; echo "$nonce s policies"
          for i in 0 1 2 3 99999 -1 18446744073709551616; do
            printf '%s i p %s f\n\033[2Jone\n' "$nonce" $i; printf '%s i x %s 0\n' "$nonce" $i
          done
          yes "$nonce i c 5 f /../../etc" | /usr/bin/head -n 200000
          echo; echo "$nonce e 0"; echo; echo "$nonce z"
          """#)),
    ]
    let site = try Site(
      hosts, settings: "profiles: {linux: {collectors: {}}}\npolicies: {sample: }\n")
    let folder = "\(site.scratch.path)/etc"
    #expect(
      try run("/bin/sh", ["-c", "cd \(folder)/many && seq 100000 | xargs touch"]).status == 0)
    mkfifo("\(folder)/many/fifo", 0o644)
    symlink("..", "\(folder)/many/up")
    let begin = Date()
    let pass = try site.scrape("run", "--stdout", "--deadline", "20")
    #expect(Date().timeIntervalSince(begin) < 40, "\(pass.errors)")
    let good = try site.results("good")
    #expect(good["1"]?.result == "passed" && good["4"]?.result == "passed")
    // More names than are read.
    #expect(
      good["6"]?.result == "unknown" && good["6"]?.why.hasPrefix("limit: ") == true, "\(good)")
    for host in hosts.dropFirst().map(\.name) {
      let results = try site.results(host)
      // Nothing, or unknown; a host lies about itself as it likes.
      for id in ["6"] where results[id] != nil {
        #expect(results[id]?.result == "unknown", "\(host) \(id): \(results[id] as Any)")
      }
      if ["hanging-head", "endless-head"].contains(host), let check = results["1"] {
        #expect(check.result == "unknown", "\(host): \(check)")
      }
    }
    let seen = try site.scrape("policy", "--checks").output
    #expect(!seen.contains("\u{1b}"))
    withExtendedLifetime(site) {}
  }
}
