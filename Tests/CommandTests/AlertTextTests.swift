import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper

struct AlertTextTests {
  @Test(arguments: [(119, false), (120, false), (121, true), (4000, true)])
  func `a long name is cut to the characters that it has`(count: Int, isCut: Bool) {
    let name = String(repeating: "n", count: count)
    let shown = AlertText.clipped(name, 120)
    #expect(shown == (isCut ? String(repeating: "n", count: 119) + "…" : name))
    #expect(!shown.contains("UnicodeScalarView"))
  }
}
