import Foundation
import Testing

@testable import Lab

@Suite struct PortTests {
  @Test func `a block of ports has one holder`() throws {
    let number = try #require((0..<PortBlock.count).first { PortBlock($0) != nil })
    let first = PortBlock(number)
    #expect(first?.ports.count == 100)
    #expect(PortBlock(number) == nil)
    withExtendedLifetime(first) {}
  }

  @Test func `no port is given twice or to two, and none that is in use`() throws {
    let given = Set((0..<250).map { _ in freePort() })
    #expect(given.count == 250)
    #expect(given.allSatisfy { PortBlock.all.contains(Int($0)) })
    for port in given.prefix(100) {
      let block = (Int(port) - PortBlock.all.lowerBound) / PortBlock.size
      #expect(PortBlock(block) == nil, "\(port) belongs to nobody")
    }
  }

  @Test(arguments: [SOCK_STREAM, SOCK_DGRAM])
  func `a port that somebody uses is left out`(kind: __socket_type) throws {
    // The next ones of a block come one after the other.
    var next: UInt16
    repeat { next = freePort() + 3 } while next % 100 < 4
    let descriptor = socket(AF_INET, Int32(kind.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = next.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(bound == 0)
    #expect(!(0..<10).map { _ in freePort() }.contains(next))
  }
}
