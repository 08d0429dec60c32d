import Configuration
import Foundation
import Metrics
import Lab
import Testing

@testable import Inventory
@testable import Probes

struct InventoryTests {
  // MARK: ranges

  @Test(
    arguments: [
      ("web[01:03]", ["web01", "web02", "web03"]),
      ("web[1:10:4].lab", ["web1.lab", "web5.lab", "web9.lab"]),
      ("[a:c]x", ["ax", "bx", "cx"]),
      ("r[1:2]n[08:10]", ["r1n08", "r1n09", "r1n10", "r2n08", "r2n09", "r2n10"]),
      ("web[:2]", ["web0", "web1", "web2"]),
      ("web1:2222", ["web1"]),
      ("[2001:db8::1]:22", ["2001:db8::1"]),
      ("2001:db8::1", ["2001:db8::1"]),
      ("\"no\"", ["no"]),
      ("no", ["no"]),
      ("1.10", ["1.10"]),
      ("größe-ü", ["größe-ü"]),
    ] as [(String, [String])])
  func `a name stands for its hosts`(name: String, hosts: [String]) throws {
    let key = name.hasPrefix("[") ? "\"\(name)\"" : name
    let inventory = try InventoryFolder.inventory("g:\n  hosts:\n    ? \(key)\n    :\n")
    #expect(inventory.hosts.map(\.name) == hosts)
  }

  @Test func `a port of the name and one of the variables are one thing`() throws {
    let inventory = try InventoryFolder.inventory(
      "g:\n  hosts:\n    a[1:2]:2222:\n    b:\n    '[::1]:23': {port: 24}\n")
    #expect(inventory.hosts.map(\.port) == [2222, 2222, 22, 24])
  }

