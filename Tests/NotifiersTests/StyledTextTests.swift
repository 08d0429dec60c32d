import Notifiers
import Testing

struct StyledTextTests {
  @Test func `lines are parted by line breaks, and styles leave no trace in the plain text`() {
    var text = StyledText()
    text.add(.init("web3", .bold), .init(" down"))
    text.add(.init("scrape host web3", .code))
    #expect(text.plain == "web3 down\nscrape host web3")
  }
}
