public import Metrics
public import Parsers

/// The answer of one host, limited to the view of one collector.
public struct HostView: Sendable {
  /// The files that could be read, by path: this collector's and those of others.
  public var files: [String: ArraySlice<UInt8>]
  /// The result of the collector's own script; nil if it has none.
  public var output: CommandOutput?
  /// The options of this collector in the profile.
  public var options: CollectorOptions
  /// The time of the scrape, by the monitor's clock.
  public var time: Timestamp
  /// Seconds since the host booted, by /proc/uptime; nil if unknown.
  public var uptime: Double?
  /// The collector's memory from its last run; nil at the first and, unless it remembers across
  /// boots, after a reboot and if the boot is unknown.
  public var previous: Memory?
  /// The user and the source address of the monitor's own session, as the host sees them.
  public var session: OwnSession

  public init(
    files: [String: ArraySlice<UInt8>] = [:], output: CommandOutput? = nil,
    options: CollectorOptions = .init(), time: Timestamp, uptime: Double? = nil,
    previous: Memory? = nil, session: OwnSession = .init()
  ) {
    self.files = files
    self.output = output
    self.options = options
    self.time = time
    self.uptime = uptime
    self.previous = previous
    self.session = session
  }

  /// The bytes of a file, or an error that says that the host has none.
  public func file(_ path: String) throws(CollectorError) -> ArraySlice<UInt8> {
    guard let bytes = files[path] else {
      throw CollectorError(.missingTool, "\(path) is not there or not readable")
    }
    return bytes
  }

  /// The file's text as a parser reads it.
  public func parse<P: Parser>(_ path: String, as parser: P.Type) throws(CollectorError)
    -> P.Reading
  {
    let bytes = try file(path)
    do {
      return try P.parse(bytes.span)
    } catch {
      throw CollectorError(error)
    }
  }

  /// What the script printed, as a parser reads it; an error of its own where it printed nothing.
  public func parseOutput<P: Parser>(as parser: P.Type) throws(CollectorError) -> P.Reading {
    guard let output else { throw CollectorError(.notReached, "the script did not run") }
    guard !output.standardOutput.isEmpty else { throw output.failure }
    do {
      return try P.parse(output.standardOutput.span)
    } catch {
      throw CollectorError(error)
    }
  }

  /// Seconds between the previous run and this one by the host's own uptime; nil if either is
  /// unknown or time did not move forward.
  public var elapsed: Double? {
    guard let uptime, let before = previous?.uptime, uptime > before else { return nil }
    return uptime - before
  }
}

/// What a script printed and how it ended.
public struct CommandOutput: Sendable {
  public var standardOutput: ArraySlice<UInt8>
  /// At most a few kilobytes; it is for messages only.
  public var standardError: ArraySlice<UInt8>
  /// The exit status as the shell gives it: 124 after a timeout, 126 and 127 for a command that
  /// cannot run.
  public var status: Int

  public init(
    standardOutput: ArraySlice<UInt8>, standardError: ArraySlice<UInt8> = [], status: Int = 0
  ) {
    self.standardOutput = standardOutput
    self.standardError = standardError
    self.status = status
  }
}

extension CommandOutput {
  /// Why a script that printed nothing of use failed, by its status and its first words of complaint.
  public var failure: CollectorError {
    var lines = Scanner(standardError.span)
    var said = ""
    if let line = lines.line() { said = line.extracting(0..<min(line.count, 200)).string }
    let detail = said.isEmpty ? "it ended with status \(status)" : said
    return switch status {
    case 124, 137, 143: CollectorError(.timeout, detail)
    case 126: CollectorError(.permission, detail)
    case 127: CollectorError(.missingTool, detail)
    default: CollectorError(.commandFailed, detail)
    }
  }
}

/// How the host sees the monitor's own session, so that it can be left out of its findings.
public struct OwnSession: Sendable, Equatable {
  public var user: String?
  /// The monitor's address as sshd gives it in `SSH_CONNECTION`.
  public var address: String?

  public init(user: String? = nil, address: String? = nil) {
    self.user = user
    self.address = address
  }
}

/// The result of a collector for a host's answer.
public struct Sample: Sendable, Equatable {
  public var points: [Point] = []
  /// The memory for the next run.
  public var memory: [String: [UInt64]] = [:]
  /// What changes rarely and people ask for: `os`, `kernel`, `boot_id`, shown by `scrape list`.
  public var facts: [String: String] = [:]

  public init() {}
}
