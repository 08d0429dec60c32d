/// The answers of Wazuh 5.
extension Rule {
  func five(_ evidence: some Evidence, _ budget: Budget) -> Outcome {
    switch kind {
    case .registry: return Outcome(.notfound, "r: is for Windows only")
    case .file:
      guard case .five(let pattern) = pattern else { return existence(evidence) }
      switch evidence.kind(of: place) {
      case .success(.regular): break
      case .success: return Outcome(.invalid, "\(text(place)) is not a regular file")
      case .failure(.missing): return Outcome(.invalid, place, .missing)
      case .failure(.notDirectory): return Outcome(.invalid, place, .notDirectory)
      case .failure(let failure): return unreadable(place, failure, pattern)
      }
      return content(place, pattern, evidence, budget)
    case .folder:
      guard let name else { return folder(evidence) }
      return walk(name, evidence, budget)
    case .command, .script: return command(evidence, budget)
    case .process: return process(evidence)
    }
  }

  private func existence(_ evidence: some Evidence) -> Outcome {
    switch evidence.kind(of: place) {
    case .success(.regular): Outcome(.found, "\(text(place)) exists")
    case .success: Outcome(.notfound, "\(text(place)) is not a regular file")
    case .failure(.missing): Outcome(.notfound, place, .missing)
    case .failure(.notDirectory): Outcome(.notfound, place, .notDirectory)
    case .failure(let failure): Outcome(.invalid, place, failure)
    }
  }

  private func folder(_ evidence: some Evidence) -> Outcome {
    switch evidence.kind(of: place) {
    case .success(.directory): Outcome(.found, "\(text(place)) is a folder")
    case .success: Outcome(.notfound, "\(text(place)) is not a folder")
    case .failure(.missing): Outcome(.notfound, place, .missing)
    case .failure(.notDirectory): Outcome(.notfound, place, .notDirectory)
    case .failure(let failure): Outcome(.invalid, place, failure)
    }
  }

  /// A file that cannot be read has no lines for Wazuh 5; a literal is invalid.
  private func unreadable(
    _ path: [UInt8], _ failure: PathFailure, _ pattern: Pattern5
  ) -> Outcome {
    if case .literal = pattern { return Outcome(.invalid, path, failure) }
    return Outcome(.notfound, path, failure)
  }

  private func content(
    _ path: [UInt8], _ pattern: Pattern5, _ evidence: some Evidence, _ budget: Budget
  ) -> Outcome {
    let file: FileText
    switch evidence.read(path, budget) {
    case .success(let read): file = read
    case .failure(let failure): return unreadable(path, failure, pattern)
    }
    if case .literal(let literal) = pattern {
      var rest = file.bytes[...]
      var number = 0
      while let line = Lines.nextOfFive(&rest) {
        number += 1
        if budget.isOver { return tooLong(path) }
        if line.elementsEqual(literal), !(file.isCut && rest.isEmpty) {
          return Outcome(
            .found, "\(text(path)):\(number): \(clipped(line))",
            line: EvidenceLine(source: path, number: number, text: Array(line)))
        }
      }
      if file.isCut { return tooLarge(path, file) }
      return Outcome(.notfound, "no line of \(text(path)) equals the text")
    }
    var found: (number: Int, text: ArraySlice<UInt8>)?
    do throws(Pattern5.Failure) {
      var lines = file.bytes[...]
      // The last line of a cut text is no whole line.
      if file.isCut { lines = lines[..<(lines.lastIndex(of: lineFeed) ?? lines.startIndex)] }
      let isTrue = try pattern.matches(lines, budget, found: &found)
      if let found {
        return Outcome(
          isTrue ? .found : .notfound, "\(text(path)):\(found.number): \(clipped(found.text))",
          line: EvidenceLine(source: path, number: found.number, text: Array(found.text)))
      }
      if file.isCut { return tooLarge(path, file) }
      return Outcome(
        isTrue ? .found : .notfound,
        file.bytes.isEmpty ? "\(text(path)) is empty" : "no line of \(text(path)) matches")
    } catch {
      switch error {
      case .fault(let fault): return Outcome(.invalid, "\(text(path)): \(fault)")
      case .tooComplex: return tooComplex(path)
      }
    }
  }

  private func walk(
    _ test: NameTest, _ evidence: some Evidence, _ budget: Budget
  ) -> Outcome {
    switch evidence.kind(of: place) {
    case .success(.directory): break
    case .success: return Outcome(.invalid, "\(text(place)) is not a folder")
    case .failure(let failure): return Outcome(.invalid, place, failure)
    }
    var folders = [(path: place, depth: 1)]
    var troubled: Outcome?
    while let (path, depth) = folders.popLast() {
      let entries: [FolderEntry]
      switch evidence.list(path, budget) {
      case .success(let list): entries = list
      case .failure(let failure): return Outcome(.invalid, path, failure)
      }
      var hasFile = false
      for entry in entries {
        guard budget.takeEntry() else { return tooLong(path) }
        let full = joined(path, entry.name)
        switch entry.kind {
        case .link, nil: continue
        case .directory:
          guard depth < Budget.depth else {
            return Outcome(
              .invalid, "\(text(full)): more than \(Budget.depth) levels deep", trouble: .limit)
          }
          folders.append((full, depth + 1))
        case .regular, .other:
          hasFile = true
          switch file(full, entry, test, evidence, budget) {
          case nil: continue
          case .some(let outcome):
            if outcome.verdict == .found || isFinal(test, outcome) { return outcome }
            if troubled == nil, outcome.trouble != nil { troubled = outcome }
          }
        }
      }
      if !hasFile, !entries.isEmpty, case .five = test {
        return Outcome(.invalid, "\(text(path)) holds folders and links only")
      }
    }
    if let troubled {
      return Outcome(.notfound, troubled.why, trouble: troubled.trouble, line: troubled.line)
    }
    return Outcome(.notfound, "no file of \(text(place)) matches")
  }

