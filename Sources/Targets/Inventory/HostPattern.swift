public import Configuration

extension SettingType where Value == [Host] {
  /// The hosts that a pattern selects; none without an inventory, as in the reference. Errors name the
  /// owner: `hosts of a report`.
  public static func hosts(of inventory: Inventory?, owner: String? = nil) -> SettingType {
    SettingType("pattern", example: "\"web*,!web03\"", show: { _ in "all" }) {
      node, what throws(ConfigurationError) in
      let pattern = try node.string(what)
      guard let inventory else { return [] }
      do throws(ConfigurationError) { return try inventory.select(pattern) } catch {
        throw ConfigurationError(
          (owner.map { "\($0): " } ?? "") + error.problem, at: node, hint: error.hint)
      }
    }
  }
}
