internal import Console
internal import Metrics
internal import Passes
internal import Store

/// `scrape page`: writes the web pages once, by hand.
enum PageCommand: Subcommand {
  static let name = "page"
  static let summary = "Writes static web pages of all hosts to a folder, from the store."
  static let operands = "DIR"
  static let options =
    Site.options + [
      Option("--title", "TEXT", "Title of the pages; default: scrape.")
    ]
  static let discussion = """
    `scrape run` writes the folders of `pages:` in scrape.yml at the end of each pass. Here all pages are
    written at once, also those of hosts that would wait for their turn. Any web server shows the folder,
    and a browser opens its index.html without one. Nothing in a page asks another machine.
    """
  static let examples: [Example] = [
    ("scrape page /tmp/www", "then open /tmp/www/index.html")
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    guard let folder = arguments.operands.first else {
      throw UsageError(message: "name the folder: page DIR")
    }
    let site = try Site(arguments, checkingKeys: false)
    guard site.hasStore else {
      Terminal.note("scrape page: no pass has run yet (\(site.storePath.visible) is not there)")
      return ExitCode.notOK
    }
    let store = site.storeToRead()
    try await site.check(store)
    let title = arguments["--title"] ?? "scrape"
    let result = await PageWriter(site, store).write(
      to: folder, title: title, at: .now)
    if let failure = result.failure {
      Terminal.note("scrape page: \(folder.visible): \(failure.visible)")
      return ExitCode.notOK
    }
    Terminal.show(Printable("\(Format.count(result.pages, "page")): \(folder)/index.html"))
    return ExitCode.ok
  }
}
