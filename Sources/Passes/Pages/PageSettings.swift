internal import Configuration
internal import Inventory
internal import Pages

/// One entry of `pages:` in scrape.yml: a folder of web pages for one audience.
public struct PageSettings: Sendable {
  /// The folder, from that of scrape.yml.
  public var folder: String
  var title: String
  /// The hosts that this audience sees; nil for all.
  var hosts: [String]?
  var hidden: Set<PageModel.Part> = []
  var delay: Duration = .zero
  var announcements: [PageAnnouncement] = []

  init(folder: String, title: String, hosts: [String]? = nil) {
    self.folder = folder
    self.title = title
    self.hosts = hosts
  }

  /// Reads the section `pages`.
  static func all(
    _ node: Node?, _ inventory: Inventory, from folder: String, _ findings: inout Findings
  ) -> [PageSettings] {
    guard let node, !node.isNull else { return [] }
    let items = node.items ?? [node]
    var folders: Set<String> = []
    return items.compactMap { item in
      let page = findings.decode("a page", item) { PageSettings(&$0, inventory, from: folder) }
      guard let page else { return nil }
      guard folders.insert(page.folder).inserted else {
        findings.add(
          ConfigurationError("two pages are written to \"\(page.folder)\"", at: item))
        return nil
      }
      return page
    }
  }

  private init?(_ fields: inout Fields, _ inventory: Inventory?, from base: String) {
    let path = fields.require(
      "folder", .text, "Folder of the files; it is made where it is missing.",
      example: "/var/lib/scrape/www")
    title = fields.take(
      "title", .word, default: "scrape", "Title of all its pages.", example: "range-a")
    let pattern = fields.take(
      "hosts", .text("pattern", example: "\"&blue1\""), otherwise: "all",
      "Hosts that its readers see; nothing of others is written.")
    let words = fields.take(
      "hide", .words("list of parts: \(Self.parts)", example: "[logins, bmc]"), default: [],
      "Parts that are left out.", example: "[logins, messages]")
    delay = fields.take(
      "delay", .duration(.zero ... .seconds(86_400)), default: .zero,
      "How old what it shows is at least.", example: "10m")
    announcements = fields.list(
      "announce", of: "an announcement", or: PageAnnouncement.file(from: base), otherwise: "none",
      "Texts for its readers at the top of each page: files, or texts with their times.",
      example: "[{text: Maintenance, from: \"2026-11-20 18:00\", until: \"2026-11-20 22:00\"}]"
    ) { PageAnnouncement(&$0, from: base) }
    folder = path ?? ""
    guard !fields.isReference, path != nil else { return nil }
    folder = Self.path(folder, from: base)
    for word in words {
      guard let part = PageModel.Part(rawValue: word) else {
        let hint = didYouMean(word, among: PageModel.Part.allCases.map(\.rawValue))
        fields.add(
          "unknown part \"\(word)\" of a page", at: "hide", hint: hint ?? "possible: \(Self.parts)")
        continue
      }
      hidden.insert(part)
    }
    if let pattern, let inventory {
      do throws(ConfigurationError) {
        hosts = try inventory.select(pattern).map(\.name)
      } catch {
        fields.add(error.problem, at: "hosts", hint: error.hint)
      }
    }
  }

  private static var parts: String {
    PageModel.Part.allCases.map(\.rawValue).joined(separator: ", ")
  }

  static func path(_ path: String, from base: String) -> String {
    path.hasPrefix("/") ? path : "\(base)/\(path)"
  }

  /// The settings of a page.
  static var reference: Reference {
    Reference(
      "`pages[]`",
      "A folder of static web pages, written at the end of each pass. Any web server shows it, and so does "
        + "a browser without one."
    ) { fields in
      _ = PageSettings(&fields, nil, from: "")
    }
  }
}
