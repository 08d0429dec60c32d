import Foundation
import Lab

/// A port of the range where a server of ours stands at times.
final class Place: @unchecked Sendable {
  private let address: String
  private let port: UInt16
  private var peer: Peer?

  init(address: String, port: UInt16) {
    self.address = address
    self.port = port
  }

  func play(_ steps: [Peer.Step]) throws {
    let (address, port) = (address, port)
    var last: (any Error)?
    // Who listened there before may need a moment to be gone.
    for _ in 0..<100 {
      do {
        peer = try Peer(steps, address: address, port: port)
        return
      } catch {
        last = error
        usleep(20_000)
      }
    }
    if let last { throw last }
  }

  func clear() {
    peer?.stop()
    peer = nil
  }
}
