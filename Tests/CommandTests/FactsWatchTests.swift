import Foundation
import Lab
import Testing

/// Facts in a running watch: real accounts, packages and rules of sudo of a host that runs signed batches only.
@Suite(.timeLimit(.minutes(4)), .enabled(if: AccountRoom.isPossible)) struct FactsWatchTests {
  private static func stanza(_ name: String, _ version: String) -> String {
    "Package: \(name)\nStatus: install ok installed\nMaintainer: x <x@y>\nArchitecture: all\n"
      + "Version: \(version)\nDescription: x\n\n"
  }

  @Test func `a watch reads facts on their schedule, and each change is one event`() async throws {
    let room = try AccountRoom(address: "127.77.67.1")
    let range = Range(
      hosts: room.hosts("web1", "signed: true, become: sudo"),
      settings: """
        self: off
        watch: {every: 1s}
        facts: {every: 3s}
        profiles: {p: {collectors: {mem: }}}
        sinks: [file: {path: "\(room.scratch.path)/points"}]

        """)
    let prepared = try room.sh(
      """
      rm -f /etc/sudoers.d/*
      mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates
      : >/var/lib/dpkg/info/format
      cat >/var/lib/dpkg/status <<'END'
      \(Self.stanza("bash", "5.2-1"))END
      """)
    try #require(prepared.status == 0, "\(prepared)")
    let kit = room.scratch.write("kit", try range.scrape("authorize", "web1").output)
    let made = try room.inside("/bin/sh", [kit, "web1"])
    try #require(made.status == 0, "\(made)")

    let scratch = room.scratch
    func lines() -> [Line] { Line.all(scratch.read("points") ?? "") }
    func readings() -> Int { lines().count { $0.measurement == "facts" } }
    func events(_ words: String) -> Int {
      lines().count {
        $0.tags["source"] == "facts" && $0.fields["text"]?.contains(words) == true
      }
    }
    func reads(_ count: Int) -> Bool {
      let before = readings()
      return eventually(within: 60) { readings() >= before + count }
    }
    let watcher = try Watcher(range)
    #expect(reads(2), "\(watcher.log)")
    #expect(
      lines().allSatisfy { $0.tags["source"] != "facts" || $0.fields["subject"] == "\"sockets\"" })
    let begun = Date()
    let before = readings()
    let planted = try room.sh(
      """
      useradd --system --no-create-home newbie
      echo 'newbie ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/90-newbie
      chmod 440 /etc/sudoers.d/90-newbie
      cat >>/var/lib/dpkg/status <<'END'
      \(Self.stanza("evil", "1.0"))END
      """)
    try #require(planted.status == 0, "\(planted)")
    let listener = try Listener(on: "127.77.67.9", port: freePort(), backlog: 4)
    let changes = ["user new: newbie", "package new: evil 1.0", "rule of sudo new: newbie ALL="]
    #expect(
      eventually(within: 60) { changes.allSatisfy { events($0) > 0 } },
      "\(lines().filter { $0.tags["source"] == "facts" }) \(watcher.log)")
    // Read again, it is no news.
    #expect(reads(3), "\(watcher.log)")
    let took = Date().timeIntervalSince(begun)
    #expect(Double(readings() - before) <= took / 3 + 2, "\(readings()) in \(took) s")
    for change in changes { #expect(events(change) == 1, "\(change)") }

    // Nor is it for a watch that was killed and began anew.
    watcher.daemon.stop(SIGKILL)
    let second = try Watcher(range)
    #expect(reads(2), "\(second.log)")
    _ = try room.sh("userdel newbie; rm /etc/sudoers.d/90-newbie")
    let gone = ["user gone: newbie", "rule of sudo gone: newbie ALL="]
    #expect(eventually(within: 60) { gone.allSatisfy { events($0) > 0 } }, "\(second.log)")
    #expect(reads(2), "\(second.log)")
    second.daemon.stop(SIGTERM)
    for change in changes + gone { #expect(events(change) == 1, "\(change)") }
    #expect(!second.log.contains("no_shell"), "\(second.log)")

    let diff = try range.scrape("facts", "web1", "--diff").output
    for line in [
      "+ users  newbie uid", "- users  newbie uid", "+ packages  evil 1.0",
      "+ sudoers  newbie ALL=",
    ] {
      #expect(diff.contains(line), "\(line): \(diff)")
    }
    // By sudo the process of a socket is known, which is root's here.
    let sockets = try range.scrape("facts", "web1", "--only", "sockets").output
    let own = sockets.split(separator: "\n").first { $0.contains("127.77.67.9:\(listener.port) ") }
    #expect(own?.split(separator: " ").count ?? 0 > 2, "\(sockets)")
    withExtendedLifetime((listener, watcher, second)) {}
  }
}
