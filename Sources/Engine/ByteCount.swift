internal import Synchronization

/// A number of bytes that one task counts and another one reads.
public final class ByteCount: Sendable {
  private let count = Atomic<Int>(0)

  public init() {}

  public var value: Int { count.load(ordering: .relaxed) }

  public func add(_ bytes: Int) { count.add(bytes, ordering: .relaxed) }
}
