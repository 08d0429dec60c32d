/// The answers of Wazuh 4.
extension Rule {
  func four(_ evidence: some Evidence, _ budget: Budget) -> Outcome {
    switch kind {
    case .registry: return Outcome(.notfound, "r: is for Windows only")
    case .file: return fileList(place, evidence, budget)
    case .folder: return folderList(evidence, budget)
    case .command, .script: return command(evidence, budget)
    case .process: return process(evidence, budget)
    }
  }

  /// The members of a list with commas; empty ones vanish.
  private func members(_ list: [UInt8]) -> [[UInt8]] {
    list.split(separator: UInt8(ascii: ",")).map(Array.init)
  }

  private func list(
    _ list: [UInt8], _ evaluate: ([UInt8]) -> Outcome
  ) -> Outcome {
    var verdict = ListVerdict()
    for member in members(list) where verdict.take(evaluate(member)) { break }
    return verdict.outcome ?? Outcome(.notfound, "names no file")
  }

  private func fileList(
    _ places: [UInt8], _ evidence: some Evidence, _ budget: Budget
  ) -> Outcome {
    list(places) { path in
      guard case .four(let pattern) = pattern else { return existence(path, evidence) }
      return content(path, pattern, evidence, budget)
    }
  }

  private func existence(_ path: [UInt8], _ evidence: some Evidence) -> Outcome {
    switch evidence.kind(of: path) {
    case .success(.regular): Outcome(.found, "\(text(path)) exists")
    case .success: Outcome(.invalid, "\(text(path)) is not a regular file")
    case .failure(.missing): Outcome(.notfound, path, .missing)
    case .failure(let failure): Outcome(.invalid, path, failure)
    }
  }

  private func content(
    _ path: [UInt8], _ pattern: Pattern4, _ evidence: some Evidence, _ budget: Budget
  ) -> Outcome {
    switch evidence.kind(of: path) {
    case .success(.regular): break
    case .success: return Outcome(.invalid, "\(text(path)) is not a regular file")
    case .failure(let failure): return Outcome(.invalid, path, failure)
    }
    let file: FileText
    switch evidence.read(path, budget) {
    case .success(let read): file = read
    case .failure(let failure): return Outcome(.invalid, path, failure)
    }
    var rest = file.bytes[...]
    var number = 0
    while let line = Lines.nextOfFile(&rest) {
      number += 1
      // The last line of a cut text is no whole line.
      if file.isCut && rest.isEmpty { break }
      if budget.isOver { return tooLong(path) }
      var reason: String?
      let value: Int32
      do throws(TooComplex) { value = try pattern.value(line, reason: &reason) } catch {
        return tooComplex(path)
      }
      guard value != 0 else { continue }
      let evidence = EvidenceLine(source: path, number: number, text: Array(line))
      if value == 1 {
        return Outcome(.found, "\(text(path)):\(number): \(clipped(line))", line: evidence)
      }
      let what = reason ?? "an invalid term"
      // Wazuh reads no line behind it, and calls it not found unless exactly one term is invalid.
      return Outcome(
        value == 2 ? .invalid : .notfound, "\(text(path)):\(number): \(what)", line: evidence)
    }
    if file.isCut { return tooLarge(path, file) }
    return Outcome(
      .notfound, number == 0 ? "\(text(path)) is empty" : "no line of \(text(path)) matches")
  }

  private func folderList(_ evidence: some Evidence, _ budget: Budget) -> Outcome {
    list(place) { path in
      guard let name else { return folder(path, evidence, budget) }
      switch evidence.list(path, budget) {
      case .failure(let failure): return Outcome(.invalid, path, failure)
      case .success(let entries):
        return walk(path, entries, depth: 1, name, evidence, budget).outcome
          ?? Outcome(.notfound, "no file of \(text(path)) has such a name")
      }
    }
  }

  private func folder(
    _ path: [UInt8], _ evidence: some Evidence, _ budget: Budget
  ) -> Outcome {
    switch evidence.list(path, budget) {
    case .success: Outcome(.found, "\(text(path)) is a folder")
    // It was opened, however many entries it has.
    case .failure(.limit): Outcome(.found, "\(text(path)) is a folder")
    case .failure(.missing): Outcome(.notfound, path, .missing)
    case .failure(let failure): Outcome(.invalid, path, failure)
    }
  }

  private func walk(
    _ path: [UInt8], _ entries: [FolderEntry], depth: Int, _ test: NameTest,
    _ evidence: some Evidence, _ budget: Budget
  ) -> ListVerdict {
    var verdict = ListVerdict()
    for entry in entries {
      guard budget.takeEntry() else {
        _ = verdict.take(tooLong(path))
        return verdict
      }
      let full = joined(path, entry.name)
      let outcome: Outcome
      switch entry.kind {
      case nil: outcome = Outcome(.invalid, "\(text(full)) cannot be examined")
      case .directory:
        guard depth < Budget.depth else {
          outcome = Outcome(
            .invalid, "\(text(full)): more than \(Budget.depth) levels deep", trouble: .limit)
          break
        }
        switch evidence.list(full, budget) {
        case .failure(let failure): outcome = Outcome(.invalid, full, failure)
        case .success(let inner):
          guard
            let result = walk(full, inner, depth: depth + 1, test, evidence, budget).outcome
          else { continue }
          outcome = result
        }
      case .regular, .link, .other:
        do throws(TooComplex) {
          guard try test.accepts(entry.name) else { continue }
        } catch {
          _ = verdict.take(tooComplex(full))
          continue
        }
        outcome = fileList(full, evidence, budget)
      }
      if verdict.take(outcome) { return verdict }
    }
    return verdict
  }

