public import Metrics
internal import Store

/// Writes a pass as files of a spool: plain lines, compressed, behind one line of plain text.
///
/// The first line is `scrape-spool 1 IDENTITY NUMBER LENGTH DIGEST`; `LENGTH` bytes of zlib data
/// follow (RFC 1950), whose FNV-1a hash is the digest. Each unpacked line begins with a word, and its
/// fields are separated by tabs; a point is a line of line protocol with its time:
///
/// ```
/// pass     TIME NONCE
/// host     NAME SEEN
/// part     TIME                                     a result; its lines follow
/// ran      COLLECTOR…
/// fact     NAME TEXT
/// outcome  TARGET UP SEVERITY REASON MILLISECONDS BYTES MESSAGE
/// problem  COLLECTOR REASON TEXT
/// change   CHECK FROM TO TIME SINCE FLAPPING REASON MESSAGE
/// point    LINE PROTOCOL
/// states                                            all states of the host follow
/// state    CHECK SEVERITY SINCE LAST-OK SEEN PENDING COUNT PENDING-SINCE CHANGES FLAPPING REASON MESSAGE
/// end
/// ```
public struct SpoolWriter {
  public static let version = "1"

  /// One finished file.
  public struct File: Sendable, Equatable {
    public var name: SpoolName
    public var bytes: [UInt8]
    public var points: Int
  }

  private let identity: String
  private var number: Int64
  private let time: Timestamp
  private let compressor = Compressor(.zlib, level: 6)
  private var body: [UInt8] = []
  private var points = 0
  private var lines = LineProtocol()
  private var host: SpoolHost?
  private var part: Timestamp?
  private var files: [File] = []
  private let full: Int

  /// Writes files from `number` on; `full` is the size in bytes, before compression, at which
  /// another file begins.
  public init(
    identity: String, number: Int64, time: Timestamp, full: Int = 8 << 20
  ) {
    self.identity = identity
    self.number = number
    self.time = time
    self.full = full
    begin()
  }

  /// Adds a host with its results and states.
  public mutating func append(_ host: SpoolHost) {
    self.host = host
    put("host", host.name, decimal(host.seen))
    for result in host.results {
      part = result.batch.time
      put("part", decimal(result.batch.time))
      append(result)
      part = nil
    }
    if host.isWhole {
      if body.count > full { split() }
      put("states")
      for (name, state) in host.states.sorted(by: { $0.key < $1.key }) { append(name, state) }
    }
    self.host = nil
    if body.count > full { split() }
  }

  /// All files; at least one.
  public consuming func finish() -> [File] {
    end()
    return files
  }

  // MARK: Files

  private mutating func begin() {
    body = []
    points = 0
    // Two passes never have the same content.
    put("pass", decimal(time), SpoolName.hex(.random(in: .min ... .max)))
  }

  private mutating func end() {
    put("end")
    let packed = compressor.pack(body)
    let name = SpoolName(identity: identity, number: number, digest: packed.fnv1a)
    files.append(
      File(
        name: name, bytes: Array("\(Self.head(name, length: packed.count))\n".utf8) + packed,
        points: points))
  }

  /// The first line of a file.
  static func head(_ name: SpoolName, length: Int) -> String {
    "scrape-spool \(version) \(name.identity) \(name.number) \(length) "
      + SpoolName.hex(name.digest)
  }

  /// Goes on in another file.
  private mutating func split() {
    end()
    number += 1
    begin()
    if let host { put("host", host.name, decimal(host.seen)) }
    if let part { put("part", decimal(part)) }
  }

  // MARK: Lines

  private mutating func append(_ result: HostResult) {
    if !result.ran.isEmpty { put(["ran"] + result.ran) }
    for (name, text) in result.facts.sorted(by: { $0.key < $1.key }) { put("fact", name, text) }
    for outcome in result.outcomes {
      put(
        "outcome", outcome.target, outcome.up ? "1" : "0", outcome.severity?.rawValue ?? "-",
        outcome.reason?.rawValue ?? "-", "\(outcome.milliseconds)", "\(outcome.bytes)",
        outcome.message ?? "")
    }
    for problem in result.problems {
      put("problem", problem.collector, problem.reason.rawValue, problem.detail)
    }
    for change in result.transitions {
      put(
        "change", change.name, change.from.rawValue, change.to.rawValue, decimal(change.time),
        change.since.map(decimal) ?? "-", change.isFlapping ? "1" : "0",
        change.reason?.rawValue ?? "-", change.message)
    }
    for point in result.batch.points {
      if body.count > full { split() }
      lines.removeAll()
      lines.append(point, at: result.batch.time)
      guard lines.count == 1 else { continue }
      body.append(contentsOf: "point\t".utf8)
      body.append(contentsOf: lines.bytes)
      points += 1
    }
  }

  private mutating func append(_ name: String, _ state: CheckState) {
    put(
      "state", name, state.severity.rawValue, decimal(state.since),
      state.lastOK.map(decimal) ?? "-", state.seen.rawValue, state.pending?.rawValue ?? "-",
      "\(state.pendingCount)", decimal(state.pendingSince), "\(state.changes)",
      state.isFlapping ? "1" : "0", state.reason?.rawValue ?? "-", state.message)
  }

  private func decimal(_ time: Timestamp) -> String { "\(time.nanoseconds)" }

  private mutating func put(_ fields: String...) { put(fields) }

  private mutating func put(_ fields: [String]) {
    for (index, field) in fields.enumerated() {
      if index > 0 { body.append(UInt8(ascii: "\t")) }
      var left = SpoolLimits.text
      // Cut at a character.
      for scalar in field.unicodeScalars {
        let size = UTF8.width(scalar)
        guard size <= left else { break }
        left -= size
        switch scalar {
        case "\\": body.append(contentsOf: "\\\\".utf8)
        case "\t": body.append(contentsOf: "\\t".utf8)
        case "\n": body.append(contentsOf: "\\n".utf8)
        default: if let bytes = UTF8.encode(scalar) { body.append(contentsOf: bytes) }
        }
      }
    }
    body.append(UInt8(ascii: "\n"))
  }
}
