internal import Engine
internal import Glibc
internal import Hosts
internal import Inventory
internal import Metrics
internal import Spools
internal import Store

/// What a pass fetched from the spool of one host, before anything of it was read.
struct SpoolPull: Sendable {
  var spool: Spool
  /// New files, in the order of writing.
  var files: [(name: SpoolName, bytes: [UInt8])] = []
  /// New files beyond the limit of a file's size.
  var oversized: [SpoolName] = []
  /// The number of new files that wait for the next pass.
  var left = 0
  /// The number of files there that were refused before.
  var refused = 0
  /// Why nothing or not all was fetched.
  var failure: TargetError?
  /// Why files that are stored here could not be removed there. Foreign text.
  var complaint: String?

  init(_ spool: Spool) { self.spool = spool }

  /// The limits of one pass and spool: files, and bytes after which no other file is begun.
  static let fileLimit = 200
  static let byteLimit = 4 << 20
  /// The limit of files that one pass removes.
  private static let removals = 500
  /// The limit of the list of names in bytes.
  private static let listLimit = 32 << 20

  /// The files to remove and to fetch among these.
  struct Choice: Sendable {
    var known: [SpoolName] = []
    var new: [SpoolName] = []
    var refused = 0
  }

  static func choice(of names: [SpoolName], _ store: Store) async throws(StoreError) -> Choice {
    var choice = Choice()
    let byIdentity = Dictionary(grouping: names, by: \.identity)
    for (identity, names) in byIdentity.sorted(by: { $0.key < $1.key }) {
      let known = Dictionary(
        try await store.spoolFiles(identity, Set(names.map(\.number))).map {
          (SpoolName(identity: $0.identity, number: $0.number, digest: $0.digest), $0.isRefused)
        }, uniquingKeysWith: { first, _ in first })
      for name in names.sorted() {
        switch known[name] {
        case nil: choice.new.append(name)
        case false?: choice.known.append(name)
        case true?: choice.refused += 1
        }
      }
    }
    return choice
  }

  // MARK: Over SSH

  /// Lists the spool, removes what is stored here, and fetches what is new.
  ///
  /// Three commands of a POSIX shell through the session: names that the host reports are used only if
  /// they have the exact form of `SpoolName`.
  mutating func fetch(
    _ tunnel: Tunnel, known store: Store, on reactor: isolated Reactor, by deadline: Deadline
  ) async {
    guard let path = spool.settings.path else { return }
    do throws(TargetError) {
      let names = try await Self.list(path, tunnel, on: reactor, by: deadline)
      let choice: Choice
      do throws(StoreError) { choice = try await Self.choice(of: names, store) } catch {
        throw TargetError(.localError, "store: \(error)")
      }
      refused = choice.refused
      left = choice.new.count
      if spool.settings.confirms, !choice.known.isEmpty {
        try await remove(choice.known, path, tunnel, on: reactor, by: deadline)
      }
      let wanted = Array(choice.new.prefix(Self.fileLimit))
      if !wanted.isEmpty {
        try await read(wanted, path, tunnel, on: reactor, by: deadline)
      }
    } catch {
      failure = error
    }
    left -= files.count + oversized.count
  }

