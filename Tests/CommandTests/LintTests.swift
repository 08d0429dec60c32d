import Foundation
import Lab
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper

@Suite(.timeLimit(.minutes(2))) struct LintTests {
  private func lint(
    _ hosts: String, _ settings: String = "", environment: [String: String] = [:],
    files: [(name: String, mode: mode_t)] = []
  ) throws -> Outcome {
    let range = Range(hosts: hosts, settings: settings)
    for (name, mode) in files {
      chmod(range.scratch.write("inventory/\(name)", "secret-word-of-the-test\n"), mode)
    }
    let outcome = try run(
      Scrape.program, ["lint", "--inventory", range.inventory, "--store", range.store],
      environment: environment)
    #expect(!(outcome.output + outcome.errors).contains("secret-word-of-the-test"))
    return outcome
  }

  @Test func `faults of all kinds are shown in one run`() throws {
    let outcome = try lint(
      """
      all:
        vars: {prot: 22}
        hosts:
          a: {address: 10.0.0.1, port: 99999, on: b}
          b: {address: 10.0.0.2, behind: a}
          c: {address: 10.0.0.3, profile: lniux}
          d: {address: 10.0.0.4, probes: [htpp]}
          e: {address: 10.0.0.5, key: /nonexistent/key}
          f: {address: 10.0.0.6, password: "file:loose"}
      """,
      """
      fanuot: 3
      rules: {hot: {when: cpu.usage_activ, minor: 1}}
      sinks: [{influxdb: {url: "http://db:865432"}}]
      contacts: {ops: {webhook: {url: "http://[::1"}}}
      services: {shop: [shop]}
      alerts: {staale: 5m}
      self: {deadman: {url: "https://bad_host:port/x"}}
      """, files: [("loose", 0o644)])
    #expect(outcome.status == 2)
    for words in [
      "port must be a whole number from 1 to 65535", "a is on or behind itself", "a → b → a",
      "unknown profile \"lniux\"", "unknown probe \"htpp\"", "cannot be found",
      "can be read by others",
      "unknown key \"fanuot\"", "unknown field \"usage_activ\"",
      "url has a port that is no number from 1 to 65535",
      "without its closing bracket", "shop → shop", "unknown key \"staale\"",
      "url of deadman has a port",
    ] {
      #expect(outcome.errors.contains(words), "\(words) is not in \(outcome.errors)")
    }
    #expect(outcome.errors.hasSuffix("faults\n"), "\(outcome.errors)")
  }

  @Test func `a file that is no YAML does not hide the faults of the other`() throws {
    let broken = try lint("all: {hosts: {a: {address: 10.0.0.1}\n", "fanuot: 3\n")
    #expect(broken.status == 2 && broken.errors.contains("fanuot"), "\(broken.errors)")
    #expect(broken.errors.contains("hosts.yml:"))
    let other = try lint("all: {hosts: {a: {prot: 1, port: 0}}}\n", "fanout: [\n")
    #expect(other.errors.contains("port must be") && other.errors.contains("scrape.yml:"))
  }

  /// Who cannot be found may stand in the file that could not be read.
  @Test func `patterns are not complained of where a file of hosts could not be read`() throws {
    let outcome = try lint(
      "all: {hosts: {a: {address: 10.0.0.1}\n",
      "rules: {hot: {when: cpu.usage_active, minor: 1, hosts: web1}}\n")
    #expect(outcome.status == 2 && !outcome.errors.contains("hosts of rule"), "\(outcome.errors)")
  }

  @Test func `what repeats is shown once with the other places`() throws {
    let hosts = (1...40).map { "    h\($0): {address: 10.0.0.\($0), port: 70000}\n" }.joined()
    let outcome = try lint("all:\n  hosts:\n\(hosts)")
    #expect(outcome.status == 2)
    #expect(outcome.errors.components(separatedBy: "port must be").count == 2, "\(outcome.errors)")
    #expect(outcome.errors.contains("the same at 39 more places: :4:"), "\(outcome.errors)")
    #expect(outcome.errors.hasSuffix("40 faults\n"))
    #expect(outcome.errors.split(separator: "\n").count < 8)
  }

  @Test(arguments: [
    ("token: \"${SCRAPE_TEST_UNSET}\"", "SCRAPE_TEST_UNSET is not set here", true),
    ("token: \"${SCRAPE_TEST_SET}\"", "", true),
    ("token: \"file:loose\"", "can be read by others", false),
    ("token: \"file:tight\"", "", true),
    ("token: \"file:none\"", "cannot be opened", true),
  ])
  func `secrets are looked at, and what is not there is a warning`(
    token: String, words: String, isFine: Bool
  ) throws {
    let outcome = try lint(
      "all: {hosts: {a: {address: 10.0.0.1}}}\n",
      "sinks: [{influxdb2: {url: \"https://db\", org: o, bucket: b, \(token)}}]\n",
      environment: ["SCRAPE_TEST_SET": "x", "SCRAPE_TEST_UNSET": ""],
      files: [("loose", 0o640), ("tight", 0o600)])
    #expect(outcome.status == (isFine ? 0 : 2), "\(outcome.errors)")
    if words.isEmpty {
      #expect(!outcome.errors.contains("influxdb2: {"), "\(outcome.errors)")
    } else {
      #expect(outcome.errors.contains(words), "\(outcome.errors)")
    }
  }

  @Test(arguments: [
    ("keyfile", "key"), ("passphrase", "key_passphrase"), ("IdentityFile", "key"),
    ("proxyjump", "via"), ("username", "user"), ("bmc_password", "bmc"), ("adress", "address"),
  ])
  func `a variable that looks like ours is named`(name: String, meant: String) throws {
    let outcome = try lint("all: {hosts: {a: {address: 10.0.0.1, \(name): x}}}\n")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("\"\(name)\" is none of scrape's variables"))
    #expect(outcome.errors.contains("did you mean \"\(meant)\"?"), "\(outcome.errors)")
  }

  @Test(arguments: [
    ("{when: ipmi_sensor.value, minor: 1}", true), ("{when: cpu.usage_active, minor: 1}", false),
    ("{when: nvidia_smi.temperature_gpu, minor: 1, hosts: \"a,small\"}", true),
    ("{when: nvidia_smi.temperature_gpu, minor: 1, hosts: g}", false),
    ("{when: ping.average_response_ms, minor: 1, hosts: g}", true),
    ("{when: ping.average_response_ms, minor: 1}", false),
    ("{when: system.n_users, minor: 1, hosts: small}", true),
    ("{when: system.load1, minor: 1, hosts: small}", false),
    ("{when: cpu.usage_active, minor: 1, hosts: g, profile: linux}", true),
  ])
  func `a rule that can never fire is warned of`(rule: String, isWarned: Bool) throws {
    let outcome = try lint(
      """
      all:
        hosts:
          a: {address: 10.0.0.1, probes: [icmp]}
          g: {address: 10.0.0.2, profile: gpu}
          small: {address: 10.0.0.3, profile: small}
      """,
      "profiles: {small: {collectors: {system: }}}\nrules: {r: \(rule)}\n")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      outcome.errors.contains("rule \"r\" matches no known series") == isWarned,
      "\(outcome.errors)")
  }

  @Test(
    arguments: [
      ("a: {on: b}, b: {on: c}, c: {behind: a}", "a → b → c → a"),
      ("a: {on: a}", "a → a"), ("a: {on: b}, b: {}", nil),
      ("a: {on: c, behind: b}, b: {on: c}, c: {}", nil),
      ("x: {on: a}, a: {behind: b}, b: {behind: a}", "a → b → a"),
    ] as [(String, String?)])
  func `a host that is on or behind itself is found`(hosts: String, ring: String?) throws {
    let outcome = try lint("all: {hosts: {\(hosts)}}\n")
    #expect(outcome.status == (ring == nil ? 0 : 2), "\(outcome.errors)")
    if let ring { #expect(outcome.errors.contains(ring), "\(outcome.errors)") }
  }

  @Test func `a host that is listed twice is named with both places`() throws {
    let yaml = try lint(
      """
      web: {hosts: {a: {address: 10.0.0.1}}}
      db: {hosts: {a: {address: 10.0.0.2}}}
      """)
    #expect(yaml.status == 0)
    #expect(yaml.errors.contains("\"a\" is described twice, and its address differs"))
    #expect(yaml.errors.contains("hosts.yml:1 says something else"), "\(yaml.errors)")
    // That it is in two groups, and says the same in both, is Ansible's way.
    let fine = try lint("web: {hosts: {a: {port: 22}}}\ndb: {hosts: {a: {port: 22}}}\n")
    #expect(!fine.errors.contains("twice"), "\(fine.errors)")
    let range = Range(hosts: "")
    range.scratch.write("ini/hosts.ini", "[web]\na\nb[1:3]\nb2\n")
    let ini = try run(Scrape.program, ["lint", "-i", "\(range.scratch.path)/ini"])
    #expect(ini.errors.contains("\"b2\" stands twice in group \"web\""), "\(ini.errors)")
  }

  @Test(
    arguments: [
      ("http://db", nil), ("https://db.example:8086/x", nil), ("http://[::1]:8086", nil),
      ("http://db:0", "port"), ("http://db:8086x", "port"), ("http://::1:8086", "without brackets"),
      ("http://[::1", "closing bracket"), ("http://:8086", "names no server"),
      ("http://d,b", "that cannot be"), ("http:/db", "must begin with"),
      ("ftp://db", "must begin with"),
    ] as [(String, String?)])
  func `a URL that nobody can ask for is refused`(url: String, problem: String?) throws {
    for sinks in [
      "influxdb: {url: \"\(url)\"}", "splunk: {url: \"\(url)\", token: \"${HOME}\"}",
    ] {
      let outcome = try lint("all: {hosts: {a: {}}}\n", "sinks: [{\(sinks)}]\n")
      #expect(outcome.status == (problem == nil ? 0 : 2), "\(url): \(outcome.errors)")
      if let problem { #expect(outcome.errors.contains(problem), "\(outcome.errors)") }
    }
  }

  @Test func `a probe asks for an address that hosts have`() throws {
    let hosts = """
      all:
        children:
          web:
            vars: {probes: [https, https@public, "tcp@vpn:80"]}
            hosts:
              w1: {address: 10.0.0.1, public_address: 198.51.100.1, addresses: {vpn: 10.8.0.1}}
              w2: {address: 10.0.0.2}
              w3: {address: 10.0.0.3, public_address: 198.51.100.3}
      """
    let lacking = try lint(hosts)
    #expect(lacking.status == 0)
    for words in [
      "hosts.yml:4:30: warning: https@public of w2 is not asked: no such address",
      "write public_address: for these hosts",
      "tcp@vpn:80 of w[2-3] is not asked", "write addresses: {vpn: ADDRESS}",
    ] {
      #expect(lacking.errors.contains(words), "\(words) is not in \(lacking.errors)")
    }
    #expect(
      lacking.output.contains("https (443) ×3, https@public (443) ×2, tcp@vpn:80"),
      "\(lacking.output)")
    let unknown = try lint(
      hosts.replacingOccurrences(of: "https@public", with: "https@pubilc"))
    #expect(unknown.status == 2)
    #expect(
      unknown.errors.contains("hosts.yml:4:36: unknown address \"pubilc\""), "\(unknown.errors)")
    #expect(unknown.errors.contains("did you mean \"public\"?"))
    let none = try lint("all: {hosts: {a: {address: 10.0.0.1, probes: [https@public]}}}")
    #expect(none.errors.contains("no host has a public address"), "\(none.errors)")
    let module = try lint(hosts, "modules: {page: {https: {at: pubic}}}")
    #expect(
      module.errors.contains("scrape.yml:1:30: unknown address \"pubic\""), "\(module.errors)")
  }

  @Test func `a source that is not of this machine, and what cannot use it, is a warning`() throws {
    let outcome = try lint(
      """
      all:
        vars: {source: 192.0.2.9}
        hosts:
          a: {address: 10.0.0.1, bmc: 10.0.1.1, probes: [icmp, {exec: {command: [/bin/true]}}]}
          b: {address: 10.0.0.2, source: nosuch0}
          c: {address: 10.0.0.3, via: a, bmc: {address: 10.0.1.3}, source: lo}
      """)
    #expect(outcome.status == 0, "\(outcome.errors)")
    for words in [
      "hosts.yml:2:18: warning: source address 192.0.2.9 is not an address of this machine",
      "hosts.yml:5:36: warning: source \"nosuch0\" is no interface of this machine",
      "exec of a is asked from the address of the route: `exec` cannot choose it",
    ] {
      #expect(outcome.errors.contains(words), "\(words) is not in \(outcome.errors)")
    }
    #expect(
      !outcome.errors.contains("icmp of a") && !outcome.errors.contains("BMC"), "\(outcome.errors)")
  }
}
