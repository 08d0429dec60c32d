/// What a rule read and answered, for people.
public struct RuleExplanation: Sendable {
  /// The text of the rule.
  public var rule: String
  public var outcome: Outcome
  /// What was read for it, each in one line.
  public var read: [String]
  /// Commands that show the same on the host, without scrape.
  public var byHand: [String]
}

extension Policy {
  /// The check of that id with its result, and each of its rules, also those behind the one that
  /// decided; nil without such a check.
  public func explain(
    _ id: String, _ collection: HostCollection, allowed: AllowedCommands
  ) -> (check: CheckResult, rules: [RuleExplanation])? {
    guard let check = checks.first(where: { $0.id == id }) else { return nil }
    let evidence = PolicyEvidence(collected: collection, allowed: allowed)
    let end = ContinuousClock.now + Self.time
    let result = check.decide(dialect, evidence, until: end)
    let rules = check.rules.map { rule in
      var explanation = RuleExplanation(
        rule: rule.shown, outcome: rule.evaluate(dialect, evidence, until: end), read: [],
        byHand: [])
      if case .success(let compiled) = rule.compiled {
        explanation.read = compiled.items(in: collection)
        explanation.byHand = compiled.byHand
      }
      return explanation
    }
    return (result, rules)
  }
}

extension Rule {
  /// What the collection has of the rule's files, or of its command.
  fileprivate func items(in collection: HostCollection) -> [String] {
    switch kind {
    case .file:
      return members.map { path in
        "\(clipped(path)): \(collection.paths[path]?.words ?? "not collected")"
      }
    case .folder:
      return members.map { path in
        switch collection.folders[path] {
        case .success(let entries): "\(clipped(path)): a folder of \(entries.count) entries"
        case .failure(let failure): "\(clipped(path)): \(failure.words)"
        case nil: "\(clipped(path)): \(collection.paths[path]?.words ?? "not collected")"
        }
      }
    case .command, .script:
      let words =
        switch collection.commands[kind == .script ? Self.scriptKey(place) : place] {
        case .ran(let output, let status): "status \(status), \(output.count) bytes of output"
        case .cut(let output): "more than \(output.count) bytes of output"
        case .absent: "not installed"
        case .timedOut: "not ended within \(CollectionScript.programTime) s"
        case .denied(let why), .refused(let why), .notCollected(let why): why
        case nil: "not run"
        }
      return ["\(clipped(place)): \(words)"]
    case .process:
      if case .known(let list)? = collection.list { return ["\(list.count) processes"] }
      return ["no list of processes"]
    case .registry: return []
    }
  }

  fileprivate var byHand: [String] {
    func word(_ bytes: [UInt8]) -> String { CollectionScript.quoted(bytes) }
    switch kind {
    case .file:
      return members.map { pattern == nil ? "ls -dlL \(word($0))" : "cat \(word($0))" }
    case .folder:
      return members.map { path in
        if name == nil { return "ls -dlL \(word(path))" }
        return pattern == nil ? "find \(word(path))/ -ls" : "grep -rn '' \(word(path))/"
      }
    case .command: return [Lines.words(place).map(word).joined(separator: " ")]
    case .script: return ["sh -c \(word(place))"]
    case .process: return ["ps -e -o comm="]
    case .registry: return []
    }
  }
}

extension HostCollection.Found {
  fileprivate var words: String {
    switch (kind, content) {
    case (.failure(let failure), _): failure.words
    case (.success(.directory), _): isReadable ? "a folder" : "a folder, permission denied"
    case (.success(.regular), .success(let text)):
      "\(text.isCut ? "more than " : "")\(text.bytes.count) bytes read"
    case (.success(.regular), .failure(let failure)): failure.words
    case (.success(.regular), nil): "a regular file"
    case (.success, _): "no regular file"
    }
  }
}
