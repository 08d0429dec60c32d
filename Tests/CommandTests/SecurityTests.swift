import Foundation
import Lab
import Testing

/// What the command keeps from others, and whom it does not listen to.
@Suite(.timeLimit(.minutes(2))) struct SecurityTests {
  private static let good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
  private static let dead = [
    "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9",
    "all_proxy": "http://127.0.0.1:9", "ALL_PROXY": "socks5h://127.0.0.1:9", "no_proxy": "",
  ]

  @Test func `a probe does not listen to http_proxy`() throws {
    let server = try Answerer { _ in Self.good }
    let range = Range(
      hosts: "all: {hosts: {web: {address: 127.0.0.1}}}\n")
    let outcome = try run(
      Scrape.program,
      [
        "probe", "http:\(server.port)", "web", "--inventory", range.inventory, "--store",
        range.store,
      ],
      environment: Self.dead)
    #expect(outcome.status == 0, "\(outcome)")
    #expect(server.requests.first?.hasPrefix("GET / HTTP/1.1\r\n") == true)
  }

  @Test(arguments: ["", "proxy: environment, ", "proxy: \"http://127.0.0.1:PORT\", "])
  func `a sink goes through a proxy where proxy says so`(key: String) throws {
    let taken = "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
    let influx = try Answerer { _ in taken }
    let proxy = try Answerer { _ in taken }
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local}}}\n",
      settings: """
        self: off
        sinks:
          - influxdb: {\(key.replacing("PORT", with: "\(proxy.port)"))url: "http://127.0.0.1:\(influx.port)", database: x}
        profiles: {linux: {collectors: {logins: no, processes: no, users: no}}}

        """)
    let outcome = try run(
      Scrape.program, ["run", "--inventory", range.inventory, "--store", range.store],
      environment: ["http_proxy": "http://127.0.0.1:\(proxy.port)", "no_proxy": ""])
    #expect(outcome.status == 0, "\(outcome)")
    #expect(influx.requests.isEmpty == !key.isEmpty)
    #expect(proxy.requests.isEmpty == key.isEmpty)
    if !key.isEmpty {
      #expect(proxy.requests.first?.hasPrefix("POST http://127.0.0.1:\(influx.port)/") == true)
    }
  }

  @Test(arguments: ["me@proxy.example", "ftp://x", "proxy.example:3128", ""])
  func `a proxy that is none is refused by lint`(text: String) throws {
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local}}}\n",
      settings:
        "sinks: [influxdb: {url: \"http://127.0.0.1:1\", database: x, proxy: \"\(text)\"}]\n")
    let outcome = try range.scrape("lint")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("not the address of a proxy"), "\(outcome)")
  }

  @Test(.enabled(if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/usr/bin/setpriv")))
  func `nobody else may read the memory, and no core is dumped`() throws {
    let silent = SilentPort()
    let scratch = Scratch()
    chmod(scratch.path, 0o777)
    // The built program may lie where another user cannot go.
    let program = "\(scratch.path)/scrape"
    try FileManager.default.copyItem(atPath: Scrape.program, toPath: program)
    chmod(program, 0o755)
    let daemon = try Daemon(
      "/usr/bin/setpriv",
      [
        "--reuid=65534", "--regid=65534", "--clear-groups", program, "probe",
        "{tcp: {port: \(silent.port), expect: x, timeout: 20s}}", "127.0.0.1",
      ], environment: ["HOME": scratch.path, "XDG_RUNTIME_DIR": scratch.path],
      log: "\(scratch.path)/log")
    let folder = "/proc/\(daemon.identifier)"
    #expect(
      eventually {
        (try? String(contentsOfFile: "\(folder)/comm", encoding: .utf8)) == "scrape\n"
          && (try? String(contentsOfFile: "\(folder)/limits", encoding: .utf8))?
            .contains(#/Max core file size +0 +0 /#) == true
      }, "\(scratch.read("log") ?? "")")
    // Files of a process that is not dumpable are root's: proc(5), /proc/pid.
    var status = stat()
    #expect(stat("\(folder)/mem", &status) == 0 && status.st_uid == 0)
    #expect(stat("\(folder)/environ", &status) == 0 && status.st_uid == 0)
    daemon.stop()
  }

  @Test func `a store at a foreign file is refused, and nothing is renamed`() throws {
    let range = Range(hosts: "all: {hosts: {me: {connection: local}}}\n")
    for (name, text) in [("notes.txt", "precious\n"), ("hosts.yml", "all: {hosts: {me: }}\n")] {
      let scratch = Scratch()
      let file = scratch.write(name, text)
      for words in [["run"], ["status"], ["list"], ["silence", "me", "2h"], ["alerts"]] {
        let outcome = try run(
          Scrape.program, words + ["--inventory", range.inventory, "--store", file])
        #expect(outcome.status != 0 || words == ["list"], "\(words): \(outcome)")
        #expect(
          try FileManager.default.contentsOfDirectory(atPath: scratch.path).filter {
            $0 != "\(name).lock"
          } == [name], "\(words): \(outcome)")
        #expect(scratch.read(name) == text)
      }
    }
  }

  @Test func `status and list change nothing on the disk`() throws {
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local}}}\n",
      settings:
        "self: off\nprofiles: {linux: {collectors: {logins: no, processes: no, users: no}}}\n")
    try range.scrape("run")
    let folder = (range.store as NSString).deletingLastPathComponent
    func state() throws -> [String: Data] {
      var files: [String: Data] = [:]
      for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
        files[name] = FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data()
      }
      return files
    }
    let before = try state()
    for words in [
      ["status"], ["status", "--json"], ["status", "--history"], ["list"], ["alerts"],
    ] {
      let outcome = try run(
        Scrape.program, words + ["--inventory", range.inventory, "--store", range.store])
      // A busy machine may be over a built-in threshold.
      #expect(outcome.status <= 1, "\(words): \(outcome)")
    }
    #expect(try state() == before)
  }
}
