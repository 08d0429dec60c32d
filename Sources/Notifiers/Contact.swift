public import Configuration

/// A team or person to notify, with all of their places.
public struct Contact: Sendable {
  public let name: String
  public let notifiers: [any Notifier]
  /// The other keys of the contact, for other modules to read: `quiet`, `reports`.
  public let sections: [String: Node]
  public let mark: Mark

  /// Every kind of notifier: a new one adds its file, and its name here.
  public static let kinds: [any Notifier.Type] = [
    Telegram.self, Email.self, Webhook.self, Exec.self, Syslog.self,
  ]

  /// Keys of a contact that name no kind.
  private static let others = ["quiet", "reports"]

  /// Reads `contacts:`, a mapping of names to kinds with their settings. Each kind may occur once,
  /// with a list for several places. The secrets of a contact are resolved where `secretsOf` is true
  /// for its name: a check of the configuration does not need them.
  public static func all(
    from node: Node?, secretsOf: (String) -> Bool = { _ in true }, _ findings: inout Findings
  ) -> [Contact] {
    guard let node else { return [] }
    let pairs =
      findings.attempt { () throws(ConfigurationError) in try node.mapping("contacts") } ?? []
    return pairs.map { pair in
      let secrets = secretsOf(pair.name)
      var notifiers: [any Notifier] = []
      var sections: [String: Node] = [:]
      let entries = findings.attempt { () throws(ConfigurationError) in
        try pair.value.mapping("contact \"\(pair.name)\"")
      }
      for entry in entries ?? [] {
        if others.contains(entry.name) {
          sections[entry.name] = entry.value
          continue
        }
        guard let kind = kinds.first(where: { $0.kind == entry.name }) else {
          findings.add(
            unknown(
              "notifier", entry.key, among: kinds.map { $0.kind } + others,
              in: "contact \"\(pair.name)\""))
          continue
        }
        for item in entry.value.items ?? [entry.value] {
          for one in kind.decode(item, secrets: secrets, &findings) {
            guard !notifiers.contains(where: { $0.name == one.name }) else {
              findings.add(
                ConfigurationError(
                  "contact \"\(pair.name)\" has \(one.name) twice", at: item,
                  hint: "take one of them out"))
              continue
            }
            notifiers.append(one)
          }
        }
      }
      return Contact(
        name: pair.name, notifiers: notifiers, sections: sections, mark: pair.key.mark)
    }
  }
}
