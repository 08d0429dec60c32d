internal import CCrypto
internal import Metrics

/// The frame of each page: head, title, links, age of the data.
struct Frame {
  let model: PageModel
  let name: PageName
  /// The names of hosts that have a page.
  let linked: Set<String>
  /// The title of this page below that of the folder; empty for the overview.
  var title = ""
  /// How much older than a page that is written in each pass this one may be, in seconds.
  var patience: Int64 = 0

  /// A whole page around its boxes.
  func page(_ boxes: (inout Markup) -> Void) -> [UInt8] {
    var html = Markup()
    html.doctype()
    html.element("html", .init("lang", "en")) { html in
      html.element("head") { head(&$0) }
      html.element("body") { html in
        html.element("a", .css("skip"), .init("href", "#main"), text: "To the content")
        html.element("header", .init("id", "head")) { header(&$0) }
        html.element("main", .init("id", "main"), content: boxes)
        html.element("footer", .init("id", "foot")) { footer(&$0) }
        html.own("script", Script.text)
      }
    }
    return html.bytes
  }

  private func head(_ html: inout Markup) {
    html.void("meta", .init("charset", "utf-8"))
    html.void(
      "meta", .init("http-equiv", "Content-Security-Policy"), .init("content", Self.policy))
    html.void(
      "meta", .init("name", "viewport"), .init("content", "width=device-width, initial-scale=1"))
    html.void("meta", .init("name", "color-scheme"), .init("content", "light dark"))
    html.void("meta", .init("name", "referrer"), .init("content", "no-referrer"))
    html.void("meta", .init("name", "refresh-s"), .init("content", "\(seconds)"))
    // With a script the page changes in place.
    html.element("noscript") {
      $0.void("meta", .init("http-equiv", "refresh"), .init("content", "\(seconds)"))
    }
    html.element("title", text: headline)
    html.own("style", Stylesheet.text)
  }

  private var seconds: Int64 { max(2, model.refresh.components.seconds) }

  private var headline: String {
    let bad = SeverityCounts(model.troubles).words
    let page = title.isEmpty ? model.title : "\(title) · \(model.title)"
    return bad.isEmpty ? page : "\(page): \(bad)"
  }

  private func header(_ html: inout Markup) {
    html.element("div", .css("line")) { html in
      html.element("h1") { html in
        if title.isEmpty {
          html.text(model.title)
        } else {
          html.element("a", .link(PageName.overview.from(name)), text: model.title)
          html.text(" / \(title)")
        }
      }
      let counts = SeverityCounts(model.troubles)
      if counts.words.isEmpty {
        html.element("strong", .css("sum ok"), text: "all is well")
      } else {
        html.element("strong", .css("sum \(counts.worst.rawValue)"), text: counts.words)
      }
      html.element("span", .css("soft"), text: summary)
      html.element("span", .css(model.isLate ? "age late" : "age"), .init("role", "status")) {
        $0.text("\(Format.moment(model.time)) · ")
        $0.element(
          "span",
          .init("data-time", "\(model.time.after(model.delay).nanoseconds / 1_000_000_000)"),
          .init("data-limit", "\(4 * seconds + 60 + patience)")
        ) {
          $0.text(model.freshness)
        }
      }
    }
    html.element("nav", .init("aria-label", "Pages")) { html in
      for (page, words) in pages {
        if page == name {
          html.element(
            "a", .link(page.from(name)), .init("aria-current", "page"), text: words)
        } else {
          html.element("a", .link(page.from(name)), text: words)
        }
      }
    }
    for announcement in model.announcements {
      html.element("p", .css(announcement.isNext ? "announce next" : "announce")) { html in
        if announcement.isNext { html.text("\(announcement.when): ") }
        html.text(announcement.text)
        if !announcement.isNext, !announcement.when.isEmpty {
          html.element("span", .css("soft"), text: " (\(announcement.when))")
        }
      }
    }
  }

  private var pages: [(PageName, String)] {
    var pages: [(PageName, String)] = [(.overview, "Overview")]
    if model.has(.hosts) { pages.append((.hosts, "Hosts")) }
    pages.append((.services, "Services"))
    if model.has(.incidents) { pages.append((.incidents, "Incidents")) }
    if model.has(.events) { pages.append((.events, "Events")) }
    if model.hasScores { pages.append((.scores, "Scores")) }
    if model.hasPolicies { pages.append((.policies, "Policies")) }
    if model.has(.changes) { pages.append((.changes, "Changes")) }
    return pages
  }

  private var summary: String {
    let up = model.hosts.count(where: \.isUp)
    var words = ["\(Format.count(model.hosts.count, "host")), \(Format.count(up)) up"]
    let counts = model.counts
    if counts.total > 0 {
      words.append("\(Format.count(counts.online)) of \(Format.count(counts.total)) services")
    }
    if let score = model.score { words.append("score \(Format.fixed(score, 1))") }
    return words.joined(separator: " · ")
  }

  private func footer(_ html: inout Markup) {
    if model.delay > .zero {
      html.text("This page shows what was \(Format.age(model.delay)) ago. ")
    }
    html.text("Written by scrape; a browser asks again every \(seconds) s.")
  }

  /// Nothing from elsewhere, no inline event handler, no form: only the style and the script below.
  static let policy =
    "default-src 'none'; style-src '\(digest(Stylesheet.text))'; script-src '\(digest(Script.text))'; "
    + "connect-src 'self'; base-uri 'none'; form-action 'none'"

  /// `sha256-…` of Content Security Policy Level 3, 2.3.1.
  static func digest(_ text: StaticString) -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    text.withUTF8Buffer { bytes in _ = SHA256(bytes.baseAddress, bytes.count, &digest) }
    return "sha256-\(Base64.encode(digest))"
  }
}

/// The number of troubles by severity: `1 critical · 2 major`.
struct SeverityCounts {
  private(set) var words = ""
  private(set) var worst = Severity.ok

  init(_ troubles: [Shown.Trouble]) {
    var parts: [String] = []
    for severity in Severity.allCases.sorted(by: >) where severity != .ok {
      let count = troubles.count { $0.severity == severity && !$0.isKnown }
      if count > 0 {
        parts.append("\(Format.count(count)) \(severity.rawValue)")
        worst = max(worst, severity)
      }
    }
    words = parts.joined(separator: " · ")
  }
}
