public import Configuration
internal import CLinux
internal import Engine
internal import Glibc
internal import Inventory
internal import Probes

/// Marks in an inventory of hand what is new and what does not answer any more.
///
/// Only whole lines that begin with `# discover:` are added and, where an earlier run wrote them, removed:
/// every other byte stays. The YAML of the file means the same before and after, or nothing is written.
public struct Update {
  /// Why a file cannot be marked.
  public struct Refusal: Error, Sendable, CustomStringConvertible {
    public let description: String
  }

  static let mark = "# discover:"
  /// The file with its marks.
  public private(set) var text: [UInt8]
  /// Hosts of the file that did not answer.
  public private(set) var gone: [String] = []
  /// Hosts that are not in the file.
  public private(set) var new: [String] = []
  /// Hosts with services that are not in the file, or do not answer.
  public private(set) var changed: [String] = []

  /// - Parameters:
  ///   - source: the file, in YAML.
  ///   - found: what answered or is named.
  ///   - silent: the addresses that were asked and did not answer.
  ///   - ports: the TCP ports that were asked of each address; none where only files were read.
  public init(
    _ source: Source, found: [FoundHost], silent: Set<String>, ports: Set<UInt16> = []
  ) throws {
    let before = try Self.tree(of: source)
    let old = source.bytes
    let hand = try Self.withoutMarks(source, before)
    let own = Source(source.path, bytes: hand)
    var faults = Findings()
    let inventory = Inventory.read(source.path, checkingKeys: false, &faults)
    try faults.finish()
    var warnings = Findings()
    let book = ProbeBook(inventory.hosts, modules: nil, &warnings)

    // Marks by the line of the file as it was, above which they stand.
    var marks: [Int: [String]] = [:]
    var loose: [String] = []
    func note(_ host: Host, _ text: String) {
      let line = source.line(host.mark.line)
      let indent = line.prefix { $0 == 0x20 }.count
      if host.mark.file == source.path, indent == host.mark.column - 1, line.count > indent {
        marks[host.mark.line, default: []].append(
          String(repeating: " ", count: indent) + "\(Self.mark) \(text)")
      } else {
        loose.append("\(Self.mark) \(text)")
      }
    }
    var matched: Set<String> = []
    var unknown: [FoundHost] = []
    for host in found {
      let match =
        inventory.hosts.first { $0.address == host.address }
        ?? inventory.hosts.first { Self.addresses(of: $0).contains(host.address ?? "") }
        ?? inventory.hosts.first { !host.isNamedByItself && $0.name == host.name }
      guard let match else {
        unknown.append(host)
        continue
      }
      // Its BMC or another way to it: what answers there is no news of the host.
      if let address = host.address, address != match.address {
        if Self.addresses(of: match).contains(address) { continue }
        if isAddress(address), isAddress(match.address) {
          note(match, "\(FoundName.comment(match.name)): a host of this name answers at \(address)")
          changed.append(match.name)
          continue
        }
      }
      guard matched.insert(match.name).inserted else { continue }
      let plans = book[match.name]
      let fresh = host.asked.filter { service in
        !plans.contains { $0.port == service.port }
          && !(service.kind == "ssh" && Int(service.port) == match.port)
      }
      if !fresh.isEmpty {
        note(
          match,
          "\(FoundName.comment(match.name)): new: \(fresh.map(\.entry).joined(separator: ", "))")
      }
      let open = Set(host.services.map(\.port))
      let dead = plans.filter {
        !$0.isClosed && $0.address == nil && ports.contains($0.port) && !open.contains($0.port)
          && !["udp", "ntp", "dns"].contains($0.kind)
      }
      if !dead.isEmpty {
        note(
          match,
          "\(FoundName.comment(match.name)): does not answer: "
            + dead.map { FoundName.comment($0.service) }.joined(separator: ", "))
      }
      if !fresh.isEmpty || !dead.isEmpty { changed.append(match.name) }
    }
    for host in inventory.hosts
    where !matched.contains(host.name) && host.connection == .ssh && host.via == nil
      && silent.contains(host.address)
    {
      gone.append(host.name)
      note(host, "\(FoundName.comment(host.name)): gone: nothing answers at \(host.address)")
    }
    var tail: [String] = loose
    if !unknown.isEmpty {
      new = unknown.compactMap(\.name)
      tail.append(
        "\(Self.mark) not in this file; to take a host over, move it to the `hosts:` of a group without the mark"
      )
      for host in unknown { tail += Draft.short(host).map { "\(Self.mark)   \($0)" } }
    }

    text = old
    // Beside the hosts, else all of them at the end: a comment line is read otherwise inside a block of text.
    for candidate in [
      Self.inserted(marks, tail, into: source, without: hand),
      Self.inserted(
        [:], marks.sorted { $0.key < $1.key }.flatMap(\.value).map(Self.trimmed) + tail, into: own,
        without: hand),
    ] {
      if let read = try? YAML.read(Source(source.path, bytes: candidate)), read == before {
        text = candidate
        return
      }
    }
    throw Refusal(description: "\(source.path) would mean something else with comments in it")
  }

