import Metrics

@testable import Sinks
@testable import Spools
@testable import Store

/// What stands in the store's file, which may be damaged.
let storeTargets: [String: FuzzTarget] = [
  "store-row": readRow, "store-block": readBlock, "store-state": readState,
  "store-unpack": unpack, "spool-file": readSpool,
]

private let now = Timestamp(seconds: 1_748_736_000)

private func readRow(_ bytes: UnsafeBufferPointer<UInt8>) {
  guard let points = try? Row.decode(Array(bytes), at: now, Shapes()) else { return }
  checkLines(points.map(\.point))
}

/// What was read is written and read again as the same.
private func readBlock(_ bytes: UnsafeBufferPointer<UInt8>) {
  guard let rows = try? Block.decode(Array(bytes), Shapes()) else { return }
  let again = try? Block.decode(Block.encode(rows[...], Shapes()), Shapes())
  precondition(again?.map(\.time) == rows.map(\.time), "the times of a block changed")
  precondition(
    again?.map { "\($0.points.map(\.point).sorted { "\($0)" < "\($1)" })" }
      == rows.map { "\($0.points.map(\.point).sorted { "\($0)" < "\($1)" })" },
    "the points of a block changed")
}

/// A file of a spool with a right checksum: the fuzzer writes its lines.
private func readSpool(_ bytes: UnsafeBufferPointer<UInt8>) {
  let packed = Compressor(.zlib, level: 1).pack(Array(bytes))
  let name = SpoolName(
    identity: "0123456789abcdef0123456789abcdef", number: 1, digest: packed.fnv1a)
  let head = Array("\(SpoolWriter.head(name, length: packed.count))\n".utf8)
  guard let pass = try? SpoolReader().read(head + packed, named: name) else { return }
  checkLines(pass.hosts.flatMap { $0.results.flatMap(\.batch.points) })
}

private func readState(_ bytes: UnsafeBufferPointer<UInt8>) {
  let bytes = Array(bytes)
  if let memory = try? Memory(encoded: bytes) {
    let again = try? Memory(encoded: memory.encoded)
    precondition(again?.values == memory.values)
  }
  _ = try? Shape(encoded: bytes)
  _ = try? Timestamp(encoded: bytes)
  _ = try? ByteReader.pairs(bytes)
  guard let blocks = try? Blocks(bytes) else { return }
  _ = try? blocks.decode { block throws(Damaged) in try Memory(encoded: block) }
}

private func unpack(_ bytes: UnsafeBufferPointer<UInt8>) {
  let unpacked = Decompressor().unpack(Array(bytes), limit: 1 << 20)
  precondition(unpacked.map(\.count) ?? 0 <= 1 << 20, "more than the limit was unpacked")
}
