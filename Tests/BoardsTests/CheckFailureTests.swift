import Foundation
import Lab
import Testing

/// What `scrape dashboards --check` says of a database that it cannot check, and of one that lacks something.
@Suite(.enabled(if: InfluxServer.isInstalled && Nginx.isInstalled)) struct CheckFailureTests {
  private static let program =
    (CommandLine.arguments[0] as NSString).deletingLastPathComponent + "/scrape"

  private func check(
    _ url: String, account: String = "", words: [String] = []
  ) throws -> Outcome {
    let scratch = Scratch()
    scratch.write(
      "inventory/hosts.yml", "all: {hosts: {me: {connection: local, tags: {team: a}}}}\n")
    scratch.write("inventory/pw", "wrong\n", mode: 0o600)
    scratch.write(
      "inventory/scrape.yml",
      "sinks: [{influxdb: {url: \"http://127.0.0.1:1\", database: scrape\(account)}}]\n")
    let outcome = try run(
      Self.program,
      ["dashboards", "--check", url, "--inventory", "\(scratch.path)/inventory"] + words)
    return withExtendedLifetime(scratch) { outcome }
  }

  @Test func `nothing listens there`() throws {
    let outcome = try check("http://127.0.0.1:\(freePort())")
    #expect(outcome.status == 3)
    #expect(outcome.errors.contains("is InfluxDB running, and the URL right?"), "\(outcome)")
  }

  @Test func `something else listens there`() throws {
    let nginx = try Nginx()
    let outcome = try check("http://127.0.0.1:\(nginx.port)")
    #expect(outcome.status == 3)
    #expect(outcome.errors.contains("without JSON; is it InfluxDB?"), "\(outcome)")
    withExtendedLifetime(nginx) {}
  }

  @Test func `the account is wrong or absent`() throws {
    let server = try InfluxServer(["INFLUXDB_HTTP_AUTH_ENABLED": "true"])
    try server.execute("CREATE USER boss WITH PASSWORD 'b' WITH ALL PRIVILEGES")
    let without = try check(server.url)
    #expect(without.status == 3)
    #expect(without.errors.contains("answered 401"), "\(without)")
    #expect(without.errors.contains("scrape.yml names no user for its first sink"), "\(without)")
    let wrong = try check(server.url, account: ", username: eve, password: \"file:pw\"")
    #expect(wrong.status == 3)
    #expect(
      wrong.errors.contains("check user eve and the password of the first sink"), "\(wrong)")
    #expect(!wrong.errors.contains("wrong"), "\(wrong)")
    withExtendedLifetime(server) {}
  }

  @Test func `the database is absent, empty, or lacks what a board shows`() throws {
    let server = try InfluxServer()
    let absent = try check(server.url)
    #expect(absent.status == 3)
    #expect(absent.errors.contains("database scrape does not exist"), "\(absent)")
    #expect(absent.errors.contains("scrape setup influxdb"), "\(absent)")
    #expect(absent.output.isEmpty)

    try server.execute("CREATE DATABASE scrape")
    let empty = try check(server.url)
    #expect(empty.status == 3)
    #expect(empty.errors.contains("database scrape is empty; run `scrape run`"), "\(empty)")
    #expect(
      try check(server.url, words: ["--database", "other"]).errors.contains("database other"))

    // A point without a field, one without a tag, an old one, and a single one of a counter.
    let scratch = Scratch()
    let file = scratch.write("points", "")
    let now = Int(Date().timeIntervalSince1970)
    try Data(
      """
      scrape,host=me,group=all,target=ssh up=1i \(now)000000000
      mem,host=me,group=all free=1i \(now)000000000
      nstat,host=me,group=all TcpRetransSegs=1i \(now)000000000
      system,host=me,group=all uptime=1i,n_cpus=1i,load1=1,load5=1,load15=1 \(now - 86_400)000000000
      cpu,host=me,group=all,cpu=cpu0 usage_active=1 \(now)000000000
      diskio,host=me,group=all,name=sda read_bytes=1i,write_bytes=1i \(now)000000000

      """.utf8
    ).write(to: URL(filePath: file))
    try run("/usr/bin/curl", ["-s", "--data-binary", "@\(file)", "\(server.url)/write?db=scrape"])
    let rollup = ", retention: {keep: 30d, rollups: [{every: 5m}]}"
    let rolled = try check(server.url, account: rollup)
    #expect(rolled.status == 1)
    #expect(
      rolled.output.contains("retention policy not found: scrape_5m; create it with"), "\(rolled)")
    let part = try check(server.url)
    #expect(part.status == 1)
    for words in [
      "Servers / Memory · $host: mem has no field used_percent",
      "Servers / CPU · $host: no point of cpu meets the conditions",
      "Network / Retransmitted segments: nstat has no tag name",
      "Host / Uptime: system has no point in the last 6h",
      "Host / Disk traffic: no two intervals of diskio with a value, as a rate needs",
      "Host / Latency: the database has no measurement ping",
    ] {
      #expect(part.output.contains(words), "\(words)\n\(part.output)")
    }
    #expect(part.errors.contains("not as expected"), "\(part.errors)")
    withExtendedLifetime((server, scratch)) {}
  }
}
