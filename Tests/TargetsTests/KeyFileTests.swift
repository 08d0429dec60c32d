import Foundation
import Lab
import Testing

@testable import Inventory

struct KeyFileTests {
  private func key() throws -> (Scratch, String) {
    let scratch = Scratch()
    let path = "\(scratch.path)/id"
    try run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path])
    return (scratch, path)
  }

  @Test func `a key that is fine has no fault`() throws {
    let (scratch, path) = try key()
    #expect(KeyFile.fault(path) == nil)
    extendLifetime(scratch)
  }

  @Test(arguments: [0o644, 0o600])
  func `a public key is said to be one, whatever its mode`(mode: Int) throws {
    let (scratch, path) = try key()
    chmod("\(path).pub", mode_t(mode))
    let fault = try #require(KeyFile.fault("\(path).pub"))
    #expect(fault.problem == "is a public key")
    #expect(fault.cure == "name the private one: \(path)")
    extendLifetime(scratch)
  }

  @Test func `only a key that is not there is to be made`() throws {
    let (scratch, path) = try key()
    let missing = try #require(KeyFile.fault("\(scratch.path)/none"))
    #expect(missing.cure == "make one with: ssh-keygen -t ed25519 -f \(scratch.path)/none")
    chmod(path, 0o644)
    #expect(KeyFile.fault(path)?.cure == "chmod 600 \(path)")
    let folder = try #require(KeyFile.fault(scratch.path))
    #expect(!folder.cure.contains("ssh-keygen") && !folder.cure.contains("chmod"))
  }

  @Test func `a key that this user may not read is never to be made anew`() throws {
    let (scratch, path) = try key()
    let fault = try #require(KeyFile.fault(path, canRead: { _ in false }))
    #expect(fault.problem == "cannot be read by this user")
    #expect(!fault.cure.contains("ssh-keygen") && fault.cure.contains("chown"))
    extendLifetime(scratch)
  }
}
