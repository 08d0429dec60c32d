internal import Metrics

/// What a readiness sheet shows on paper: texts only, ready to be set.
public struct SheetModel: Sendable {
  /// A cell of the table, with what its colour means.
  public struct Cell: Sendable {
    public var text: String
    /// Nil for what is unknown or does not apply.
    public var isFine: Bool?

    public init(_ text: String, _ isFine: Bool?) {
      self.text = text
      self.isFine = isFine
    }
  }

  /// A table of teams or of groups.
  public struct Table: Sendable {
    public var title: String
    public var columns: [String]
    public var rows: [[Cell]]

    public init(title: String, columns: [String], rows: [[Cell]]) {
      self.title = title
      self.columns = columns
      self.rows = rows
    }
  }

  /// A list of lines: who, what is found, and what to do.
  public struct List: Sendable {
    public var title: String
    /// What stands there where the list is empty; nil leaves the list out.
    public var empty: String?
    public var lines: [(who: String, what: String, cure: String, isFine: Bool?)]

    public init(
      title: String, empty: String? = nil,
      lines: [(who: String, what: String, cure: String, isFine: Bool?)]
    ) {
      self.title = title
      self.empty = empty
      self.lines = lines
    }
  }

  public var title: String
  /// The verdict in a few words.
  public var verdict: String
  public var isReady: Bool
  /// When and for what it was made.
  public var facts: [String]
  public var tables: [Table]
  public var lists: [List]

  public init(
    title: String, verdict: String, isReady: Bool, facts: [String], tables: [Table], lists: [List]
  ) {
    self.title = title
    self.verdict = verdict
    self.isReady = isReady
    self.facts = facts
    self.tables = tables
    self.lists = lists
  }
}

/// One page to print and sign. It has no script, and asks nothing of another machine.
public struct SheetPage {
  private let model: SheetModel

  public init(_ model: SheetModel) { self.model = model }

  public func bytes() -> [UInt8] {
    var html = Markup()
    html.doctype()
    html.element("html", .init("lang", "en")) { html in
      html.element("head") { head(&$0) }
      html.element("body") { html in
        html.element("main") { html in
          html.element("h1", text: model.title)
          html.element("p", .css(model.isReady ? "verdict yes" : "verdict no"), text: model.verdict)
          html.element("p", .css("facts"), text: model.facts.joined(separator: " · "))
          for table in model.tables { self.table(table, &html) }
          for list in model.lists { self.list(list, &html) }
          signatures(&html)
        }
      }
    }
    return html.bytes
  }

  /// Nothing but the style below.
  private static let policy =
    "default-src 'none'; style-src '\(Frame.digest(style))'; base-uri 'none'; form-action 'none'"

  private func head(_ html: inout Markup) {
    html.void("meta", .init("charset", "utf-8"))
    html.void(
      "meta", .init("http-equiv", "Content-Security-Policy"), .init("content", Self.policy))
    html.void(
      "meta", .init("name", "viewport"), .init("content", "width=device-width, initial-scale=1"))
    html.void("meta", .init("name", "referrer"), .init("content", "no-referrer"))
    html.element("title", text: "\(model.title): \(model.verdict)")
    html.own("style", Self.style)
  }

  private func table(_ table: SheetModel.Table, _ html: inout Markup) {
    html.element("h2", text: table.title)
    html.element("table", .css("sheet")) { html in
      html.element("thead") { html in
        html.element("tr") { html in
          for column in table.columns { html.element("th", .init("scope", "col"), text: column) }
        }
      }
      html.element("tbody") { html in
        for row in table.rows {
          html.element("tr") { html in
            for (index, cell) in row.enumerated() {
              if index == 0 {
                html.element("th", .init("scope", "row"), text: cell.text)
              } else {
                html.element("td", .css(Self.word(cell.isFine)), text: cell.text)
              }
            }
          }
        }
      }
    }
  }

  private func list(_ list: SheetModel.List, _ html: inout Markup) {
    if list.lines.isEmpty {
      guard let empty = list.empty else { return }
      html.element("h2", text: list.title)
      html.element("p", text: empty)
      return
    }
    html.element("h2", text: list.title)
    html.element("table", .css("list")) { html in
      for line in list.lines {
        html.element("tr") { html in
          html.element("td", .css(Self.word(line.isFine)), text: Self.sign(line.isFine))
          html.element("th", .init("scope", "row"), text: line.who)
          html.element("td") { html in
            html.text(line.what)
            if !line.cure.isEmpty { html.element("p", .css("cure"), text: line.cure) }
          }
          html.element("td", .css("box"), text: line.isFine == false ? "☐" : "")
        }
      }
    }
  }

  private func signatures(_ html: inout Markup) {
    html.element("section", .css("sign")) { html in
      for who in ["Checked by", "Accepted by"] {
        html.element("div") { html in
          html.element("span", text: who)
          html.element("span", .css("rule"), text: "")
          html.element("span", text: "Date")
          html.element("span", .css("rule short"), text: "")
        }
      }
    }
  }

  private static func word(_ isFine: Bool?) -> String {
    isFine.map { $0 ? "yes" : "no" } ?? "none"
  }

  /// Colours never carry meaning alone.
  private static func sign(_ isFine: Bool?) -> String { isFine.map { $0 ? "✓" : "✗" } ?? "–" }

  private static let style: StaticString = """
    :root{color-scheme:light}
    *{box-sizing:border-box}
    body{margin:0;background:#fff;color:#1a1a1c;font:14px/1.45 system-ui,"DejaVu Sans",sans-serif;overflow-wrap:break-word}
    main{max-width:62rem;margin:0 auto;padding:18px}
    h1{font-size:1.5rem;margin:0}h2{font-size:1rem;margin:18px 0 6px}
    .verdict{font-size:1.2rem;font-weight:700;margin:6px 0}.facts{margin:0;color:#5c5c62}
    .yes{color:#1d6b3f}.no{color:#b00d1e;font-weight:700}.none{color:#5c5c62}
    table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
    th,td{border:1px solid #dcdcd8;padding:3px 8px;text-align:left;vertical-align:top}
    .sheet td,.sheet thead th{text-align:center}.sheet thead th:first-child{text-align:left}
    thead th{color:#5c5c62;font-weight:400}th[scope=row]{font-weight:700}
    .list td:first-child{width:2em;text-align:center}.list th{width:14em}.list .box{width:2em;font-size:1.3rem;line-height:1}
    .cure{margin:2px 0 0;color:#5c5c62}
    .sign{margin-top:36px;break-inside:avoid}.sign div{display:flex;gap:10px;align-items:end;margin-top:30px}
    .rule{flex:1;border-bottom:1px solid #1a1a1c}.short{flex:0 0 9em}
    @media(max-width:700px){.sheet{display:block;overflow-x:auto}}
    @media print{body{font-size:10pt}main{max-width:none;padding:0}tr{break-inside:avoid}thead{display:table-header-group}
    @page{margin:15mm}}
    """
}
