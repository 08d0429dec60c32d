import Configuration
import Testing

@testable import Probes

struct ProbeReaderTests {
  @Test(
    arguments: [
      ("tcp:22", "tcp 22 tcp:22"), ("tcp:blackice-icecap", "tcp 8081 tcp:blackice-icecap"),
      // As nmap prints them, each in the protocol that its name means.
      ("http-alt", "http 8000 http-alt"), ("http-proxy", "proxy 8080 http-proxy"),
      ("blackice-icecap", "http 8081 blackice-icecap"), ("squid-http", "proxy 3128 squid-http"),
      ("ident", "ident 113 ident"), ("auth", "ident 113 auth"), ("upnp", "http 5000 upnp"),
      ("domain", "dns 53 domain"), ("https-alt", "https 8443 https-alt"),
      ("ms-wbt-server", "rdp 3389 ms-wbt-server"), ("microsoft-ds", "smb 445 microsoft-ds"),
      ("postgresql", "postgres 5432 postgresql"), ("imaps", "imap 993 imaps"),
      ("submissions", "smtp 465 submissions"), ("X11", "x11 6000 X11"), ("X11:1", "x11 6001 X11:1"),
      ("ldap", "tcp 389 ldap"), ("tcp:http-alt", "tcp 8000 tcp:http-alt"),
      ("http-alt/health", "http 8000 http-alt/health"), ("ident:114", "ident 114 ident:114"),
      ("{http-alt: {path: /x}}", "http 8000 http-alt/x"),
      ("{http-alt: {port: 8001}}", "http 8001 http-alt:8001"),
      ("{\"x11:1\": {open_display: minor}}", "x11 6001 x11:1"),
      ("{\"http:8080/a\": {status: 200}}", "http 8080 http:8080/a"),
      ("{\"tcp:113 closed\": {timeout: 1s}}", "tcp 113 tcp:113 closed"),
      ("tcp:113 closed", "tcp 113 tcp:113 closed"),
      ("\"tcp:113 closed\"", "tcp 113 tcp:113 closed"),
      ("icmp", "icmp 0 icmp"), ("icmp closed", "icmp 0 icmp closed"),
      ("{tcp: {port: 25, name: mail}}", "tcp 25 mail"), ("tcp: 8080", "tcp 8080 tcp:8080"),
      ("{tcp: {port: 25, closed: yes}}", "tcp 25 tcp:25 closed"),
      ("mail", "tcp 25 mail"), ("{mail: {port: 26}}", "tcp 26 mail:26"),
      ("mail:587", "tcp 587 mail:587"),
      ("https@public", "https 443 https@public"), ("mail@public", "tcp 25 mail@public"),
      ("http@public:8080/x@y", "http 8080 http@public:8080/x@y"),
      ("{\"https@public\": {port: 8443}}", "https 8443 https@public:8443"),
      ("{http: {at: vpn, path: /x}}", "http 80 http@vpn/x"),
      ("{\"x11:1\": {at: vpn}}", "x11 6001 x11@vpn:1"),
      ("\"tcp@vpn:113 closed\"", "tcp 113 tcp@vpn:113 closed"),
    ])
  func `an entry is read as it is meant`(entry: String, meant: String) throws {
    let (plan, findings) = try read(entry, modules: "mail: {tcp: {port: 25, expect: '220 '}}")
    #expect(findings.errors.isEmpty, "\(findings.errors)")
    let found = try #require(plan)
    #expect(
      "\(found.kind) \(found.port) \(found.service)\(found.isClosed ? " closed" : "")" == meant)
  }

  @Test(
    arguments: [
      ("tpc:22", "1:3", "unknown probe \"tpc\"", "did you mean \"tcp\"?"),
      ("tcp", "1:3", "probe tcp needs a port", "write tcp:PORT"),
      ("tcp:", "1:3", "probe tcp needs a port", nil),
      ("https@", "1:3", "the name of the address is missing", "write https@public"),
      (
        "http:8080@public", "1:12", "the address stands before the port",
        "write http@public:8080"
      ),
      ("{http: {at: a, address: b}}", "1:15", "probe http has two addresses", "remove"),
      ("tcp:0", "1:7", "\"0\" is no port", nil), ("tcp:65536", "1:7", "\"65536\" is no port", nil),
      ("tcp:08", "1:7", "\"08\" is no port", nil),
      ("tcp:nosuchname", "1:7", "\"nosuchname\" is no port", nil),
      ("tcp:22 close", "1:10", "unknown word \"close\"", "did you mean \"closed\"?"),
      ("\"tcp:22 close\"", "1:11", "unknown word \"close\"", "did you mean \"closed\"?"),
      ("8080", "1:3", "\"8080\" is no probe", "a port alone is tcp:8080"),
      ("Nvidia-smi", "1:3", "unknown probe \"Nvidia-smi\"", "write `profile: gpu`"),
      ("nvidia-smi", "1:3", "unknown probe", "collector gpu"),
      ("file", "1:3", "file needs a path", "write file/etc/passwd"),
      ("ping", "1:3", "unknown probe", "write icmp"),
      ("disk", "1:3", "unknown probe", "disk is a collector"),
      ("{\"x11:x\": {}}", "1:9", "\"x\" is no port", nil),
      ("{proxy: {connect: nowhere}}", "1:21", "connect is HOST:PORT", "example.org:443"),
      ("icmp:7", "1:8", "probe icmp has no port", nil),
      ("tcp:80/x", "1:9", "unknown option \"path\"", nil),
      ("{tcp: {port: 25, exepct: x}}", "1:20", "unknown option \"exepct\"", "\"expect\""),
      ("{tcp: {port: 25, expect: ''}}", "1:28", "expect is empty", nil),
      ("{tcp: {port: 25, send: '\\q'}}", "1:26", "unknown escape", nil),
      ("{tcp: {port: 25, timeout: soon}}", "1:29", "timeout must be a length of time", nil),
      ("{tcp: {port: 25, ip: 5}}", "1:24", "ip must be 4 or 6", nil),
      ("{tcp: {port: 25}, icmp: {}}", "1:21", "a probe is one name", nil),
      ("{icmp: {count: 0}}", "1:18", "count must be a whole number from 1 to 100", nil),
      ("[tcp]", "1:3", "must be a name such as http:8080", nil),
    ] as [(String, String, String, String?)])
  func `a fault is shown where it stands, with what was meant`(
    entry: String, place: String, problem: String, hint: String?
  ) throws {
    let (plan, findings) = try read(entry)
    let error = try #require(findings.errors.first)
    #expect(plan == nil)
    #expect("\(error.line ?? 0):\(error.column ?? 0)" == place, "\(error)")
    #expect(error.problem.contains(problem), "\(error)")
    if let hint { #expect(error.hint?.contains(hint) == true, "\(error)") }
  }

  @Test func `two services of one name are refused, and so is a module with a probe's name`() throws
  {
    var findings = Findings()
    let node = try YAML.read(Source("hosts.yml", text: "[tcp:22, 'tcp:22 closed', icmp]"))
    let plans = ProbeReader(modules: nil, &findings).plans(node, &findings)
    #expect(plans.map(\.service) == ["tcp:22", "icmp"])
    #expect(findings.errors.first?.problem == "\"tcp:22\" stands here twice")
    let modules = try YAML.read(Source("scrape.yml", text: "tcp: {icmp: {}}\na b: icmp\nx: y\n"))
    var more = Findings()
    _ = ProbeReader(modules: modules, &more)
    #expect(more.errors.count == 3, "\(more.errors)")
  }

  @Test func `a text with commas is a list, as in an INI inventory`() throws {
    var findings = Findings()
    let node = try YAML.read(Source("hosts.yml", text: "'icmp, tcp:22, tcp:113 closed'"))
    let plans = ProbeReader(modules: nil, &findings).plans(node, &findings)
    #expect(plans.map(\.service) == ["icmp", "tcp:22", "tcp:113"])
    // All words of a text have the text's place, where a fault is reported once: it is one each time.
    let wrong = try YAML.read(Source("hosts.yml", text: "'tcp, tcp, tcp'"))
    #expect(ProbeReader(modules: nil, &findings).plans(wrong, &findings).isEmpty)
  }
}
