/// A binary heap: the least item is the first, and adding or removing one costs the logarithm of their number.
public struct Heap<Item: Comparable> {
  /// None is less than its parent.
  private var items: [Item] = []

  public init() {}

  public var count: Int { items.count }
  public var isEmpty: Bool { items.isEmpty }
  public var first: Item? { items.first }

  public mutating func push(_ item: Item) {
    items.append(item)
    var child = items.count - 1
    while child > 0, items[child] < items[(child - 1) / 2] {
      items.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  public mutating func removeFirst() {
    guard let last = items.popLast(), !items.isEmpty else { return }
    replaceFirst(by: last)
  }

  /// Puts another item in the place of the first one. There must be one.
  public mutating func replaceFirst(by item: Item) {
    items[0] = item
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < items.count && items[child] < items[least] {
        least = child
      }
      if least == parent { return }
      items.swapAt(parent, least)
      parent = least
    }
  }

  public mutating func removeAll(where isGone: (Item) -> Bool) {
    items.removeAll(where: isGone)
    items.sort()  // a sorted array is a heap
  }

  /// Removes all items, and returns them in no order.
  public mutating func takeAll() -> [Item] {
    defer { items = [] }
    return items
  }
}

extension Heap: Sendable where Item: Sendable {}
