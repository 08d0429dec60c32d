import Charts
import Configuration
import Foundation
import Lab
import Testing

@testable import Notifiers

/// `telegram:` of a contact in scrape.yml.
struct TelegramConfigurationTests {
  private func read(
    _ text: String, secrets: Bool = false
  ) throws -> (contacts: [Contact], findings: Findings) {
    var findings = Findings()
    let node = try YAML.read(
      Source("/etc/scrape/scrape.yml", text: "contacts: {team: {telegram: \(text)}}"))
    return (Contact.all(from: node["contacts"], secretsOf: { _ in secrets }, &findings), findings)
  }

  @Test func `chats and topics are places of their own`() throws {
    let (contacts, findings) = try read(
      """
      {token: "${UNSET}", theme: dark, api: "https://bots.example:8443/api/", ca: ca.pem,
       chats: [42, -1001234567890, {chat: "@range", topic: 7, theme: light}]}
      """)
    #expect(findings.errors.isEmpty && findings.warnings.isEmpty, "\(findings.errors)")
    let places = contacts[0].notifiers.compactMap { ($0 as? Telegram)?.place }
    #expect(
      places == [
        .init(chat: "42", topic: nil, theme: .dark),
        .init(chat: "-1001234567890", topic: nil, theme: .dark),
        .init(chat: "@range", topic: 7, theme: .light),
      ])
    #expect(
      contacts[0].notifiers.map(\.name) == [
        "telegram 42", "telegram -1001234567890", "telegram @range/7",
      ])
    #expect(Set(contacts[0].notifiers.map { $0.lane }).count == 1)
    #expect(contacts[0].notifiers.allSatisfy { $0.isLiving })
  }

  @Test(
    arguments: [
      ("{chats: [1]}", "has no token"), ("{token: \"${T}\"}", "has no chats"),
      ("{token: \"${T}\", chats: []}", "has no chats"), ("token", "telegram must be a mapping"),
      ("{token: 123456:ABCDEFGH, chats: [1]}", "never stands in a file in clear"),
      ("{token: \"${T}\", chat: [1]}", "unknown key \"chat\""),
      ("{token: \"${T}\", chats: [0]}", "not the number of a chat"),
      ("{token: \"${T}\", chats: [team]}", "not the number of a chat"),
      ("{token: \"${T}\", chats: [-99999999999999999999]}", "not the number of a chat"),
      ("{token: \"${T}\", chats: [\"@a b\"]}", "not the name of a channel"),
      ("{token: \"${T}\", chats: [1, 1]}", "twice"),
      ("{token: \"${T}\", chats: [{topic: 7}]}", "without its number"),
      ("{token: \"${T}\", chats: [{chat: 1, topic: 1}]}", "General"),
      ("{token: \"${T}\", chats: [{chat: 1, topic: x}]}", "topic"),
      ("{token: \"${T}\", chats: [{chat: 1, theme: pink}]}", "unknown theme"),
      ("{token: \"${T}\", chats: [1], theme: drak}", "unknown theme"),
      ("{token: \"${T}\", chats: [1], api: ftp://x}", "api must be an address"),
      ("{token: \"${T}\", chats: [1], api: \"https://u:p@x\"}", "api must be an address"),
      ("{token: \"${T}\", chats: [1], api: \"https://x/?a\"}", "api must be an address"),
    ])
  func `a fault is reported at its place`(text: String, problem: String) throws {
    let (contacts, findings) = try read(text)
    let errors = findings.errors
    #expect(errors.count == 1 && errors[0].problem.contains(problem), "\(errors)")
    #expect(contacts[0].notifiers.isEmpty && !"\(errors)".contains("ABCDEFGH"))
  }

  @Test func `a token that would travel in clear is warned of, but not on this machine`() throws {
    let far = try read("{token: \"${T}\", chats: [1], api: \"http://bots.example\"}")
    #expect(far.findings.warnings.count == 1 && far.findings.errors.isEmpty)
    let near = try read("{token: \"${T}\", chats: [1], api: \"http://127.0.0.1:8081\"}")
    #expect(near.findings.warnings.isEmpty)
  }

  @Test(
    arguments: ["x", "12", ":ABCDEFGHIJ", "12:short", "12x:ABCDEFGHIJ", "12:ABCDEFGH/IJ", "12:A B"])
  func `what is no token is refused and not repeated`(token: String) throws {
    let error = try #require(throws: ConfigurationErrors.self) {
      try TelegramRoom.read("chats: [1]", token: token)
    }
    #expect(error.description.contains("no token of a bot"))
    #expect(token.count < 5 || !error.description.contains(token))
  }

  @Test func `a secret is looked up only where it is needed`() throws {
    #expect(try read("{token: \"${UNSET_TOKEN}\", chats: [1]}").findings.errors.isEmpty)
    let (_, findings) = try read("{token: \"${UNSET_TOKEN}\", chats: [1]}", secrets: true)
    #expect(findings.errors.map(\.problem) == ["the environment variable UNSET_TOKEN is not set"])
  }
}
