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
      var fields = Fields("contact \"\(pair.name)\"", at: pair.value, noun: "notifier")
      let sections = Self.sections(&fields)
      // In the order of the file.
      let entries = Self.entries(&fields).sorted {
        ($0.node.mark.line, $0.node.mark.column) < ($1.node.mark.line, $1.node.mark.column)
      }
      fields.finish(into: &findings)
      for (kind, entry) in entries {
        for item in entry.items ?? [entry] {
          let decoded = findings.decode(kind.kind, item) { kind.decode(&$0, secrets: secrets) }
          for one in decoded ?? [] {
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

  private static func entries(
    _ fields: inout Fields
  ) -> [(kind: any Notifier.Type, node: Node)] {
    var entries: [(kind: any Notifier.Type, node: Node)] = []
    for kind in kinds {
      let node = fields.node(
        kind.kind, "mapping, or list of them",
        "\(kind.summary) See [`\(kind.kind)`](#notifier-\(kind.kind)).",
        example: kind.example)
      if let node { entries.append((kind, node)) }
    }
    return entries
  }

  /// The settings of a contact that are no notifiers.
  private static func sections(_ fields: inout Fields) -> [String: Node] {
    var sections: [String: Node] = [:]
    sections["quiet"] = fields.node(
      "quiet", "times of the week, or mapping", otherwise: "none",
      "Quiet hours; see [`quiet`](#contactsnamequiet).", example: "\"22:00-06:00\"")
    sections["reports"] = fields.node(
      "reports", "list of mappings", otherwise: "none",
      "Periodic reports; see [`reports`](#contactsnamereports).",
      example: "[{name: ping, every: 5m, metric: ping.average_response_ms}]")
    return sections
  }

  /// A contact, and the settings of each kind of notifier.
  public static var references: [Reference] {
    [
      Reference("`contacts.NAME`", "A team or a person to notify.") { fields in
        _ = entries(&fields)
        _ = sections(&fields)
      }
    ]
      + kinds.map { kind in
        Reference("Notifier `\(kind.kind)`", kind.summary, example: kind.example) {
          _ = kind.decode(&$0, secrets: false)
        }
      }
  }
}
