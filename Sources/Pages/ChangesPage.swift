internal import Metrics

/// What is another thing than it was, newest first: keys, results of policies, reboots, clocks, the BMC's log.
struct ChangesPage {
  let frame: Frame

  func page() -> [UInt8] {
    frame.page { html in
      html.filter("web01 reboot")
      html.element("section", .css("box"), .init("id", "list")) { html in
        html.element("p", .css("soft")) {
          $0.text(
            "Reboots, clocks that were set, keys, checks of policies, entries of BMCs' logs. "
              + "States that come and go are on the page of events.")
        }
        if frame.model.changes.isEmpty {
          html.element("p", text: "Nothing of it is known to have changed.")
        }
        html.events(frame.model.changes, frame)
      }
    }
  }
}
