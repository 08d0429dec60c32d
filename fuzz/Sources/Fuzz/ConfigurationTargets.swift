import Configuration

@testable import Inventory

/// What the operator writes. It is no attack, but a slip must give a message and not an end.
let configurationTargets: [String: FuzzTarget] = [
  "yaml": readYAML, "inventory-yaml": readInventoryYAML, "inventory-ini": readInventoryINI,
  "settings": readSettings, "pattern": readPattern,
]

private func readYAML(_ bytes: UnsafeBufferPointer<UInt8>) {
  do { _ = try YAML.read(Source("fuzz.yml", bytes: Array(bytes))) } catch {
    checkVisible(error.description)
  }
}

private func readInventoryYAML(_ bytes: UnsafeBufferPointer<UInt8>) {
  guard let root = try? YAML.read(Source("hosts.yml", bytes: Array(bytes))) else { return }
  var draft = InventoryDraft()
  draft.read(yaml: root)
  resolve(&draft)
}

private func readInventoryINI(_ bytes: UnsafeBufferPointer<UInt8>) {
  var draft = InventoryDraft()
  draft.read(ini: Source("hosts", bytes: Array(bytes)))
  resolve(&draft)
}

private func resolve(_ draft: inout InventoryDraft) {
  draft.close()
  var resolver = Resolver(draft, checkingKeys: false)
  let hosts = resolver.hosts()
  for error in resolver.findings.errors + resolver.findings.warnings {
    checkVisible(error.description)
  }
  _ = try? Inventory(hosts: hosts, groups: []).select("a*:!b")
}

private func readSettings(_ bytes: UnsafeBufferPointer<UInt8>) {
  guard let root = try? YAML.read(Source("scrape.yml", bytes: Array(bytes))) else { return }
  do { _ = try Settings(root) } catch { checkVisible(error.description) }
}

private let hosts: Inventory = {
  var draft = InventoryDraft()
  draft.read(ini: Source("hosts", text: "[web]\nweb[01:12]\n[lab]\nlab-[a:c]\n"))
  draft.close()
  var resolver = Resolver(draft, checkingKeys: false)
  let found = resolver.hosts()
  return Inventory(hosts: found, groups: [])
}()

private func readPattern(_ bytes: UnsafeBufferPointer<UInt8>) {
  do { _ = try hosts.select(String(decoding: bytes, as: UTF8.self)) } catch {
    checkVisible(error.description)
  }
}
