import Foundation
import Metrics
import Testing

@testable import Collectors

/// The scripts, run for real on this machine by the shells that hosts have.
@Suite struct ScriptTests {
  /// A shell, and how it reads a script from its standard input.
  struct Shell: Sendable, CustomTestStringConvertible {
    var command: [String]
    var testDescription: String { command.joined(separator: " ") }

    static let all = [
      ["/bin/dash"], ["/bin/bash", "--posix"], ["/bin/busybox", "sh"], ["/bin/mksh"], ["/bin/ksh"],
    ].filter { FileManager.default.isExecutableFile(atPath: $0[0]) }.map(Shell.init)

    /// Runs a script as a host would; with a prefix, inside another command.
    func run(_ script: String, prefix: [String] = []) throws -> CommandOutput {
      let process = Process()
      let words = prefix + command
      process.executableURL = URL(filePath: words[0])
      process.arguments = Array(words.dropFirst())
      process.environment = [
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
        "TZ": "UTC",
      ]
      let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      func file(_ name: String, _ text: String = "") throws -> FileHandle {
        let url = folder.appending(path: name)
        try Data(text.utf8).write(to: url)
        return try FileHandle(forUpdating: url)
      }
      // In a subshell with an empty standard input, as the batch runs it.
      process.standardInput = try file("in", "(\n\(script)\n) </dev/null\n")
      process.standardOutput = try file("out")
      process.standardError = try file("err")
      try process.run()
      process.waitUntilExit()
      func bytes(_ name: String) throws -> ArraySlice<UInt8> {
        [UInt8](try Data(contentsOf: folder.appending(path: name)))[...]
      }
      return CommandOutput(
        standardOutput: try bytes("out"), standardError: try bytes("err"),
        status: Int(process.terminationStatus))
    }
  }

  private func view(_ output: CommandOutput, _ collector: any Collector.Type) -> HostView {
    var host = HostView(output: output, time: Timestamp(seconds: 1_748_736_000))
    for path in collector.files {
      if let data = FileManager.default.contents(atPath: path) {
        host.files[path] = [UInt8](data)[...]
      }
    }
    return host
  }

  @Test(arguments: collectors.map { $0.name }, Shell.all)
  func `a script runs here and its collector understands it`(_ name: String, _ shell: Shell) throws
  {
    let collector = try #require(collectors.first { $0.name == name })
    guard let script = collector.script(CollectorOptions()) else { return }
    let output = try shell.run(script)
    let complaints = String(decoding: output.standardError, as: UTF8.self)
    #expect(!complaints.contains("yntax error"))
    var sample = Sample()
    do {
      try collector.collect(from: view(output, collector), into: &sample)
    } catch {
      // This machine may lack the tool or the right, but what was printed must be understood.
      #expect(error.reason != .parseError, "\(error)")
    }
  }

