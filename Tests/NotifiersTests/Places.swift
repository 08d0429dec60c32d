import Transfer
import Configuration
import Engine
import Foundation
import Lab
import Metrics
import Synchronization
import Testing

@testable import Notifiers

/// The result of one delivery.
struct Delivered: Sendable {
  var sent: SentMessage
  var memory: NotifierMemory
  var error: DeliveryError?
}

/// Delivers on a reactor of its own.
func deliver(
  _ notifier: any Notifier, _ notice: Notice, _ occasion: Occasion = .first,
  sent: SentMessage = SentMessage(), memory: NotifierMemory = NotifierMemory(),
  within: Duration = .seconds(10)
) async -> Delivered {
  let reactor = Reactor()
  func open(_ reactor: isolated Reactor) async -> Delivered {
    var delivered = Delivered(sent: sent, memory: memory)
    do throws(DeliveryError) {
      try await notifier.deliver(
        notice, occasion, &delivered.sent, &delivered.memory, on: reactor, by: .after(within))
    } catch { delivered.error = error }
    return delivered
  }
  return await open(reactor)
}

/// The notifiers of a line of `contacts:`, and what is wrong with it.
func places(
  _ settings: String, secrets: Bool = true
) throws -> (notifiers: [any Notifier], findings: Findings) {
  let scratch = Scratch()
  let file = scratch.write("scrape.yml", "contacts: {ops: \(settings)}\n")
  let node = try #require(try YAML.load(file)["contacts"])
  var findings = Findings()
  let contacts = Contact.all(from: node, secretsOf: { _ in secrets }, &findings)
  return (contacts.flatMap(\.notifiers), findings)
}

extension Notice {
  /// Two hosts that do not answer, one of them because of the other.
  static func outage(
    subject: String = "🔴 web[03-04] down", message: String = "no answer",
    severity: Severity = .critical
  ) -> Notice {
    var text = StyledText()
    text.add(.init("web03", .bold), .init(" ssh: \(message)"))
    text.add(.init("scrape host web03", .code))
    let since = Timestamp(seconds: 1_738_555_506)
    return Notice(
      .problem, incident: "web-1738555506", severity: severity, subject: subject, text: text,
      alerts: [
        Alert(
          host: "web03", group: "web", check: "ssh", severity: severity, message: message,
          since: since, tags: [Tag("team", "blue"), Tag("rack-1", "a")]),
        Alert(
          host: "web04", group: "web", check: "rule disk full{path=/}", severity: .minor,
          message: "91 %", since: since, cause: "web03"),
      ], opened: since, contact: "ops")
  }

  /// The same, over.
  var over: Notice {
    var notice = self
    notice.kind = .recovery
    notice.subject = "✅ web[03-04] up"
    notice.closed = Timestamp(seconds: 1_738_555_806)
    for index in notice.alerts.indices {
      notice.alerts[index].from = notice.alerts[index].severity
      notice.alerts[index].severity = .ok
      notice.alerts[index].until = notice.closed
    }
    return notice
  }
}
