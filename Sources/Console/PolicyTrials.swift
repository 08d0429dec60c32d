internal import Configuration
internal import Glibc
internal import Metrics
internal import Passes
public import Policies

/// What authors of policies see: `scrape policy try` and `scrape policy lint`.
public enum PolicyTrials {
  // MARK: One rule

  public static func show(_ trial: Trial, json: Bool) {
    let outcome = trial.outcome
    if json {
      Terminal.print(
        Printable(
          JSON.object([
            ("verdict", .string(outcome.verdict.rawValue)), ("why", .string(outcome.why)),
            ("undecided", outcome.trouble.map { .string($0.rawValue) } ?? .null),
            ("source", text(outcome.line?.source)),
            ("line", outcome.line?.number.map { .integer(Int64($0)) } ?? .null),
            ("text", text(outcome.line?.text)),
            ("refusal", trial.refusal.map { .string($0) } ?? .null),
          ])))
      return
    }
    Terminal.print("\(outcome.verdict.rawValue)".visible)
    Terminal.print("  \(outcome.why)".visible)
    if let trouble = outcome.trouble {
      Terminal.print("  a check with it stays unknown: \(trouble.rawValue)".visible)
    }
    if let refusal = trial.refusal { Terminal.print("  \(refusal)".visible) }
  }

  private static func text(_ bytes: [UInt8]?) -> JSON {
    bytes.map { .string(String(decoding: $0, as: UTF8.self)) } ?? .null
  }

  // MARK: A policy

  public static func show(_ policy: Policy, _ result: PolicyResult, json: Bool) {
    for check in result.checks {
      let rule = check.decidedBy.flatMap {
        check.check.rules.indices.contains($0) ? check.check.rules[$0].shown : nil
      }
      if json {
        Terminal.print(
          Printable(
            JSON.object([
              ("policy", .string(policy.id)), ("check", .string(check.check.id)),
              ("title", .string(check.check.title)),
              ("result", .string(check.verdict.rawValue)), ("why", .string(check.why)),
              ("rule", rule.map { .string($0) } ?? .null),
              ("source", text(check.line?.source)),
              ("line", check.line?.number.map { .integer(Int64($0)) } ?? .null),
              ("text", text(check.line?.text)),
            ])))
        continue
      }
      Terminal.print(
        "\(check.check.id)  \(Format.pad(check.verdict.rawValue, 14))  \(check.check.title)".visible
      )
      Terminal.print("    \(check.why)".visible)
      if let rule { Terminal.print("    rule: \(rule)".visible) }
    }
    for warning in policy.warnings { Terminal.note(.lines(warning.description)) }
    if json { return }
    switch result.requirements {
    case .met: break
    case .notMet(let why): Terminal.print("requirements are not met: \(why)".visible)
    case .unknown(let why): Terminal.print("requirements are unknown: \(why)".visible)
    }
    let counts = CheckVerdict.allCases.map { "\($0.rawValue) \(result.count($0))" }
    let score = result.score.map { "; score \($0) %" } ?? ""
    Terminal.print("\(counts.joined(separator: ", "))\(score)".visible)
  }

  // MARK: Lint

  /// Prints the faults and warnings of files, and of the files of folders; false if there is a fault.
  public static func lint(_ paths: [String], dialect: Dialect?) throws -> Bool {
    let files = try paths.flatMap { try Self.files(of: $0) }
    var isGood = true
    var seen: [String: String] = [:]
    for file in files {
      do throws(ConfigurationErrors) {
        let source: Source
        do throws(ConfigurationError) { source = try Source.read(file) } catch {
          throw ConfigurationErrors(error)
        }
        let (policy, all) = try PolicyLint.read(source, dialect: dialect)
        for warning in FoldedFaults.all(all) { Terminal.note(.lines(warning.description)) }
        if let other = seen.updateValue(file, forKey: policy.id) {
          Terminal.note("\(file): the policy \(policy.id) is in \(other), too".visible)
        }
        let prefix = files.count > 1 ? "\(file): " : ""
        Terminal.print(
          "\(prefix)\(Format.count(policy.checks.count, "check")) of dialect \(policy.dialect.rawValue): no fault found\(all.isEmpty ? "" : ", \(Format.count(all.count, "warning"))")"
            .visible)
      } catch {
        if isGood, files.count == 1 { throw error }
        isGood = false
        Terminal.note(.lines(error.description))
      }
    }
    return isGood
  }

  /// The file, or the files of the folder that are YAML by their names, in order.
  private static func files(of path: String) throws -> [String] {
    guard let list = opendir(path) else { return [path] }
    defer { closedir(list) }
    var names: [String] = []
    while let entry = readdir(list) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix("."), name.hasSuffix(".yml") || name.hasSuffix(".yaml") {
        names.append(name)
      }
    }
    guard !names.isEmpty else {
      throw ConfigurationErrors(
        ConfigurationError("no file of this folder ends with .yml or .yaml", file: path))
    }
    return names.sorted().map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
  }
}
