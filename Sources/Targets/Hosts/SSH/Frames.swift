internal import Glibc

/// Cuts a batch's output into sections while it arrives.
///
/// The batch prints a line that begins with a random nonce before and after each section, so neither
/// a banner nor a command's output can pass for one. Text before the first such line is dropped.
/// Memory is bounded: a section beyond its limit is dropped and marked.
public struct Frames: Sendable {
  /// The marker lines, each after the nonce and a space.
  enum Marker {
    /// `m TEXT`: the shell runs; the text is `SSH_CONNECTION`.
    static let hello: UInt8 = UInt8(ascii: "m")
    /// `s NAME`: a section's output begins.
    static let start: UInt8 = UInt8(ascii: "s")
    /// `i TITLE`: within a section's output, a part begins.
    static let part: UInt8 = UInt8(ascii: "i")
    /// `e STATUS`: it has ended; its standard error follows.
    static let end: UInt8 = UInt8(ascii: "e")
    /// `z`: the batch is done.
    static let done: UInt8 = UInt8(ascii: "z")
  }

  /// One command's output, as far as it came.
  public struct Section: Sendable, Equatable {
    var name: String
    public var output: [UInt8] = []
    public var errors: [UInt8] = []
    /// The exit status; nil without an end marker.
    public var status: Int?
    /// More came than the limit allows; the output has been dropped, or that of parts cut.
    public var overflowed = false
    /// The parts of its output, in order, each with its title and where it begins.
    public var parts: [Part] = []

    /// A part of the output, up to the next one.
    public struct Part: Sendable, Equatable {
      public var title: [UInt8]
      public var start: Int
    }
  }

  /// What a part costs of its section's limit beside its text.
  private static let partCost = 64

  private(set) var sections: [Section] = []
  /// The shell's `SSH_CONNECTION`: `client port server port`.
  private(set) var connection: String?
  private(set) var isDone = false
  /// The first bytes before any marker: a banner, or the reason for a missing shell.
  private(set) var preamble: [UInt8] = []

  private enum Place { case before, output, errors, between }

  private let nonce: [UInt8]
  /// The requested sections, with the limit of bytes of each.
  private let limits: [String: Int]
  private var place = Place.before
  /// The limit of the current section; looked up once, not for each line.
  private var limit = 0
  private var line: [UInt8] = []
  /// The host ends its lines as a terminal does, with CR LF; its first marker shows it.
  private var endsWithReturn = false
  /// Whether the line is beyond its limit; the rest of it is dropped.
  private var skipping = false
  private static let errorLimit = 4096
  private static let preambleLimit = 512

  init(nonce: String, limits: [String: Int]) {
    self.nonce = Array(nonce.utf8) + [0x20]
    self.limits = limits
  }

  /// Takes in nothing.
  static var none: Frames {
    var frames = Frames(nonce: "", limits: [:])
    frames.isDone = true
    return frames
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    var start = 0
    while start < bytes.count, !isDone {
      start += takeLines(UnsafeRawBufferPointer(rebasing: bytes[start...]))
      let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
      guard let base = rest.baseAddress, let found = memchr(base, 0x0a, rest.count) else {
        take(rest)
        return
      }
      let end = UnsafeRawPointer(found) - base
      start += end + 1
      // A flood of short lines must cost little while only its end matters.
      if isDropping, line.isEmpty, !skipping, rest[0] != nonce[0] { continue }
      take(UnsafeRawBufferPointer(rebasing: rest[..<end]))
      endLine()
    }
  }

  /// Takes whole lines of output that can be no markers, as far as their limit allows; the bytes taken.
  private mutating func takeLines(_ rest: UnsafeRawBufferPointer) -> Int {
    guard place == .output, line.isEmpty, !skipping, !endsWithReturn, let base = rest.baseAddress,
      let last = sections.indices.last, !sections[last].overflowed
    else { return 0 }
    let room = limit - sections[last].output.count
    var end = 0
    while end < rest.count, rest[end] != nonce[0],
      let found = memchr(base + end, 0x0a, rest.count - end)
    {
      let length = UnsafeRawPointer(found) - base
      if length > room { break }
      end = length + 1
    }
    sections[last].output.append(contentsOf: UnsafeRawBufferPointer(rebasing: rest[..<end]))
    return end
  }

