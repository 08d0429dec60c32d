internal import Configuration
public import Notifiers

extension Site {
  /// The contact of that name; throws with the nearest name.
  public func contact(_ name: String) throws(UsageError) -> Contact {
    if let contact = contacts.first(where: { $0.name == name }) { return contact }
    let names = contacts.map(\.name)
    let hint =
      names.isEmpty
      ? "scrape.yml has no contacts"
      : didYouMean(name, among: names) ?? "there are \(names.joined(separator: ", "))"
    throw UsageError(message: "unknown contact \"\(name)\"; \(hint)")
  }
}
