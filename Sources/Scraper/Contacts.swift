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

  /// The one of that name; what was probably meant where there is none.
  func contact(_ name: String, secrets: Bool) throws -> Contact {
    let contacts = try contacts(secrets: secrets)
    if let contact = contacts.first(where: { $0.name == name }) { return contact }
    let names = contacts.map(\.name)
    let hint =
      names.isEmpty
      ? "scrape.yml has no contacts"
      : didYouMean(name, among: names) ?? "there are \(names.joined(separator: ", "))"
    throw UsageError(message: "unknown contact \"\(name)\"; \(hint)")
  }
}
