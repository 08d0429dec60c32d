internal import Metrics
internal import Pages

/// A sheet as columns and lines, which a terminal and a page show alike.
extension Sheet {
  /// The words above the columns of hosts.
  public static func title(_ part: Finding.Part) -> String {
    switch part {
    case .bmc, .gpu: part.rawValue.uppercased()
    case .centre: part.rawValue
    default: part.rawValue.prefix(1).uppercased() + part.rawValue.dropFirst()
    }
  }

  /// The text of a cell: a sign where all is well, else how many of how many; BMCs, GPUs, services and policies
  /// are always counted.
  public static func text(_ cell: Cell?, of part: Finding.Part) -> String {
    guard let cell, !cell.isEmpty else { return Format.none }
    let all = cell.fine + cell.failed + cell.unknown
    if [.bmc, .gpu, .probes, .policy].contains(part) || cell.failed > 0 {
      return "\(cell.fine)/\(all)"
    }
    return cell.fine > 0 ? "✓" : Format.none
  }

  public static func isFine(_ cell: Cell?) -> Bool? {
    guard let cell, !cell.isEmpty else { return nil }
    return cell.failed > 0 ? false : cell.fine > 0 ? true : nil
  }

  /// `ready`, or what is not.
  public var verdict: String {
    if isReady { return "ready" }
    let broken = Set(findings.filter { $0.isFine == false && !$0.host.isEmpty }.map(\.host)).count
    let centre = centre.count { $0.isFine == false }
    var parts: [String] = []
    if broken > 0 { parts.append("\(broken) of \(Format.count(members.count, "host"))") }
    if centre > 0 { parts.append("\(Format.count(centre, "thing")) of the monitor") }
    return "not ready: \(parts.joined(separator: ", "))"
  }

  /// The page to print and sign; `fold` shortens lists of names.
  public func page(
    title: String, _ changes: Changes?, fold: ([String]) -> String
  ) -> [UInt8] {
    var tables: [SheetModel.Table] = []
    for (word, scopes) in [("Team", teams), ("Group", groups)] where !scopes.isEmpty {
      tables.append(
        SheetModel.Table(
          title: "\(word)s",
          columns: [word, "Hosts"] + Finding.Part.columns.map(Self.title) + ["Ready"],
          rows: scopes.map { scope in
            [
              .init(scope.name, nil), .init("\(scope.ready)/\(scope.hosts.count)", scope.isReady),
            ]
              + Finding.Part.columns.map { part in
                .init(Self.text(scope.cells[part], of: part), Self.isFine(scope.cells[part]))
              } + [.init(scope.isReady ? "yes" : "no", scope.isReady)]
          }))
    }
    var lists = [
      SheetModel.List(
        title: "To see to", empty: "Nothing on the hosts.",
        lines: troubles.map { trouble in
          let finding = trouble.finding
          return (
            who: "\(trouble.scope) \(fold(trouble.hosts))",
            what: "\(Self.line(finding)) \(Self.words(finding))", cure: finding.remedy,
            isFine: false
          )
        }),
      SheetModel.List(
        title: "The monitor",
        lines: centre.map { finding in
          (
            who: finding.subject, what: Self.words(finding),
            cure: finding.isFine == false ? finding.remedy : "", isFine: finding.isFine
          )
        }),
    ]
    if let changes {
      let all = changes.failing.map { ($0, false) } + changes.mended.map { ($0, true) }
      lists.append(
        SheetModel.List(
          title: "Since \(Format.moment(changes.since))", empty: "Nothing has changed.",
          lines: all.map { finding, isFine in
            (
              who: finding.host.isEmpty ? "the monitor" : finding.host,
              what: "\(Self.line(finding)) \(isFine ? "mended" : Self.words(finding))", cure: "",
              isFine: isFine
            )
          }))
    }
    let model = SheetModel(
      title: title, verdict: verdict, isReady: isReady,
      facts: [
        "\(Format.time(time, at: Timestamp(seconds: 0))) \(time.zone)",
        Format.count(members.count, "host"), "for \(hours) h",
        "made by scrape preflight",
      ], tables: tables, lists: lists)
    return SheetPage(model).bytes()
  }

  /// `tools disk`; a subject that says no more than the part is left out.
  public static func line(_ finding: Finding) -> String {
    let part = finding.part == .centre ? "" : finding.part.rawValue
    let subject =
      ["session", "answer", "clock", "gpu"].contains(finding.subject) ? "" : finding.subject
    return [part, subject].filter { !$0.isEmpty }.joined(separator: " ")
  }

  private static func words(_ finding: Finding) -> String {
    let word = finding.reason.map { "\($0.rawValue): " } ?? ""
    return finding.message.hasPrefix(word) ? finding.message : word + finding.message
  }
}
