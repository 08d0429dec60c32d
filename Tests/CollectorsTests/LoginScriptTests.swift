import Foundation
import Metrics
import Testing

@testable import Collectors

/// The scripts under real shells, with made-up tools on PATH that print what each host's would.
@Suite(.serialized) struct LoginScriptTests {
  static let shells = [["dash"], ["bash"], ["busybox", "sh"]].filter { shell in
    ["/bin", "/usr/bin"].contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/\(shell[0])")
    }
  }

  /// Runs a script as the batch does, with a folder of fake tools as the only PATH.
  static func run(_ script: String, under shell: [String], tools: [String: String]) throws
    -> CommandOutput
  {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, body) in tools {
      let tool = folder.appending(path: name)
      try Data("#!/bin/sh\n\(body)\n".utf8).write(to: tool)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: tool.path())
    }
    for name in ["head", "grep", "ls", "timeout"] where tools[name] == nil {
      try? FileManager.default.createSymbolicLink(
        atPath: folder.appending(path: name).path(), withDestinationPath: "/usr/bin/\(name)")
    }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = shell
    process.environment = [
      "PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC",
    ]
    let input = Pipe()
    let output = Pipe()
    let errors = Pipe()
    process.standardInput = input
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let text = "PATH='\(folder.path())'; limit='timeout 5'\n(\n\(script)\n) </dev/null\n"
    input.fileHandleForWriting.write(Data(text.utf8))
    try input.fileHandleForWriting.close()
    let standardOutput = [UInt8](output.fileHandleForReading.readDataToEndOfFile())
    let standardError = [UInt8](errors.fileHandleForReading.readDataToEndOfFile())
    process.waitUntilExit()
    return CommandOutput(
      standardOutput: standardOutput[...], standardError: standardError[...],
      status: Int(process.terminationStatus))
  }

  static func text(_ output: CommandOutput) -> String {
    String(decoding: output.standardOutput, as: UTF8.self)
  }

  @Test(arguments: shells)
  func `logind is asked about all sessions at once`(_ shell: [String]) throws {
    // Where the machine that tests keeps utmp, the script has no need of logind.
    let hasUtmp = ["/run/utmp", "/var/run/utmp"].contains {
      (try? FileManager.default.attributesOfItem(atPath: $0)[.size] as? Int ?? 0) ?? 0 > 0
    }
    let script = try #require(UsersCollector.script(.init()))
    let output = try Self.run(
      script, under: shell,
      tools: [
        "who": ":",
        "loginctl": """
        if [ "$1" = list-sessions ]; then
          echo "     c1 1000 alice seat0 tty2"
          echo " 4 0 * -"
        else echo "$@"; fi
        """,
      ])
    #expect(output.status == 0)
    #expect(output.standardError.isEmpty)
    #expect(
      Self.text(output)
        == (hasUtmp
          ? "utmp\n\n"
          : "logind\nshow-session -p Name -p TTY -p Display -p RemoteHost -p Timestamp -p Class -p State c1 4\n")
    )
  }

  @Test(arguments: shells)
  func `what who prints is believed, wherever utmp lies`(_ shell: [String]) throws {
    let script = try #require(UsersCollector.script(.init()))
    let output = try Self.run(
      script, under: shell, tools: ["who": "echo 'alice pts/0 Nov 20 09:10'"])
    #expect(Self.text(output) == "utmp\nalice pts/0 Nov 20 09:10\n")
  }

  @Test(arguments: shells)
  func `without any tool the titles of sshd are read`(_ shell: [String]) throws {
    let script = try #require(UsersCollector.script(.init()))
    let output = try Self.run(
      script, under: shell, tools: ["loginctl": "echo 'System has not been booted' >&2; exit 1"])
    #expect(output.status == 0)
    #expect(output.standardError.isEmpty)
    #expect(Self.text(output).hasPrefix("sshd\n"))
  }

  @Test(arguments: shells)
  func `the log of logins is wtmpdb's where there is one`(_ shell: [String]) throws {
    let script = try #require(LoginsCollector.script(.init()))
    let output = try Self.run(
      script, under: shell,
      tools: [
        "ls": "echo '-rw-rw---- 1 0 43 768 Nov 20 09:20 /var/log/btmp'",
        "lastb": "echo 'lastb: cannot open /var/log/btmp' >&2; exit 1",
        "wtmpdb": #"echo '{ "entries": ['; echo "$@"; echo '\n%s]}'"#,
        "last": "echo never",
      ])
    #expect(output.status == 0)
    #expect(output.standardError.isEmpty)
    let expected =
      "# btmp 768\n# wtmpdb\n{ \"entries\": [\nlast --json -F -x -n 100\n\\n%s]}\n"
    // dash's echo reads backslashes, which is the fake tool's affair, not the script's.
    #expect(
      Self.text(output) == expected
        || Self.text(output) == expected.replacing("\\n%s", with: "\n%s"))
  }

  @Test(arguments: shells)
  func `a last that takes no options is asked without`(_ shell: [String]) throws {
    let script = try #require(LoginsCollector.script(.init()))
    let output = try Self.run(
      script, under: shell,
      tools: [
        "ls": "exit 1", "wtmpdb": "exit 1",
        "last": "[ $# -eq 0 ] || exit 1; echo 'alice pts/0 h Nov 20 09:10'",
      ])
    #expect(output.status == 0)
    let canRead = FileManager.default.isReadableFile(atPath: "/var/log/wtmp")
    #expect(Self.text(output) == (canRead ? "# last\nalice pts/0 h Nov 20 09:10\n" : ""))
  }

  @Test(arguments: shells)
  func `a missing nvidia-smi is a missing tool, a hung one a timeout`(_ shell: [String]) throws {
    let script = try #require(GPUCollector.script(.init()))
    func reason(_ output: CommandOutput) -> Reason? {
      var sample = Sample()
      do throws(CollectorError) {
        try GPUCollector.collect(
          from: HostView(output: output, time: Timestamp(seconds: 0)), into: &sample)
        return nil
      } catch {
        return error.reason
      }
    }
    let missing = try Self.run(script, under: shell, tools: [:])
    #expect(reason(missing) == .missingTool)
    // KILL, as the test's own process may have TERM blocked, which children inherit.
    let hung = try Self.run(
      script.replacing("$limit", with: "timeout -s KILL 0.2"), under: shell,
      tools: ["nvidia-smi": "exec /usr/bin/sleep 20"])
    #expect(reason(hung) == .timeout)
  }
}