  private static func list(
    _ path: String, _ tunnel: Tunnel, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> [SpoolName] {
    let script = """
      LC_ALL=C; export LC_ALL
      m=$( { cd -- \(quoted(path)) && ls -1; } 2>&1 >/dev/null ) || { printf '!%s\\n' "$m"; exit 0; }
      cd -- \(quoted(path)) && ls -1 && printf '.\\n'
      """
    let stream = try await run(script, tunnel, on: reactor, by: deadline)
    let bytes = try await all(of: stream, limit: listLimit, on: reactor, by: deadline)
    guard bytes.first != UInt8(ascii: "!") else {
      let words = String(decoding: bytes.dropFirst().prefix(300), as: UTF8.self)
      throw TargetError(
        words.contains("denied") ? .permission : .localError,
        "spool \(path): \(words.split(separator: "\n").first ?? "")")
    }
    let lines = bytes.split(separator: UInt8(ascii: "\n"))
    guard lines.last?.elementsEqual(".".utf8) == true else {
      throw TargetError(.protocolError, "spool \(path): the list of files ended too early")
    }
    return lines.compactMap { SpoolName(String(decoding: $0, as: UTF8.self)) }
  }

  private mutating func remove(
    _ names: [SpoolName], _ path: String, _ tunnel: Tunnel, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(TargetError) {
    let files = names.prefix(Self.removals).map(\.text).joined(separator: " ")
    let script = "LC_ALL=C; export LC_ALL\ncd -- \(Self.quoted(path)) && rm -f -- \(files) 2>&1"
    let stream = try await Self.run(script, tunnel, on: reactor, by: deadline)
    let said = try await Self.all(of: stream, limit: 256 << 10, on: reactor, by: deadline)
    if !said.isEmpty {
      let words = String(decoding: said.prefix(300), as: UTF8.self)
      complaint = String(words.split(separator: "\n").first ?? "")
    }
  }

  private mutating func read(
    _ names: [SpoolName], _ path: String, _ tunnel: Tunnel, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(TargetError) {
    // `$(( ))` because some wc pad the number.
    let script = """
      LC_ALL=C; export LC_ALL
      cd -- \(Self.quoted(path)) || exit
      for f in \(names.map(\.text).joined(separator: " ")); do
      if [ -f "$f" ] && [ -r "$f" ]; then
      printf '%s %s\\n' "$f" $(( $(wc -c < "$f") )); cat -- "$f"
      elif [ -e "$f" ]; then printf '%s !\\n' "$f"; else printf '%s -\\n' "$f"; fi
      done
      printf '.\\n'
      """
    let stream = try await Self.run(script, tunnel, on: reactor, by: deadline)
    var bytes: [UInt8] = []
    var start = 0
    var total = 0
    func more() async throws(TargetError) {
      if start > 0 {
        bytes.removeFirst(start)
        start = 0
      }
      let part = try await stream.read(
        atMost: 256 << 10, while: "reading the spool", on: reactor, by: deadline)
      guard !part.isEmpty else {
        throw TargetError(.connectionLost, "spool \(path): the files ended too early")
      }
      bytes += part
    }
    for name in names {
      while !bytes[start...].prefix(256).contains(UInt8(ascii: "\n")) {
        guard bytes.count - start < 256 else {
          throw TargetError(.protocolError, "spool \(path): not the name of a file")
        }
        try await more()
      }
      let head = bytes[start...].prefix { $0 != UInt8(ascii: "\n") }
      start += head.count + 1
      let words = String(decoding: head, as: UTF8.self)
      guard words.hasPrefix("\(name.text) ") else {
        throw TargetError(.protocolError, "spool \(path): not the file that was asked for")
      }
      let text = words.dropFirst(name.text.utf8.count + 1)
      // The writer removes the oldest files at its limit.
      if text == "-" {
        left -= 1
        continue
      }
      if text == "!" { throw TargetError(.permission, "spool \(path): cannot read \(name.text)") }
      guard let size = Int(text), size >= 0 else {
        throw TargetError(.protocolError, "spool \(path): not the size of a file")
      }
      guard size <= SpoolLimits.packed else {
        // It would be sent now: the rest is left to the next pass.
        oversized.append(name)
        return
      }
      while bytes.count - start < size { try await more() }
      files.append((name, Array(bytes[start..<(start + size)])))
      start += size
      total += size
      if total >= Self.byteLimit { return }
    }
  }

  private static func run(
    _ script: String, _ tunnel: Tunnel, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> TunnelStream {
    // The shell of the account may be any; the script is one of sh.
    let stream = try await tunnel.run("exec sh", on: reactor, by: deadline)
    try await stream.write(
      Array("\(script)\n".utf8), while: "sending a command", on: reactor, by: deadline)
    stream.finish()
    return stream
  }

  private static func all(
    of stream: TunnelStream, limit: Int, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let part = try await stream.read(
        atMost: 64 << 10, while: "reading the spool", on: reactor, by: deadline)
      if part.isEmpty { return bytes }
      bytes += part
      guard bytes.count <= limit else {
        throw TargetError(.outputTooLarge, "the spool's answer has more than \(limit) bytes")
      }
    }
  }

  static func quoted(_ text: String) -> String {
    "'\(text.replacing("'", with: "'\\''"))'"
  }

  // MARK: On this machine

  /// The same for a folder of this machine.
  mutating func fetch(_ folder: SpoolFolder, known store: Store) async {
    do {
      let choice = try await Self.choice(of: folder.names(), store)
      refused = choice.refused
      left = choice.new.count
      if spool.settings.confirms {
        for name in choice.known.prefix(Self.removals) { try folder.remove(name) }
      }
      var total = 0
      for name in choice.new.prefix(Self.fileLimit) where total < Self.byteLimit {
        do throws(SystemError) {
          let bytes = try folder.read(name)
          files.append((name, bytes))
          total += bytes.count
        } catch {
          if error.code == EFBIG { oversized.append(name) } else { throw error }
        }
      }
    } catch let error as SystemError {
      failure = TargetError(
        error.code == EACCES || error.code == EPERM ? .permission : .localError,
        "spool \(folder.path): \(error)")
    } catch {
      failure = TargetError(.localError, "\(error)")
    }
    left -= files.count + oversized.count
  }
}

extension TargetError {
  /// What the state of a spool says of a failure to fetch it.
  var ofSpool: (severity: Severity?, reason: Reason, message: String) {
    switch reason {
    case .cancelled, .notReached: (nil, reason, detail)
    case .permission, .localError, .protocolError, .outputTooLarge, .noShell:
      (.major, reason, detail)
    // The check `ssh` says the same, and a spool that is not fetched becomes stale.
    default: (nil, reason, detail)
    }
  }
}
