internal import Configuration
internal import Notifiers
internal import Targets

extension Site {
  /// Whom scrape.yml names to be told. Throws what is wrong with any of them.
  func contacts(secrets: Bool) throws(ConfigurationErrors) -> [Contact] {
    try contacts(from: settings.sections["contacts"], secrets: secrets)
  }

  /// The contact of that name with its own secrets, whatever those of others are; nil where there is
  /// none of it.
  func contact(_ name: String) throws(ConfigurationErrors) -> Contact? {
    guard var node = settings.sections["contacts"], let pairs = node.pairs else { return nil }
    node.content = .mapping(pairs.filter { $0.name == name })
    return try contacts(from: node, secrets: true).first
  }

  private func contacts(
    from node: Node?, secrets: Bool
  ) throws(ConfigurationErrors) -> [Contact] {
    var findings = Findings()
    let contacts = Contact.all(from: node, secrets: secrets, &findings)
    try findings.finish()
    return contacts
  }
}