  private func command(_ evidence: some Evidence, _ budget: Budget) -> Outcome {
    let result = evidence.run(commandKey)
    if case .refused(let why) = result { return Outcome(.invalid, why, trouble: .refused) }
    guard case .four(let pattern) = pattern else {
      return Outcome(.found, "a command without a pattern is found without being run")
    }
    let output: FileText
    switch commandOutput(result) {
    case .success(let text): output = text
    case .failure(let failure): return failure.outcome
    }
    var value: Int32 = 0
    var reason: String?
    var pieces = Lines.ofOutput(output.bytes)
    // The last line of a cut text is no whole line.
    if output.isCut { pieces.removeLast() }
    for (index, line) in pieces.enumerated() {
      if budget.isOver { return tooLong(place) }
      reason = nil
      do throws(TooComplex) { value = try pattern.value(line, reason: &reason) } catch {
        return tooComplex(place)
      }
      if value == 1 {
        return Outcome(
          .found, "line \(index + 1) of \"\(clipped(place))\": \(clipped(line))",
          line: EvidenceLine(source: place, number: index + 1, text: Array(line)))
      }
    }
    if output.isCut { return tooLarge(place, output) }
    // What counts is the last line, which is mostly empty.
    if value == 2 {
      return Outcome(.invalid, "the last line of \"\(clipped(place))\": \(reason ?? "invalid")")
    }
    return Outcome(.notfound, "no line of \"\(clipped(place))\" matches")
  }

  private func process(_ evidence: some Evidence, _ budget: Budget) -> Outcome {
    guard case .four(let pattern) = pattern else {
      return Outcome(.invalid, "no pattern", trouble: .malformed)
    }
    let entries: [ProcessEntry]
    switch evidence.processes {
    case .known(let known): entries = known
    case .notCollected(let why): return Outcome(.invalid, why, trouble: .notCollected)
    case .denied(let why): return Outcome(.invalid, why, trouble: .permission)
    case .absent:
      return Outcome(
        .found, "the host has no list of processes; Wazuh 4 takes that for found", trouble: .engine)
    }
    for entry in entries {
      if budget.isOver { return tooLong(Array("processes".utf8)) }
      var reason: String?
      let value: Int32
      let name = entry.name[...].untilNUL
      do throws(TooComplex) { value = try pattern.value(name, reason: &reason) } catch {
        return tooComplex(Array("processes".utf8))
      }
      if value != 0 {
        return Outcome(
          .found, reason ?? "the process \(clipped(name))",
          line: EvidenceLine(source: Array("processes".utf8), text: Array(name)))
      }
    }
    return Outcome(.notfound, "no process matches")
  }
}

/// An outcome as an error.
struct Undecided: Error { var outcome: Outcome }

/// What both dialects share.
extension Rule {
  func joined(_ folder: [UInt8], _ name: [UInt8]) -> [UInt8] {
    folder + [UInt8(ascii: "/")] + name
  }

  func tooLong(_ place: [UInt8]) -> Outcome {
    Outcome(
      .invalid,
      "\(clipped(place)): not decided within \(Budget.entries) entries or "
        + "\(Budget.time.components.seconds) s", trouble: .limit)
  }

  func tooLarge(_ place: [UInt8], _ text: FileText) -> Outcome {
    let size = text.bytes.count
    let shown = size < 1 << 20 ? "\(size >> 10) KiB" : "\(size >> 20) MiB"
    return Outcome(
      .invalid, "\(clipped(place)): not decided by its first \(shown)", trouble: .limit)
  }

  /// What the command is called in the evidence.
  var commandKey: [UInt8] { kind == .script ? Self.scriptKey(place) : place }

  func tooComplex(_ place: [UInt8]) -> Outcome {
    Outcome(.invalid, "\(clipped(place)): the pattern takes too many steps", trouble: .limit)
  }

  /// The output of a command that ran, or why there is none.
  func commandOutput(_ result: CommandResult) -> Result<FileText, Undecided> {
    let shown = clipped(place)
    switch result {
    // 127 means "not found", whoever says so.
    case .ran(let output, let status) where status != 127: return .success(FileText(bytes: output))
    case .cut(let output): return .success(FileText(bytes: output, isCut: true))
    case .ran, .absent:
      return .failure(Undecided(outcome: Outcome(.invalid, "\"\(shown)\" cannot be run")))
    case .timedOut:
      return .failure(
        Undecided(
          outcome: Outcome(
            dialect == .five ? .notrun : .invalid, "\"\(shown)\" timed out", trouble: .timeout)))
    case .denied(let why):
      return .failure(Undecided(outcome: Outcome(.invalid, why, trouble: .permission)))
    case .refused(let why):
      return .failure(Undecided(outcome: Outcome(.invalid, why, trouble: .refused)))
    case .notCollected(let why):
      return .failure(Undecided(outcome: Outcome(.invalid, why, trouble: .notCollected)))
    }
  }
}