  /// Whether only a marker matters: the current section is too large, or none is open.
  private var isDropping: Bool {
    switch place {
    case .between: true
    case .output: sections.last?.overflowed == true
    case .errors: (sections.last?.errors.count ?? 0) >= Frames.errorLimit
    case .before: preamble.count >= Frames.preambleLimit
    }
  }

  /// The bytes left for the current section, its line included.
  private var room: Int {
    switch place {
    case .before: return max(nonce.count + 128, Frames.preambleLimit - preamble.count)
    case .between: return nonce.count + 128
    case .errors: return nonce.count + 128 + Frames.errorLimit
    case .output:
      guard let section = sections.last else { return 0 }
      return max(nonce.count + 128, limit - section.output.count)
    }
  }

  private mutating func take(_ piece: UnsafeRawBufferPointer) {
    if skipping { return }
    guard line.count + piece.count <= room else {
      skipping = true
      if place == .output { overflow() }
      return
    }
    line.append(contentsOf: piece)
  }

  private mutating func overflow() {
    guard let last = sections.indices.last else { return }
    sections[last].overflowed = true
    // Parts that are whole say something.
    if sections[last].parts.isEmpty { sections[last].output = [] }
  }

  private mutating func endLine() {
    defer {
      line.removeAll(keepingCapacity: true)
      skipping = false
    }
    if !skipping, place == .before, line.starts(with: nonce) {
      endsWithReturn = line.last == UInt8(ascii: "\r")
    }
    if endsWithReturn, line.last == UInt8(ascii: "\r") { line.removeLast() }
    if !skipping, line.starts(with: nonce) {
      mark(line[nonce.count...])
      return
    }
    if skipping { return }
    switch place {
    case .before:
      if preamble.count < Frames.preambleLimit {
        preamble.append(contentsOf: line.prefix(Frames.preambleLimit - preamble.count))
        preamble.append(UInt8(ascii: "\n"))
      }
    case .between: break
    case .errors:
      guard let last = sections.indices.last, !line.isEmpty else { return }
      let left = Frames.errorLimit - sections[last].errors.count
      if left > 0 {
        sections[last].errors.append(contentsOf: line.prefix(left))
        sections[last].errors.append(UInt8(ascii: "\n"))
      }
    case .output:
      guard let last = sections.indices.last, !sections[last].overflowed else { return }
      if sections[last].output.count + line.count > limit {
        overflow()
        return
      }
      sections[last].output.append(contentsOf: line)
      sections[last].output.append(UInt8(ascii: "\n"))
    }
  }

  private mutating func mark(_ words: ArraySlice<UInt8>) {
    guard let kind = words.first else { return }
    let text = String(decoding: words.dropFirst(2), as: UTF8.self)
    switch kind {
    case Marker.hello where place == .before:
      connection = text
      place = .between
    case Marker.start where place == .between || place == .errors:
      // The host knows the nonce too, and could open sections without end.
      guard let most = limits[text], !sections.contains(where: { $0.name == text }) else { return }
      sections.append(Section(name: text))
      limit = most
      place = .output
    case Marker.end where place == .output:
      guard let last = sections.indices.last else { return }
      sections[last].status = Int(text)
      // The marker begins with a line break of its own, so that a half line before it is kept apart.
      closePart(of: last)
      place = .errors
    case Marker.part where place == .output:
      guard let last = sections.indices.last, !sections[last].overflowed else { return }
      let title = Array(words.dropFirst(2))
      let cost = title.count + Frames.partCost
      guard limit - sections[last].output.count >= cost else {
        overflow()
        return
      }
      limit -= cost
      closePart(of: last)
      sections[last].parts.append(Section.Part(title: title, start: sections[last].output.count))
    case Marker.done where place != .before && place != .output: isDone = true
    default: break  // an echo of the script, or a forgery out of place
    }
  }

  private mutating func closePart(of section: Int) {
    if sections[section].output.last == UInt8(ascii: "\n") { sections[section].output.removeLast() }
  }

  /// Adds an unfinished line to the current section; called when the connection ends.
  mutating func finish() {
    if !line.isEmpty, !isDone { endLine() }
  }
}
