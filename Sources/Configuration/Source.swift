internal import Glibc
internal import Metrics

/// A text that a person wrote, kept so that an error can show its line.
public final class Source: Sendable {
  /// The limit of one file in bytes: an inventory of 10,000 hosts has about 1 MiB.
  public static let byteLimit = 8 << 20

  /// The path as given, or the flag (`--limit`) with the text.
  public let path: String
  /// Whether it is a file; an argument has columns, but no line number.
  public let isFile: Bool
  /// The text without a byte order mark.
  public let bytes: [UInt8]
  let lineStarts: [Int]

  public init(_ path: String, bytes: [UInt8], isFile: Bool = true) {
    self.path = path
    self.isFile = isFile
    self.bytes = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? Array(bytes.dropFirst(3)) : bytes
    var starts = [0]
    for (index, byte) in self.bytes.enumerated() where byte == UInt8(ascii: "\n") {
      starts.append(index + 1)
    }
    lineStarts = starts
  }

  public convenience init(_ path: String, text: String, isFile: Bool = true) {
    self.init(path, bytes: Array(text.utf8), isFile: isFile)
  }

  /// Reads a regular file of at most 8 MiB; the error for anything else names its kind.
  public static func read(_ path: String) throws(ConfigurationError) -> Source {
    Source(path, bytes: try contents(of: path, limit: byteLimit).bytes)
  }

  static func contents(
    of path: String, limit: Int
  ) throws(ConfigurationError) -> (bytes: [UInt8], status: stat) {
    // Without O_NONBLOCK, opening a FIFO would wait for a writer without limit.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else {
      throw ConfigurationError("cannot be opened: \(systemReason(errno))", file: path)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw ConfigurationError("cannot be read: \(systemReason(errno))", file: path)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let kind = status.st_mode & S_IFMT == S_IFDIR ? "a directory" : "not a regular file"
      throw ConfigurationError("is \(kind); a file is expected", file: path)
    }
    var bytes: [UInt8] = []
    let size = min(max(Int(status.st_size), 0), limit) + 1
    while bytes.count <= limit {
      let room = min(max(size - bytes.count, 4096), limit + 1 - bytes.count)
      if room <= 0 { break }
      let chunk = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
        var got = Glibc.read(descriptor, buffer.baseAddress, room)
        while got < 0 && errno == EINTR { got = Glibc.read(descriptor, buffer.baseAddress, room) }
        count = max(got, 0)
      }
      if chunk.isEmpty { break }
      bytes += chunk
    }
    guard bytes.count <= limit else {
      throw ConfigurationError("is longer than \(limit) bytes", file: path)
    }
    return (bytes, status)
  }

  /// The line, counted from 1, without its line break; empty beyond the end.
  public func line(_ number: Int) -> ArraySlice<UInt8> {
    guard number >= 1, number <= lineStarts.count else { return [] }
    let start = lineStarts[number - 1]
    var end = number < lineStarts.count ? lineStarts[number] - 1 : bytes.count
    if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    return bytes[start..<max(start, end)]
  }

  /// The number of lines.
  public var lineCount: Int { lineStarts.count }

  /// The place of the byte at this offset; its column counts characters.
  public func mark(atByte offset: Int) -> Mark {
    let offset = min(max(offset, 0), bytes.count)
    var low = 0
    var high = lineStarts.count - 1
    while low < high {
      let middle = (low + high + 1) / 2
      if lineStarts[middle] <= offset { low = middle } else { high = middle - 1 }
    }
    let before = bytes[lineStarts[low]..<offset]
    return Mark(source: self, line: low + 1, column: columns(before) + 1)
  }

  /// The limit of a readable line: beyond it code points are counted, which is cheaper.
  static let legibleLine = 4096

  private func columns(_ before: ArraySlice<UInt8>) -> Int {
    if before.count > Source.legibleLine { return before.count { $0 & 0xc0 != 0x80 } }
    if before.allSatisfy({ $0 < 0x80 }) { return before.count }
    return String(decoding: before, as: UTF8.self).count
  }
}

/// A place in a text: line and column count from 1; columns are characters.
public struct Mark: Sendable, Hashable {
  public let source: Source
  public let line: Int
  public let column: Int

  public init(source: Source, line: Int, column: Int) {
    self.source = source
    self.line = line
    self.column = column
  }

  public var file: String { source.path }

  /// `inventory/hosts.yml:14:17`
  public var description: String { "\(file.visible):\(line):\(column)" }

  public static func == (left: Mark, right: Mark) -> Bool {
    left.line == right.line && left.column == right.column && left.file == right.file
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(line)
    hasher.combine(column)
    hasher.combine(file)
  }
}
