internal import CFreeIPMI
internal import Engine
internal import Inventory
public import Metrics

/// The new records of a BMC's System Event Log.
public struct EventLog: Sendable, Equatable {
  /// One record, in words.
  public struct Event: Sendable, Equatable {
    public var record: UInt16
    /// The time of the event by the monitor's clock, or of the read if the BMC has no time.
    public var time: Timestamp
    /// `nominal`, `warning` or `critical`; nil if there is no rule for it.
    public var state: SensorReading.State?
    /// The sensor that reported it, or its kind.
    public var subject: String
    /// `Power Supply input lost (AC/DC)`.
    public var text: String
    /// Whether it ends a state.
    public var isOver: Bool
  }

  /// Records that the log holds.
  public var count: Int
  /// Bytes that are free in it.
  public var free: Int
  public var events: [Event] = []
  /// Whether the log was cleared since the last run.
  public var wasCleared = false
  /// The offset of the BMC's clock to the monitor's, in seconds; nil if it was not read.
  public var clockOffset: Double?
  /// Why there may be further records.
  public var problem: String?
  /// Whether its records have no end.
  var isRing = false

  var summary: String {
    "\(count) records, \(events.count) new" + (wasCleared ? ", cleared since the last run" : "")
  }
}

/// Follows a BMC's System Event Log from the end of the last run (IPMI v2.0, chapter 31).
struct EventLogReader {
  private let session: any BMCConversation
  private let device: BMCDevice
  /// Names of the BMC's own sensors by their numbers.
  private let sensors: [UInt8: String]
  /// The last record's number and time stamp, the log's marks of its last addition and erasure, and
  /// how many records it had.
  private(set) var remembered: [UInt64]?

  /// The limit of records per run; later runs read the others.
  private static let limit = 200

  init(
    _ session: any BMCConversation, device: BMCDevice, sensors: [UInt8: String],
    remembered: [UInt64]?
  ) {
    self.session = session
    self.device = device
    self.sensors = sensors
    self.remembered = remembered?.count == 5 ? remembered : nil
  }

  mutating func read(at now: Timestamp) throws(BMCSession.Failure) -> EventLog {
    let info = Array(try session.ask(0x0a, 0x40, for: "the event log's state"))
    guard info.count >= 13 else {
      throw .init(
        reason: .protocolError, detail: "a state of the event log of \(info.count) bytes")
    }
    let count = UInt64(info[1]) | UInt64(info[2]) << 8
    var log = EventLog(count: Int(count), free: Int(info[3]) | Int(info[4]) << 8)
    let added = number(info[5..<9])
    let erased = number(info[9..<13])
    guard let before = remembered else {
      // The first run records the end of the log, and reports no events.
      let last = count == 0 ? nil : try entry(0xffff)
      if last == nil, count > 0 {
        log.problem = "the event log's last record can't be read"
        return log
      }
      remembered = [UInt64(last?.id ?? 0), last?.stamp ?? 0, added, erased, count]
      return log
    }
    // A BMC without a clock marks every addition alike: then only the log itself shows additions.
    let hasMarks = added != 0 && added != 0xffff_ffff
    if hasMarks, added == before[2], erased == before[3], count == before[4] { return log }
    // Before the log, for which a slow BMC may need all the time there is.
    let clock = count == 0 ? nil : try self.clock()
    if let clock {
      log.clockOffset = Double(clock) - Double(now.nanoseconds) / 1_000_000_000
    }
    let wasEmpty = before[4] == 0
    var next: UInt16? = 0
    var newerThan: UInt64?
    if count == 0 {
      log.wasCleared = !wasEmpty
      next = nil
    } else if !wasEmpty {
      // The last record is still there, or the log was cleared or wrapped around.
      if let last = try entry(UInt16(truncatingIfNeeded: before[0])), last.stamp == before[1],
        UInt64(last.id) == before[0]
      {
        next = last.next
      } else if count < before[4] || erased != before[3] {
        log.wasCleared = true
      } else {
        newerThan = before[1]
      }
    }
    var position = (id: before[0], stamp: before[1])
    if count == 0 || log.wasCleared { position = (0, 0) }
    var records = try follow(&log, from: next, newerThan: newerThan, after: position.id)
    if log.isRing, next != 0 {
      // Records that were reported before come again at its end.
      records = Array(records.prefix(Int(count) - min(Int(count), Int(before[4]))))
    }
    if let last = records.last { position = (UInt64(last.id), last.stamp) }
    add(records, to: &log, clock: clock, at: now)
    // If records are left for the next run, the marks stay unchanged.
    let isWhole = log.problem == nil || log.isRing
    remembered = [
      position.id, position.stamp, isWhole ? added : 0, erased,
      position.id == 0 ? 0 : max(count, 1),
    ]
    return log
  }

