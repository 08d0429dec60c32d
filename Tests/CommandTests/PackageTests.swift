import Foundation
import Lab
import Testing

/// The units of the package, and what its page says of them.
@Suite struct PackageTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../..").standardized
  private static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }
  private static func unit(_ name: String) -> String {
    root.appending(path: "packaging/debian/\(name)").path()
  }

  /// The settings below `[Service]`, without those that differ between a watch and a pass.
  private static func sandbox(_ name: String) throws -> [String] {
    let service = try text("packaging/debian/\(name)").components(separatedBy: "[Service]\n")[1]
    let lines = service.components(separatedBy: "\n[").first ?? ""
    return lines.split(separator: "\n").map(String.init).drop { $0 != "User=scrape" }.filter {
      !$0.hasPrefix("#")
    }
  }

  @Test func `watch and pass have the same sandbox`() throws {
    let watch = try Self.sandbox("scrape.service")
    #expect(watch.count > 30)
    #expect(try Self.sandbox("scrape.scrape-pass.service") == watch)
  }

  @Test(arguments: ["scrape.service", "scrape.scrape-pass.service"])
  func `the exposure is at most 1.5, as the page says`(_ name: String) throws {
    let analysis = try run(
      "/usr/bin/systemd-analyze",
      ["security", "--offline=true", "--no-pager", "--threshold=15", Self.unit(name)])
    #expect(analysis.status == 0, "\(analysis.output.suffix(200))\(analysis.errors)")
    let figure = try #require(
      analysis.output.firstMatch(of: /exposure level for \S+: (\d+\.\d)/)?.output.1)
    #expect(try Self.text("docs/install.md").contains("says \(figure) of both services"))
  }

  @Test func `credentials of the page are those of the units`() throws {
    let page = try Self.text("docs/install.md")
    let names = try Self.sandbox("scrape.service").compactMap { line in
      line.hasPrefix("LoadCredential=") ? line.dropFirst("LoadCredential=".count) : nil
    }
    #expect(names.count == 5)
    for name in names { #expect(page.contains("`\(name)`"), "\(name)") }
  }

  #if arch(x86_64)
    /// Half of a start went into loading these; decisions 96 and 99.
    @Test
    func `libraries that few commands use are loaded when they are used, and packages name them`()
      throws
    {
      let source = try Self.text("Sources/System/CLazy/CLazy.c")
      let lazy = Set(source.matches(of: /"(lib[a-z0-9-]+\.so\.\d+)"/).map { String($0.output.1) })
      #expect(lazy.count == 11)
      let loaded = try run(Scrape.program, [], environment: ["LD_TRACE_LOADED_OBJECTS": "1"]).output
      #expect(loaded.contains("libssh2.so.1"))
      let control = try Self.text("packaging/debian/control")
      let image = try Self.text("packaging/compose/Dockerfile")
      for library in lazy {
        #expect(!loaded.contains(library), "\(library)")
        let owner = try run("/usr/bin/dpkg", ["--search", "*/\(library)"]).output
        let package = try #require(owner.firstMatch(of: /^[a-z0-9-]+/)).output
        #expect(control.contains(" \(package),"), "\(package)")
        #expect(image.contains(" \(package)"), "\(package)")
      }
    }
  #endif

  @Test func `the files of etc are without fault, and begin empty`() throws {
    let scratch = Scratch()
    scratch.write("hosts.yml", try Self.text("packaging/debian/hosts.yml"))
    scratch.write("scrape.yml", try Self.text("packaging/debian/scrape.yml"))
    let linted = try run(Scrape.program, ["lint", "--inventory", scratch.path])
    #expect(linted.status == 0, "\(linted.output)\(linted.errors)")
  }

  @Test func `the files of etc are without fault when their comments are taken`() throws {
    // A line that is a setting in a comment has its indentation after `# `.
    func uncommented(_ text: String) -> String {
      text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
        guard let match = line.firstMatch(of: /^( *)# (( *)(- |[a-z"].*: |[a-z]+:$).*)$/),
          !line.contains("sudo"), !line.contains("Ansible's")
        else { return String(line) }
        return "\(match.output.1)\(match.output.2)"
      }.joined(separator: "\n")
    }
    let scratch = Scratch()
    let policies = Self.root.appending(path: "policies").path()
    let settings = uncommented(try Self.text("packaging/debian/scrape.yml"))
      .split(separator: "/usr/share/scrape/policies", omittingEmptySubsequences: false)
      .joined(separator: policies)
    scratch.write("hosts.yml", uncommented(try Self.text("packaging/debian/hosts.yml")))
    scratch.write("scrape.yml", settings)
    #expect(settings.contains("\ncontacts:\n") && settings.contains("\nsinks:\n"))
    let linted = try run(
      Scrape.program, ["lint", "--inventory", scratch.path],
      environment: ["CREDENTIALS_DIRECTORY": scratch.path])
    let faults = "\(linted.output)\(linted.errors)"
    // Secrets and the key are there under systemd only.
    let others = faults.split(separator: "\n").filter { line in
      line.contains(".yml:") && !line.contains("warning") && !line.contains("credential")
    }
    #expect(others.isEmpty && !faults.contains("unknown"), "\(faults)")
  }
}
