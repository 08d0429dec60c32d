internal import Metrics

/// Parts that several pages share: boxes, tags of severities, times, lists of troubles.
extension Markup {
  /// A box with a heading.
  mutating func box(_ title: String, latest: String? = nil, _ content: (inout Markup) -> Void) {
    element("section", .css("box")) { html in
      html.element("h2") { html in
        html.text(title)
        if let latest { html.element("span", .css("latest"), text: latest) }
      }
      content(&html)
    }
  }

  /// A severity as a word on its colour: never the colour alone.
  mutating func tag(_ severity: Severity?, word: String? = nil) {
    let word = word ?? severity?.rawValue ?? "no data"
    element("span", .css("tag \(severity?.rawValue ?? "unknown")"), text: word)
  }

  /// The time of day, with the day where it is another.
  mutating func time(_ time: Timestamp, now: Timestamp) {
    element("time", .init("datetime", time.rfc3339)) { html in
      let isOld = now.since(time) > .seconds(20 * 3600)
      html.text(isOld ? Format.time(time) : String(Format.time(time).suffix(8)))
    }
  }

  /// A host's name, as a link where there is a page of it.
  mutating func host(_ name: String, _ frame: Frame) {
    if frame.linked.contains(name) {
      element("a", .link(PageName.host(name).from(frame.name)), text: name)
    } else {
      text(name)
    }
  }

  /// What is wrong, one trouble per line.
  mutating func troubles(_ troubles: [Shown.Trouble], _ frame: Frame) {
    element("ul", .css("rows")) { html in
      for trouble in troubles {
        html.element("li", .css(trouble.isKnown ? "known" : "bad")) { html in
          html.tag(trouble.severity)
          html.element("div") { html in
            if trouble.hosts.count == 1, let host = trouble.hosts.first {
              html.element("strong") { $0.host(host, frame) }
            } else {
              html.element("strong", text: trouble.names)
            }
            html.text(trouble.check.isEmpty ? "" : " \(trouble.check)")
            html.text(trouble.message.isEmpty ? "" : ": \(trouble.message)")
            let more = [trouble.effects, trouble.mark].filter { !$0.isEmpty }.joined(
              separator: " · ")
            if !more.isEmpty { html.element("p", text: more) }
          }
          if let since = trouble.since { html.time(since, now: frame.model.time) }
        }
      }
    }
  }

  /// Events, newest first.
  mutating func events(
    _ events: some Sequence<Shown.Event>, _ frame: Frame, withHost: Bool = true
  ) {
    element("ul", .css("events")) { html in
      for event in events {
        html.element("li", .init("data-row")) { html in
          html.time(event.time, now: frame.model.time)
          if let severity = event.severity {
            html.tag(severity)
          } else {
            html.element("span", text: "")
          }
          html.element("span") { html in
            if withHost, !event.host.isEmpty {
              html.host(event.host, frame)
              html.text(" ")
            }
            html.text(event.text)
          }
        }
      }
    }
  }

  /// A bar from 0 to 1. What it shows stands beside it.
  mutating func meter(_ share: Double, _ css: String = "") {
    let share = min(1, max(0, share.isFinite ? share : 0))
    element("svg", .css("meter"), .init("aria-hidden", "true")) { html in
      html.shape(
        "rect", .css(css.isEmpty ? "fill" : css),
        .init("width", "\(Markup.coordinate(100 * share))%"),
        .init("height", "100%"))
    }
  }

  /// The field of a list's filter, which the script shows.
  mutating func filter(_ example: String) {
    element("p", .css("filter"), .init("id", "filterbox"), .init("hidden")) { html in
      html.element("label") { html in
        html.text("Filter ")
        html.void(
          "input", .init("id", "filter"), .init("type", "search"), .init("autocomplete", "off"),
          .init("placeholder", example))
      }
    }
  }
}
