extension Markup {
  /// A table of groups by columns with colours, which scrolls in itself where it is too wide.
  ///
  /// `heading` fills the heading of a group's row, `cells` writes a cell for each column.
  mutating func heatTable(
    _ label: String, groups: [String], columns: [String],
    heading: (String, inout Markup) -> Void, cells: (String, inout Markup) -> Void
  ) {
    element(
      "div", .css("scroll"), .init("tabindex", "0"), .init("role", "region"),
      .init("aria-label", label)
    ) {
      $0.element("table", .css("heat")) { html in
        html.element("thead") { html in
          html.element("tr") { html in
            html.element("th", .init("scope", "col"), text: "group")
            for column in columns { html.element("th", .init("scope", "col"), text: column) }
          }
        }
        html.element("tbody") { html in
          for group in groups {
            html.element("tr") { html in
              html.element("th", .init("scope", "row")) { heading(group, &$0) }
              cells(group, &html)
            }
          }
        }
      }
    }
  }
}
