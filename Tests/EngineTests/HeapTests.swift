import Testing

@testable import Engine

struct HeapTests {
  @Test func `items come in order, whatever was added, replaced and removed between`() {
    var random = SystemRandomNumberGenerator()
    var heap = Heap<Int>()
    var sorted: [Int] = []
    for round in 0..<5000 {
      switch Int.random(in: 0..<8, using: &random) {
      case 0..<4:
        let item = Int.random(in: 0..<1000, using: &random)
        heap.push(item)
        sorted.append(item)
      case 4, 5:
        heap.removeFirst()
        if !sorted.isEmpty { sorted.removeFirst() }
      case 6 where !sorted.isEmpty:
        let item = Int.random(in: 0..<1000, using: &random)
        heap.replaceFirst(by: item)
        sorted[0] = item
      case 7 where round % 50 == 0:
        heap.removeAll { $0 % 3 == 0 }
        sorted.removeAll { $0 % 3 == 0 }
      default: break
      }
      sorted.sort()
      #expect(heap.first == sorted.first && heap.count == sorted.count)
    }
    #expect(heap.takeAll().sorted() == sorted && heap.isEmpty)
  }
}
