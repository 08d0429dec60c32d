internal import Metrics

/// The states of a check over 24 hours as a bar of slots, as status pages have it.
struct StateBar {
  let history: StateHistory

  func draw(in html: inout Markup) {
    let count = Double(StateHistory.count)
    html.element(
      "svg", .css("bar"), .init("viewBox", "0 0 \(StateHistory.count) 10"),
      .init("preserveAspectRatio", "none"), .init("role", "img"), .init("aria-label", words)
    ) { html in
      html.shape("rect", .init("width", count), .init("height", 10))
      // Equal neighbours share a rectangle; bad slots are higher, for those who see no colours.
      var start = 0
      while start < history.slots.count {
        let state = history.slots[start]
        var end = start
        while end < history.slots.count, history.slots[end] == state { end += 1 }
        if let state {
          let isBad = state != .ok
          html.shape(
            "rect", .css("b-\(state.rawValue)"), .init("x", Double(start)),
            .init("width", Double(end - start)), .init("y", isBad ? 0 : 3),
            .init("height", isBad ? 10 : 7))
        }
        start = end
      }
    }
  }

  private var words: String {
    var counts: [String] = []
    for severity in Severity.allCases {
      let number = history.slots.count { $0 == severity }
      if number > 0 { counts.append("\(severity.rawValue) \(16 * number) min") }
    }
    return "24 hours: " + (counts.isEmpty ? "not known" : counts.joined(separator: ", "))
  }
}
