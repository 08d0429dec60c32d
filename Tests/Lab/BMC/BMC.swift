import Foundation
import Synchronization

/// What the loop and the tests share of a BMC.
final class BMCCore: Sendable {
  let state: Mutex<BMCState>
  init(_ state: consuming sending BMCState) { self.state = Mutex(state) }
}

/// A simulated BMC on a loopback address: RMCP+ and IPMI 1.5, sensors, log, inventory, DCMI, and
/// faults.
///
/// One thread serves all of them. It ends with `stop()` or when the object goes.
public final class BMC: Sendable {
  public struct User: Sendable {
    public var name: String
    public var password: String
    /// The most that this user may ask for: 2 user, 3 operator, 4 administrator.
    public var limit: UInt8

    public init(_ name: String, _ password: String, limit: UInt8 = 4) {
      self.name = name
      self.password = password
      self.limit = limit
    }

    /// The password as keys are made of it: 20 bytes.
    var key: [UInt8] {
      let bytes = Array(password.utf8.prefix(20))
      return bytes + [UInt8](repeating: 0, count: 20 - bytes.count)
    }
  }

  public struct Configuration: Sendable {
    public var users = [User("admin", "secret"), User("monitor", "monitor-only", limit: 2)]
    /// K_g, 20 bytes; the user's password serves where there is none.
    public var groupKey: [UInt8]?
    /// Of 0, 1, 2, 3, 15, 16 and 17.
    public var cipherSuites: Set<UInt8> = [0, 1, 2, 3, 15, 16, 17]
    public var sessionLimit = 16
    /// Seconds until an idle session is dropped; one whose key exchange does not go on, a fifth of it.
    public var idleSeconds = 60.0
    public var sensors = BMCSensor.ordinary
    /// Seconds that the BMC's clock is ahead.
    public var clockOffset = 0
    /// What decides which packets are lost.
    public var seed: UInt64 = 1
    /// Whether there are events in the log from the start.
    public var events = true
    /// The most bytes of a record or of the inventory that one answer takes; CAh for more.
    public var longestRead: UInt8 = 255

    public init() {}
  }

  public let address: String
  public let port: UInt16
  private let core: BMCCore
  private let tag: UInt64

