import Configuration
import Foundation
import Testing

@testable import Inventory

struct PatternTests {
  static let text = """
    all:
      children:
        web: {hosts: {"web[01:10]": }}
        db: {hosts: {db1: {address: 10.0.0.5}, db2: {address: "2001:db8::5"}}}
        blue: {children: {db: }, hosts: {web01: , mail: }}
        empty: {hosts: {}}
      hosts: {"2001:db8::1": , no: }
    """

  private func select(_ pattern: String) throws -> String {
    fold(try InventoryFolder.inventory(Self.text).select(pattern).map(\.name))
  }

  @Test(
    arguments: [
      ("all", "web[01-10],db[1-2],mail,2001:db8::1,no"),
      ("*", "web[01-10],db[1-2],mail,2001:db8::1,no"),
      ("web01", "web01"), ("db", "db[1-2]"), ("db,mail", "db[1-2],mail"),
      ("db:mail", "db[1-2],mail"),
      (" db , mail ", "db[1-2],mail"), ("mail,db1,mail", "db1,mail"),
      ("blue:&web", "web01"), ("&web:blue", "web01"), ("!web", "db[1-2],mail,2001:db8::1,no"),
      ("blue,!db", "web01,mail"), ("!db,blue", "web01,mail"), ("web:&blue:!web02", "web01"),
      ("web0*", "web[01-09]"), ("d?1", "db1"), ("web[0]", "web01"), ("web[-1]", "web10"),
      ("web[1:3]", "web[02-04]"), ("web[8:]", "web[09-10]"), ("web[02-06]", "web[02-06]"),
      ("web[01-03,5]", "error"), ("web[01-03,05]", "web[01-03,05]"), ("web[1-3]", "error"),
      ("web[0:2]", "web[01-03]"), ("web[01:03]", "error"), ("web[01:10]", "error"),
      ("web[10]", "web10"), ("web[:1]", "web[01-02]"),
      ("all[0]", "web01"), ("~web0[12]", "web[01-02]"), ("~d.\\d", "db[1-2]"),
      ("~(mail|no)", "mail,no"), ("~web0{1}1", "web01"),
      ("2001:db8::1", "2001:db8::1"), ("[2001:db8::1]", "2001:db8::1"),
      ("2001:db8::1,no", "2001:db8::1,no"), ("!2001:db8::1,no", "no"),
      ("!2001:db8::1,all", "web[01-10],db[1-2],mail,no"),
      ("10.0.0.5", "db1"), ("2001:db8::5", "db2"), ("db[1:2]", "error"), ("db[1]", "error"),
      ("db[0]", "db1"), ("db[-1]", "db2"), ("db[1-2]", "db[1-2]"),
      ("db1,web[03-05,7]", "error"), ("w*[03-05,07]", "web[03-05,07]"),
    ])
  func `a pattern means these hosts`(pattern: String, hosts: String) throws {
    guard hosts != "error" else {
      #expect(throws: ConfigurationError.self) { try select(pattern) }
      return
    }
    #expect(try select(pattern) == hosts)
  }

