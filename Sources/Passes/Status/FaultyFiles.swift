public import Configuration
public import Metrics

/// What is wrong with inventory and settings, for commands that go on without them.
public struct FaultyFiles: Sendable {
  /// The first fault, with file, line and column.
  private let first: String
  private let count: Int

  /// Nil without faults.
  public init?(_ findings: Findings) {
    let errors = findings.errors
    guard let error = errors.first else { return nil }
    first = error.oneLine
    count = errors.count
  }

  /// The first fault, and what it means for the passes.
  public func lines(beside watch: WatchStatus?) -> [String] {
    let more = count > 1 ? ", and \(Format.count(count - 1, "more fault"))" : ""
    let passes =
      watch == nil
      ? "NO PASS RUNS WITH THESE FILES" : "scrape watch goes on with the files of before"
    return [
      "FAULTY FILES: \(first)\(more): `scrape lint`",
      "\(passes); below is what the store knows of the last day",
    ]
  }

  /// The object of `scrape status --json`.
  public var json: JSON {
    .object([
      ("files", .object([("faults", .integer(Int64(count))), ("message", .string(first))]))
    ])
  }
}
