internal import Configuration
internal import Console
internal import Engine
internal import Glibc
internal import Metrics
internal import Passes

/// One subcommand of `scrape`.
protocol Subcommand: Sendable {
  static var name: String { get }
  /// The purpose in one sentence.
  static var summary: String { get }
  /// The operands: `NAME`.
  static var operands: String { get }
  static var options: [Option] { get }
  /// The details for its help page.
  static var discussion: String { get }
  /// Examples, each with its purpose.
  static var examples: [Example] { get }
  static func run(_ arguments: Arguments) async throws -> Int32
}

/// A command line and its purpose.
typealias Example = (line: String, purpose: String)

/// All subcommands: a new one needs a file and a line here.
let subcommands: [any Subcommand.Type] = [
  RunCommand.self, WatchCommand.self, ImportCommand.self, HostCommand.self, ProbeCommand.self,
  ListCommand.self,
  LintCommand.self,
  TrustCommand.self, StatusCommand.self, AlertsCommand.self, SilenceCommand.self, AckCommand.self,
  NotifyCommand.self, ReportCommand.self, DoctorCommand.self, PreflightCommand.self,
  SetupCommand.self,
  DashboardsCommand.self, PageCommand.self, PolicyCommand.self, DiscoverCommand.self,
  LogCommand.self, AuthorizeCommand.self, FactsCommand.self,
]

@main struct Command {
  static let version = "0.1.0"

  static func main() async {
    Signals.ignoreBrokenPipes()
    // Before anything secret is in memory.
    Privacy.protect()
    // A hundred hosts with a dozen questions each take thousands of descriptors; 1,024 are usual.
    FileDescriptor.raiseLimit()
    if let denial = Requirements.denial {
      Terminal.note("scrape: \(denial)")
      exit(ExitCode.denied)
    }
    let code = Terminal.checked(await run(Array(CommandLine.arguments.dropFirst())))
    // At once, and not by exit(3): its handlers free what libcurl and OpenSSL hold while reactors may
    // still close connections on threads of their own ("free(): invalid pointer" in 1 of 3,000 passes).
    // All that is to be written has been: nothing is buffered here.
    _exit(code)
  }

  static func run(_ words: [String]) async -> Int32 {
    guard let name = words.first else {
      Terminal.note(.lines(Help.overview))
      return ExitCode.usage
    }
    switch name {
    case "help" where words.dropFirst().first == "metrics":
      return metrics(words.dropFirst(2).first)
    case "help" where SettingsPage.pages.contains { $0.name == words.dropFirst().first }:
      return settings(words[1], words.dropFirst(2).first)
    case "--help", "-h", "help":
      guard words.count > 1, let command = find(words[1]) else {
        Terminal.print(.lines(Help.overview))
        return ExitCode.ok
      }
      Terminal.print(.lines(Help.page(command)))
      return ExitCode.ok
    case "manual": return ManualCommand.run(Array(words.dropFirst()))
    case "complete": return ManualCommand.complete(Array(words.dropFirst()))
    case "--version":
      Terminal.print("scrape \(version)")
      return ExitCode.ok
    default: break
    }
    guard let command = find(name) else {
      let hint =
        didYouMean(name, among: subcommands.map { $0.name }).map { "\n\($0)" as Printable } ?? ""
      Terminal.note(
        "scrape: unknown command \"\(name.visible)\"\(hint)\n`scrape --help` lists them")
      return ExitCode.usage
    }
    let rest = Array(words.dropFirst())
    if rest.contains("--help") || rest.contains("-h") {
      Terminal.print(.lines(Help.page(command)))
      return ExitCode.ok
    }
    do {
      let arguments = try Arguments(rest, options: command.options)
      let places = command.operands.utf8.split(separator: UInt8(ascii: " ")).count
      // "…" stands for any number.
      if !command.operands.contains("…"), let extra = arguments.operands.dropFirst(places).first {
        let limit = command.options.contains { $0.name == "--limit" }
        throw UsageError(
          message: "unexpected \"\(extra)\"\(limit ? "; did you mean --limit \(extra)?" : "")")
      }
      return try await command.run(arguments)
    } catch let error as UsageError {
      Terminal.note(
        "scrape \(command.name): \(error.message.visible)\n`scrape \(command.name) --help` says more"
      )
      return ExitCode.usage
    } catch let error as ConfigurationErrors {
      Terminal.note(.lines(error.description))
      return ExitCode.usage
    } catch let error as ConfigurationError {
      Terminal.note(.lines(error.description))
      return ExitCode.usage
    } catch {
      Terminal.note("scrape \(command.name): \("\(error)".visible)")
      return ExitCode.undelivered
    }
  }

  /// Prints what is written, of one measurement or of all.
  private static func metrics(_ name: String?) -> Int32 {
    if let name, !Catalog.all.contains(name) {
      let hint = didYouMean(name, among: Catalog.all.names).map { "\n\($0)" as Printable } ?? ""
      Terminal.note("scrape: unknown measurement \"\(name.visible)\"\(hint)")
      return ExitCode.usage
    }
    Terminal.print(.lines(MetricsPage.text(.all, only: name)))
    return ExitCode.ok
  }

  /// Prints the settings of a page, or of its sections of one name.
  private static func settings(_ page: String, _ name: String?) -> Int32 {
    let all = SettingsPage.pages.first { $0.name == page }?.references() ?? []
    let chosen = name.map { SettingsPage.sections(all, named: $0) } ?? all
    if let name, chosen.isEmpty {
      let words = all.flatMap { SettingsPage.words(of: $0) }
      let hint = didYouMean(name, among: words).map { "\n\($0)" as Printable } ?? ""
      Terminal.note("scrape: no settings \"\(name.visible)\" in \(page.visible)\(hint)")
      return ExitCode.usage
    }
    Terminal.print(.lines(SettingsPage.text(chosen)))
    return ExitCode.ok
  }

  private static func find(_ name: String) -> (any Subcommand.Type)? {
    subcommands.first { $0.name == name }
  }
}
