import Engine
import Foundation
import Glibc
import Lab
import Metrics
import Testing

@testable import Sinks
@testable import Store

@Suite(.timeLimit(.minutes(2))) struct StoreFileTests {
  @Test(arguments: ["text", "database", "empty database of another", "short", "nothing but zeros"])
  func `a foreign file is refused and left as it is`(kind: String) async throws {
    try await withFolder { folder in
      let path = folder + "/scrape.db"
      switch kind {
      case "text": try Data("not a database, at all\n".utf8).write(to: URL(fileURLWithPath: path))
      case "short": try Data("SQLite format 3".utf8).write(to: URL(fileURLWithPath: path))
      case "nothing but zeros": try Data(count: 4096).write(to: URL(fileURLWithPath: path))
      case "database": try run("/usr/bin/sqlite3", [path, "CREATE TABLE theirs (a)"])
      default: try run("/usr/bin/sqlite3", [path, "PRAGMA application_id = 7"])
      }
      let before = try Data(contentsOf: URL(fileURLWithPath: path))
      for read in [false, true] {
        let store = Store(path: path, read: read)
        let error = await #expect(throws: StoreError.self) { try await store.open() }
        #expect(error?.reason == .foreign)
        #expect(error?.message.contains("--store") == true)
      }
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["scrape.db"])
    }
  }

  @Test func `our own file is set aside whole when its beginning is lost`() async throws {
    try await withFolder { folder in
      let path = folder + "/scrape.db"
      _ = try await { try await Store(path: path).finish(pass(1), []) }()
      try Data("lost\n".utf8).write(to: URL(fileURLWithPath: path))
      let store = Store(path: path)
      try await store.finish(pass(1), [result(1, facts: ["os": "x"])])
      #expect(try await store.load(["web1"])["web1"]?.facts == ["os": "x"])
      #expect(await store.notes().first?.contains("set aside as \(path)-corrupt-2") == true)
      let aside = try FileManager.default.contentsOfDirectory(atPath: folder)
        .filter { $0.contains("-corrupt-") && !$0.hasSuffix("-wal") }
      #expect(aside.count == 1)
      let kept = try String(contentsOfFile: folder + "/" + (aside.first ?? ""), encoding: .utf8)
      #expect(kept == "lost\n")
    }
  }

  @Test func `a store of the version before keeps all and splits reasons from messages`()
    async throws
  {
    try await withFolder { folder in
      let path = folder + "/scrape.db"
      let old = [
        ("ssh", "timeout: no answer: within 5 s"), ("service https", "wrong_answer"),
        ("service exec", "late: but no reason"), ("rule load", "timeout: as a host wrote it"),
        ("service shop", "major: web1/https"), ("bmc", ""),
      ]
      try Data().write(to: URL(fileURLWithPath: path))
      do {
        let database = try Database(path: path)
        try database.execute("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL")
        for migration in Schema.migrations.prefix(6) { try database.execute(migration) }
        try database.execute(
          """
          PRAGMA application_id = \(Schema.applicationID); PRAGMA user_version = 6;
          INSERT INTO host (id, name, seen, tags, facts, due, memory)
          VALUES (1, 'web1', 0, x'', x'', x'', x'')
          """)
        for (name, message) in old {
          try database.run(
            "INSERT INTO state VALUES (1, ?, 3, 5, NULL, 3, NULL, 0, 5, 1, 0, ?)", .text(name),
            .text(message))
          try database.run(
            "INSERT INTO transition VALUES (NULL, 1, ?, 5, 0, 3, NULL, 0, ?)", .text(name),
            .text(message))
        }
      }
      let store = Store(path: path)
      let states = try #require(await store.states()["web1"])
      let transitions = try await store.transitions()
      #expect(states.count == old.count && transitions.count == old.count)
      for (name, text) in old {
        let transition = try #require(transitions.first { $0.transition.name == name }).transition
        let state = try #require(states[name])
        #expect(state.text == text && transition.text == text)
        #expect(state.message == transition.message && state.reason == transition.reason)
        #expect(state.severity == .critical && state.since == Timestamp(nanoseconds: 5))
      }
      #expect(states["ssh"]?.reason == .timeout)
      #expect(states["ssh"]?.message == "no answer: within 5 s")
      #expect(states["service https"]?.reason == .wrongAnswer)
      #expect(states.values.count { $0.reason != nil } == 2)
    }
  }

  @Test func `refused log-ins are stored and removed`() async throws {
    try await withStore { store in
      let one = Rest.Account(host: "web1", user: "root")
      let two = Rest.Account(host: "web1", user: "monitor")
      let rests = [
        one: Rest(refusals: 3, until: 1_700_000_300, mark: .max),
        two: Rest(refusals: 1, until: 0, mark: nil),
      ]
      try await store.finish(pass(0), [], rests: rests)
      #expect(try await store.rests() == rests)
      try await store.finish(pass(1), [], rests: [:])
      #expect(try await store.rests() == rests)
      try await store.finish(pass(2), [], rests: [one: Rest?.none])
      #expect(try await store.rests() == [two: Rest(refusals: 1, until: 0, mark: nil)])
    }
  }

  @Test func `limits are stored, and those of a pass replace their own only`() async throws {
    try await withStore { store in
      let one = Governor.Key(.handshakes, "jp1")
      let two = Governor.Key(.bmcs, "10.0.7.0/24")
      var records = [
        one: Governor.Record(
          value: 12.5, used: 40, refusals: 3, refused: time(5), message: "h1: refused"),
        two: Governor.Record(value: 8),
      ]
      try await store.finish(pass(0), [], limits: records)
      #expect(try await store.governed() == records)
      records[two] = Governor.Record(value: 9, used: 9)
      try await store.finish(pass(1), [], limits: [two: Governor.Record(value: 9, used: 9)])
      #expect(try await store.governed() == records)
    }
  }

  @Test func `a store of version 7 gets the tables of log-ins and limits`() async throws {
    try await withFolder { folder in
      let path = folder + "/scrape.db"
      try Data().write(to: URL(fileURLWithPath: path))
      do {
        let database = try Database(path: path)
        try database.execute("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL")
        for migration in Schema.migrations.prefix(7) { try database.execute(migration) }
        try database.execute(
          """
          PRAGMA application_id = \(Schema.applicationID); PRAGMA user_version = 7;
          INSERT INTO host (id, name, seen, tags, facts, due, memory)
          VALUES (1, 'web1', 0, x'', x'', x'', x'');
          INSERT INTO reminder VALUES ('report', 5)
          """)
      }
      let reader = Store(path: path, read: true)
      let error = await #expect(throws: StoreError.self) { _ = try await reader.rests() }
      #expect(error?.reason == .older)
      let store = Store(path: path)
      #expect(try await store.rests().isEmpty)
      #expect(try await store.governed().isEmpty)
      #expect(try await store.reminder("report") == Timestamp(nanoseconds: 5))
      let account = Rest.Account(host: "web1", user: "root")
      let rests = [account: Rest(refusals: 3, until: 5, mark: 1)]
      try await store.finish(pass(1), [], rests: rests)
      await store.close()
      #expect(try await Store(path: path, read: true).rests() == rests)
    }
  }

  @Test func `a reason is stored beside the message`() async throws {
    try await withStore { store in
      var one = result(0)
      one.states["ssh"] = CheckState(.critical, at: time(0), reason: .timeout, message: "none: 5 s")
      one.transitions = [
        CheckTransition(
          "ssh", from: .ok, to: .critical, time: time(0), since: nil, reason: .timeout,
          message: "none: 5 s")
      ]
      try await store.finish(pass(0), [one])
      #expect(try await store.states() == ["web1": one.states])
      #expect(try await store.transitions().map(\.transition) == one.transitions)
    }
  }

  @Test func `who only reads changes nothing, also while somebody writes`() async throws {
    try await withFolder { folder in
      let path = folder + "/scrape.db"
      func state() throws -> [String: Data] {
        var files: [String: Data] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder)
        where !name.hasSuffix("-shm") {
          files[name] = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
        }
        return files
      }
      let writer = Store(path: path)
      try await writer.finish(pass(1), [result(1, facts: ["os": "x"])])
      let busy = try state()
      let reader = Store(path: path, read: true)
      #expect(try await reader.load(["web1"])["web1"]?.facts == ["os": "x"])
      #expect(try state() == busy)
      await reader.close()
      await writer.close()
      let quiet = try state()
      let later = Store(path: path, read: true)
      #expect(try await later.load(["web1"])["web1"]?.facts == ["os": "x"])
      let error = await #expect(throws: StoreError.self) { try await later.finish(pass(2), []) }
      #expect(error != nil)
      await later.close()
      #expect(try state() == quiet)
      // What is damaged is left for `run` to set aside.
      try Data("lost\n".utf8).write(to: URL(fileURLWithPath: path))
      let damaged = Store(path: path, read: true)
      let reason = await #expect(throws: StoreError.self) { try await damaged.open() }
      #expect(reason?.message.contains("the next `scrape run` sets it aside") == true)
      #expect(try state().keys.allSatisfy { !$0.contains("-corrupt-") })
    }
  }

  @Test func `only the last three files that were set aside are kept`() async throws {
    try await withFolder { folder in
      let path = folder + "/scrape.db"
      // One of another program is not ours to delete.
      try Data().write(to: URL(fileURLWithPath: folder + "/other.db-corrupt-20200101T000000Z"))
      // Ours: it was opened before.
      _ = try await { try await Store(path: path).finish(pass(1), []) }()
      for number in 0..<14 {
        try Data("no database, the \(number)th\n".utf8).write(to: URL(fileURLWithPath: path))
        try Data("log".utf8).write(to: URL(fileURLWithPath: path + "-wal"))
        _ = try await { try await Store(path: path).finish(pass(number), []) }()
      }
      let names = try FileManager.default.contentsOfDirectory(atPath: folder)
      let aside = names.filter { $0.hasPrefix("scrape.db-corrupt-") && !$0.hasSuffix("-wal") }
      let logs = names.filter { $0.hasPrefix("scrape.db-corrupt-") && $0.hasSuffix("-wal") }
      #expect(names.contains("other.db-corrupt-20200101T000000Z"))
      let texts = try aside.map { try String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8) }
      #expect(Set(texts) == Set((11..<14).map { "no database, the \($0)th\n" }))
      #expect(logs.count <= 3)
    }
  }

  /// A power cut leaves a log that ends anywhere after what was synced, in whatever was on the disk.
  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func `a torn log costs no pass that was kept`(
    seed: UInt64
  ) async throws {
    try await withFolder { folder in
      let path = folder + "/scrape.db"
      var generator = Generator(state: seed)
      var lengths: [Int] = []
      let store = Store(path: path)
      for number in 0..<40 {
        try await store.finish(
          pass(number), [result(number, points: HistoryTests.points(number))],
          queue: ["x": [Payload(body: [1, 2, 3], lines: 1)]])
        var status = stat()
        stat(path + "-wal", &status)
        lengths.append(Int(status.st_size))
      }
      let file = try Data(contentsOf: URL(fileURLWithPath: path))
      let log = try Data(contentsOf: URL(fileURLWithPath: path + "-wal"))
      try #require(lengths == lengths.sorted() && Set(lengths).count == 40)
      for round in 0..<12 {
        let torn = "\(folder)/torn\(round).db"
        let cut = Int.random(in: 0...log.count, using: &generator)
        let noise = (0..<Int.random(in: 0...20_000, using: &generator)).map { _ in
          UInt8.random(in: 0...255, using: &generator)
        }
        try file.write(to: URL(fileURLWithPath: torn))
        try (log.prefix(cut) + Data(noise)).write(to: URL(fileURLWithPath: torn + "-wal"))
        let kept = lengths.count { $0 <= cut }
        let again = Store(path: torn)
        let passes = try await again.passes(100).count
        #expect(passes >= kept && passes <= kept + 1)
        let values = try await again.history(
          host: "web1", measurement: "process", field: "pid", from: time(0), to: time(100))
        #expect(values.map(\.1) == (0..<passes).map { .integer(Int64($0)) })
        let lines = try await again.queues().first?.lines ?? 0
        #expect(lines == passes)
        try await again.finish(pass(99), [])
        #expect(await again.notes() == [])
      }
    }
  }

  @Test(arguments: [
    ("DROP TABLE host", "has lost its table host"),
    ("DROP TABLE state", "has lost its table state"),
    ("ALTER TABLE pass DROP COLUMN points", "has lost the column points of its table pass"),
    ("ALTER TABLE queue RENAME TO row", "has lost its table queue"),
    (
      "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'shape'",
      "is damaged"
    ),
  ])
  func `a store whose schema is damaged is set aside, and a new one begun`(
    damage: String, words: String
  ) async throws {
    try await withFolder { folder in
      let path = folder + "/scrape.db"
      _ = try await { try await Store(path: path).finish(pass(1), [result(1)]) }()
      let outcome = try run("/usr/bin/sqlite3", [path, damage])
      try #require(outcome.status == 0, "\(outcome.errors)")
      let store = Store(path: path)
      try await store.finish(pass(2), [result(2, facts: ["os": "x"])])
      #expect(try await store.load(["web1"])["web1"]?.facts == ["os": "x"])
      #expect(try await store.passes(10).count == 1)
      let notes = await store.notes()
      #expect(notes.count == 1 && notes.first?.contains(words) == true, "\(notes)")
      #expect(notes.first?.contains("set aside as \(path)-corrupt-2") == true)
    }
  }

  @Test func `the known hash is that of the tables of this version`() throws {
    let database = try Database(path: ":memory:")
    for migration in Schema.migrations { try database.execute(migration) }
    #expect(try Schema.digest(of: database) == Schema.digest)
    try database.execute("ALTER TABLE pass DROP COLUMN points")
    #expect(try Schema.digest(of: database) != Schema.digest)
  }

  @Test func `a file of a later version is refused and not changed`() async throws {
    try await withFolder { folder in
      let path = folder + "/scrape.db"
      _ = try await { try await Store(path: path).finish(pass(1), []) }()
      try run("/usr/bin/sqlite3", [path, "PRAGMA user_version = 99"])
      let store = Store(path: path)
      let error = await #expect(throws: StoreError.self) { try await store.open() }
      #expect(error?.reason == .newer)
      #expect(error?.message.contains(path) == true)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count <= 3)
    }
  }

  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8]) func `overwritten bytes cost points, not the pass`(
    seed: UInt64
  ) async throws {
    try await withFolder { folder in
      let path = folder + "/scrape.db"
      var store: Store? = Store(path: path)
      for number in 0..<70 {
        try await store?.finish(
          pass(number),
          [result(number, memory: ["cpu": Memory(time: noon)], points: HistoryTests.points(number))]
        )
      }
      await store?.close()
      store = nil
      var generator = Generator(state: seed)
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
      let size = try file.seekToEnd()
      for _ in 0..<40 {
        let place = UInt64.random(in: (seed < 3 ? 0 : 200)..<size, using: &generator)
        try file.seek(toOffset: place)
        file.write(Data((0..<64).map { _ in UInt8.random(in: 0...255, using: &generator) }))
      }
      try file.close()

      let again = Store(path: path)
      _ = try await again.load(["web1"])
      for number in 70..<140 {
        try await again.finish(
          pass(number), [result(number, points: HistoryTests.points(number))])
      }
      _ = try await again.status()
      _ = try await again.series(host: "web1", from: time(0), to: time(200))
      let latest = try await again.latest(host: "web1")
      #expect(latest?.points == HistoryTests.points(139))
    }
  }

  @Test(
    arguments: ["/proc/self/scrape.db", "/dev/null", "/dev/null/x/scrape.db", "/proc/version"])
  func `a place that cannot hold a store has a reason`(path: String) async throws {
    let error = await #expect(throws: StoreError.self) { try await Store(path: path).open() }
    #expect(error?.reason == .inaccessible)
    #expect(error?.message.contains(path.hasSuffix("x/scrape.db") ? "/dev/null" : path) == true)
  }

  /// A file system of 2 MiB, where this process may mount one.
  static let canMount =
    geteuid() == 0
    && {
      let folder = NSTemporaryDirectory() + "mount-\(getpid())"
      mkdir(folder, 0o700)
      defer { rmdir(folder) }
      guard mount("tmpfs", folder, "tmpfs", 0, "size=64k") == 0 else { return false }
      umount(folder)
      return true
    }()

  @Test(.enabled(if: canMount)) func `a full disk fails the pass and harms nothing`() async throws {
    try await withFolder { folder in
      let disk = folder + "/disk"
      mkdir(disk, 0o700)
      try #require(mount("tmpfs", disk, "tmpfs", 0, "size=2m") == 0)
      defer { umount2(disk, Int32(MNT_DETACH)) }
      let store = Store(path: disk + "/scrape.db")
      var kept = 0
      var failure: StoreError?
      let noise = Payload(body: (0..<50_000).map { _ in UInt8.random(in: 0...255) }, lines: 1)
      while failure == nil && kept < 1000 {
        do {
          try await store.finish(pass(kept), [], queue: ["x": [noise]])
          kept += 1
        } catch { failure = error as? StoreError }
      }
      #expect(failure?.reason == .full, "\(String(describing: failure))")
      #expect(kept > 3)
      #expect(try await store.passes(2000).count == kept)
      #expect(try await store.queues().first?.payloads == kept)
      // Room again: it goes on where it was.
      try #require(mount("tmpfs", disk, "tmpfs", UInt(MS_REMOUNT), "size=16m") == 0)
      try await store.finish(pass(kept), [], queue: ["x": [noise]])
      #expect(try await store.passes(2000).count == kept + 1)
      #expect(await store.notes() == [])
    }
  }

  @Test(arguments: 0..<6) func `SIGKILL at any moment loses no finished pass`(
    round: Int
  ) async throws {
    try await withFolder { folder in
      let path = folder + "/scrape.db"
      let log = folder + "/log"
      let delay = useconds_t(20_000 + round * 37_000)
      await #expect(processExitsWith: .signal(SIGKILL)) {
        [path = path as String, log = log as String, delay = delay as useconds_t] in
        let store = Store(path: path)
        let file = open(log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        for number in 0..<1_000_000 {
          try await store.finish(
            pass(number), [result(number, points: HistoryTests.points(number))],
            queue: ["x": [Payload(body: [1, 2, 3], lines: 1)]])
          _ = write(file, "\n", 1)
          guard number == 0 else { continue }
          Thread.detachNewThread {
            usleep(delay)
            kill(getpid(), SIGKILL)
          }
        }
      }
      let finished = (try? Data(contentsOf: URL(fileURLWithPath: log)).count) ?? 0
      let store = Store(path: path)
      let check = try run("/usr/bin/sqlite3", [path, "PRAGMA integrity_check"])
      #expect(check.output == "ok\n")
      let passes = try await store.passes(1_000_000).count
      #expect(passes >= min(finished, 1000))
      #expect(finished > 0)
      let queue = try await store.queues()
      let points = try await store.history(
        host: "web1", measurement: "process", field: "pid", from: time(0), to: time(1_000_000))
      #expect(points.count >= finished && points.count <= finished + 1)
      #expect((queue.first?.lines ?? 0) == points.count)
      #expect(points.map(\.1) == (0..<points.count).map { .integer(Int64($0)) })
      #expect(await store.notes() == [])
    }
  }
}
