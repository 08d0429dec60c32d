import Testing

@testable import Parsers

@Suite struct NamesTests {
  @Test func `each name is found at its place and nothing else is`() {
    let words = (0..<400).map { "name\($0)" } + ["a", "ab", "ba", "é", "Active(file)"]
    let names = Names(words)
    for (index, word) in words.enumerated() {
      #expect(names.index(of: Array(word.utf8).span) == index)
      #expect(names.index(of: Array((word + "x").utf8).span) == nil)
      #expect(
        names.index(of: Array(word.utf8.dropLast()).span)
          == words.firstIndex(of: String(decoding: word.utf8.dropLast(), as: UTF8.self)))
    }
    #expect(names.index(of: ([] as [UInt8]).span) == nil)
    #expect(Names([]).index(of: Array("x".utf8).span) == nil)
  }

  @Test func `of a repeated name the first counts`() {
    #expect(Names(["a", "b", "a"]).index(of: Array("a".utf8).span) == 0)
  }

  @Test func `any other byte, length or order gives another fingerprint`() {
    let text: [UInt8] = (0..<67).map { UInt8($0 * 3 % 251) }
    var seen: Set<UInt64> = [text.span.fingerprint]
    for index in text.indices {
      for bit in 0..<8 {
        var other = text
        other[index] ^= 1 << UInt8(bit)
        #expect(seen.insert(other.span.fingerprint).inserted)
      }
      #expect(seen.insert(Array(text[..<index]).span.fingerprint).inserted)
      if index > 0 {
        var other = text
        other.swapAt(index, index - 1)
        #expect(seen.insert(other.span.fingerprint).inserted)
      }
    }
  }

  @Test func `selected counters keep their order, and what is missing is nil`() throws {
    let text = Array("Tcp: A B C D\nTcp: 1 -2 x\nUdp: A\nUdp: 3\nOdd: A\nOdd: 9\n".utf8)
    let selection = NetSNMP.Selection(["Udp": ["A", "Z"], "Tcp": ["D", "B", "C", "A"]])
    #expect(selection.all == ["UdpA", "UdpZ", "TcpD", "TcpB", "TcpC", "TcpA"])
    #expect(try NetSNMP.parse(text.span, only: selection) == [3, nil, nil, -2, nil, 1])
  }
}
