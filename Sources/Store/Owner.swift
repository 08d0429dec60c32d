/// The inventory to which a store belongs.
extension Store {
  /// An inventory as the store records it.
  public struct Owner: Sendable, Equatable {
    /// The absolute path of the inventory.
    public var inventory: String
    /// A hash of the names and addresses of its hosts.
    public var hosts: UInt64

    public init(inventory: String, hosts: UInt64) {
      self.inventory = inventory
      self.hosts = hosts
    }

    /// Whether both are one inventory: the same path, whatever it holds now, or the same hosts at
    /// another path.
    public func isSame(as other: Owner) -> Bool {
      inventory == other.inventory || hosts == other.hosts
    }
  }

  /// The inventory whose passes are stored here; nil before the first pass.
  public func owner() throws(StoreError) -> Owner? {
    try with { database throws(DatabaseError) in
      var owner: Owner?
      try database.rows("SELECT inventory, hosts FROM owner") {
        owner = Owner(inventory: $0.text(0), hosts: UInt64(bitPattern: $0.integer(1)))
      }
      return owner
    }
  }

  /// Assigns the store to an inventory.
  public func keep(_ owner: Owner) throws(StoreError) {
    try with { database throws(DatabaseError) in
      try database.run(
        "INSERT OR REPLACE INTO owner (id, inventory, hosts) VALUES (1, ?, ?)",
        .text(owner.inventory), .integer(Int64(bitPattern: owner.hosts)))
    }
  }
}