  /// Replaces the file, with the mode and the owner that it has; a symbolic link stays.
  public func write(to path: String) throws {
    guard let name = realpath(path, nil) else { throw SystemError("realpath \(path)") }
    defer { free(name) }
    let real = String(cString: name)
    var status = stat()
    guard stat(real, &status) == 0 else { throw SystemError("stat \(real)") }
    var bytes = text
    // A mark of byte order is no text, and stays.
    let mark: [UInt8] = [0xef, 0xbb, 0xbf]
    let old = try SmallFile.read(real, limit: Source.byteLimit + mark.count)
    if old.starts(with: mark) { bytes = mark + bytes }
    if old == bytes { return }
    try SmallFile.replace(real, with: bytes, mode: status.st_mode & 0o7777)
    if status.st_uid != geteuid() || status.st_gid != getegid() {
      _ = chown(real, status.st_uid, status.st_gid)
    }
  }

  /// The YAML of an inventory; one in INI is refused as such, also where YAML's reader stumbles over it.
  private static func tree(of source: Source) throws -> Node {
    do {
      let tree = try YAML.read(source)
      if tree.pairs != nil || tree.isNull { return tree }
    } catch {
      var faults = Findings()
      let read = Inventory.read(source.path, checkingKeys: false, &faults)
      guard faults.isSound, !read.hosts.isEmpty else { throw error }
    }
    throw Refusal(
      description: "\(source.path) is no inventory in YAML; comments are not added to INI")
  }

  /// Its addresses other than the one for monitoring.
  private static func addresses(of host: Host) -> [String] {
    [host.bmc?.address].compactMap(\.self) + host.addresses.values
  }

  private static func trimmed(_ line: String) -> String {
    String(decoding: line.utf8.drop { $0 == 0x20 }, as: UTF8.self)
  }

  private static func isMark(_ line: ArraySlice<UInt8>) -> Bool {
    line.drop { $0 == 0x20 }.starts(with: mark.utf8)
  }

  /// The lines of a text, each with its end.
  private static func lines(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    var lines: [ArraySlice<UInt8>] = []
    var start = 0
    for index in bytes.indices where bytes[index] == 0x0a {
      lines.append(bytes[start...index])
      start = index + 1
    }
    if start < bytes.count { lines.append(bytes[start...]) }
    return lines
  }

  /// The file without the marks of an earlier run; a line that only looks like one stays.
  private static func withoutMarks(_ source: Source, _ before: Node) throws -> [UInt8] {
    let kept = Array(lines(source.bytes).filter { !isMark($0) }.joined())
    if kept.count == source.bytes.count { return source.bytes }
    if let read = try? YAML.read(Source(source.path, bytes: kept)), read == before { return kept }
    throw Refusal(
      description:
        "\(source.path) has lines with \"\(mark)\" that are no comments; marks need them for themselves"
    )
  }

  /// The text with marks above the lines with these numbers of `source`, and others at its end.
  private static func inserted(
    _ marks: [Int: [String]], _ tail: [String], into source: Source, without hand: [UInt8]
  ) -> [UInt8] {
    let end: [UInt8] = source.bytes.contains(0x0d) ? [0x0d, 0x0a] : [0x0a]
    var bytes: [UInt8] = []
    for (index, line) in lines(source.bytes).enumerated() {
      for mark in marks[index + 1] ?? [] { bytes += Array(mark.utf8) + end }
      if !isMark(line) { bytes += line }
    }
    if tail.isEmpty { return bytes }
    if let last = bytes.last, last != 0x0a { bytes += end }
    for line in tail { bytes += Array(line.utf8) + end }
    return bytes
  }
}
