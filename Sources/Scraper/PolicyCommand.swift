internal import Configuration
internal import Console
internal import Passes
internal import Policies

/// `scrape policy`: results of policies, from the store; trying and linting policies without a host.
enum PolicyCommand: Subcommand {
  static let name = "policy"
  static let summary =
    "Shows which hosts meet their policies, from the store; tries and lints policies."
  static let operands = "[PATTERN] | try [RULE] | lint PATH… | remedy HOST | replay FILE | sudoers"
  static let options: [Option] =
    Site.options + [
      Option("--failed", "Lists failed checks only."),
      Option("--checks", "Lists all checks of each host with their reasons."),
      Option("--matrix", "Checks as rows, hosts as columns."),
      Option("--explain", "ID", "What was read for the check ID of one host, rule by rule."),
      Option("--policy", "NAME", "Only this policy; with try: the file of the policy."),
      Option("--json", "Prints one JSON object per host and policy, rule or check."),
      Option("--csv", "Prints one line per host and check."),
      Option("--ansible", "remedy: prints a playbook instead of a shell script."),
      Option(
        "--since", "TIME",
        "replay: all kept collections of that time (12h, 7d) instead of the last of each host."),
      Option("--dialect", "4|5", "The generation of Wazuh; default: that of the policy, or 4."),
      Option("--root", "DIR", "try: the folder that stands for the host's files."),
      Option(
        "--outputs", "FILE",
        "try: JSON with the output of commands, and the processes: see below."),
      Option(
        "--regex-type", "TYPE", "try: osregex or pcre2, for RULE of dialect 4; default: osregex."),
      Option("--color", "WHEN", "auto (on a terminal, unless NO_COLOR is set), always or never."),
    ]
  static let discussion = """
    Without a word, and with PATTERN, it shows the last results of `scrape run`: of each host and policy
    of scrape.yml the score, 100 × passed / (passed + failed), and how many checks have which result. A
    PATTERN of one host lists its checks. Exit code 1 if a check failed.

    `--explain ID HOST` evaluates the check again on what was last read of the host.
    `sudoers` prints the lines of sudoers(5) that `become: sudo` needs, and no more.
    `remedy HOST` prints what would repair the failed checks; it is never run.
    `replay FILE` evaluates a changed policy on what was read before, contacts no host, and shows what
    changes.

    `try RULE` prints found, notfound or invalid (with dialect 5 also notrun), then the reason.
    `try --policy FILE` prints the result of each check: passed, failed, not applicable or unknown.
    Links in DIR are followed as the host would follow them, never out of DIR. FILE of --outputs maps
    the text of a command to its output: {"sshd -T": {"output": "…", "status": 0}, "processes": ["init"]}.
    A command that it does not contain cannot be run; no command runs on this machine.

    `lint PATH…`, of files, and of folders with their files of .yml and .yaml, shows the faults for which Wazuh
    refuses a policy, and rules that are not what they
    seem: never or always met, hidden by others, or not allowed here. Exit code 2 if there is a fault,
    0 if there are only warnings.
    """
  static let examples: [Example] = [
    ("scrape policy", "scores of all hosts"),
    ("scrape policy web1 --failed", "what is to be repaired"),
    ("scrape policy --explain 12 web1", "why"),
    (
      "scrape policy try --root / 'f:/etc/login.defs -> r:^PASS_MAX_DAYS'",
      "one rule on this machine"
    ),
    ("scrape policy try --policy cis.yml --root web01/ --outputs web01.json", "a whole policy"),
    ("scrape policy lint cis.yml policies/", "before they are used"),
  ]

  private static let words = ["try", "lint", "remedy", "replay", "sudoers"]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    var operands = arguments.operands[...]
    switch operands.first {
    case "try":
      operands.removeFirst()
      guard operands.count <= 1 else {
        throw UsageError(message: "one rule at a time; put it in quotes")
      }
      return try attempt(operands.first, arguments)
    case "lint":
      operands.removeFirst()
      guard !operands.isEmpty else {
        throw UsageError(message: "name files or folders: scrape policy lint PATH…")
      }
      let isGood = try PolicyTrials.lint(Array(operands), dialect: try dialect(arguments))
      return isGood ? ExitCode.ok : ExitCode.usage
    case "remedy":
      operands.removeFirst()
      guard let host = operands.popFirst(), operands.isEmpty else {
        throw UsageError(message: "name one host: scrape policy remedy HOST")
      }
      return try await PolicyResults.remedy(host, arguments)
    case "sudoers":
      operands.removeFirst()
      guard operands.count <= 1 else {
        throw UsageError(message: "one PATTERN: scrape policy sudoers [PATTERN]")
      }
      return try PolicySudoers.show(of: operands.first, arguments)
    case "replay":
      operands.removeFirst()
      guard let file = operands.popFirst(), operands.count <= 1 else {
        throw UsageError(message: "name one file: scrape policy replay FILE [PATTERN]")
      }
      return try await PolicyResults.replay(file, of: operands.first, arguments)
    default:
      guard operands.count <= 1 else {
        throw UsageError(
          message: "one PATTERN, or one of try, lint, remedy, replay and sudoers")
      }
      do { return try await PolicyResults.show(of: operands.first, arguments) } catch {
        // A pattern that no host matches may be a word of this command.
        guard let word = operands.first, let hint = didYouMean(word, among: words) else {
          throw error
        }
        throw UsageError(
          message: "\"\(word)\" is no host, and none of \(words.joined(separator: ", ")); \(hint)")
      }
    }
  }

  private static func dialect(_ arguments: Arguments) throws(UsageError) -> Dialect? {
    guard let text = arguments["--dialect"] else { return nil }
    guard let dialect = Dialect(text: text) else {
      throw UsageError(message: "--dialect takes 4 or 5, not \"\(text)\"")
    }
    return dialect
  }

  private static func attempt(_ rule: String?, _ arguments: Arguments) throws -> Int32 {
    let dialect = try dialect(arguments)
    var type: RegexType?
    if let word = arguments["--regex-type"] {
      guard let known = RegexType(rawValue: word) else {
        throw UsageError(message: "--regex-type takes osregex or pcre2, not \"\(word)\"")
      }
      type = known
    }
    var outputs: Source?
    if let path = arguments["--outputs"] { outputs = try Source.read(path) }
    let evidence = try OfflineEvidence(root: arguments["--root"], outputs: outputs)
    var policy: Policy?
    if let path = arguments["--policy"] {
      policy = try PolicyReader.read(try Source.read(path), dialect: dialect)
    }
    if let rule {
      let trial = Trial(
        rule, dialect ?? policy?.dialect ?? .four, regexType: type, policy: policy, evidence)
      PolicyTrials.show(trial, json: arguments.has("--json"))
      return ExitCode.ok
    }
    guard let policy else {
      throw UsageError(message: "give a rule in quotes, or --policy FILE")
    }
    PolicyTrials.show(policy, policy.evaluate(evidence), json: arguments.has("--json"))
    return ExitCode.ok
  }
}
