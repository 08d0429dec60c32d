internal import Alerts
internal import Collectors
public import Configuration
internal import Inventory
internal import Metrics
internal import Notifiers
internal import Probes
internal import Rules
internal import Sinks

/// Every setting, as the decoders of all rooms declare it.
public enum SettingsReference {
  /// The settings of scrape.yml.
  public static var file: [Reference] {
    [Settings.reference] + Settings.references(Collectors.collectors) + sinkReferences
      + RuleBook.references(in: .all) + Contact.references + AlertBook.references(in: .all)
      + [
        PolicySettings.reference, FactSettings.reference, PageSettings.reference,
        SelfSettings.reference,
      ]
  }

  /// The variables of the inventory, with the options of probes.
  public static var inventory: [Reference] { Inventory.references + Probes.references }
}
