public import Configuration
public import Engine
internal import Glibc
public import Metrics
public import Store

/// Appends points to a file, as line protocol or as one JSON object per line.
///
/// `file: {path: /var/log/scrape/points.lp, format: influx, rotate: 100MiB, keep: 5}`. The file ends
/// in whole lines after `kill -9` and a power cut: a torn last line is cut off before more is written,
/// and what stands there already is not written twice. What finds no room waits in the store.
public struct LineFile: Sink {
  /// Where to write, and how much.
  public struct Configuration: Sendable {
    public var path: String
    public var format = StandardOutput.Format.lineProtocol
    /// A file that would become longer is set aside as `path.1` first; nil is never.
    public var rotate: Int? = 100 << 20
    /// How many files are kept besides the one that is written.
    public var keep = 5
    /// Whether a payload counts as delivered only when it is on the disk.
    public var sync = true

    public init(path: String) { self.path = path }
  }

  public static let kind = "file"
  public let options: SinkOptions
  public let isDurable = true
  /// About how many bytes are appended at once.
  private static let bytesPerPayload = 1 << 20

  public let configuration: Configuration

  public init(_ configuration: Configuration, options: SinkOptions = SinkOptions()) {
    self.configuration = configuration
    self.options = options
  }

  public var name: String { options.name ?? "file \(configuration.path)" }

  public static func decode(
    _ node: Node, _ options: SinkOptions, secrets: Bool, _ findings: inout Findings
  ) -> LineFile? {
    var configuration = Configuration(path: "")
    let before = findings.errors.count
    let keys = ["path", "format", "rotate", "keep", "sync"] + SinkOptions.keys
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping(kind, keys: keys, &findings)
    }
    for pair in pairs ?? [] {
      _ = findings.attempt { () throws(ConfigurationError) in
        try configuration.set(pair.name, pair.value)
      }
    }
    if configuration.path.isEmpty, findings.errors.count == before {
      findings.add(
        ConfigurationError("file has no path", at: node, hint: "path: /var/log/scrape/points.lp"))
    }
    return findings.errors.count == before ? LineFile(configuration, options: options) : nil
  }

  public func encode(_ batches: [PointBatch]) -> [Payload] {
    let lines = StandardOutput(configuration.format)
    let compressor = Compressor(.zlib, level: 1)
    var payloads: [Payload] = []
    var text = Payload(body: [], lines: 0)
    func flush() {
      if text.lines > 0 {
        payloads.append(Payload(body: compressor.pack(text.body), lines: text.lines))
      }
      text = Payload(body: [], lines: 0)
    }
    for batch in batches {
      for part in lines.encode([batch]) {
        text.body += part.body
        text.lines += part.lines
      }
      if text.body.count > Self.bytesPerPayload { flush() }
    }
    flush()
    return payloads
  }

  public func deliver(
    _ payload: Payload, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(SinkError) -> Receipt {
    guard let text = Decompressor().unpack(payload.body, limit: 64 << 20) else {
      return Receipt(refused: payload.lines, messages: ["the queue's copy is damaged"])
    }
    try await Disk.run(for: name, on: reactor, by: deadline) {
      [configuration] () throws(DiskError) in
      try Appending(configuration).append(text)
    }
    return Receipt(taken: payload.lines)
  }

  public func close() {}
}

extension LineFile.Configuration {
  fileprivate mutating func set(_ key: String, _ value: Node) throws(ConfigurationError) {
    switch key {
    case "path": path = absolute(try word(value, key), besides: value.mark.file)
    case "format":
      guard let named = StandardOutput.Format(rawValue: try value.string(key)) else {
        throw unknown(key, value, among: StandardOutput.Format.allCases.map(\.rawValue))
      }
      format = named
    case "rotate":
      rotate = value.asBoolean == false ? nil : try value.bytes(key, in: (64 << 10)...(1 << 50))
    case "keep": keep = try value.integer(key, in: 0...1000)
    default: sync = try value.boolean(key)
    }
  }
}

/// One payload on its way into the file.
private struct Appending {
  private let configuration: LineFile.Configuration
  private let path: String

  init(_ configuration: LineFile.Configuration) {
    self.configuration = configuration
    path = configuration.path
  }

  func append(_ text: [UInt8]) throws(DiskError) {
    // Another scrape may have set the file aside between our opening and our locking it.
    for _ in 0..<10 {
      let descriptor = try Disk.open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o640)
      let file = descriptor.number
      guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
        throw DiskError(.unavailable, "\(path) is being written by another process")
      }
      var (here, there) = (stat(), stat())
      guard fstat(file, &here) == 0 else { throw DiskError("fstat \(path)") }
      guard stat(path, &there) == 0, here.st_ino == there.st_ino, here.st_dev == there.st_dev else {
        continue
      }
      let size = try cutTornLine(of: file, size: Int(here.st_size))
      let rest = text.dropFirst(try alreadyThere(of: text, in: file, size: size))
      if rest.isEmpty { return }
      if let limit = configuration.rotate, size > 0, size + rest.count > limit {
        try setAside()
        continue
      }
      do throws(DiskError) {
        try Disk.write(Array(rest), to: file, path)
        if configuration.sync, fdatasync(file) != 0 { throw DiskError("fdatasync \(path)") }
      } catch {
        // As if it had not been tried: what is there in half would be there twice.
        ftruncate(file, off_t(size))
        throw error
      }
      return
    }
    throw DiskError(.unavailable, "\(path) is set aside again and again by another process")
  }

  /// Ends the file at its last line break; returns its size then.
  private func cutTornLine(of file: Int32, size: Int) throws(DiskError) -> Int {
    var end = size
    while end > 0 {
      let count = min(end, 64 << 10)
      let block = try Disk.read(file, at: end - count, count: count, path)
      // The last line of a file that is whole ends at its end, so that one block is read.
      if let line = block.lastIndex(of: UInt8(ascii: "\n")) {
        end = end - count + line + 1
        break
      }
      end -= count
    }
    if end < size, ftruncate(file, off_t(end)) != 0 { throw DiskError("ftruncate \(path)") }
    return end
  }

  /// How many bytes of the text, in whole lines, the file ends in: those of a delivery that was
  /// killed before it could be marked as done.
  private func alreadyThere(of text: [UInt8], in file: Int32, size: Int) throws(DiskError) -> Int {
    guard let first = text.firstIndex(of: UInt8(ascii: "\n")) else { return 0 }
    let count = min(size, text.count)
    let tail = try Disk.read(file, at: size - count, count: count, path)
    let line = text[...first]
    // The first line's place in the tail tells how much can be there; points of other payloads have
    // other times, so that there is rarely more than one.
    var start = tail.startIndex
    while start < tail.endIndex {
      let rest = tail[start...]
      if rest.starts(with: line), text.starts(with: rest) { return rest.count }
      guard let next = rest.firstIndex(of: UInt8(ascii: "\n")) else { return 0 }
      start = next + 1
    }
    return 0
  }

  /// `path` becomes `path.1`, that becomes `path.2`, and so on; the last is dropped.
  private func setAside() throws(DiskError) {
    if configuration.keep == 0 {
      guard unlink(path) == 0 else { throw DiskError("unlink \(path)") }
      return
    }
    for number in stride(from: configuration.keep, to: 1, by: -1) {
      let from = "\(path).\(number - 1)"
      guard rename(from, "\(path).\(number)") == 0 || errno == ENOENT else {
        throw DiskError("rename \(from)")
      }
    }
    guard rename(path, "\(path).1") == 0 else { throw DiskError("rename \(path)") }
  }
}
