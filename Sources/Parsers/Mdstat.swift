/// Reads /proc/mdstat: the arrays of Linux software RAID.
///
/// Format: the kernel's drivers/md/md.c, md_seq_show. `md0 : active raid1 sdb1[1] sda1[0](F)`, then
/// indented lines: the size and `[2/1] [_U]` (wanted and working disks; not for linear and raid0),
/// a bitmap if there is one, and a running action (`recovery =  8.5% (…/…) finish=17.0min
/// speed=…`).
public enum Mdstat: Parser {
  public struct Array: Sendable, Equatable {
    public var name: String
    /// Whether it runs; an inactive one was found but could not be assembled.
    public var isActive: Bool
    /// `raid1`, `linear`; nil for most inactive ones.
    public var level: String?
    public var disks: [Disk] = []
    /// 1 KiB blocks.
    public var blocks: UInt64?
    /// The number of disks that the array should have.
    public var wanted: UInt64?
    /// The number of working disks in sync.
    public var working: UInt64?
    /// The number of missing disks, by the `_` in `[_U]`.
    public var down: UInt64?
    public var action: Action?
  }

  public struct Disk: Sendable, Equatable {
    public var name: String
    /// `(F)`: failed.
    public var isFailed: Bool
    /// `(S)`: spare.
    public var isSpare: Bool
  }

  /// A running action on all the array's blocks.
  public struct Action: Sendable, Equatable {
    /// The kernel's word: `recovery`, `resync`, `reshape`, `check`.
    public var name: String
    /// Whether it is waiting (DELAYED, PENDING, REMOTE); then there is no progress.
    public var isWaiting = false
    /// Blocks done.
    public var done: UInt64?
    /// Percent done.
    public var percent: Double?
    /// The expected remaining minutes.
    public var minutesLeft: Double?
    /// KiB per second.
    public var speed: Double?
  }

  public struct Reading: Sendable, Equatable {
    public var arrays: [Array] = []
  }

  /// Limits above the number of arrays, and of disks of one, in any kernel; the rest is left out.
  static let mostArrays = 512
  static let mostDisks = 384

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    var number = 0
    while let line = lines.line() {
      number &+= 1
      guard let first = line.first else { continue }
      if !first.isBlank {
        if line.starts(with: "Personalities") || line.starts(with: "unused") { continue }
        guard reading.arrays.count < mostArrays else { break }
        guard let array = array(line) else {
          throw ParseError("/proc/mdstat", "expected an array", line: number, at: line)
        }
        reading.arrays.append(array)
      } else if !reading.arrays.isEmpty {
        detail(line, of: &reading.arrays[reading.arrays.count &- 1])
      }
    }
    guard number > 0 else { throw ParseError("/proc/mdstat", "expected a line", at: text) }
    return reading
  }

  private static func array(_ line: Span<UInt8>) -> Array? {
    var words = Scanner(line)
    guard let name = words.word(), name.count <= 64, words.word()?.equals(":") == true,
      let state = words.word()
    else { return nil }
    guard state.equals("active") || state.equals("inactive") else { return nil }
    var array = Array(name: name.string, isActive: state.equals("active"))
    while let word = words.word() {
      if word.first == UInt8(ascii: "(") { continue }  // (read-only), (auto-read-only)
      var parts = Scanner(word)
      guard let disk = parts.upTo(UInt8(ascii: "[")) else {
        if array.level == nil, array.disks.isEmpty, word.count <= 32 { array.level = word.string }
        continue
      }
      guard disk.count <= 64, array.disks.count < mostDisks else { continue }
      array.disks.append(
        Disk(
          name: disk.string, isFailed: word.firstIndex(of: "(F)") != nil,
          isSpare: word.firstIndex(of: "(S)") != nil))
    }
    return array
  }

  private static func detail(_ line: Span<UInt8>, of array: inout Array) {
    if line.firstIndex(of: " blocks") != nil {
      var words = Scanner(line)
      array.blocks = words.unsigned()
      while let word = words.word() {
        guard word.first == UInt8(ascii: "["), word.last == UInt8(ascii: "]") else { continue }
        let inside = word.extracting(1..<max(1, word.count - 1))
        var parts = Scanner(inside)
        if let wanted = parts.upTo(UInt8(ascii: "/"))?.unsigned {
          array.wanted = wanted
          array.working = parts.rest.unsigned
        } else if array.wanted != nil {
          var down: UInt64 = 0
          for index in inside.indices where inside[index] == UInt8(ascii: "_") { down &+= 1 }
          array.down = down
        }
      }
      return
    }
    for name in ["recovery", "resync", "reshape", "check"] {
      guard let start = line.firstIndex(of: name) else { continue }
      array.action = action(name, line.extracting((start + name.utf8.count)..<line.count))
      return
    }
  }

  /// Reads the part after the action's name: `=DELAYED`, or ` =  8.5% (1/2) finish=1.0min
  /// speed=3K/sec`.
  private static func action(_ name: String, _ text: Span<UInt8>) -> Action? {
    var words = Scanner(text)
    words.skipBlanks()
    guard words.skip(UInt8(ascii: "=")) else { return nil }
    var action = Action(name: name)
    while let word = words.word() {
      if word.equals("DELAYED") || word.equals("PENDING") || word.equals("REMOTE") {
        action.isWaiting = true
      } else if word.last == UInt8(ascii: "%") {
        action.percent = word.extracting(0..<(word.count - 1)).decimal
      } else if word.first == UInt8(ascii: "(") {
        var parts = Scanner(word.extracting(1..<word.count))
        action.done = parts.upTo(UInt8(ascii: "/"))?.unsigned
      } else if word.starts(with: "finish="), word.ends(with: "min"), word.count > 10 {
        action.minutesLeft = word.extracting(7..<(word.count - 3)).decimal
      } else if word.starts(with: "speed="), word.ends(with: "K/sec"), word.count > 11 {
        action.speed = word.extracting(6..<(word.count - 5)).decimal
      }
    }
    return action
  }
}
