public import Configuration
internal import Metrics

/// A host on paper: a folder for its files, and a JSON text for its commands and processes.
public struct OfflineEvidence: Evidence {
  private let root: Root
  private let commands: [[UInt8]: CommandResult]
  private let commandsAreOff: Bool
  public let processes: ProcessList

  /// - Parameters:
  ///   - root: the folder, or nil for a host without files.
  ///   - outputs: `{"COMMAND": {"output": TEXT, "status": NUMBER}, "processes": [TEXT]}`, or nil.
  public init(root: String?, outputs: Source?) throws(ConfigurationError) {
    do throws(PathFailure) { self.root = try Root(root) } catch {
      throw ConfigurationError("cannot be opened: \(error.words)", file: root ?? "")
    }
    var commands: [[UInt8]: CommandResult] = [:]
    var processes = ProcessList.notCollected("no processes are given (\"processes\" of --outputs)")
    var isOff = false
    if let outputs {
      guard case .object(let members) = JSON(reading: outputs.bytes) else {
        throw ConfigurationError("is no JSON object", file: outputs.path, hint: Self.form)
      }
      for (name, value) in members {
        switch (name, value) {
        case ("processes", .null): processes = .absent
        case ("processes", .array(let elements)):
          var entries: [ProcessEntry] = []
          for element in elements {
            guard let text = element.string else {
              throw ConfigurationError(
                "\"processes\" is a list of texts", file: outputs.path, hint: Self.form)
            }
            entries.append(ProcessEntry(name: Array(text.utf8)))
          }
          processes = .known(entries)
        case ("remote_commands", .boolean(let isOn)): isOff = !isOn
        case (_, .null): commands[Array(name.utf8)] = .absent
        case (_, .object):
          commands[Array(name.utf8)] = try Self.result(value, of: name, outputs)
        default:
          throw ConfigurationError(
            "\"\(name)\" is no command with its output", file: outputs.path, hint: Self.form)
        }
      }
    }
    self.commands = commands
    self.processes = processes
    commandsAreOff = isOff
  }

  private static let form =
    #"write {"COMMAND": {"output": "TEXT", "status": 0}, "processes": ["TEXT"]}"#

  private static func result(
    _ value: JSON, of name: String, _ source: Source
  ) throws(ConfigurationError) -> CommandResult {
    if case .boolean(true) = value["timeout"] { return .timedOut }
    let output = value["output"] ?? .string("")
    guard let text = output.string else {
      throw ConfigurationError(
        "the output of \"\(name)\" is no text", file: source.path, hint: form)
    }
    switch value["status"] {
    case nil: return .ran(output: Array(text.utf8), status: 0)
    case .integer(let status): return .ran(output: Array(text.utf8), status: Int(status))
    default:
      throw ConfigurationError(
        "the status of \"\(name)\" is no whole number", file: source.path, hint: form)
    }
  }

  public func kind(of path: [UInt8]) -> Result<PathKind, PathFailure> { root.kind(of: path) }

  public func read(_ path: [UInt8], _ budget: Budget) -> Result<FileText, PathFailure> {
    root.read(path, budget)
  }

  public func list(_ path: [UInt8], _ budget: Budget) -> Result<[FolderEntry], PathFailure> {
    root.list(path, budget)
  }

  public func run(_ command: [UInt8]) -> CommandResult {
    if commandsAreOff { return .refused("commands are off (\"remote_commands\" of --outputs)") }
    if let result = commands[command] { return result }
    // Wazuh starts nothing and takes it for a success.
    if Lines.words(command).isEmpty { return .ran(output: [], status: 0) }
    return .absent
  }
}