  /// Whether the walk ends with this answer: a plain name takes the first file of that name, and a
  /// broken pattern of names is one for all.
  private func isFinal(_ test: NameTest, _ outcome: Outcome) -> Bool {
    switch test {
    case .exact: true
    case .five(.broken, _): true
    default: false
    }
  }

  /// The answer for one file; nil if its name does not match.
  private func file(
    _ path: [UInt8], _ entry: FolderEntry, _ test: NameTest, _ evidence: some Evidence,
    _ budget: Budget
  ) -> Outcome? {
    switch test {
    case .four: return nil
    case .exact(let name):
      guard entry.name.elementsEqual(name) else { return nil }
      guard case .five(let pattern) = pattern else {
        return Outcome(.found, "\(text(path)) exists")
      }
      // Wazuh 5 opens the bare name, in its own working folder.
      var outcome: Outcome
      switch evidence.kind(of: entry.name) {
      case .success(.regular): outcome = content(entry.name, pattern, evidence, budget)
      case .success, .failure: outcome = unreadable(path, .missing, pattern)
      }
      outcome.why =
        "Wazuh 5 looks for \(clipped(name)) in its own working folder; write r:^\(clipped(name))$"
      outcome.trouble = .engine
      return outcome
    case .five(let expression, _):
      if let fault = expression.fault {
        return Outcome(.invalid, "the pattern of names does not compile: \(fault)")
      }
      do throws(TooComplex) {
        guard try test.accepts(entry.name) else { return nil }
      } catch { return tooComplex(path) }
      guard case .five(let pattern) = pattern else {
        return Outcome(.found, "\(text(path)) exists")
      }
      guard entry.kind == .regular else { return nil }
      let outcome = content(path, pattern, evidence, budget)
      if outcome.verdict == .found { return outcome }
      // Errors of the pattern count as not found here.
      return Outcome(.notfound, outcome.why, trouble: outcome.trouble, line: outcome.line)
    }
  }

  private func command(_ evidence: some Evidence, _ budget: Budget) -> Outcome {
    let text: FileText
    switch commandOutput(evidence.run(commandKey)) {
    case .success(let output): text = output
    case .failure(let failure): return failure.outcome
    }
    guard case .five(let pattern) = pattern else {
      return Outcome(.found, "\"\(clipped(place))\" ran")
    }
    var whole = text.bytes[...].untilNUL
    // The last line of a cut text is no whole line.
    if text.isCut { whole = whole[..<(whole.lastIndex(of: lineFeed) ?? whole.startIndex)] }
    let output = whole.trimming(lineFeed)
    if case .literal(let literal) = pattern {
      if text.isCut { return tooLarge(place, text) }
      return output.elementsEqual(literal)
        ? Outcome(
          .found, "the output of \"\(clipped(place))\" is that text",
          line: EvidenceLine(source: place, text: Array(output)))
        : Outcome(.notfound, "the output of \"\(clipped(place))\" is another text")
    }
    var found: (number: Int, text: ArraySlice<UInt8>)?
    do throws(Pattern5.Failure) {
      let isTrue = try pattern.matches(output, budget, found: &found)
      guard let found else {
        if text.isCut { return tooLarge(place, text) }
        return Outcome(
          isTrue ? .found : .notfound, "no line of \"\(clipped(place))\" matches")
      }
      return Outcome(
        isTrue ? .found : .notfound,
        "line \(found.number) of \"\(clipped(place))\": \(clipped(found.text))",
        line: EvidenceLine(source: place, number: found.number, text: Array(found.text)))
    } catch {
      switch error {
      // The empty standard error of the command counts as a clean "no".
      case .fault(let fault): return Outcome(.notfound, "\"\(clipped(place))\": \(fault)")
      case .tooComplex: return tooComplex(place)
      }
    }
  }

  private func process(_ evidence: some Evidence) -> Outcome {
    switch evidence.processes {
    case .absent: return Outcome(.invalid, "the host has no list of processes")
    case .notCollected(let why): return Outcome(.invalid, why, trouble: .notCollected)
    case .denied(let why): return Outcome(.invalid, why, trouble: .permission)
    case .known(let entries):
      let isThere = entries.contains { $0.name == place || $0.commandLine == place }
      return isThere
        ? Outcome(
          .found, "the process \(clipped(place))",
          line: EvidenceLine(source: Array("processes".utf8), text: place))
        : Outcome(.notfound, "no process is exactly \(clipped(place))")
    }
  }
}
