public import Configuration
internal import Inventory
public import Notifiers

extension Site {
  /// The contacts of scrape.yml. Throws the faults of all of them.
  public func contacts(secrets: Bool) throws(ConfigurationErrors) -> [Contact] {
    try contacts(from: settings.sections["contacts"], secrets: secrets)
  }

  public func contacts(
    from node: Node?, secrets: Bool
  ) throws(ConfigurationErrors) -> [Contact] {
    var findings = Findings()
    let contacts = Contact.all(from: node, secrets: secrets, &findings)
    try findings.finish()
    return contacts
  }
}
