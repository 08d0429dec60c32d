internal import Metrics

/// What happened, newest first.
struct EventsPage {
  let frame: Frame

  func page() -> [UInt8] {
    frame.page { html in
      html.filter("ctf critical")
      html.element("section", .css("box"), .init("id", "list")) { html in
        if frame.model.events.isEmpty {
          html.element("p", .css("soft"), text: "Nothing has changed yet.")
        }
        html.events(frame.model.events, frame)
      }
    }
  }
}