  @Test(
    arguments: [
      ("g[1:3]", "10.0.0.[25:27]", ["10.0.0.25", "10.0.0.26", "10.0.0.27"]),
      ("r[1:2]n[1:2]", "10.[1:2].0.[5:6]", ["10.1.0.5", "10.1.0.6", "10.2.0.5", "10.2.0.6"]),
      ("r[1:2]n[1:2]", "10.0.0.[1:4]", ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]),
      ("g[1:2]", "2001:db8::[1:2]", ["2001:db8::1", "2001:db8::2"]),
      ("g[1:2]", "[2001:db8::9]", ["2001:db8::9", "2001:db8::9"]),
      ("g[1:2]", "n[01:02].lab", ["n01.lab", "n02.lab"]),
    ] as [(String, String, [String])])
  func `ranges in an address run in step with the name`(
    name: String, address: String, expected: [String]
  ) throws {
    let inventory = try InventoryFolder.inventory(
      "g:\n  hosts:\n    \"\(name)\": {address: \"\(address)\", bmc: {address: \"\(address)\"}}\n")
    #expect(inventory.hosts.map(\.address) == expected)
    let bmcs = inventory.hosts.map { $0.bmc?.address ?? "" }
    #expect(bmcs == expected || address.hasPrefix("["))
  }

  @Test func `a host has further addresses by name, in step with its own`() throws {
    let inventory = try InventoryFolder.inventory(
      """
      g:
        hosts:
          "w[1:2]":
            address: "10.0.0.[1:2]"
            public_address: "198.51.100.[1:2]"
            addresses: {vpn: "10.8.0.[1:2]", gate: gate.example.org}
          w3: {address: 10.0.0.3}
        vars: {public_address: shared.example.org}
      """)
    #expect(
      inventory.hosts.map(\.addresses) == [
        ["public": "198.51.100.1", "vpn": "10.8.0.1", "gate": "gate.example.org"],
        ["public": "198.51.100.2", "vpn": "10.8.0.2", "gate": "gate.example.org"],
        ["public": "shared.example.org"],
      ])
    let sources = try InventoryFolder.inventory(
      "g: {hosts: {a: , b: {source: none}, c: {source: 10.9.0.1}}, vars: {source: eth1.20}}")
    #expect(sources.hosts.map(\.source) == ["eth1.20", nil, "10.9.0.1"])
    let lines = try InventoryFolder.inventory(
      """
      [g]
      w[1:2] address=10.0.0.[1:2] public_address=198.51.100.[1:2]
      w3 addresses='{"vpn": "10.8.0.3"}'
      """, name: "hosts.ini")
    #expect(
      lines.hosts.map(\.addresses) == [
        ["public": "198.51.100.1"], ["public": "198.51.100.2"], ["vpn": "10.8.0.3"],
      ])
  }

  @Test(
    arguments: [
      (
        "public_address: \"{{ ip }}\"", "public_address is a template, which scrape never evaluates"
      ),
      ("public_address: 10.0.0", "\"10.0.0\" is no IP address"),
      ("addresses: 10.0.0.1", "addresses must be a mapping of names to values, found text"),
      ("addresses: {public: 10.0.0.1}", "\"public\" is not one of `addresses`"),
      ("source: 10.0.0.300", "source is no IP address and no interface"),
      ("source: a/b", "source is no IP address and no interface"),
      ("addresses: {a b: 10.0.0.1}", "\"a b\" is not the name of an address"),
      ("addresses: {vpn: [10.0.0.1]}", "addresses.vpn must be text, found a list"),
    ])
  func `a further address that is none is refused`(variable: String, problem: String) throws {
    let problems = try InventoryFolder.problems([
      "hosts.yml": "g: {hosts: {a: {address: 10.0.0.1, \(variable)}}}\n"
    ])
    #expect(problems == [problem])
  }

  @Test(
    arguments: [
      ("g1", "10.0.0.[1:2]", "address has a range, the host's name has none"),
      ("g[1:3]", "10.0.[1:3].[1:3]", "address has 2 ranges, the name has 1"),
      ("a[1:2]b[1:2]", "10.0.0.[1:3]", "address has 3 in its range, the name stands for 4 hosts"),
      ("g[1:2]", "10.0.0.[1:", "\"[\" without its \"]\""),
    ])
  func `ranges that do not fit are refused`(name: String, address: String, problem: String) throws {
    let problems = try InventoryFolder.problems([
      "hosts.yml": "g:\n  hosts:\n    \"\(name)\": {address: \"\(address)\"}\n"
    ])
    #expect(problems == [problem])
  }

  @Test(arguments: ["g[0:99999999]", "g[1:300]x[1:300]", "g[0:999999999999999999]"])
  func `a range without end is refused`(name: String) throws {
    let problems = try InventoryFolder.problems(["hosts.yml": "g:\n  hosts:\n    \(name):\n"])
    #expect(problems == ["more than 65536 names"])
  }

  // MARK: precedence

  @Test func `the nearer a variable stands to the host the more it counts`() throws {
    let folder = try InventoryFolder([
      "hosts.yml": """
      all:
        vars: {v: all, user: all}
        children:
          outer:
            vars: {v: outer, user: outer}
            children:
              inner:
                vars: {v: inner}
                hosts: {deep: {}, own: {v: host}, filed: {v: host}}
            hosts: {shallow: }
        hosts: {lone: }
      """,
      "group_vars/all.yml": "w: all\nx: all\n",
      "group_vars/outer/one.yml": "w: outer",
      "group_vars/inner.json": "{\"x\": \"inner\"}",
      "host_vars/filed": "v: file",
    ])
    let inventory = try folder.load()
    func seen(_ name: String) -> [String] {
      ["v", "w", "x", "user"].map { inventory.host(name)?[variable: $0]?.text ?? "-" }
    }
    #expect(seen("lone") == ["all", "all", "all", "all"])
    #expect(seen("shallow") == ["outer", "outer", "all", "outer"])
    #expect(seen("deep") == ["inner", "outer", "inner", "outer"])
    #expect(seen("own") == ["host", "outer", "inner", "outer"])
    #expect(seen("filed") == ["file", "outer", "inner", "outer"])
    #expect(inventory.host("lone")?.group == "ungrouped")
    #expect(inventory.host("deep")?.group == "inner")
    #expect(inventory.host("deep")?.groups == ["all", "outer", "inner"])
    #expect(inventory.files.count == 5)
  }

  @Test func `among groups of one depth priority counts and then the name`() throws {
    let inventory = try InventoryFolder.inventory(
      """
      a: {hosts: {h: }, vars: {v: a, w: a, ansible_group_priority: 10}}
      b: {hosts: {h: }, vars: {v: b, w: b}}
      c: {hosts: {h: }, vars: {w: c}}
      """)
    let host = try #require(inventory.host("h"))
    #expect(host[variable: "v"]?.text == "a")
    #expect(host[variable: "w"]?.text == "a")
    #expect(host.groups == ["all", "b", "c", "a"])
  }

  @Test func `group_vars of all count more than vars in the file, as with Ansible`() throws {
    let folder = try InventoryFolder([
      "hosts.yml": "g: {hosts: {h: }, vars: {user: inline}}", "group_vars/all": "user: file",
    ])
    #expect(try folder.load().host("h")?.user == "file")
  }

  @Test func `ours win over Ansible's names at one level only`() throws {
    let inventory = try InventoryFolder.inventory(
      """
      all:
        vars: {user: ours, ansible_port: 1}
        children:
          g:
            hosts:
              both: {address: 10.0.0.1, ansible_host: 10.0.0.2, ansible_user: nearer}
              far: {ansible_host: "{{ lookup }}", address: 10.0.0.3}
            vars: {port: 2}
      """)
    #expect(inventory.host("both")?.address == "10.0.0.1")
    #expect(inventory.host("both")?.user == "nearer")
    #expect(inventory.host("both")?.port == 2)
    #expect(inventory.host("far")?.user == "ours")
    #expect(inventory.host("far")?.address == "10.0.0.3")
  }

  @Test func `an empty value takes back what stands above`() throws {
    let inventory = try InventoryFolder.inventory(
      "g: {vars: {via: jp1, user: x}, hosts: {a: {via: , user: ~}, b: }}")
    #expect(inventory.host("a")?.via == nil)
    #expect(inventory.host("a")?.user == nil)
    #expect(inventory.host("b")?.via == "jp1")
  }

  // MARK: variables

  @Test(
    arguments: [
      ("-J jp1", "jp1"), ("-Jops@jp1:22", "ops@jp1:22"), ("-o ProxyJump=a,b", "a,b"),
      ("-oProxyJump=jp1 -o StrictHostKeyChecking=no", "jp1"),
      ("-o 'ProxyJump jp1'", "jp1"), ("-o proxyjump=none", nil), ("-C -4", nil),
      ("-o ProxyCommand=none", nil),
    ] as [(String, String?)])
  func `the jump host is taken from ssh's arguments`(arguments: String, jump: String?) throws {
    let inventory = try InventoryFolder.inventory(
      "g: {hosts: {h: {ansible_ssh_common_args: \"\(arguments)\"}}}")
    #expect(inventory.host("h")?.via == jump)
  }

  @Test func `a host has the defaults of a host`() throws {
    let host = try #require(try InventoryFolder.inventory("g: {hosts: {web1: }}").host("web1"))
    #expect(host.address == "web1" && host.port == 22 && host.user == nil && host.keys.isEmpty)
    #expect(host.profile == "linux" && host.connection == .ssh && host.tags.isEmpty)
    #expect(host.probes == nil && host.bmc == nil && host.every == nil && host.password == nil)
  }

  @Test func `every variable of ours is understood`() throws {
    let folder = try InventoryFolder([:])
    try folder.write("id", "key", mode: 0o600)
    try folder.write("pass", "secret\n", mode: 0o600)
    try folder.write(
      "hosts.yml",
      """
      g:
        hosts:
          h:
            address: 10.0.0.1
            port: "2222"
            user: monitor
            key: [id, ~/.ssh/other]
            key_passphrase: ${PASSPHRASE}
            password: file:pass
            known_hosts: known
            profile: gpu
            probes: [icmp, http:8080]
            bmc: 10.0.1.1
            via: ops@jp1:22
            on: esx3
            behind: sw1
            ca: /etc/ca.pem
            tags: {team: red}
            every: 5m
            room: B2
      """)
    let host = try #require(try folder.load("hosts.yml").host("h"))
    #expect(host.address == "10.0.0.1" && host.port == 2222 && host.user == "monitor")
    #expect(host.keys.first == "\(folder.path)/id")
    #expect(host.keys.last?.hasSuffix("/.ssh/other") == true)
    #expect(host.keyPassphrase?.description == "${PASSPHRASE}")
    #expect(try host.password?.reveal().clearText == "secret")
    #expect(host.knownHosts == "\(folder.path)/known" && host.ca == "/etc/ca.pem")
    #expect(host.profile == "gpu" && host.via == "ops@jp1:22")
    #expect(host.on == "esx3" && host.behind == "sw1" && host.bmc?.address == "10.0.1.1")
    #expect(host.probes?.items?.map(\.text) == ["icmp", "http:8080"])
    #expect(host.tags == [Tag("team", "red")] && host.every == .seconds(300))
    #expect(host[variable: "room"]?.text == "B2")
    #expect(host.mark.line == 3)
  }

  @Test func `tags add up on the way down and variables can be tags`() throws {
    let inventory = try InventoryFolder.inventory(
      """
      all:
        vars: {tags: {site: a, team: none}, rack: 7}
        children:
          g:
            vars: {tags: {team: red}}
            hosts: {plain: , named: {tags: [rack, missing]}, gone: {tags: {site: }}}
      """)
    #expect(inventory.host("plain")?.tags == [Tag("site", "a"), Tag("team", "red")])
    #expect(
      inventory.host("named")?.tags == [Tag("site", "a"), Tag("team", "red"), Tag("rack", "7")])
    #expect(inventory.host("gone")?.tags == [Tag("team", "red")])
  }

  @Test(arguments: [(0o600, true), (0o400, true), (0o644, false), (0o640, false), (0o601, false)])
  func `a key that others can read is refused`(mode: Int, isGood: Bool) throws {
    let folder = try InventoryFolder(["hosts.yml": "g: {hosts: {h: {key: id}}}"])
    try folder.write("id", "key", mode: mode)
    let problems: [String]
    do throws(ConfigurationErrors) {
      _ = try Inventory.load("\(folder.path)/hosts.yml")
      problems = []
    } catch { problems = error.errors.map(\.problem) }
    #expect(problems == (isGood ? [] : ["the key \(folder.path)/id can be read by others"]))
  }

  // MARK: files

  @Test func `secrets, and folders with settings of their own, are no part of a folder`() throws {
    let scratch = Scratch()
    scratch.write("hosts.yml", "all: {hosts: {web: {}}}\n")
    scratch.write("influx.password", "hunter2\n")
    scratch.write("token", "hunter2\n")
    scratch.write("more.ini", "db\n")
    scratch.write("plain", "cache\n", mode: 0o644)
    scratch.write("other/hosts.yml", "all: {hosts: {elsewhere: {}}}\n")
    scratch.write("other/scrape.yml", "fanout: 5\n")
    let inventory = try Inventory.load(scratch.path)
    // A list of bare names without an ending might be a list of passwords.
    #expect(Set(inventory.hosts.map(\.name)) == ["web", "db"])
    #expect(inventory.warnings.count == 3)
    #expect(!inventory.warnings.description.contains("hunter2"))
  }

  @Test func `a folder of files is one inventory`() throws {
    let folder = try InventoryFolder([
      "10-web.yml": "web: {hosts: {web1: }}",
      "20-db": "[db]\ndb1 port=5\n",
      "30.json": "{\"mail\": {\"hosts\": {\"mx1\": {\"port\": 7}}}}",
      "sub/more.ini": "[web]\nweb2\n",
      "scrape.yml": "fanout: 3", "README.md": "# read", "known_hosts": "x", ".hidden": "}",
      "old.yml.bak": "}", "old~": "}", "ansible.cfg": "[defaults]", "host_vars/web1.yml": "user: u",
    ])
    let inventory = try folder.load()
    #expect(inventory.hosts.map(\.name) == ["web1", "db1", "mx1", "web2"])
    #expect(inventory.host("db1")?.port == 5 && inventory.host("mx1")?.port == 7)
    #expect(inventory.host("web1")?.user == "u")
    #expect(inventory.hosts(of: "web").map(\.name) == ["web1", "web2"])
    #expect(inventory.group("all")?.children == ["ungrouped", "web", "db", "mail"])
  }

  @Test(
    arguments: [
      (["hosts.yml": "", "host_vars/fw1.yml": "a: 1"], "host \"fw1\" is in no group"),
      (["inv.sh": "#!/bin/sh\necho"], "is a program, and scrape never runs an inventory"),
      (
        ["hosts": "$ANSIBLE_VAULT;1.1;AES256\n00"],
        "is encrypted by ansible-vault, which scrape does not open"
      ),
      (["README": ""], "holds no inventory"),
      (
        ["hosts": "-----BEGIN OPENSSH PRIVATE KEY-----"],
        "is a key or certificate, not an inventory"
      ),
    ] as [([String: String], String)])
  func `a folder that is no inventory is refused`(files: [String: String], problem: String) throws {
    #expect(try InventoryFolder.problems(files) == [problem])
  }

  @Test func `an executable file is never run`() throws {
    let folder = try InventoryFolder([:])
    try folder.write("hosts", "touch \(folder.path)/ran\n", mode: 0o755)
    let errors = try #require(throws: ConfigurationErrors.self) { try folder.load() }
    #expect(errors.errors.map(\.problem) == ["is a program, and scrape never runs an inventory"])
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/ran"))
  }

  @Test func `an encrypted file of variables is left out with a warning`() throws {
    let folder = try InventoryFolder([
      "hosts.yml": "g: {hosts: {h: }}", "group_vars/all/vault.yml": "$ANSIBLE_VAULT;1.1;AES256\n00",
      "group_vars/gg.yml": "a: 1",
    ])
    let inventory = try folder.load()
    #expect(
      inventory.warnings.map(\.problem) == [
        "is encrypted by ansible-vault and left out", "there is no group \"gg\"",
      ])
  }

  @Test func `a missing path and one that is no file are reported`() throws {
    #expect(
      try InventoryFolder.problems([:], "absent").first?.hasPrefix("cannot be opened") == true)
    let fifo = try InventoryFolder([:])
    #expect(mkfifo("\(fifo.path)/hosts", 0o600) == 0)
    let errors = try #require(throws: ConfigurationErrors.self) { try fifo.load() }
    #expect(errors.errors.map(\.problem) == ["is not a regular file; a file is expected"])
  }

  @Test func `host_vars beside a single file may belong to another inventory`() throws {
    let folder = try InventoryFolder([
      "hosts.yml": "g: {hosts: {h1: }}", "host_vars/h2.yml": "a: 1",
      "host_vars/h1/a.yml": "port: 5",
      "host_vars/h1.yml": "port: 6",
    ])
    let inventory = try folder.load("hosts.yml")
    #expect(inventory.host("h1")?.port == 5)
    #expect(
      inventory.warnings.map(\.problem) == [
        "is not read, as \(folder.path)/host_vars/h1 is there", "host \"h2\" is in no group",
      ])
  }

  @Test func `a file that cannot be read does not make its hosts missing`() throws {
    let problems = try InventoryFolder.problems([
      "hosts.yml": "g: {hosts: {h1: }", "host_vars/h1.yml": "port: 5",
    ])
    #expect(problems == ["this mapping is not closed"])
  }

  @Test func `a template that nothing of ours needs is left out`() throws {
    let inventory = try InventoryFolder.inventory(
      "g: {hosts: {h: {motd: 'a {{ b }}', deep: [{x: '{% if %}'}], raw: !unsafe '{{ }}', ok: '{ }'}}}"
    )
    #expect(inventory.host("h")?.variables.map(\.name) == ["raw", "ok"])
    #expect(inventory.warnings.count == 2)
  }

  @Test(
    arguments: [
      "{address: '-oProxyCommand=x'}", "{address: 'a b'}", "{address: 'fe80::1%$(x)'}",
      "{address: '10.0.0.256:1'}", "{address: 'a;b'}", "{address: 10.0.0.256}", "{address: 10.0.0}",
      "{user: '-x'}", "{via: 'a,-b'}",
      "{via: 'a b'}", "{via: ''}", "{profile: 'a/b'}", "{key: ''}", "{known_hosts: [a]}",
      "{tags: {_x: 1}}", "{tags: {x: [1]}}", "{tags: {x: \"a\\nb\"}}", "{port: 0}", "{every: 367d}",
    ])
  func `a value that could do harm or means nothing is refused`(variables: String) throws {
    #expect(try InventoryFolder.problems(["hosts.yml": "g: {hosts: {h: \(variables)}}"]).count == 1)
  }

  @Test func `a name is at most 253 bytes long`() throws {
    let name = String(repeating: "a", count: 253)
    #expect(try InventoryFolder.inventory("g: {hosts: {\(name): }}").hosts.count == 1)
    #expect(
      try InventoryFolder.problems(["hosts.yml": "g: {hosts: {\(name)a: }}"])
        == ["a name is at most 253 bytes long"])
  }

  @Test(
    arguments: [
      ("adress", "address"), ("porbes", "probes"), ("profil", "profile"), ("passwrod", "password"),
      ("probe", "probes"), ("known_host", "known_hosts"), ("users", nil), ("ports", nil),
      ("uses", nil), ("rack", nil), ("role", nil), ("address", nil), ("host_name", nil),
    ] as [(String, String?)])
  func `only what is surely a slip is taken for one`(name: String, near: String?) {
    #expect(Variable.slip(name) == near)
  }

  // MARK: INI

  @Test func `the INI grammar is Ansible's`() throws {
    let inventory = try InventoryFolder.inventory(
      """
      ; a comment
      lone ansible_host=10.0.0.9   # trailing

      [web]   # the web
      web[01:02]:2222 address=10.0.0.[1:2] note='two words' flag=True list="['a', 'b']"
      [2001:db8::1]:23 port=24
      h#comment
      [db:vars]
      ansible_user = 'monitor'
      probes=[icmp, ssh]
      url=http://x/?a=b
      [db]
      db1 path=a\\ b
      [back:children]
      web
      db # both
      [back:vars]
      every=2m
      """, name: "hosts")
    #expect(inventory.hosts.map(\.name) == ["lone", "web01", "web02", "2001:db8::1", "h", "db1"])
    let web = try #require(inventory.host("web02"))
    #expect(web.port == 2222 && web.address == "10.0.0.2" && web.every == .seconds(120))
    #expect(web[variable: "note"]?.text == "two words" && web[variable: "flag"]?.text == "True")
    #expect(web[variable: "list"]?.items?.map(\.text) == ["a", "b"])
    #expect(inventory.host("2001:db8::1")?.port == 24)
    let database = try #require(inventory.host("db1"))
    #expect(database.user == "monitor" && database.probes?.items?.count == 2)
    #expect(database[variable: "path"]?.text == "a b")
    #expect(database[variable: "url"]?.text == "http://x/?a=b")
    #expect(inventory.host("lone")?.group == "ungrouped")
    #expect(inventory.group("back")?.children == ["web", "db"])
    #expect(inventory.group("web")?.depth == 2)
  }

  // MARK: examples

  static let examples = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("inventory")
    .path

  @Test func `the worked example is what it says`() throws {
    let inventory = try Inventory.load("\(Self.examples)/example")
    #expect(inventory.warnings.isEmpty)
    #expect(inventory.hosts.count == 19)
    let gpu = try #require(inventory.host("gpu2"))
    #expect(gpu.address == "10.0.6.26" && gpu.bmc?.address == "10.0.7.26" && gpu.via == "jp1")
    #expect(gpu.group == "gpu" && gpu.profile == "gpu")
    #expect(inventory.host("ctf01")?.tags == [Tag("site", "range-a"), Tag("team", "red")])
    #expect(inventory.host("ns1")?.group == "names")
    let settings = try Settings.load("\(Self.examples)/example/scrape.yml", collectors: fakes)
    var findings = Findings()
    settings.checkProfiles(of: inventory, &findings)
    _ = ProbeBook(inventory.hosts, modules: settings.sections["modules"], &findings)
    try findings.finish()
    #expect(settings.profiles["quiet"]?["logins"] == nil)
    #expect(settings.profiles["quiet"]?["disk"]?.every == .seconds(300))
  }

  @Test func `the worked example in INI is what it says`() throws {
    let inventory = try Inventory.load("\(Self.examples)/example-ini")
    #expect(inventory.warnings.isEmpty)
    let web = try #require(inventory.host("web02"))
    #expect(web.address == "10.0.9.12" && web.via == "monitor@jp1" && web.user == "monitor")
    #expect(web.tags == [Tag("team", "blue")])
    #expect(try web.probes?.strings("probes") == ["icmp", "ssh"])
    #expect(inventory.host("db1")?.probes?.items?.map(\.text) == ["icmp", "ssh", "tcp:5432"])
    #expect(inventory.host("monitor")?.connection == .local)
  }

  @Test(.timeLimit(.minutes(1))) func `ten thousand hosts are read in a moment`() throws {
    let inventory = try InventoryFolder.inventory(
      "all: {vars: {user: u}, children: {g: {hosts: {'h[1:10000]': {address: '10.0.0.1'}}}}}")
    #expect(inventory.hosts.count == 10_000)
    #expect(inventory.warnings.count <= 1000)
  }
}
