internal import Configuration
internal import Notifiers
internal import Targets

extension Site {
  /// Whom scrape.yml names to be told. Throws what is wrong with any of them.
  func contacts(secrets: Bool) throws(ConfigurationErrors) -> [Contact] {
    var findings = Findings()
    let contacts = Contact.all(
      from: settings.sections["contacts"], secrets: secrets, &findings)
    try findings.finish()
    return contacts
  }
}
