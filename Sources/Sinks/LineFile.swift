public import Transfer
public import Configuration
public import Engine
internal import Glibc
public import Metrics
public import Store

/// Appends points to a file, as line protocol or as one JSON object per line.
///
/// `file: {path: /var/log/scrape/points.lp, format: influx, rotate: 100MiB, keep: 5}`. The file
/// ends in whole lines after `kill -9` and a power cut: an incomplete last line is cut off before
/// more is written, and no payload is written twice. Points wait in the store if the disk is full.
public struct LineFile: Sink {
  /// The file and its limits.
  public struct Configuration: Sendable {
    public var path: String
    public var format = StandardOutput.Format.lineProtocol
    /// A file that would become longer is renamed to `path.1` first; nil for never.
    public var rotate: Int? = 100 << 20
    /// The number of rotated files that are kept.
    public var keep = 5
    /// Whether a payload counts as delivered only once it is on the disk.
    public var sync = true

    public init(path: String) { self.path = path }
  }

  public static let kind = "file"
  public let options: SinkOptions
  public let isDurable = true
  /// The approximate limit of bytes that are appended at once.
  private static let bytesPerPayload = 1 << 20

  public let configuration: Configuration

  public init(_ configuration: Configuration, options: SinkOptions = SinkOptions()) {
    self.configuration = configuration
    self.options = options
  }

  public var name: String { options.name ?? "file \(configuration.path)" }

  public static let summary =
    "A rotated file of line protocol or JSON; see [sinks](sinks.md#file)."
  public static let example =
    "{path: /var/log/scrape/points.lp, rotate: 1GiB}"

  public static func decode(
    _ fields: inout Fields, _ options: SinkOptions, secrets: Bool
  ) -> LineFile? {
    var configuration = Configuration(path: "")
    configuration.path =
      fields.require("path", .path, "File.", example: "/var/log/scrape/points.lp") ?? ""
    fields.set(
      &configuration.format, "format", .choice(), "Line protocol, or one JSON object per line.",
      example: "json")
    fields.set(
      &configuration.rotate, "rotate", SettingType<Int>.bytes((64 << 10)...(1 << 50)).orOff,
      "Size at which the file is renamed to `PATH.1`.", example: "1GiB")
    fields.set(
      &configuration.keep, "keep", .integer(0...1000, unit: "files"),
      "Rotated files that are kept.",
      example: "10")
    fields.set(
      &configuration.sync, "sync", .boolean,
      "Whether points count as delivered only when they are on the disk.")
    return LineFile(configuration, options: options)
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
  ) async throws(DeliveryError) -> Receipt {
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

/// One payload on its way into the file.
private struct Appending {
  private let configuration: LineFile.Configuration
  private let path: String

  init(_ configuration: LineFile.Configuration) {
    self.configuration = configuration
    path = configuration.path
  }

  func append(_ text: [UInt8]) throws(DiskError) {
    // Another process may have rotated the file between open and lock.
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
        // Undoes the attempt: half a payload would be there twice after the retry.
        ftruncate(file, off_t(size))
        throw error
      }
      return
    }
    throw DiskError(.unavailable, "\(path) is set aside again and again by another process")
  }

  /// Cuts the file after its last line break; returns its size.
  private func cutTornLine(of file: Int32, size: Int) throws(DiskError) -> Int {
    var end = size
    while end > 0 {
      let count = min(end, 64 << 10)
      let block = try Disk.read(file, at: end - count, count: count, path)
      // A complete file ends with a line break, so that one block is read.
      if let line = block.lastIndex(of: UInt8(ascii: "\n")) {
        end = end - count + line + 1
        break
      }
      end -= count
    }
    if end < size, ftruncate(file, off_t(end)) != 0 { throw DiskError("ftruncate \(path)") }
    return end
  }

  /// The number of bytes of the text, in whole lines, with which the file ends: those of a delivery
  /// that was killed before it was marked as done.
  private func alreadyThere(of text: [UInt8], in file: Int32, size: Int) throws(DiskError) -> Int {
    guard let first = text.firstIndex(of: UInt8(ascii: "\n")) else { return 0 }
    let count = min(size, text.count)
    let tail = try Disk.read(file, at: size - count, count: count, path)
    let line = text[...first]
    // The position of the first line in the tail limits the number of bytes there; points of other
    // payloads have other times, so there is rarely more than one.
    var start = tail.startIndex
    while start < tail.endIndex {
      let rest = tail[start...]
      if rest.starts(with: line), text.starts(with: rest) { return rest.count }
      guard let next = rest.firstIndex(of: UInt8(ascii: "\n")) else { return 0 }
      start = next + 1
    }
    return 0
  }

  /// Renames `path` to `path.1`, that to `path.2`, and so on; the last is deleted.
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
