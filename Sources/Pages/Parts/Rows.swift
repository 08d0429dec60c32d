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
  mutating func tag(_ severity: Severity?) {
    let word = severity?.rawValue ?? "no data"
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
  mutating func troubles(_ troubles: [PageModel.Trouble], _ frame: Frame) {
    element("ul", .css("rows")) { html in
      for trouble in troubles {
        html.element("li", .css(trouble.mark == nil ? "bad" : "known")) { html in
          html.tag(trouble.severity)
          html.element("div") { html in
            if let host = trouble.host {
              html.element("strong") { $0.host(host, frame) }
            } else {
              html.element("strong", text: trouble.names)
            }
            html.text(trouble.check.isEmpty ? "" : " \(trouble.check)")
            html.text(trouble.message.isEmpty ? "" : ": \(trouble.message)")
            let more = [trouble.effects, trouble.mark].compactMap { $0 }.joined(separator: " · ")
            if !more.isEmpty { html.element("p", text: more) }
          }
          if let since = trouble.since { html.time(since, now: frame.model.time) }
        }
      }
    }
  }

  /// Events, newest first.
  mutating func events(_ events: some Sequence<PageModel.Event>, _ frame: Frame) {
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
            if !event.host.isEmpty {
              html.host(event.host, frame)
              html.text(" ")
            }
            html.text(event.text)
          }
        }
      }
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
