internal import Engine
public import Metrics

/// The data that `scrape` keeps between passes, in one SQLite file: counters and due times of
/// hosts, states of targets, the history of all points, and the queues of sinks.
///
/// All of it runs on its own thread, since a disk may block. A pass loads at its start and ends
/// with one transaction: a pass that was reported as stored survives `kill -9` and a power cut. A
/// damaged file is set aside and a new one is created; `notes` reports it. A file of another
/// program is refused. A store that is opened for reading changes nothing on the disk.
public actor Store {
  /// The limits of the history.
  public struct Limits: Sendable, Equatable {
    /// The limit of the history's age.
    public var keep: Duration
    /// The limit of the history's size on disk, in bytes.
    public var size: Int64
    /// The limit of stored transitions: 50,000 are some sixty times 400 hosts that go down and up
    /// again.
    public var changes: Int
    /// The limit of one host, so that a host whose names change all the time does not displace the
    /// others.
    public var changesOfHost: Int
    /// The limit of closed incidents, in bytes: a host with ever new disks makes long ones.
    public var incidents: Int64
    /// The limit of what was read for policies, in bytes.
    public var collections: Int64

    public init(
      keep: Duration = .seconds(7 * 86_400), size: Int64 = 1 << 30, changes: Int = 50_000,
      changesOfHost: Int = 1000, incidents: Int64 = 64 << 20, collections: Int64 = 256 << 20
    ) {
      self.collections = collections
      self.keep = keep
      self.size = size
      self.changes = changes
      self.changesOfHost = changesOfHost
      self.incidents = incidents
    }
  }

  /// The version of SQLite that is loaded.
  public static var libraryVersion: String { Database.libraryVersion }

  public nonisolated let path: String
  let limits: Limits
  let isRead: Bool
  let shapes = Shapes()
  // Most passes of a few hosts compress nothing.
  lazy var rowCompressor = Compressor(.zlib, level: 1)
  lazy var blockCompressor = Compressor(.zlib, level: 6)
  let decompressor = Decompressor()

  private nonisolated let thread = BlockingThread(name: "store")
  private var connection: Database?
  private var pendingNotes: [String] = []
  /// Whether a copy of an earlier format lies beside the file, and the first pass that was stored since.
  private var hasCopy = false
  private var firstPass: Int64?

  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    thread.asUnownedSerialExecutor()
  }

  /// Names the file. The first use opens it, or creates it if it is missing.
  ///
  /// With `read`, a missing file is an error and nothing can be stored.
  public init(path: String, limits: Limits = Limits(), read: Bool = false) {
    self.path = path
    self.limits = limits
    isRead = read
  }

  deinit { thread.stop() }

  /// Opens the file now, so that a message about it comes before the work.
  public func open() throws(StoreError) { _ = try database() }

  /// Closes the file; the next use opens it again.
  public func close() { connection = nil }

  /// Notes about the file for people since the last call.
  public func notes() -> [String] {
    defer { pendingNotes.removeAll() }
    return pendingNotes
  }

  /// The state of each known host among these.
  public func load(_ hosts: [String]) throws(StoreError) -> [String: HostState] {
    try with { database throws(DatabaseError) in
      try database.snapshot { () throws(DatabaseError) in
        var states: [String: HostState] = [:]
        for name in hosts {
          try database.rows(
            "SELECT boot, memory, due, facts FROM host WHERE name = ?", .text(name)
          ) { states[name] = self.state($0, of: name) }
        }
        return states
      }
    }
  }

  /// Stores the results of a pass and the payloads to deliver, all or nothing. A queue without its
  /// own limits, as that of a removed sink, has the default ones.
  ///
  /// With `continued`, the number of an earlier call, the results belong to that pass: the watch stores
  /// many small parts, and what is kept per pass must not be as small. `isOpen` says that more of the pass
  /// may follow. Returns the number of the pass.
  @discardableResult
  public func finish(
    _ pass: PassSummary, _ results: [HostResult], queue: [String: [Payload]] = [:],
    bounds: [String: QueueBounds] = [:], incidents: [KeptIncident] = [],
    rests: [Rest.Account: Rest?] = [:], limits: [Governor.Key: Governor.Record] = [:],
    spool: SpoolOutput? = nil, input: SpoolInput = SpoolInput(),
    policies: [PolicyRecord] = [], collections: [Collection] = [], continued: Int64? = nil,
    isOpen: Bool = false
  ) throws(StoreError) -> Int64 {
    try with { database throws(DatabaseError) in
      var number: Int64 = 0
      do throws(DatabaseError) {
        try database.transaction { () throws(DatabaseError) in
          var earlier: Int64?
          if let continued { earlier = try self.change(continued, to: pass, in: database) }
          if let earlier { number = earlier } else { number = try self.keep(pass, in: database) }
          try self.keep(results, of: number, again: earlier != nil, in: database)
          try self.log(pass, number, isNew: earlier == nil, results, in: database)
          // Rows of a pass that is open are not folded: they are not whole yet.
          if earlier == nil {
            try self.fold(passesUpTo: isOpen ? number - 1 : number, at: pass.end, in: database)
          }
          for (sink, payloads) in queue {
            try self.enqueue(payloads, for: sink, at: pass.end, in: database)
          }
          if let spool { try self.keep(spool, at: pass.end, in: database) }
          if !input.isEmpty { try self.keep(input, in: database) }
          try self.keep(policies, collections, at: pass.end, in: database)
          for incident in incidents { try self.keep(incident, in: database) }
          if !incidents.isEmpty { try self.pruneIncidents(in: database) }
          try self.keep(rests, at: pass.end, in: database)
          try self.keep(limits, at: pass.end, in: database)
          try self.pruneQueues(to: bounds, at: pass.end, in: database)
          try self.prune(at: pass.end, keeping: number, in: database)
        }
      } catch {
        self.shapes.forget()
        throw error
      }
      try self.release(database)
      self.removeCopy(after: pass, number, isOpen: isOpen)
      return number
    }
  }

  /// Removes the copy of an earlier format once a whole pass with an answer is stored: at its end, or when
  /// the next one begins.
  private func removeCopy(after pass: PassSummary, _ number: Int64, isOpen: Bool) {
    guard hasCopy, pass.scope != .part, pass.up > 0 else { return }
    if firstPass == nil { firstPass = number }
    guard !isOpen || firstPass != number else { return }
    StoreCopy(path: path).remove()
    hasCopy = false
  }

  /// Runs the body on the open database; if that is damaged, once more on a new one.
  func with<Value>(
    _ body: (Database) throws(DatabaseError) -> Value
  ) throws(StoreError) -> Value {
    let first = try database()
    do {
      return try body(first)
    } catch  where error.code.isDamage && !isRead {
      connection = nil
      let aside = try StoreFile(path: path).setAside()
      pendingNotes.append(
        "\(path) is damaged (\(error.message)): it was set aside as \(aside) and a new one begun")
    } catch {
      throw StoreError(error, path: path)
    }
    let second = try database()
    do { return try body(second) } catch { throw StoreError(error, path: path) }
  }

  private func database() throws(StoreError) -> Database {
    if let connection { return connection }
    if isRead {
      let database = try StoreFile(path: path).openToRead()
      shapes.forget()
      connection = database
      return database
    }
    let (database, note) = try StoreFile(path: path).open()
    if let note { pendingNotes.append(note) }
    hasCopy = !StoreCopy(path: path).all.isEmpty
    shapes.forget()
    connection = database
    return database
  }

  private func state(_ row: Statement, of host: String) -> HostState {
    var state = HostState(bootID: row.optionalText(0))
    do throws(Damaged) {
      state.memory = try Blocks(row.blob(1)).decode { block throws(Damaged) in
        try Memory(encoded: block)
      }
      state.due = try Blocks(row.blob(2)).decode { block throws(Damaged) in
        try Timestamp(encoded: block)
      }
      for fact in try ByteReader.pairs(row.blob(3)) { state.facts[fact.name] = fact.value }
    } catch {
      pendingNotes.append("\(path): what was kept of \(host) is damaged and begun anew")
      return HostState()
    }
    return state
  }
}