  private struct Entry {
    var bytes: [UInt8]
    var next: UInt16?
    var id: UInt16 { UInt16(bytes[0]) | UInt16(bytes[1]) << 8 }
    /// Seconds since 1970, or since the BMC started; zero where the record has none.
    var stamp: UInt64 {
      bytes[2] >= 0xe0 ? 0 : bytes[3..<7].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
  }

  /// Reads the chain from a record on. What came before a fault, or before time ran out, is kept.
  private func follow(
    _ log: inout EventLog, from first: UInt16?, newerThan: UInt64?, after known: UInt64
  ) throws(BMCSession.Failure) -> [Entry] {
    var next = first
    var seen: Set<UInt16> = []
    var records: [Entry] = []
    while let id = next {
      let record: Entry?
      do throws(BMCSession.Failure) {
        record = try entry(id)
      } catch  where error.isLate && !records.isEmpty {
        log.problem = "time ran out after \(records.count) new records; the next run continues"
        break
      }
      guard let record else {
        log.problem = "the event log names record \(id), which is not there"
        break
      }
      let isBack = first != 0 && UInt64(record.id) == known
      guard seen.insert(record.id).inserted, !isBack else {
        log.problem = "the event log runs in a ring at record \(record.id)"
        log.isRing = true
        break
      }
      next = record.next
      if let newerThan, record.stamp <= newerThan { continue }
      guard records.count < Self.limit else {
        // The next run reports the rest.
        log.problem = "more than \(Self.limit) new records; the next run continues"
        break
      }
      records.append(record)
    }
    return records
  }

  private func add(
    _ records: [Entry], to log: inout EventLog, clock: UInt64?, at now: Timestamp
  ) {
    guard !records.isEmpty else { return }
    let words = EventWords(device)
    log.events = records.map { record in
      var event = words.event(record.bytes)
      // The generator of a BMC's own event is its address.
      if record.bytes[2] < 0xc0, record.bytes[7] == 0x20, let name = sensors[record.bytes[11]] {
        event.subject = name
      }
      event.time = time(of: record.stamp, clock: clock, now: now, record: record.id)
      return event
    }
  }

  /// When it happened by the monitor's clock: as long ago as the BMC's own clock says.
  private func time(
    of stamp: UInt64, clock: UInt64?, now: Timestamp, record: UInt16
  ) -> Timestamp {
    // Below 20000000h a stamp counts from the BMC's start; both must be of one kind to be compared.
    let isAbsolute = stamp > 0x2000_0000
    var seconds: Int64 = 0
    if let clock, stamp > 0, stamp != 0xffff_ffff, (clock > 0x2000_0000) == isAbsolute,
      clock > stamp
    {
      seconds = Int64(clock - stamp)
    }
    // Two events of one second must not take each other's place in the database.
    let whole = now.nanoseconds / 1_000_000_000 &- seconds
    return Timestamp(nanoseconds: whole &* 1_000_000_000 &+ Int64(record))
  }

