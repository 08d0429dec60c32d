import Engine
import Foundation
import Lab
import Testing

@testable import Probes

struct ContactBookTests {
  private static let second: Int64 = 1_000_000_000
  private static let now: Int64 = 1_700_000_000 * second

  @Test func `six contacts at once are free, then they come one by one`() {
    var account = ContactBook.Account()
    for _ in 0..<6 { #expect(account.enter(at: Self.now, patience: 0) == .now) }
    guard case .crowded(let wait) = account.enter(at: Self.now, patience: 0) else {
      Issue.record("a seventh came in")
      return
    }
    #expect(wait > .zero && wait < .milliseconds(1_100))
    #expect(account.enter(at: Self.now, patience: 2 * Self.second) == .after(wait))
    #expect(account.clear - Self.now <= 9 * Self.second)
    #expect(account.enter(at: Self.now + 9 * Self.second, patience: 0) == .now)
  }

  @Test func `what never more than one a second ask is far from what OpenSSH bears`() {
    // A day of impatient contacts: the server's own account never reaches its 15 s.
    var account = ContactBook.Account()
    var (time, theirs) = (Self.now, Self.now)
    for step in 0..<20_000 {
      time += Int64(step % 7) * Self.second / 10
      switch account.enter(at: time, patience: 2 * Self.second) {
      case .now: theirs = max(theirs, time) + Self.second
      case .after(let wait):
        let then = time + Int64(wait / .nanoseconds(1))
        theirs = max(theirs, then) + Self.second
      default: break
      }
      #expect(theirs - time < 12 * Self.second)
    }
  }

  @Test func `each refusal in a row doubles the rest, and an answer ends it`() {
    var account = ContactBook.Account()
    var time = Self.now
    for seconds in [16, 32, 64, 128, 256, 512, 600, 600] as [Int64] {
      account.leave(.refusal, at: time)
      #expect(account.rest(at: time) == .seconds(seconds))
      #expect(account.enter(at: time, patience: .max) == .left(.seconds(seconds)))
      time += seconds * Self.second
      #expect(account.rest(at: time) == nil)
    }
    account.leave(.contact, at: time)
    account.leave(.refusal, at: time)
    #expect(account.rest(at: time) == .seconds(16))
  }

  @Test func `a log-in costs nothing, a failed one as much as five contacts`() {
    var account = ContactBook.Account()
    for _ in 0..<100 {
      #expect(account.enter(at: Self.now, patience: 0) == .now)
      account.leave(.nothing, at: Self.now)
    }
    #expect(account.enter(at: Self.now, patience: 0) == .now)
    account.leave(.failedLogin, at: Self.now)
    #expect(account.enter(at: Self.now, patience: 0) == .now)
    #expect(account.enter(at: Self.now, patience: 0) == .now)
    #expect(account.enter(at: Self.now, patience: 0) != .now)
  }

  @Test(arguments: [Int64.min, -1, 0, 1, Int64.max - 1, Int64.max])
  func `nonsense in the file makes nobody wait`(number: Int64) {
    var account = ContactBook.Account(key: 1, clear: number, leftUntil: number, refusals: number)
    #expect(account.enter(at: Self.now, patience: 0) == .now)
    account.leave(.refusal, at: Self.now)
    #expect(account.rest(at: Self.now).map { $0 <= .seconds(600) } == true)
  }

  @Test func `the account outlives the process, and the file does not grow`() async throws {
    let scratch = Scratch()
    let path = "\(scratch.path)/state/contacts"
    let reactor = Reactor()
    for _ in 0..<6 { #expect(await reactor.enters(ContactBook(path: path), "192.0.2.1 22") == nil) }
    let seventh = await reactor.enters(ContactBook(path: path), "192.0.2.1 22")
    #expect(seventh?.reason == .notReached)
    for number in 0..<6_000 {
      #expect(await reactor.enters(ContactBook(path: path), "192.0.2.1 \(number + 100)") == nil)
    }
    let size = try #require(
      FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)
    #expect(size.intValue <= 512 * 8 * 32)
    // A link that somebody laid, or a folder that is not there, costs the memory and no more.
    for bad in ["\(scratch.path)/none/of/this/contacts", "/dev/full/x"] {
      let book = ContactBook(path: bad)
      for _ in 0..<6 { #expect(await reactor.enters(book, "192.0.2.1 22") == nil) }
      #expect(await reactor.enters(book, "192.0.2.1 22") != nil)
    }
  }
}

extension Reactor {
  /// Whether a contact is let in without a wait; what is said instead where it is not.
  fileprivate func enters(_ book: ContactBook, _ server: String) async -> Verdict? {
    do throws(Verdict) {
      try await book.enter(server, on: self, by: .after(.milliseconds(100)))
      return nil
    } catch { return error }
  }
}
