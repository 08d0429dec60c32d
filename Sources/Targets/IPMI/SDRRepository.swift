internal import Metrics
internal import CFreeIPMI
internal import Inventory
internal import Parsers

/// A BMC's Sensor Data Records, from the cache if they are unchanged, otherwise read again.
///
/// Reading them takes a command per record, five times the time of the sensors, so they are cached
/// between passes. Source: IPMI v2.0, chapter 33.
struct SDRRepository {
  /// The repository's info (33.9) and its BMC; another mark means other records.
  struct Mark: Equatable {
    var device: UInt64
    var version: UInt8
    var count: UInt16
    var added: UInt32
    var erased: UInt32

    /// Whether the mark shows a change of the records: some BMCs have no clock for it.
    var tellsOfChanges: Bool { ![0, .max].contains(added) || ![0, .max].contains(erased) }
  }

  private(set) var records: [[UInt8]] = []
  private(set) var sensors: [SDR.Sensor] = []
  /// Why further sensors may be missing.
  private(set) var problem: BMCSession.Failure?
  private var origin = ""
  /// The record after the last of these.
  private var next: UInt16 = 0
  /// The record id after the last record.
  private static let end: UInt16 = 0xffff

  /// The limit of records: a longer repository is a ring or a forgery.
  private static let recordLimit = 4096
  /// The limit of sensors read in one pass; the largest boards have some 400.
  private static let sensorLimit = 1024

  var summary: String { "\(records.count) records \(origin), \(sensors.count) sensors" }

  static func load(
    of device: BMCDevice, _ target: BMCTarget, at address: String, asking session: BMCSession
  ) throws(BMCSession.Failure) -> SDRRepository {
    let mark = try self.mark(of: device, asking: session)
    let cache = SDRCache(target, at: address)
    var repository = SDRRepository()
    if let kept = cache?.read(mark) { (repository.records, repository.next) = kept }
    let isResumed = !repository.records.isEmpty
    if repository.next == end {
      repository.origin = "kept from before"
    } else {
      do throws(BMCSession.Failure) {
        try repository.fetch(mark, asking: session)
      } catch {
        // A slow BMC with many records would never finish within one poll.
        if error.isLate, !repository.records.isEmpty {
          cache?.write(repository.records, next: repository.next, mark)
        }
        throw error
      }
      repository.origin = isResumed ? "read over several turns" : "read anew"
      if repository.problem == nil {
        cache?.write(repository.records, next: end, mark)
      } else if isResumed {
        cache?.remove()
      }
    }
    repository.parse()
    return repository
  }

  private static func mark(
    of device: BMCDevice, asking session: BMCSession
  ) throws(BMCSession.Failure) -> Mark {
    let bytes = Array(try session.ask(0x0a, 0x20, for: "the sensor records' state"))
    guard bytes.count >= 13 else {
      throw .init(
        reason: .protocolError, detail: "a state of the sensor records of \(bytes.count) bytes")
    }
    func number(_ place: Int) -> UInt32 {
      (0..<4).reversed().reduce(0) { $0 << 8 | UInt32(bytes[place + $1]) }
    }
    return Mark(
      device: device.key, version: bytes[0], count: UInt16(bytes[1]) | UInt16(bytes[2]) << 8,
      added: number(5), erased: number(9))
  }

  private mutating func parse() {
    for record in records {
      // A damaged record loses only its own sensors.
      do {
        sensors += try SDR.parse(record.span)
      } catch {
        problem =
          problem
          ?? .init(reason: .protocolError, detail: "a sensor record is spoiled: \(error.problem)")
      }
    }
    if sensors.count > Self.sensorLimit {
      problem = .init(
        reason: .outputTooLarge,
        detail: "\(sensors.count) sensors, of which \(Self.sensorLimit) are read")
      sensors = Array(sensors.prefix(Self.sensorLimit))
    }
  }

  // MARK: Reading anew