  /// The BMC's clock (31.10), in seconds; nil where it has none.
  private func clock() throws(BMCSession.Failure) -> UInt64? {
    do throws(BMCSession.Failure) {
      let bytes = Array(try session.ask(0x0a, 0x48, for: "the BMC's clock"))
      return bytes.count >= 4 ? number(bytes[0..<4]) : nil
    } catch  where !error.endsSession {
      return nil
    }
  }

  /// A record (31.5); nil where it is not there any more.
  private func entry(_ id: UInt16) throws(BMCSession.Failure) -> Entry? {
    do throws(BMCSession.Failure) {
      return try entry(id, reservation: 0, count: 0xff)
    } catch  where error.code == 0xcb {
      return nil
    } catch  where error.code == 0xca || error.code == 0xc8 || error.code == 0xff {
      // It can't be asked for "all", which is 16 bytes.
      return try entry(id, reservation: 0, count: 16)
    } catch  where error.code == 0xc5 {
      // Some want a reservation although a whole record needs none (31.4).
      let bytes = Array(try session.ask(0x0a, 0x42, for: "a reservation of the event log"))
      guard bytes.count >= 2 else { throw error }
      return try entry(
        id, reservation: UInt16(bytes[0]) | UInt16(bytes[1]) << 8, count: 0xff)
    }
  }

  private func entry(
    _ id: UInt16, reservation: UInt16, count: UInt8
  ) throws(BMCSession.Failure) -> Entry? {
    let bytes = Array(
      try session.ask(
        0x0a, 0x43,
        [
          UInt8(reservation & 0xff), UInt8(reservation >> 8), UInt8(id & 0xff), UInt8(id >> 8), 0,
          count,
        ],
        for: "record \(id) of the event log"))
    guard bytes.count >= 18 else { return nil }
    let next = UInt16(bytes[0]) | UInt16(bytes[1]) << 8
    // FFFFh is behind the last; 0000h would be the first again, and some say it at the end.
    return Entry(bytes: Array(bytes[2..<18]), next: next == 0xffff || next == 0 ? nil : next)
  }

  private func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}

/// What a record of the event log says, by FreeIPMI's tables.
private final class EventWords {
  private let log: ipmi_sel_ctx_t?
  private let tables: MeaningTables?

  init(_ device: BMCDevice) {
    log = ipmi_sel_ctx_create(nil, nil)
    tables = MeaningTables(device)
    if let log {
      ipmi_sel_ctx_set_manufacturer_id(log, device.manufacturer)
      ipmi_sel_ctx_set_product_id(log, device.product)
      ipmi_sel_ctx_set_separator(log, ", ")
    }
  }

  deinit { if let log { ipmi_sel_ctx_destroy(log) } }

  func event(_ record: [UInt8]) -> EventLog.Event {
    var state: UInt32 = 0
    var severity: SensorReading.State?
    if let tables, ipmi_interpret_sel(tables.context, record, UInt32(record.count), &state) == 0 {
      severity = SensorReading.State(rawValue: Int(state))
    }
    // Types from C0h on are the maker's own and have no sensor (table 32-1).
    let isSystem = record[2] < 0xc0
    let text = words("%E", record) ?? words("%o", record) ?? "record type \(hex(record[2]))h"
    return EventLog.Event(
      record: UInt16(record[0]) | UInt16(record[1]) << 8, time: Timestamp(nanoseconds: 0),
      state: severity, subject: isSystem ? words("%T", record) ?? "" : "OEM", text: text,
      isOver: isSystem && record[12] & 0x80 != 0)
  }

  private func words(_ form: String, _ record: [UInt8]) -> String? {
    guard let log else { return nil }
    let text = string(of: 1024) { room, size in
      ipmi_sel_parse_read_record_string(
        log, form, record, UInt32(record.count), room, size,
        UInt32(
          IPMI_SEL_STRING_FLAGS_IGNORE_UNAVAILABLE_FIELD
            | IPMI_SEL_STRING_FLAGS_INTERPRET_OEM_DATA))
    }
    return text
  }
}
