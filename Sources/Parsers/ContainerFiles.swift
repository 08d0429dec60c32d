/// Reads lines that `grep -H` prints of control groups of containers, and of their /proc/PID/net/dev.
///
/// A line is the path of a file, a colon and a line of that file. Formats: the kernel's Documentation/
/// admin-guide/cgroup-v2.rst and cgroup-v1/ (`memory.current:4096`, `cpu.stat:usage_usec 12`), proc(5).
/// A container is the 64 hexadecimal digits in the name of its group: `docker/ID`, `docker-ID.scope`,
/// `libpod-ID`, `libpod-ID.scope`. Other lines are skipped.
public enum ContainerFiles: Parser {
  public struct Reading: Sendable, Equatable {
    /// The numbers of each container by its ID: of a file with one number by the file's name, of others by
    /// the file's name, a blank and the word.
    public var groups: [String: [String: UInt64]] = [:]
    /// The IDs in the order of the text.
    public var ids: [String] = []
    /// The interfaces of a process by its number.
    public var networks: [UInt64: [NetDev.Interface]] = [:]
  }

  /// The limit of containers; the rest is left out.
  static let mostContainers = 1_024
  /// The limit of numbers of a container, and of interfaces of a process.
  static let mostNumbers = 64

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    var number = 0
    while let line = lines.line() {
      number &+= 1
      if line.starts(with: "/proc/") {
        try network(line, number, &reading)
      } else {
        try group(line, number, &reading)
      }
    }
    return reading
  }

  /// `memory/docker/ID/memory.stat:cache 4096`: no line of such a file has a slash.
  private static func group(
    _ line: Span<UInt8>, _ number: Int, _ reading: inout Reading
  ) throws(ParseError) {
    guard let slash = last(UInt8(ascii: "/"), of: line),
      let id = id(in: line.extracting(0..<slash))
    else { return }
    var rest = Scanner(line.extracting((slash &+ 1)..<line.count))
    guard let file = rest.upTo(UInt8(ascii: ":")), file.count <= 64, let word = rest.word() else {
      throw ParseError("a control group", "expected a file and a value", line: number, at: line)
    }
    // No limit.
    if word.equals("max") { return }
    var key = file.string
    var value = word
    if let second = rest.word() {
      guard word.count <= 64 else { return }
      key += " \(word.string)"
      value = second
    }
    guard let value = value.unsigned else {
      throw ParseError("a control group", "expected a number", line: number, at: line)
    }
    if reading.groups[id] == nil {
      guard reading.ids.count < mostContainers else { return }
      reading.ids.append(id)
    }
    if reading.groups[id]?.count ?? 0 < mostNumbers {
      reading.groups[id, default: [:]][key] = value
    }
  }

  private static func last(_ byte: UInt8, of line: Span<UInt8>) -> Int? {
    var index = line.count &- 1
    while index >= 0 {
      if line[index] == byte { return index }
      index &-= 1
    }
    return nil
  }

  /// The ID that the last part of a path is, without prefix and suffix.
  private static func id(in path: Span<UInt8>) -> String? {
    let start = last(UInt8(ascii: "/"), of: path).map { $0 &+ 1 } ?? 0
    var name = path.extracting(start..<path.count)
    if name.ends(with: ".scope") { name = name.extracting(0..<(name.count &- 6)) }
    for prefix in ["docker-", "libpod-"] where name.starts(with: prefix) {
      name = name.extracting(prefix.utf8.count..<name.count)
    }
    guard name.count == 64 else { return nil }
    for index in name.indices {
      let byte = name[index]
      guard byte.isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte) else {
        return nil
      }
    }
    return name.string
  }

  /// `/proc/526/net/dev:  eth0: 1576 …`
  private static func network(
    _ line: Span<UInt8>, _ number: Int, _ reading: inout Reading
  ) throws(ParseError) {
    let middle = "/net/dev:"
    guard let end = line.firstIndex(of: middle), end >= 6,
      let process = line.extracting(6..<end).unsigned
    else {
      throw ParseError("/proc/PID/net/dev", "expected a process", line: number, at: line)
    }
    guard reading.networks[process] != nil || reading.networks.count < mostContainers,
      reading.networks[process]?.count ?? 0 < mostNumbers
    else { return }
    let rest = line.extracting((end &+ middle.utf8.count)..<line.count)
    reading.networks[process, default: []].append(try NetDev.interface(rest, number))
  }
}
