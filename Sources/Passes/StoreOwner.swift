internal import Glibc
public import Hosts
public import Inventory
internal import Metrics
internal import Sinks
public import Store

/// The inventory that a store belongs to. Two inventories in one store would end each other's checks.
extension Site {
  /// The inventory as the store remembers it.
  var owner: Store.Owner {
    let path = realpath(inventoryPath, nil).map { text in
      defer { free(text) }
      return String(cString: text)
    }
    let hosts = inventory.hosts.map { "\($0.name) \($0.address) \($0.port)\n" }.sorted().joined()
    return Store.Owner(inventory: path ?? inventoryPath, hosts: hosts.utf8.fnv1a)
  }

  /// Makes a new store that of this inventory, and refuses one of another.
  public func claim(_ store: Store, adopting: Bool) async throws {
    let own = owner
    if !adopting { try await check(store) }
    if try await store.owner() != own { try await store.keep(own) }
  }

  /// The stored states of the hosts, without a change to the disk; none without a store.
  public func knownStates(of hosts: [Host]) async throws -> [String: HostState] {
    guard hasStore else { return [:] }
    let store = storeToRead()
    try await check(store)
    return (try? await store.load(hosts.map(\.name))) ?? [:]
  }

  /// The refused log-ins of earlier passes, for a command that stores none.
  public func logins(ignoringRests: Bool = false) async -> LoginBook {
    let rests = hasStore ? try? await storeToRead().rests() : nil
    return LoginBook(rests ?? [:], ignoringRests: ignoringRests)
  }

  /// Refuses the store of another inventory.
  public func check(_ store: Store) async throws {
    let own = owner
    guard let other = try await store.owner(), !other.isSame(as: own) else { return }
    throw UsageError(
      message: "the store \(storePath) belongs to the inventory \(other.inventory), not to "
        + "\(own.inventory): name another with --store FILE (or `store: {path: …}` in scrape.yml), or, "
        + "if this inventory is to go on in its place, say `scrape run --adopt-store` once")
  }
}
