import Configuration
import Foundation
import Lab
import Testing

@testable import Inventory

struct SecretFileTests {
  @Test(
    arguments: ["pw", "pw.yml", "pw.ini", "sub/pw", "group_vars/all/pw", "pw.secret"],
    [0o600, 0o640, 0o644, 0o755])
  func `a file that is named as a secret never becomes a host`(name: String, mode: Int) throws {
    for text in [
      "hunter2\n", "hunter2 a=b\nhunter3\n", "[hunter2]\nhunter3\n", "hunter2:\n  hosts:\n",
    ] {
      let folder = try InventoryFolder([
        "hosts.yml": "all: {hosts: {web: {password: \"file:\(name)\"}}}\n"
      ])
      try folder.write(name, text, mode: mode)
      do throws(ConfigurationErrors) {
        let inventory = try Inventory.load(folder.path, checkingKeys: false)
        #expect(inventory.hosts.map(\.name) == ["web"])
        #expect(inventory.groups.map(\.name).allSatisfy { !$0.contains("hunter") })
        #expect(!inventory.warnings.description.contains("hunter"))
        #expect(mode == 0o600)
      } catch {
        #expect(mode != 0o600)
        #expect(!error.description.contains("hunter"), "\(error)")
        #expect(error.errors.count == 1)
        #expect(
          error.errors[0].problem.hasSuffix(
            "lies in the inventory's folder and can be read by others"))
        #expect(error.errors[0].file.hasSuffix("hosts.yml") && error.errors[0].line == 1)
      }
    }
  }

  @Test(
    arguments: [
      "hosts.yml: all: {hosts: {web: {password: file:pw, user: u}}}",
      "hosts.yml: all: {hosts: {web: {bmc: {address: x, password: 'file:pw'}}}}",
      "hosts.ini: web ansible_host=x password=file:pw",
      "scrape.yml: contacts: {ops: {webhook: {url: https://x, token: \"file:./pw\"}}}",
      "host_vars/web.yml: password: file:../pw",
    ])
  func `wherever it is named`(file: String) throws {
    let parts = file.split(separator: ": ", maxSplits: 1)
    let folder = try InventoryFolder(["base.yml": "all: {hosts: {web: }}\n"])
    try folder.write(String(parts[0]), "\(parts[1])\n")
    try folder.write("pw", "[hunter2]\nhunter3\n", mode: 0o644)
    let errors = try #require(throws: ConfigurationErrors.self) { try folder.load() }
    #expect(errors.errors.contains { $0.problem.contains("can be read by others") })
    #expect(!errors.description.contains("hunter"))
  }

  @Test(arguments: ["prod.lst", "hosts.toml", "a.b.c", "x.YML"])
  func `a file with an unknown ending is no inventory`(name: String) throws {
    let folder = try InventoryFolder(["hosts.yml": "all: {hosts: {web: }}\n"])
    try folder.write(name, "[group]\nother\n")
    let inventory = try folder.load()
    #expect(inventory.hosts.map(\.name) == ["web"])
    #expect(inventory.warnings.count == 1)
  }
}
