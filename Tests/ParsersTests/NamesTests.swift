import Testing

@testable import Parsers

@Suite struct NamesTests {
  static func index(of word: some StringProtocol, in names: Names) -> Int? {
    let bytes = Array(word.utf8)
    return names.index(of: bytes.span)
  }

  static func fingerprint(_ bytes: [UInt8]) -> UInt64 { bytes.span.fingerprint }

  @Test func `each name is found at its place and nothing else is`() {
    let words = (0..<400).map { "name\($0)" } + ["a", "ab", "ba", "é", "Active(file)"]
    let names = Names(words)
    for (index, word) in words.enumerated() {
      #expect(Self.index(of: word, in: names) == index)
      #expect(Self.index(of: word + "x", in: names) == nil)
      let shorter = String(word.dropLast())
      #expect(Self.index(of: shorter, in: names) == words.firstIndex(of: shorter))
    }
    #expect(Self.index(of: "", in: names) == nil)
    #expect(Self.index(of: "x", in: Names([])) == nil)
  }

  @Test func `of a repeated name the first counts`() {
    #expect(Self.index(of: "a", in: Names(["a", "b", "a"])) == 0)
  }

  @Test func `any other byte, length or order gives another fingerprint`() {
    let text: [UInt8] = (0..<67).map { UInt8($0 * 3 % 251) }
    var seen: Set<UInt64> = [Self.fingerprint(text)]
    for index in text.indices {
      for bit in 0..<8 {
        var other = text
        other[index] ^= 1 << UInt8(bit)
        #expect(seen.insert(Self.fingerprint(other)).inserted)
      }
      #expect(seen.insert(Self.fingerprint(Array(text[..<index]))).inserted)
      if index > 0 {
        var other = text
        other.swapAt(index, index - 1)
        #expect(seen.insert(Self.fingerprint(other)).inserted)
      }
    }
  }

  @Test func `selected counters keep their order, and what is missing is nil`() throws {
    let text = Array("Tcp: A B C D\nTcp: 1 -2 x\nUdp: A\nUdp: 3\nOdd: A\nOdd: 9\n".utf8)
    let selection = NetSNMP.Selection(["Udp": ["A", "Z"], "Tcp": ["D", "B", "C", "A"]])
    #expect(selection.all == ["UdpA", "UdpZ", "TcpD", "TcpB", "TcpC", "TcpA"])
    let values = try NetSNMP.parse(text.span, only: selection)
    #expect(values == [3, nil, nil, -2, nil, 1])
  }
}
