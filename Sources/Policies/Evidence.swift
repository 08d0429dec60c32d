/// What is known of one host: its files, folders, commands and processes.
///
/// Paths are bytes as a rule writes them. Relative paths begin at the root.
public protocol Evidence {
  /// The kind of what stands at the path, links followed.
  func kind(of path: [UInt8]) -> Result<PathKind, PathFailure>
  /// The content of a regular file, links followed; at most what the budget allows.
  func read(_ path: [UInt8], _ budget: Budget) -> Result<FileText, PathFailure>
  /// The entries of a folder in its own order, without `.` and `..`; their kind without following
  /// links.
  func list(_ path: [UInt8], _ budget: Budget) -> Result<[FolderEntry], PathFailure>
  /// What the command printed and how it ended.
  func run(_ command: [UInt8]) -> CommandResult
  /// The processes that run.
  var processes: ProcessList { get }
}

/// The kind of a file.
public enum PathKind: Sendable, Equatable { case regular, directory, link, other }

/// Why nothing is known of a path.
public enum PathFailure: Error, Sendable, Equatable {
  /// ENOENT: no such file, or a link to nothing.
  case missing
  /// ENOTDIR: a file where a folder is needed.
  case notDirectory
  /// EACCES, EPERM.
  case denied
  /// ELOOP: too many links.
  case loop
  /// Another error of the system.
  case other(String)
  /// A limit of ours.
  case limit(String)
  /// It was not collected.
  case notCollected(String)

  /// The failure in words.
  public var words: String {
    switch self {
    case .missing: "no such file or folder"
    case .notDirectory: "not a folder"
    case .denied: "permission denied"
    case .loop: "too many levels of links"
    case .other(let text), .limit(let text), .notCollected(let text): text
    }
  }

  /// Why a check cannot be decided by it, or nil where Wazuh's own answer counts.
  var trouble: Trouble? {
    switch self {
    case .denied: .permission
    case .limit: .limit
    case .notCollected: .notCollected
    case .missing, .notDirectory, .loop, .other: nil
    }
  }
}

/// The content of a file.
public struct FileText: Sendable, Equatable {
  public var bytes: [UInt8]
  /// Whether the file goes on.
  public var isCut: Bool

  public init(bytes: [UInt8], isCut: Bool = false) {
    self.bytes = bytes
    self.isCut = isCut
  }
}

/// An entry of a folder.
public struct FolderEntry: Sendable, Equatable {
  public var name: [UInt8]
  /// The kind without following a link; nil if it cannot be examined.
  public var kind: PathKind?

  public init(name: [UInt8], kind: PathKind?) {
    self.name = name
    self.kind = kind
  }
}

/// How a command ended.
public enum CommandResult: Sendable, Equatable {
  /// It ran; output and errors in one text, and its status.
  case ran(output: [UInt8], status: Int)
  /// It printed more than a limit of ours; this is the begin.
  case cut(output: [UInt8])
  /// It could not be started.
  case absent
  case timedOut
  /// It needs a permission that the user does not have.
  case denied(String)
  /// It must not run here.
  case refused(String)
  case notCollected(String)
}

/// The processes of a host.
public enum ProcessList: Sendable, Equatable {
  case known([ProcessEntry])
  /// The host has no list: no ps.
  case absent
  /// The host hides the processes of others.
  case denied(String)
  case notCollected(String)
}

/// A process: its name and, where known, its whole command line.
public struct ProcessEntry: Sendable, Equatable {
  public var name: [UInt8]
  public var commandLine: [UInt8]?

  public init(name: [UInt8], commandLine: [UInt8]? = nil) {
    self.name = name
    self.commandLine = commandLine
  }
}

/// The bounds of evaluating one rule: bytes read, entries walked, time.
public final class Budget {
  /// The limits of one rule.
  public static let bytes = 64 << 20
  public static let entries = 50_000
  public static let depth = 64
  public static let time = Duration.seconds(5)

  public private(set) var bytesLeft: Int
  public private(set) var entriesLeft: Int
  private let end: ContinuousClock.Instant
  private var calls = 0

  public init(
    bytes: Int = Budget.bytes, entries: Int = Budget.entries, time: Duration = Budget.time
  ) {
    bytesLeft = bytes
    entriesLeft = entries
    end = .now + time
  }

  /// Takes bytes that were read.
  public func take(bytes: Int) { bytesLeft = max(0, bytesLeft - bytes) }

  /// Takes an entry of a folder; false if there were too many.
  public func takeEntry() -> Bool {
    guard entriesLeft > 0 else { return false }
    entriesLeft -= 1
    return !isOver
  }

  /// Whether the time is over; looks at the clock every 32nd time.
  var isOver: Bool {
    calls &+= 1
    return calls & 31 == 0 && ContinuousClock.now >= end
  }

  /// The limit in words.
  static let overTime = "not decided within \(time.components.seconds) s"
}
