internal import Configuration
internal import Console
internal import Discovery
internal import Engine
internal import Metrics
internal import Passes

/// `scrape import wazuh`: Wazuh's agentless checks as an inventory.
enum WazuhImport {
  static func run(_ arguments: Arguments) throws -> Int32 {
    guard arguments.operands.count == 2 else {
      throw UsageError(message: "name one file: scrape import wazuh ossec.conf")
    }
    let file = arguments.operands[1]
    let passwords = try arguments["--passlist"].map { try Source.read($0).bytes } ?? []
    let wazuh: WazuhAgentless
    do throws(WazuhAgentless.Fault) {
      wazuh = try WazuhAgentless(try Self.read(file), passwords: passwords)
    } catch { throw ConfigurationError(error.description, file: file) }
    for note in wazuh.notes { Terminal.note("scrape: \(note.visible)") }
    guard let folder = arguments["--output"] else {
      Terminal.print(.lines(String(wazuh.draft(isWhole: false).dropLast())))
      if !wazuh.policies.isEmpty {
        Terminal.note(
          "scrape: --output DIR also writes the policies for the folders that were checked")
      }
      return ExitCode.ok
    }
    let files = try wazuh.write(to: folder)
    Terminal.print(
      "\(Format.count(wazuh.hosts.count, "host")) in \(folder): \(files.joined(separator: ", "))"
        .visible)
    return ExitCode.ok
  }

  private static func read(_ path: String) throws(WazuhAgentless.Fault) -> [UInt8] {
    do throws(ConfigurationError) { return try Source.read(path).bytes } catch {
      throw WazuhAgentless.Fault(error.problem)
    }
  }
}
