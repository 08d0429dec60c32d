import Foundation
import Lab
import Testing

@testable import Notifiers

struct PlacesConfigurationTests {
  @Test(
    arguments: [
      (
        "{email: {server: smtps://mail.example:465, from: s@x.example, to: [a@x.example, b@y.example]}}",
        ["email a@x.example,b@y.example"]
      ),
      (
        "{email: [{server: smtp://localhost, from: s@x, to: a@x}, {server: \"smtp://[::1]:25\", from: s@x, to: b@x}]}",
        ["email a@x", "email b@x"]
      ),
      (
        "{webhook: {url: https://hooks.example/range?key=1, format: alertmanager}}",
        ["webhook https://hooks.example/range"]
      ),
      ("{webhook: {url: credential:hook}}", ["webhook credential:hook"]),
      (
        "{exec: {command: [/usr/local/bin/notify, --now], timeout: 5s}}",
        ["exec /usr/local/bin/notify --now"]
      ),
      ("{exec: {command: /usr/local/bin/notify}}", ["exec /usr/local/bin/notify"]),
      ("{syslog: {address: local, facility: local3}}", ["syslog local"]),
      ("{syslog: {address: udp://logs.example}}", ["syslog udp://logs.example:514"]),
      ("{syslog: {address: \"tcp://[::1]:601\"}}", ["syslog tcp://[::1]:601"]),
    ] as [(String, [String])])
  func `each kind of place is read`(settings: String, names: [String]) throws {
    let found = try places(settings, secrets: false)
    #expect(found.findings.errors == [])
    #expect(found.notifiers.map(\.name) == names)
    #expect(found.notifiers.allSatisfy { !$0.isLiving })
  }

  static let mail = "server: smtps://m.example, from: s@x, to: [a@x]"

  @Test(
    arguments: [
      ("{emial: {}}", "did you mean \"email\"?"),
      ("{email: {}}", "email has no server"),
      ("{email: {server: smtps://m.example, from: s@x}}", "email has no to"),
      ("{email: {server: smtps://m.example, from: s@x, to: []}}", "nobody in `to`"),
      ("{email: {sever: smtps://m.example, from: s@x, to: a@x}}", "did you mean \"server\"?"),
      ("{email: {server: mail.example, from: s@x, to: a@x}}", "must begin with smtp://"),
      ("{email: {server: smtps://m.example/x, from: s@x, to: a@x}}", "a host and a port"),
      ("{email: {server: smtps://u:p4ssw0rd@m.example, from: s@x, to: a@x}}", "holds a user"),
      ("{email: {server: smtps://m.example, from: Scrape <s@x>, to: a@x}}", "not a mail address"),
      (
        "{email: {server: smtps://m.example, from: s@x, to: [\"a@x\\r\\nBcc: b@x\"]}}",
        "not a mail address"
      ),
      ("{email: {\(mail), username: u}}", "go together"),
      ("{email: {\(mail), username: u, password: p4ssw0rd}}", "never stands in a file in clear"),
      ("{email: {\(mail), starttls: yes}}", "TLS from the beginning"),
      (
        "{email: {server: smtp://m.example, from: s@x, to: a@x, username: u, password: \"${P}\", starttls: no}}",
        "sent in clear"
      ),
      ("{webhook: {}}", "webhook has no url"),
      ("{webhook: {url: ftp://x}}", "must begin with http://"),
      ("{webhook: {url: https://u:p4ssw0rd@x/}}", "holds a user"),
      ("{webhook: {url: https://x/, formt: json}}", "did you mean \"format\"?"),
      ("{webhook: {url: https://x/, format: alertmanger}}", "did you mean \"alertmanager\"?"),
      ("{webhook: {url: https://x/, token: p4ssw0rd}}", "never stands in a file in clear"),
      ("{webhook: {url: https://x/, headers: {Authorization: p4ssw0rd}}}", "never stands"),
      ("{webhook: {url: https://x/, headers: {\"X y\": z}}}", "not the name of a header"),
      ("{webhook: {url: https://x/, headers: {X-A: \"b\\r\\nc: d\"}}}", "control character"),
      ("{webhook: {url: https://x/, headers: {Host: b}}}", "is set by scrape"),
      ("{webhook: {url: https://x/, token: \"${T}\", username: u, password: \"${P}\"}}", "either"),
      ("{exec: {}}", "exec has no command"),
      ("{exec: {command: notify}}", "/usr/local/bin/notify"),
      ("{exec: {command: /usr/bin/notify --now}}", "[/usr/bin/notify, --now]"),
      ("{exec: {command: [/bin/true], timeout: 1h}}", "timeout must be from 100ms to 15s"),
      ("{exec: {comand: [/bin/true]}}", "did you mean \"command\"?"),
      ("{syslog: {}}", "syslog has no address"),
      ("{syslog: {address: tls://x}}", "must be local, udp://"),
      ("{syslog: {address: udp://x:0}}", "a host and a port"),
      ("{syslog: {address: \"udp://:514\"}}", "a host and a port"),
      ("{syslog: {address: local, facility: deamon}}", "did you mean \"daemon\"?"),
      ("{syslog: [{address: local}, {address: local}]}", "has syslog local twice"),
    ] as [(String, String)])
  func `a fault is reported with its place and the right word`(
    settings: String, says: String
  ) throws {
    let errors = try places(settings, secrets: false).findings.errors.map(\.description)
    #expect(errors.contains { $0.contains(says) }, "\(errors)")
    #expect(errors.allSatisfy { $0.contains("scrape.yml:1") })
    #expect(!errors.joined().contains("p4ssw0rd"))
  }

  @Test(
    arguments: [
      ("smtp://mail.example", true), ("smtp://127.0.0.1:25", false), ("smtp://localhost", false),
      ("smtp://127.evil.example", true), ("smtp://[::1]:25", false),
      ("smtps://mail.example", false),
    ] as [(String, Bool)])
  func `a conversation with another machine changes to TLS`(server: String, starts: Bool) throws {
    let found = try places("{email: {server: \"\(server)\", from: s@x, to: a@x}}")
    let email = try #require(found.notifiers.first as? Email)
    #expect(email.configuration.startsTLS == starts)
  }
}
