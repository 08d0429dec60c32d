import Metrics
import Testing

@testable import Sinks

struct StoreTests {
  @Test func `a new store knows no host`() async throws {
    try await withFolder { folder in
      let store = Store(path: folder + "/a/b/scrape.db")
      let states = try await store.load(["web1"])
      #expect(states.isEmpty)
      let passes = try await store.passes()
      #expect(passes.isEmpty)
      let latest = try await store.latest(host: "web1")
      #expect(latest == nil)
      let notes = await store.notes()
      #expect(notes.isEmpty)
    }
  }
}