  /// Starts one; port 0 is any free port.
  public init(
    address: String = "127.0.0.1", port: UInt16 = 0, _ configuration: Configuration = .init()
  ) throws {
    self.address = address
    let descriptor = socket(
      AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = port.bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound =
      descriptor >= 0 && inet_pton(AF_INET, address, &place.sin_addr) == 1
      && withUnsafeMutablePointer(to: &place) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
        }
      }
    guard isBound else {
      let reason = String(cString: strerror(errno))
      close(descriptor)
      throw Unavailable(description: "BMC at \(address):\(port): \(reason)")
    }
    self.port = UInt16(bigEndian: place.sin_port)
    var state = BMCState(configuration, now: time(nil))
    if configuration.events { state.board.rememberOrdinaryEvents(now: time(nil)) }
    core = BMCCore(state)
    tag = BMCLoop.shared.add(core, descriptor)
  }

  deinit { stop() }

  public func stop() { BMCLoop.shared.remove(tag) }

  // What it has seen

  /// Datagrams that came, all of them.
  public var requests: Int { core.state.withLock { $0.requests } }
  public var openSessions: Int { core.state.withLock { $0.openSessions(now: monotonic()) } }
  public var sessionsOpenedInAll: Int { core.state.withLock { $0.sessionsOpened } }
  public var maxConcurrentSessions: Int { core.state.withLock { $0.mostSessions } }
  /// Sessions that were refused because no slot was free.
  public var sessionsRefused: Int { core.state.withLock { $0.refused } }

  /// How often a command came.
  public func count(_ command: BMCCommand) -> Int { counts[command] ?? 0 }
  public var counts: [BMCCommand: Int] { core.state.withLock { $0.counts } }

  /// The requests inside sessions since the last call, at most 1024: network function, logical unit,
  /// command and data.
  public func takeRequests() -> [[UInt8]] { core.state.withLock { $0.takeLatest() } }

  // What it is and does

  public var faults: BMCFaults {
    get { core.state.withLock { $0.faults } }
    set { core.state.withLock { $0.faults = newValue } }
  }

  public var configuration: Configuration { core.state.withLock { $0.configuration } }

  private func board<T>(_ body: (inout Board) -> T) -> T {
    core.state.withLock { body(&$0.board) }
  }

  public var sensors: [BMCSensor] { board { $0.sensors } }
  public var guid: [UInt8] { board { $0.guid } }

  public var inventory: BMCInventory {
    get { board { $0.inventory } }
    set { board { $0.inventory = newValue } }
  }

  public var powerOn: Bool {
    get { board { $0.isOn } }
    set {
      board {
        $0.isOn = newValue
        $0.lastPowerEvent = newValue ? 0x10 : 0
      }
    }
  }

  /// Get Chassis Status' last power event and miscellaneous state.
  public func set(lastPowerEvent: UInt8, chassisState: UInt8 = 0x40) {
    board {
      $0.lastPowerEvent = lastPowerEvent
      $0.chassisState = chassisState
    }
  }

  /// Hours that the power has been on; nil is a BMC that does not count them.
  public var powerOnHours: UInt32? {
    get { board { $0.powerOnHours } }
    set { board { $0.powerOnHours = newValue } }
  }

  /// Watts and the window of milliseconds, as DCMI gives them.
  public func setPower(
    current: UInt16, minimum: UInt16, maximum: UInt16, average: UInt16, window: UInt32 = 60_000
  ) {
    board {
      $0.watts = (current, minimum, maximum, average)
      $0.powerWindow = window
    }
  }

  /// Seconds that its clock is ahead.
  public var clockOffset: Int {
    get { board { $0.clockOffset } }
    set { board { $0.clockOffset = newValue } }
  }

  private func change(_ name: String, _ body: (inout BMCSensor) -> Void) {
    board {
      guard let index = $0.sensors.firstIndex(where: { $0.name == name }) else {
        preconditionFailure("no sensor \(name)")
      }
      body(&$0.sensors[index])
    }
  }

  public func set(_ sensor: String, raw: UInt8) { change(sensor) { $0.raw = raw } }
  /// Sets the raw reading that is nearest to a value.
  public func set(_ sensor: String, value: Double) {
    change(sensor) { $0.raw = $0.raw(for: value) }
  }
  /// Sets the states of a discrete sensor.
  public func set(_ sensor: String, bits: UInt16) { change(sensor) { $0.bits = bits } }
  public func set(_ sensor: String, _ availability: BMCSensor.Availability) {
    change(sensor) { $0.availability = availability }
  }

  // Its log

  /// Adds an event of a sensor: the offset of its type, asserted or not.
  public func addEvent(_ sensor: String, offset: UInt8, asserted: Bool = true) {
    board {
      guard let found = $0.sensors.first(where: { $0.name == sensor }) else {
        preconditionFailure("no sensor \(sensor)")
      }
      $0.addEvent(found, offset: offset, asserted: asserted, now: time(nil))
    }
  }

  /// Adds an entry of a type as it is: from the fourth byte on, 13 bytes.
  public func addEntry(type: UInt8, fields: [UInt8]) {
    board { $0.log.add(type: type, fields: fields, now: $0.time(time(nil))) }
  }

  public func clearSEL() { board { $0.log.clear(now: $0.time(time(nil))) } }

  /// The identifiers of all entries, oldest first.
  public var logEntries: [UInt16] { board { $0.log.entries.map(\.identifier) } }

  // Changes that a cache must notice

  /// Adds a sensor to the repository, or takes it away, and the repository's time stamps say so.
  public func changeSDR(adding sensor: BMCSensor? = nil, removing name: String? = nil) {
    board {
      // Two changes within a second would look like one.
      let instant = max($0.time(time(nil)), $0.repositoryAddition + 1, $0.repositoryErase + 1)
      if var sensor {
        if sensor.number == 0 { sensor.number = ($0.sensors.map(\.number).max() ?? 0) + 1 }
        $0.sensors.append(sensor)
        $0.repositoryAddition = instant
      }
      if let name {
        $0.sensors.removeAll { $0.name == name }
        $0.repositoryErase = instant
      }
      $0.cancelReservations()
    }
  }

  /// Another board of the same kind: other identity, and the first fan counts differently, while the
  /// repository has the time stamps of before.
  public func replaceBoard(serial: String = "SN9999999999") {
    core.state.withLock {
      $0.dropSessions()
      $0.board.guid = randomBytes(16)
      $0.board.product += 1
      $0.board.inventory.serial = serial
      $0.board.inventory.boardSerial = "BD" + serial.dropFirst(2)
      if let fan = $0.board.sensors.firstIndex(where: { $0.type == 4 && $0.isThreshold }) {
        $0.board.sensors[fan].m = 60
      }
      $0.board.cancelReservations()
    }
  }

  /// Forgets all sessions, as a restart does.
  public func dropSessions() { core.state.withLock { $0.dropSessions() } }
}

extension Board {
  mutating func addEvent(_ sensor: BMCSensor, offset: UInt8, asserted: Bool, now: Int) {
    let direction: UInt8 = asserted ? 0 : 0x80
    // For thresholds the reading and the threshold come along.
    let crossed = Int(offset) / 2 < 6 ? sensor.thresholds.inOrder[Int(offset) / 2] : nil
    let extra: [UInt8] =
      sensor.isThreshold ? [0x50 | offset, sensor.raw, crossed ?? 0xff] : [offset, 0xff, 0xff]
    let instant = time(now)
    log.add(
      type: 2,
      fields: little(instant) + [
        0x20, 0, 4, sensor.type, sensor.number, direction | sensor.eventType,
      ]
        + extra, now: instant)
  }

  mutating func rememberOrdinaryEvents(now: Int) {
    let events: [(String, UInt8, Bool, Int)] = [
      ("Power Unit", 0, true, 86_000), ("Power Unit", 0, false, 85_900),
      ("Chassis Intru", 0, true, 50_000), ("Chassis Intru", 0, false, 49_000),
      ("CPU2 Temp", 7, true, 7_200), ("FAN3", 2, true, 3_600), ("PSU2 Status", 3, true, 600),
    ]
    for (name, offset, asserted, ago) in events {
      guard let sensor = sensors.first(where: { $0.name == name }) else { continue }
      addEvent(sensor, offset: offset, asserted: asserted, now: now - ago)
    }
  }
}