  /// Names beside groups that are called as their stems, with and without padding, of several numbers,
  /// of numbers alone, and addresses.
  @Test(
    arguments: [
      "web: {hosts: {'web[01:20]': }}", "n: {hosts: {'n[1:12]': , 'n[013:014]': }}",
      "r: {hosts: {'r[1:4]n[1:12]': }}", "g: {hosts: {'[001:400]': }}",
      "g: {hosts: {'10.0.0.[1:20]': }}",
      "g: {hosts: {'2001:db8::1': , '2001:db8::2': , '2001:db8::3': , '2001:db8::a1': }}",
      "gpu: {hosts: {'gpu[1:9]-ib0': , 'gpu[1:9]': }}", "x: {hosts: {x1: , x01: , x001: , x2: }}",
    ])
  func `folded names select exactly those names`(groups: String) throws {
    let inventory = try InventoryFolder.inventory(groups)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let chosen = inventory.hosts.map(\.name).filter { _ in
        Int.random(in: 0..<4, using: &generator) > 0
      }
      guard !chosen.isEmpty else { continue }
      let folded = fold(chosen)
      #expect(try inventory.select(folded).map(\.name) == chosen, "\(folded)")
      // Where it excludes, and with other parts beside it.
      let others = inventory.hosts.map(\.name).filter { !chosen.contains($0) }
      var depth = 0
      let terms = folded.split {
        depth += $0 == "[" ? 1 : $0 == "]" ? -1 : 0
        return $0 == "," && depth == 0
      }
      guard !others.isEmpty else { continue }
      let rest = (["all"] + terms.map { "!\($0)" }).joined(separator: ",")
      #expect(try inventory.select(rest).map(\.name) == others, "\(rest)")
    }
  }

  @Test func `a name that is a group's and a host's is refused with both spellings`() throws {
    let inventory = try InventoryFolder.inventory(
      "web: {hosts: {web: {address: 10.0.0.1}, web1: }}\nmail: {hosts: {mail: }}\n"
        + "db: {hosts: {db: , db1: }}")
    for (name, hint) in [("web", "10.0.0.1"), ("db", "d[b]")] {
      let error = try #require(throws: ConfigurationError.self) { try inventory.select(name) }
      #expect(error.hint == "\(name)[0:] means the hosts of the group, \(hint) the host")
      #expect(try inventory.select("\(name)[0:]").map(\.name) == [name, "\(name)1"])
      #expect(try inventory.select(hint).map(\.name) == [name])
    }
    #expect(try inventory.select("mail").map(\.name) == ["mail"])
  }

  @Test func `of a pattern that was right once the others remain`() throws {
    let inventory = try InventoryFolder.inventory(Self.text)
    #expect(fold(inventory.remaining("web[08-12],gone").map(\.name)) == "web[08-10]")
    #expect(inventory.remaining("gone").isEmpty && inventory.remaining("!gone").count == 15)
    #expect(inventory.remaining("web,&gone").isEmpty)
  }

  @Test func `folded names of no group are read back`() throws {
    let inventory = try InventoryFolder.inventory(
      "g: {hosts: {'a[01:20]': , 'r[1:2]n[1:3]': }}")
    let folded = fold(inventory.hosts.map(\.name))
    #expect(folded == "a[01-20],r[1-2]n[1-3]")
    #expect(try inventory.select(folded).count == 26)
    #expect(try inventory.select("a[01:03]").map(\.name) == ["a01", "a02", "a03"])
    #expect(try inventory.select("a[01-07/3],a[09]").map(\.name) == ["a01", "a04", "a07", "a09"])
  }

  @Test(
    arguments: [
      ("db,wbe", "no host or group is called \"wbe\"", "did you mean \"web\"?"),
      ("db,!mial", "no host or group is called \"mial\"", "did you mean \"mail\"?"),
      ("mail[01:12]", "no host is called \"mail01\"", "did you mean \"mail\"?"),
      ("web[11]", "web has 10 hosts, counted from 0", nil),
      ("empty", "group \"empty\" holds no host", nil),
      ("", "an empty pattern", "\"all\" means every host"),
      ("db:&mail", "no host is left", nil), ("db,!", "a name is missing", nil),
      ("x*", "no host or group is called \"x*\"", nil),
      ("@/nonexistent", "/nonexistent cannot be opened: No such file or directory", nil),
      (
        "@db", "db cannot be opened: No such file or directory",
        "the group is written without \"@\""
      ),
      ("~(", "not a regular expression: Unmatched ( or \\(", nil),
      (
        "mail[x-", "\"mail[x-\" is not a range",
        "write web[01-14,17] for names, group[0:2] for members of a group"
      ),
      (
        "web[1-3]", "no host is called \"web1\"",
        "members of the group by their index are written web[1:3]"
      ),
      (
        "db[1:2]",
        "\"db[1:2]\" may mean members of the group db, counted from 0, or hosts of these names",
        "db2 means the former, db[1-2] the latter"
      ),
      (
        "db[1]",
        "\"db[1]\" may mean members of the group db, counted from 0, or hosts of these names",
        "db2 means the former, db1 the latter"
      ),
    ] as [(String, String, String?)])
  func `a pattern that means nothing is an error`(
    pattern: String, problem: String, hint: String?
  ) throws {
    let inventory = try InventoryFolder.inventory(Self.text)
    let error = try #require(throws: ConfigurationError.self) { try inventory.select(pattern) }
    #expect(error.problem == problem)
    #expect(error.hint == hint)
  }

  @Test func `the error shows the pattern`() throws {
    let inventory = try InventoryFolder.inventory(Self.text)
    let error = try #require(throws: ConfigurationError.self) { try inventory.select("db:!wbe") }
    #expect(
      error.description == """
        --limit: no host or group is called "wbe"
          | db:!wbe
          |     ^~~
        did you mean "web"?
        """)
  }

  @Test func `a file of patterns is a list`() throws {
    let folder = try InventoryFolder(["list": "# failed\nweb01\nweb02, db1 # both\n\n!web02\n"])
    #expect(try select("@\(folder.path)/list") == "web01,db1")
    #expect(try select("db,@\(folder.path)/list") == "web01,db[1-2]")
    #expect(try select("web,!@\(folder.path)/list") == "web[02-10]")
  }

  @Test(
    arguments: [
      ([], ""), (["a"], "a"), (["web1", "web2", "web3"], "web[1-3]"),
      (["web01", "web02", "web04", "db1"], "web[01-02,04],db1"),
      (["n9", "n10", "n11"], "n[9-11]"), (["n09", "n10", "n11"], "n[09-11]"),
      (["n1", "n01"], "n[1,01]"), (["n99", "n100"], "n[99-100]"), (["n9", "n010"], "n[9,010]"),
      (["r1n1", "r1n2", "r2n1", "r2n2"], "r[1-2]n[1-2]"), (["r1n1", "r2n2"], "r1n1,r2n2"),
      (["10.0.0.2", "10.0.0.1"], "10.0.0.[1-2]"), (["gpu1-ib0", "gpu2-ib0"], "gpu[1-2]-ib0"),
      (["a1", "b1", "a2", "a2"], "a[1-2],b1"), (["1", "2"], "[1-2]"),
      (
        ["x12345678901234567890", "x12345678901234567891"],
        "x12345678901234567890,x12345678901234567891"
      ),
    ] as [([String], String)])
  func `names are folded as ClusterShell folds them`(names: [String], folded: String) {
    #expect(fold(names) == folded)
  }
}
