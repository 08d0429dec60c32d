import Foundation
import Lab
import Testing

/// The texts that a contact gets, through a program that keeps them.
@Suite(.serialized, .timeLimit(.minutes(5))) struct NotificationTextTests {
  /// Hosts on loopback, each behind the team's door, and the notifications to the team.
  struct Place {
    let door: Door
    let range: Range
    private let program: String
    private let log: String

    init(_ hosts: [String]) throws {
      door = try Door()
      range = Range(hosts: "")
      program = range.scratch.write("notify", "")
      log = "\(range.scratch.path)/log"
      takes("*")
      inventory(hosts)
      settings()
    }

    /// The hosts that there are, all with one probe.
    func inventory(_ hosts: [String]) {
      let entries = hosts.enumerated().map {
        "\($1): {ansible_host: 127.0.1.\($0 + 1), probes: [\"tcp:\(door.port)\"]}"
      }
      range.scratch.write(
        "inventory/hosts.yml",
        "all: {vars: {profile: none}, hosts: {\(entries.joined(separator: ", "))}}\n")
    }

    func settings(routes: String = "[{to: team, interval: 1s}]", _ more: String = "") {
      range.scratch.write(
        "inventory/scrape.yml",
        """
        profiles: {none: {collectors: []}}
        contacts: {team: {exec: {command: ["\(program)"]}}}
        alerts: {routes: \(routes)}
        \(more)
        """)
    }

    /// The program takes what matches a pattern of sh, and fails at all else.
    func takes(_ pattern: String) {
      range.scratch.write(
        "notify",
        """
        #!/bin/sh
        text=$(cat)
        case $text in \(pattern)) printf '%s\\n' "$text" >> '\(log)' ;; *) exit 1 ;; esac

        """)
      chmod(program, 0o755)
    }

    @discardableResult
    func pass(isUp: Bool) throws -> Outcome {
      if isUp { try door.open() } else { door.shut() }
      let outcome = try range.scrape("run")
      try #require([0, 1].contains(outcome.status), "\(outcome.status): \(outcome.errors)")
      return outcome
    }

    /// The texts of all notifications.
    var texts: [String] {
      let lines = ((try? String(contentsOfFile: log, encoding: .utf8)) ?? "").split(separator: "\n")
      return lines.compactMap { line in
        let object = try? JSONSerialization.jsonObject(with: Data(line.utf8))
        return (object as? [String: Any])?["text"] as? String
      }
    }
  }

  @Test func `hosts that cannot be folded are named in the recovery`() throws {
    let names = (0..<60).map { number in
      "the-host-of-\(UnicodeScalar(UInt8(97 + number % 26)))\(number)x"
    }
    let place = try Place(names)
    try place.pass(isUp: false)
    try place.pass(isUp: true)
    let texts = place.texts
    #expect(texts.count == 2)
    #expect(texts.last?.hasPrefix("🟢 ") == true)
    // Some of them are folded: x[1,27,53] of one letter.
    for letter in "abcdefghijklmnopqrstuvwxyz" {
      #expect(texts.last?.contains("the-host-of-\(letter)") == true, "\(texts)")
    }
  }

  @Test func `a host that was taken out is not said to be back`() throws {
    let place = try Place(["one", "two"])
    try place.pass(isUp: false)
    place.inventory(["one"])
    try place.pass(isUp: false)
    try place.pass(isUp: true)
    let text = try #require(place.texts.last)
    #expect(text.hasPrefix("🟢 one tcp:\(place.door.port) resolved after"), "\(text)")
    #expect(text.contains("; two tcp:\(place.door.port) no longer monitored"), "\(text)")
    #expect(text.contains("→ ⚪ two"), "\(text)")
  }

  @Test func `a service of which nothing is watched any more does not fail for ever`() throws {
    let place = try Place(["one", "two"])
    place.settings("services: {shop: {needs: [\"two/tcp*\"]}}")
    try place.pass(isUp: false)
    #expect(place.texts.last?.contains("service shop") == true, "\(place.texts)")
    place.inventory(["one"])
    try place.pass(isUp: true)
    #expect(
      place.texts.last?.contains("service shop no longer monitored") == true, "\(place.texts)")
    #expect(try place.range.scrape("alerts").status == 0)
  }

  @Test func `a silence holds for the others when one of its hosts is taken out`() throws {
    let place = try Place(["one", "two"])
    try place.pass(isUp: true)
    #expect(try place.range.scrape("silence", "one,two", "1h").status == 0)
    place.inventory(["one", "three"])
    try place.pass(isUp: false)
    #expect(place.texts.count == 1 && place.texts[0].hasPrefix("🔴 three "), "\(place.texts)")
  }

  @Test func `what is refused keeps back nothing else, and is shown`() throws {
    let place = try Place(["one", "two"])
    place.settings(routes: "[{to: team, by: host}]", "")
    place.takes("*two*")
    try place.pass(isUp: true)
    try place.range.scrape("silence", "two", "1h")
    for _ in 0..<3 { try place.pass(isUp: false) }
    #expect(place.texts.isEmpty)
    try place.range.scrape("silence", "--end", "1")
    try place.pass(isUp: false)
    #expect(place.texts.map { $0.hasPrefix("🔴 two ") } == [true], "\(place.texts)")
    try place.pass(isUp: true)
    let alerts = try place.range.scrape("alerts")
    #expect(alerts.status == 0 && alerts.output.contains("not sent; the program"), "\(alerts)")
    let object = try place.range.scrape("alerts", "--json")
    #expect(object.output.hasPrefix("{\"id\":1,"), "\(object)")
  }

  @Test func `maintenance of all is one of services, too`() throws {
    let place = try Place(["one", "two"])
    place.settings(
      routes: "[{to: team}], maintenance: [{hosts: all, hours: \"00:00-24:00\"}]",
      "services: {shop: {needs: [\"two/tcp*\"]}}")
    try place.pass(isUp: false)
    #expect(place.texts.isEmpty, "\(place.texts)")
  }

  @Test func `a flapping check can be acknowledged while it is ok`() throws {
    let place = try Place(["one"])
    for step in 0...8 { try place.pass(isUp: step % 2 == 0) }
    #expect(try place.range.scrape("alerts").output.contains("flapping"))
    #expect(try place.range.scrape("ack", "one", "--why", "a cable").status == 0)
    for step in 0...1 { try place.pass(isUp: step == 0) }
    let alerts = try place.range.scrape("alerts").output
    #expect(alerts.contains("acknowledged (") && alerts.contains("a cable)"), "\(alerts)")
  }

  @Test func `a route of a transition takes that one, in whichever pass`() throws {
    let range = Range(hosts: "all: {hosts: {here: {connection: local}}}\n")
    let log = "\(range.scratch.path)/log"
    let program = range.scratch.write("notify", "#!/bin/sh\necho \"$SCRAPE_SUBJECT\" >> '\(log)'\n")
    chmod(program, 0o755)
    func pass(_ severity: String) throws {
      range.scratch.write(
        "inventory/scrape.yml",
        """
        contacts: {team: {exec: {command: ["\(program)"]}}}
        alerts: {routes: [{to: team, transitions: "ok>critical"}]}
        rules: {memory: {when: mem.used_percent, \(severity): "> 0"}}
        """)
      try #require([0, 1].contains(try range.scrape("run").status))
    }
    try pass("minor")
    for _ in 0..<3 { try pass("critical") }
    #expect(!FileManager.default.fileExists(atPath: log))
  }
}