  /// Follows the chain of record ids; records before a break in it are kept.
  private mutating func fetch(
    _ mark: Mark, asking session: BMCSession
  ) throws(BMCSession.Failure) {
    var seen = Set(records.filter { $0.count >= 2 }.map { UInt16($0[0]) | UInt16($0[1]) << 8 })
    var reader = RecordReader(session)
    while next != Self.end {
      guard seen.insert(next).inserted else {
        problem = .init(
          reason: .protocolError, detail: "the sensor records run in a ring at \(next)")
        return
      }
      guard records.count < Self.recordLimit else {
        problem = .init(
          reason: .outputTooLarge, detail: "more than \(Self.recordLimit) sensor records")
        return
      }
      do {
        let (record, following) = try reader.read(next)
        // An empty repository answers with an empty record.
        if record.count > 5 { records.append(record) }
        // The first is requested as 0000h, whatever its own number.
        if next == 0, record.count >= 2 { seen.insert(UInt16(record[0]) | UInt16(record[1]) << 8) }
        next = following
      } catch {
        if error.endsSession { throw error }
        if records.isEmpty, mark.count == 0 { return }
        problem = error
        return
      }
    }
    if records.isEmpty, mark.count > 0 {
      problem = .init(
        reason: .protocolError, detail: "none of the \(mark.count) sensor records came")
    }
  }

  /// Reads records whole, or in pieces from a BMC that cannot send them whole.
  private struct RecordReader {
    private let session: BMCSession
    private var reservation: UInt16?
    private var piece: Int = 0xff
    private var lost = 0

    init(_ session: BMCSession) { self.session = session }

    mutating func read(_ id: UInt16) throws(BMCSession.Failure) -> ([UInt8], next: UInt16) {
      while true {
        do {
          return try attempt(id)
        } catch {
          switch error.code {
          case 0xc5? where lost < 20:
            // Another client changed or reserved the repository: read this record again.
            lost += 1
            reservation = nil
          case 0xca?, 0xc7?, 0xc8?, 0xc9?, 0xcc?, 0xff?:
            guard piece > 8 else { throw error }
            piece = piece == 0xff ? 32 : piece / 2
          default: throw error
          }
        }
      }
    }

    private mutating func attempt(
      _ id: UInt16
    ) throws(BMCSession.Failure) -> ([UInt8], next: UInt16) {
      let isWhole = piece == 0xff
      var (record, next) = try get(id, from: 0, count: isWhole ? 0xff : 5)
      guard record.count >= 5 else {
        throw .init(reason: .protocolError, detail: "sensor record \(id) is cut short")
      }
      let size = Int(record[4]) + 5
      // Some BMCs answer a request for all with a part, and report success.
      while record.count < min(size, 255) {
        let count = UInt8(min(isWhole ? 32 : piece, size - record.count))
        do throws(BMCSession.Failure) {
          let (bytes, _) = try get(id, from: UInt8(record.count), count: count)
          guard !bytes.isEmpty else { break }
          record += bytes
        } catch  where isWhole && error.code != nil && error.code != 0xc5 {
          // The record is shorter than its length field.
          break
        }
      }
      record = Array(record.prefix(size))
      return (record, next)
    }

    private mutating func get(
      _ id: UInt16, from offset: UInt8, count: UInt8
    ) throws(BMCSession.Failure) -> ([UInt8], next: UInt16) {
      let reservation = try reserve()
      let bytes = Array(
        try session.ask(
          0x0a, 0x23,
          [
            UInt8(reservation & 0xff), UInt8(reservation >> 8), UInt8(id & 0xff), UInt8(id >> 8),
            offset, count,
          ], for: "sensor record \(id)"))
      guard bytes.count >= 2 else {
        throw .init(reason: .protocolError, detail: "sensor record \(id) came without a follower")
      }
      return (Array(bytes.dropFirst(2)), UInt16(bytes[0]) | UInt16(bytes[1]) << 8)
    }

    private mutating func reserve() throws(BMCSession.Failure) -> UInt16 {
      if let reservation { return reservation }
      var number: UInt16 = 0
      do throws(BMCSession.Failure) {
        let bytes = Array(try session.ask(0x0a, 0x22, for: "a reservation of the sensor records"))
        if bytes.count >= 2 { number = UInt16(bytes[0]) | UInt16(bytes[1]) << 8 }
      } catch  where error.code != nil && error.reason == .notSupported {
        // Without reservations, whole records are read with number zero.
      }
      reservation = number
      return number
    }
  }
}
