/// Which inventory a store belongs to.
extension Store {
  /// An inventory, as the store remembers it.
  public struct Owner: Sendable, Equatable {
    /// The absolute path of the inventory.
    public var inventory: String
    /// A number that stands for the names and addresses of its hosts.
    public var hosts: UInt64

    public init(inventory: String, hosts: UInt64) {
      self.inventory = inventory
      self.hosts = hosts
    }

    /// Whether both are one inventory: at the same place, whatever it holds by now, or the same hosts at
    /// another place.
    public func isSame(as other: Owner) -> Bool {
      inventory == other.inventory || hosts == other.hosts
    }
  }

  /// The inventory whose passes are kept here; nil before the first pass.
  public func owner() throws(StoreError) -> Owner? {
    try with { database throws(DatabaseError) in
      var owner: Owner?
      try database.rows("SELECT inventory, hosts FROM owner") {
        owner = Owner(inventory: $0.text(0), hosts: UInt64(bitPattern: $0.integer(1)))
      }
      return owner
    }
  }

  /// Makes the store that of an inventory.
  public func keep(_ owner: Owner) throws(StoreError) {
    try with { database throws(DatabaseError) in
      try database.run(
        "INSERT OR REPLACE INTO owner (id, inventory, hosts) VALUES (1, ?, ?)",
        .text(owner.inventory), .integer(Int64(bitPattern: owner.hosts)))
    }
  }
}