  @Test(arguments: Shell.all)
  func `a disk is asked by its name, behind a controller with its type, and never woken`(
    _ shell: Shell
  ) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let program = folder.appending(path: "smartctl")
    let text = """
      #!/bin/sh
      if [ "$1" = --scan ]; then
        echo '/dev/sda -d scsi # /dev/sda, SCSI device'
        echo '/dev/bus/0 -d megaraid,4 # /dev/bus/0 [megaraid_disk_04], SCSI device'
        echo '/dev/nvme0 -d nvme # /dev/nvme0, NVMe device'
        echo 'a line of another form'
        exit
      fi
      cat
      printf '{"argv":"%s"}' "$*"
      exit 64
      """
    try Data(text.utf8).write(to: program)
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o755], ofItemAtPath: program.path(percentEncoded: false))
    let script = try #require(SmartCollector.script(CollectorOptions()))
    let output = try shell.run("PATH='\(folder.path(percentEncoded: false))':$PATH\n\(script)")
    let asked = "--json=c -n standby -i -H -A"
    #expect(
      String(decoding: output.standardOutput, as: UTF8.self).split(separator: "\n") == [
        "{\"argv\":\"\(asked) /dev/sda\"}",
        "{\"argv\":\"\(asked) -d megaraid,4 /dev/bus/0\"}",
        "{\"argv\":\"\(asked) /dev/nvme0\"}",
      ])
    #expect(output.status == 0 && output.standardError.isEmpty)
  }

  /// Whether this account may mount in a namespace of its own.
  private static let mayMount: Bool = {
    let probe = try? Shell(command: ["/bin/sh"]).run(
      "mount -t tmpfs x /mnt", prefix: ["/usr/bin/unshare", "-rm"])
    return probe?.status == 0
  }()

  @Test(.enabled(if: mayMount, "mounting is not allowed here"), arguments: Shell.all)
  func `mount points with any name are read`(_ shell: Shell) throws {
    let names = [
      "with space", " lead", "trail ", "back\\slash", "tricky\\040x", "a\\0401", "star*[a]",
      "-dash",
      "h#sh", "$(id)`id`", "it's", "x 1 2 3 4% /spoof", "tab\tx", "new\nline", "üml",
    ]
    let mounts = names.map { name in
      let quoted = "'/mnt/" + name.replacing("'", with: "'\\''") + "'"
      return "mkdir -p \(quoted) && mount -t tmpfs -o size=64k tmpfs \(quoted)"
    }
    let setUp = """
      exec 2>&1
      mount -t tmpfs tmpfs /mnt
      \(mounts.joined(separator: "\n"))
      mkdir /mnt/twice /mnt/far
      mount -t tmpfs -o size=64k first /mnt/twice
      mount -t tmpfs -o size=128k,ro second /mnt/twice
      mount -t sysfs sysfs /mnt/far
      exec 2>/dev/null

      """
    let options = CollectorOptions(["ignore_fs": .strings(["overlay"])])
    let script = try #require(DiskCollector.script(options))
    let output = try shell.run(setUp + script, prefix: ["/usr/bin/unshare", "-rm"])
    var sample = Sample()
    try DiskCollector.collect(from: view(output, DiskCollector.self), into: &sample)
    let paths = Set(sample.points.compactMap { $0[tag: "path"] })
    for name in names { #expect(paths.contains("/mnt/\(name)")) }
    let twice = sample.points.filter { $0[tag: "path"] == "/mnt/twice" }
    #expect(twice.map { $0[tag: "device"] } == ["second"])
    #expect(twice.map { $0[field: "total"] } == [.integer(128 << 10)])
    #expect(twice.map { $0[tag: "mode"] } == ["ro"])
  }

  @Test(.enabled(if: mayMount, "mounting is not allowed here"), arguments: Shell.all)
  func `a tmpfs that people fill is read, and none of the system's own`(_ shell: Shell) throws {
    let setUp = """
      mount -t tmpfs t /tmp
      mount -t tmpfs -o size=64k r /run
      mkdir -p /run/user/1000 /run/credentials/x.service /run/lock /run/app
      for path in /run/user/1000 /run/credentials/x.service /run/lock /run/app; do
        mount -t tmpfs -o size=64k t $path
      done

      """
    let script = try #require(DiskCollector.script(CollectorOptions()))
    let output = try shell.run(setUp + script, prefix: ["/usr/bin/unshare", "-rm"])
    var sample = Sample()
    try DiskCollector.collect(from: view(output, DiskCollector.self), into: &sample)
    let paths = Set(sample.points.compactMap { $0[tag: "path"] })
    #expect(paths.isSuperset(of: ["/tmp", "/run", "/run/app"]), "\(paths)")
    #expect(!paths.contains { $0.hasPrefix("/run/user") || $0.hasPrefix("/run/cred") }, "\(paths)")
    #expect(!paths.contains("/run/lock") && !paths.contains { $0.hasPrefix("/proc") }, "\(paths)")
  }

  @Test(.enabled(if: mayMount, "mounting is not allowed here"), arguments: Shell.all)
  func `what lies on or beneath a foreign mount is not asked for`(_ shell: Shell) throws {
    // No network file system can be mounted here: ramfs stands in, as if we did not know it.
    let setUp = """
      mount -t tmpfs x /mnt
      mkdir /mnt/far /mnt/farther /mnt/hidden
      mount -t ramfs x /mnt/far && mkdir /mnt/far/below && mount -t tmpfs x /mnt/far/below
      mount -t tmpfs x /mnt/hidden && mount -t ramfs x /mnt/hidden
      mount -t tmpfs x /mnt/farther

      """
    let options = CollectorOptions(["ignore_fs": .strings(["overlay"])])
    let script = try #require(DiskCollector.script(options)).replacing("|ramfs|", with: "|")
    let output = try shell.run(setUp + script, prefix: ["/usr/bin/unshare", "-rm"])
    let list = String(decoding: output.standardOutput, as: UTF8.self)
    #expect(list.contains("x /mnt/farther tmpfs"))
    #expect(!list.contains("/mnt/far/below"))
    #expect(!list.contains("/mnt/hidden"))
  }
}
