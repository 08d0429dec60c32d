public import Collectors
internal import Glibc
public import Metrics
internal import Parsers
public import Inventory

/// The answer of a host to a batch, with the timing of the session.
public struct HostAnswer: Sendable {
  /// The time of the scrape, by the monitor's clock.
  public var time: Timestamp
  /// Connect, key exchange, login, batch.
  public var steps: [ScrapeStep] = []
  /// Bytes received, all of SSH included.
  public var received = 0
  public var sent = 0
  /// Why the answer is incomplete; nil if the batch was complete.
  public var failure: TargetError?
  /// The accepted key of the host.
  public var hostKey: HostKey?
  /// Whether the session was there before, so that it made no log-in.
  public var isKept = false
  /// What was sent to the shell.
  public var script: [UInt8] = []
  /// The monitor's session from the host's view.
  public var session = OwnSession()

  var files: [String: ArraySlice<UInt8>] = [:]
  public var sections: [String: Frames.Section] = [:]
  var filesOverflowed = false
  /// Seconds since the host booted.
  public private(set) var uptime: Double?

  public init(time: Timestamp) { self.time = time }

  /// What a host answered to a batch, from what its shell printed: for captures, kept or measured.
  public init(output: [UInt8], of batch: Batch, nonce: String, time: Timestamp) {
    self.time = time
    var frames = Frames(nonce: nonce, limits: batch.limits)
    output.withUnsafeBytes { frames.append($0) }
    take(frames, of: batch)
  }

  /// The kernel's name of the present boot.
  public var bootID: String? {
    files[Batch.bootFile].flatMap { bytes in
      let id = bytes.prefix { $0 > 0x20 }
      return id.isEmpty || id.count > 64 ? nil : String(decoding: id, as: UTF8.self)
    }
  }

  private static func uptime(_ files: [String: ArraySlice<UInt8>]) -> Double? {
    guard let bytes = files[Batch.uptimeFile] else { return nil }
    var words = Scanner(bytes.span)
    // More than three hundred years, or less than zero, is not a valid uptime.
    return words.word()?.decimal.flatMap { (0..<1e10).contains($0) ? $0 : nil }
  }

  /// When the host booted by its own clock, in seconds since 1970; nil where /proc/stat was not asked for.
  public var bootTime: Int64? {
    guard sections[Batch.fileSection]?.status != nil, let bytes = files["/proc/stat"] else {
      return nil
    }
    return (try? ProcStat.parse(bytes.span))?.bootTime.flatMap { Int64(exactly: $0) }
  }

  /// The raw text of each section and file, for `--explain` and for new captures.
  public var texts: [(name: String, text: ArraySlice<UInt8>)] {
    files.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
      + sections.sorted { $0.key < $1.key }
      .filter { $0.key != Batch.fileSection }.map { ($0.key, $0.value.output[...]) }
  }

  /// Takes the frames of a batch apart.
  mutating func take(_ frames: Frames, of batch: Batch) {
    for section in frames.sections { sections[section.name] = section }
    if let words = frames.connection?.split(separator: " "), let address = words.first {
      session.address = String(address)
    }
    guard let section = sections[Batch.fileSection] else { return }
    filesOverflowed = section.overflowed
    files = HostAnswer.split(section.output, at: batch.headers, files: batch.files)
    uptime = HostAnswer.uptime(files)
  }

  /// Cuts `tail`'s output at its `==> PATH <==` lines.
  ///
  /// A header counts only in the order in which the files were asked for, so that no file's text can
  /// pass for an earlier one.
  static func split(
    _ bytes: [UInt8], at headers: [[UInt8]], files: [String]
  ) -> [String: ArraySlice<UInt8>] {
    var found: [String: ArraySlice<UInt8>] = [:]
    var next = 0
    var current: (index: Int, start: Int)?
    func end(at position: Int) {
      guard let current, current.index < files.count else { return }
      found[files[current.index]] = bytes[current.start..<max(position, current.start)]
    }
    bytes.withUnsafeBytes { text in
      guard let base = text.baseAddress else { return }
      var lineStart = 0
      while lineStart < text.count, next < headers.count {
        let lineEnd =
          memchr(base + lineStart, 0x0a, text.count - lineStart).map { UnsafeRawPointer($0) - base }
          ?? text.count
        if text[lineStart] == UInt8(ascii: "=") {
          let line = text[lineStart..<lineEnd]
          if let index = headers[next...].firstIndex(where: { line.elementsEqual($0) }) {
            // `tail` sets a blank line before each header.
            end(at: lineStart > 0 ? lineStart - 1 : 0)
            current = (index, min(lineEnd + 1, text.count))
            next = index + 1
          }
        }
        lineStart = lineEnd + 1
      }
    }
    if next < headers.count { end(at: bytes.count) }
    return found
  }

  /// The result of one collector.
  public struct Collected: Sendable {
    public var name: String
    public var sample: Sample
    public var error: CollectorError?

    /// The error as a problem of the host; nil where the collector does not apply to it.
    public var problem: CollectorProblem? {
      guard let error, error.reason != .notApplicable else { return nil }
      return CollectorProblem(
        collector: name, reason: error.reason, detail: error.detail)
    }
  }

  /// Runs all collectors of a batch on the answer, each with its memory of the previous one.
  public func collect(
    _ batch: Batch, previous: (any Collector.Type) -> Memory? = { _ in nil }
  ) -> [Collected] {
    batch.items.map { item in
      let (sample, error) = sample(item, previous: previous(item.collector))
      return Collected(name: item.collector.name, sample: sample, error: error)
    }
  }

  /// The result of one collector for the answer.
  public func sample(
    _ item: Batch.Item, previous: Memory?
  ) -> (sample: Sample, error: CollectorError?) {
    let collector = item.collector
    var sample = Sample()
    var view = HostView(options: item.options, time: time)
    view.uptime = uptime
    view.previous = previous
    view.session = session
    view.files = files
    if !collector.files.isEmpty, filesOverflowed {
      return (sample, CollectorError(.outputTooLarge, "the files together exceed their limit"))
    }
    if !collector.files.isEmpty, sections[Batch.fileSection]?.status == nil {
      // Half a file must not pass for a whole one.
      return (sample, unfinished)
    }
    if item.script != nil {
      guard let section = sections[collector.name] else {
        return (sample, CollectorError(.notReached, "the batch ended before its turn"))
      }
      if section.overflowed {
        return (
          sample, CollectorError(.outputTooLarge, "more than \(collector.byteLimit >> 10) KiB")
        )
      }
      guard let status = section.status else { return (sample, unfinished) }
      view.output = CommandOutput(
        standardOutput: section.output[...], standardError: section.errors[...], status: status)
    }
    do {
      try collector.collect(from: view, into: &sample)
      return (sample, nil)
    } catch {
      return (sample, error)
    }
  }

  private var unfinished: CollectorError {
    failure?.reason == .timeout
      ? CollectorError(.timeout, "it did not end before the host's deadline")
      : CollectorError(.notReached, "the connection ended in the middle of it")
  }
}
