public import Metrics

/// The state that the store keeps of a host between passes.
public struct HostState: Sendable, Equatable {
  /// The boot in which the memory was read, by /proc/sys/kernel/random/boot_id; nil if unknown.
  public var bootID: String?
  /// The memory of each collector.
  public var memory: [String: Memory]
  /// The time at which each collector is due next.
  public var due: [String: Timestamp]
  /// Facts that change rarely: `os`, `kernel`.
  public var facts: [String: String]

  public init(
    bootID: String? = nil, memory: [String: Memory] = [:], due: [String: Timestamp] = [:],
    facts: [String: String] = [:]
  ) {
    self.bootID = bootID
    self.memory = memory
    self.due = due
    self.facts = facts
  }
}

extension HostState {
  /// Takes a result over, as the store does with what it keeps.
  public mutating func take(_ result: HostResult) {
    let isUntouched = !result.isOfBoot || result.bootID == nil && result.memory.isEmpty
    if !isUntouched {
      // Memory belongs to one boot: counters of another boot are of no use for rates.
      if bootID != result.bootID { memory = [:] }
      bootID = result.bootID
    }
    memory.merge(result.memory) { $1 }
    due.merge(result.due) { $1 }
    facts.merge(result.facts) { $1 }
    guard facts.count > Store.factLimit else { return }
    let kept = facts.sorted { $0.key < $1.key }.prefix(Store.factLimit)
    facts = Dictionary(kept.map { ($0.key, $0.value) }) { first, _ in first }
  }
}

/// A record of named blocks. A merge copies unchanged blocks without decoding them.
struct Blocks {
  private var blocks: [String: [UInt8]] = [:]

  init() {}

  init(_ bytes: [UInt8]) throws(Damaged) {
    var reader = ByteReader(bytes)
    for _ in 0..<(bytes.isEmpty ? 0 : try reader.count(ofAtLeast: 2)) {
      blocks[try reader.string()] = try reader.block()
    }
  }

  subscript(name: String) -> [UInt8]? {
    get { blocks[name] }
    set { blocks[name] = newValue }
  }

  var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.varint(blocks.count)
    for (name, block) in blocks {
      writer.string(name)
      writer.block(block)
    }
    return writer.bytes
  }

  func decode<Value>(
    _ one: ([UInt8]) throws(Damaged) -> Value
  ) throws(Damaged) -> [String: Value] {
    var values: [String: Value] = [:]
    for (name, block) in blocks { values[name] = try one(block) }
    return values
  }
}

extension Memory {
  var encoded: [UInt8] {
    var writer = ByteWriter()
    writer.zigzag(time.nanoseconds)
    if let uptime {
      writer.bytes.append(1)
      writer.fixed(uptime.bitPattern)
    } else {
      writer.bytes.append(0)
    }
    writer.varint(values.count)
    for (name, counters) in values {
      writer.string(name)
      writer.varint(counters.count)
      for counter in counters { writer.varint(counter) }
    }
    return writer.bytes
  }

  init(encoded: [UInt8]) throws(Damaged) {
    var reader = ByteReader(encoded)
    self.init(time: Timestamp(nanoseconds: try reader.zigzag()))
    if try reader.byte() == 1 { uptime = Double(bitPattern: try reader.fixed()) }
    for _ in 0..<(try reader.count(ofAtLeast: 2)) {
      let name = try reader.string()
      var counters: [UInt64] = []
      for _ in 0..<(try reader.count()) { counters.append(try reader.varint()) }
      values[name] = counters
    }
  }
}

extension Timestamp {
  var encoded: [UInt8] {
    var writer = ByteWriter()
    writer.zigzag(nanoseconds)
    return writer.bytes
  }

  init(encoded: [UInt8]) throws(Damaged) {
    var reader = ByteReader(encoded)
    self.init(nanoseconds: try reader.zigzag())
  }
}

extension ByteWriter {
  /// Names and texts, in order.
  static func pairs(_ tags: [Tag]) -> [UInt8] {
    var writer = ByteWriter()
    writer.varint(tags.count)
    for tag in tags {
      writer.string(tag.name)
      writer.string(tag.value)
    }
    return writer.bytes
  }
}

extension ByteReader {
  static func pairs(_ bytes: [UInt8]) throws(Damaged) -> [Tag] {
    var reader = ByteReader(bytes)
    var tags: [Tag] = []
    for _ in 0..<(bytes.isEmpty ? 0 : try reader.count(ofAtLeast: 2)) {
      tags.append(Tag(try reader.string(), try reader.string()))
    }
    return tags
  }
}
