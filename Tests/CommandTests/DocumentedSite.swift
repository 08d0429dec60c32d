import Foundation
import Lab

/// What the commands of the documents need: an inventory whose hosts have the names that the pages use, a real sshd
/// behind them, an InfluxDB, a store with a pass, and files of others. Each page has a copy.
final class DocumentedSite: Sendable {
  private let base = Scratch()
  private let sshd: Sshd
  private let influx: InfluxServer
  private let web: Answerer

  init() throws {
    sshd = try Sshd()
    influx = try InfluxServer()
    web = try Answerer { _ in
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    }
    base.write(
      "inventory/hosts.yml",
      """
      all:
        vars: {address: 127.0.0.1, port: \(sshd.port), key: "\(sshd.key)", known_hosts: "\(sshd.knownHosts)",
          profile: small, user: \(NSUserName())}
        children:
          web: {hosts: {web1: , web01: {probes: ["http:\(web.port)/health"]}, "web[02:03]": }}
          blue: {hosts: {blue1: {tags: {team: blue}}}}
          ctf: {hosts: {ctf01: }}
          seg5: {hosts: {in1: }}
          centre: {hosts: {inner1: {spool: {hosts: seg5}}}}

      """)
    // A rule fires, so that there is something to acknowledge although nothing is broken.
    base.write(
      "inventory/scrape.yml",
      """
      store: {path: ../var/lib/scrape/scrape.db}
      profiles: {small: {collectors: {mem: , system: }}}
      self: off
      facts: {hosts: web1}
      policies:
        sshd: {file: ../policies/sshd.yml, hosts: web1}
      rules: {built_in: off, memory there: {when: mem.total, minor: "> 1", hosts: web01}}
      sinks: [{influxdb: {url: "\(influx.url)", database: range}}]
      contacts:
        ops: {exec: {command: [/bin/true]}}
        green: {exec: {command: [/bin/true]}}

      """)
    try addFiles()
    for line in [
      "scrape setup influxdb", "scrape run",
      "scrape run -i inside/inventory --spool media/stick/spool",
    ] {
      let outcome = try run(line, in: base.path)
      if outcome.status > 1 {
        throw Unavailable(description: "\(line): \(outcome.errors)\(outcome.output)")
      }
    }
  }

  /// Files that pages name, and programs that stand for what a test must not use.
  private func addFiles() throws {
    base.write("bin/sudo", "#!/bin/sh\n[ \"$1\" != -u ] || shift 2\nexec \"$@\"\n", mode: 0o755)
    base.write(
      "inside/inventory/hosts.yml", "all: {hosts: {in1: {connection: local, profile: p}}}\n")
    base.write(
      "inside/inventory/scrape.yml",
      "store: {path: ../scrape.db}\nprofiles: {p: {collectors: {mem: }}}\nself: off\n")
    let policies = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../policies").standardized.path()
    let files = FileManager.default
    try files.copyItem(atPath: policies, toPath: "\(base.path)/policies")
    try files.copyItem(atPath: policies, toPath: "\(base.path)/own")
    try files.copyItem(atPath: "\(policies)/sshd.yml", toPath: "\(base.path)/new.yml")
    try files.copyItem(atPath: "\(policies)/range.yml", toPath: "\(base.path)/cis.yml")
    try files.createSymbolicLink(
      atPath: "\(base.path)/bin/scrape",
      withDestinationPath: URL(fileURLWithPath: Scrape.program).path())
    for folder in [
      "etc/grafana/provisioning/datasources", "etc/grafana/provisioning/dashboards", "tmp",
      "media/stick", "var/spool",
    ] {
      try files.createDirectory(
        atPath: "\(base.path)/\(folder)", withIntermediateDirectories: true)
    }
    try files.createSymbolicLink(
      atPath: "\(base.path)/etc/scrape", withDestinationPath: "../inventory")
    base.write("home/.ssh/known_hosts", "10.0.6.12 ssh-ed25519 AAAA\n")
    base.write(
      "scan.xml",
      """
      <?xml version="1.0"?><nmaprun><host><status state="up"/><address addr="10.0.6.11" addrtype="ipv4"/>
      <ports><port protocol="tcp" portid="80"><state state="open"/><service name="http"/></port></ports>
      </host></nmaprun>
      """)
    let wazuh = """
      <ossec_config><agentless><type>ssh_integrity_check_linux</type><frequency>36000</frequency>
      <host>root@10.0.6.11</host><state>periodic</state><arguments>/etc/passwd /etc/ssh/</arguments>
      </agentless></ossec_config>

      """
    base.write("ossec.conf", wazuh)
    base.write("var/ossec/etc/ossec.conf", wazuh)
    base.write(".passlist", "root@10.0.6.11|secret|\n")
  }

  /// Runs a line of a shell in a folder as its user would.
  private func run(_ line: String, in folder: String) throws -> Outcome {
    try Lab.run(
      "/bin/sh", ["-c", line],
      environment: [
        "HOME": "\(folder)/home", "USER": NSUserName(), "SSH_AUTH_SOCK": "", "LC_ALL": "C.UTF-8",
        "PATH": "\(folder)/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "dumb",
        "ANSIBLE_HOME": "\(folder)/home/ansible",
      ], in: folder, timeout: 60)
  }

  /// A copy for one page.
  func copy() throws -> Scratch {
    let scratch = Scratch()
    _ = try Lab.run("/bin/cp", ["-a", "\(base.path)/.", scratch.path])
    return scratch
  }

  /// Runs a line of a page. Folders of the system are those of the copy, ports those of the daemons here.
  func run(_ line: String, of copy: Scratch) throws -> Outcome {
    var line = line.replacingOccurrences(of: "http://127.0.0.1:8086", with: influx.url)
      .replacingOccurrences(of: "http:8080", with: "http:\(web.port)")
    line.replace(/(?<before>^|[\s'"=])\/(?<folder>etc\/scrape|etc\/grafana|var|media|tmp)\b/) {
      "\($0.output.before)\(copy.path)/\($0.output.folder)"
    }
    // Hosts whose account is root are given no kit.
    let hosts = "inventory/hosts.yml"
    let text = copy.read(hosts) ?? ""
    let isKit = line.contains("scrape authorize")
    if isKit { copy.write(hosts, text.replacing("user: \(NSUserName())", with: "user: monitor")) }
    defer { if isKit { copy.write(hosts, text) } }
    return try run(line, in: copy.path)
  }
}
