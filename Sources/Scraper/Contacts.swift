internal import Configuration
internal import Inventory
internal import Notifiers
internal import Passes

extension Site {
  /// The contact of that name, with its own secrets only; throws with the nearest name.
  func contact(_ name: String, secrets: Bool) throws -> Contact {
    if var node = settings.sections["contacts"], let pairs = node.pairs {
      node.content = .mapping(pairs.filter { $0.name == name })
      if let contact = try contacts(from: node, secrets: secrets).first { return contact }
    }
    let names = try contacts(secrets: false).map(\.name)
    let hint =
      names.isEmpty
      ? "scrape.yml has no contacts"
      : didYouMean(name, among: names) ?? "there are \(names.joined(separator: ", "))"
    throw UsageError(message: "unknown contact \"\(name)\"; \(hint)")
  }
}
