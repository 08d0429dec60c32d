internal import Configuration
internal import Inventory
internal import Metrics

/// `facts:` of scrape.yml: whose packages, accounts and services are read, and how often.
public struct FactSettings: Sendable {
  /// The hosts; nil for all.
  private var hosts: Set<String>?
  var every: Duration = .seconds(3600)

  /// Reads the section; nil where there is none, or `off`.
  init?(_ node: Node?, _ inventory: Inventory, _ findings: inout Findings) {
    guard let node, node.text != "off" else { return nil }
    if node.isNull { return }
    guard
      let read = findings.decode("facts", node, { Self(&$0, inventory) })
    else { return nil }
    self = read
  }

  private init(_ fields: inout Fields, _ inventory: Inventory?) {
    let pattern = fields.take(
      "hosts", .text("pattern", example: "web*"), otherwise: "all", "Hosts whose facts are read.")
    fields.set(&every, "every", .interval(), "Time between two readings.", example: "6h")
    guard !fields.isReference, let pattern, let inventory else { return }
    do throws(ConfigurationError) {
      hosts = Set(try inventory.select(pattern).map(\.name))
    } catch { fields.add(error.problem, at: "hosts", hint: error.hint) }
  }

  /// Whether the facts of the host are read.
  public func contains(_ host: String) -> Bool { hosts?.contains(host) ?? true }

  static var reference: Reference {
    Reference(
      "`facts`",
      "Reads what is installed and set up on hosts; see [facts](facts.md). `facts:` alone takes all defaults."
    ) { fields in
      _ = FactSettings(&fields, nil)
    }
  }
}
