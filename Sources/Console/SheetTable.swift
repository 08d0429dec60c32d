public import Metrics
internal import Passes
internal import Inventory
public import Readiness

/// A readiness sheet on a terminal: teams and groups, then what to see to, then the monitor.
public struct SheetTable: Sendable {
  private let screen: Screen
  private let sheet: Sheet
  private let changes: Sheet.Changes?

  public init(_ sheet: Sheet, _ changes: Sheet.Changes?, _ screen: Screen) {
    self.sheet = sheet
    self.changes = changes
    self.screen = screen
  }

  public var lines: [Printable] {
    var lines: [Printable] = []
    for (word, scopes) in [(sheet.teamTag, sheet.teams), ("group", sheet.groups)]
    where !scopes.isEmpty {
      if !lines.isEmpty { lines.append("") }
      lines += table(word, scopes)
    }
    let troubles = troubleLines
    if !troubles.isEmpty { lines += [""] + troubles }
    lines += [""] + centreLines + changeLines
    return lines
  }

  // MARK: Teams and groups

  private func table(_ word: String, _ scopes: [Sheet.Scope]) -> [Printable] {
    // A column that no host has is left out.
    let parts = Finding.Part.columns.filter { part in
      sheet.groups.contains { $0.cells[part] != nil }
    }
    var rows: [[(text: String, isFine: Bool?)]] = [
      ([word, "hosts"] + parts.map(Sheet.title) + ["ready"]).map { ($0.uppercased(), nil) }
    ]
    for scope in scopes {
      var row: [(String, Bool?)] = [
        (scope.name.visible, nil), ("\(scope.ready)/\(scope.hosts.count)", scope.isReady),
      ]
      row += parts.map { part in
        (Sheet.text(scope.cells[part], of: part), Sheet.isFine(scope.cells[part]))
      }
      row.append((scope.isReady ? "yes" : "no", scope.isReady))
      rows.append(row)
    }
    let widths = rows[0].indices.map { column in
      rows.map { Screen.columns($0[column].text) }.max() ?? 0
    }
    return rows.enumerated().map { index, row in
      var line: Printable = ""
      for (column, cell) in row.enumerated() {
        let fill = String(repeating: " ", count: widths[column] - Screen.columns(cell.text))
        let text = Printable(cell.text)
        let painted =
          index == 0 ? text : cell.isFine.map { screen.paint(text, $0 ? .green : .red) } ?? text
        line += column == 0 ? painted + Printable(fill) : Printable("  " + fill) + painted
      }
      return line
    }
  }

  // MARK: Lines

  private var troubleLines: [Printable] {
    let rows = sheet.troubles.map { trouble in
      (
        scope: trouble.scope.visible, hosts: fold(trouble.hosts).visible,
        what: Sheet.line(trouble.finding).visible, trouble.finding
      )
    }
    // A single long list of names moves only its own line.
    func width(_ texts: [String], _ most: Int) -> Int {
      texts.map(Screen.columns).filter { $0 <= most }.max() ?? 0
    }
    let scope = width(rows.map(\.scope), 16)
    let hosts = width(rows.map(\.hosts), 24)
    let what = width(rows.map(\.what), 24)
    return rows.map { row in
      let head =
        "\(Screen.pad(row.scope, scope))  \(Screen.pad(row.hosts, hosts))  \(Screen.pad(row.what, what))"
      let page = row.3.reason.map { "; see \($0.page)" } ?? ""
      return Printable(head) + "  \(row.3.text)\(page)"
    }
  }

  private var centreLines: [Printable] {
    let width =
      sheet.centre.map { Screen.columns($0.subject.visible) }.filter { $0 <= 30 }.max() ?? 0
    return sheet.centre.map { finding in
      let sign: (Printable, Terminal.Colour) =
        switch finding.isFine {
        case true?: ("✓", .green)
        case false?: ("✗", .red)
        case nil: (Printable(Format.none), .dim)
        }
      let page =
        finding.isFine == false ? finding.reason.map { "; see \($0.page)" } ?? "" : ""
      let subject = Screen.pad(finding.subject.visible, width)
      return screen.paint(sign.0, sign.1) + " \(subject)  \(finding.text)\(page)"
    }
  }

  private var changeLines: [Printable] {
    guard let changes else { return [] }
    let all = changes.failing.map { ("failing", $0) } + changes.mended.map { ("mended", $0) }
    var lines: [Printable] = [
      "", screen.paint(Printable("since \(Format.moment(changes.since))"), .bold),
    ]
    if all.isEmpty { lines.append("nothing has changed") }
    lines += all.map { word, finding in
      let colour: Terminal.Colour = word == "mended" ? .green : .red
      let who = finding.host.isEmpty ? "the monitor" : finding.host
      let text = word == "mended" ? "" : "  \(finding.text)"
      return screen.paint(Printable(Format.pad(word, 7)), colour)
        + "  \(who)  \(Sheet.line(finding))\(text)"
    }
    if !changes.added.isEmpty {
      lines.append("new in the sheet: \(fold(changes.added))")
    }
    return lines
  }
}
