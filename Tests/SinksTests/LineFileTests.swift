import Engine
import Foundation
import Glibc
import Lab
import Metrics
import Testing

@testable import Sinks
@testable import Store

@Suite(.serialized, .timeLimit(.minutes(1))) struct LineFileTests {
  private func sink(_ folder: String, rotate: Int? = nil, keep: Int = 2) -> LineFile {
    var configuration = LineFile.Configuration(path: folder + "/points")
    configuration.rotate = rotate
    configuration.keep = keep
    return LineFile(configuration)
  }

  private func points(_ range: Range<Int>) -> [Point] {
    range.map { number in
      var point = Point("m", time: Timestamp(seconds: Int64(number)))
      point.integer("v", Int64(number))
      return point
    }
  }

  private func text(_ folder: String, _ name: String = "points") -> String {
    (try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)) ?? ""
  }

  private func put(_ text: some StringProtocol, in folder: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/points"))
  }

  /// What all those points are in the file.
  private func lines(_ range: Range<Int>) -> String {
    range.map { "m,group=web,host=web1 v=\($0)i \($0 * 1_000_000_000)\n" }.joined()
  }

  @Test func `points are appended as lines, and as JSON`() async throws {
    try await withFolder { folder in
      #expect(
        await write([batch(points(1..<3))], to: sink(folder))
          == Delivery(receipt: Receipt(taken: 2)))
      #expect(await write([batch(points(3..<5))], to: sink(folder)).error == nil)
      #expect(text(folder) == lines(1..<5))
      var configuration = LineFile.Configuration(path: folder + "/points")
      configuration.format = .json
      #expect(await write([batch(points(5..<6))], to: LineFile(configuration)).error == nil)
      #expect(
        text(folder).hasSuffix(
          "\n{\"measurement\":\"m\",\"time\":\"1970-01-01T00:00:05.000Z\",\"tags\":{\"group\":\"web\",\"host\":\"web1\"},"
            + "\"fields\":{\"v\":5}}\n"))
    }
  }

  @Test func `wherever a delivery was torn, the file ends up whole and with each point once`()
    async throws
  {
    try await withFolder { folder in
      let whole = lines(0..<20)
      for cut in 0...whole.utf8.count {
        try put(whole.prefix(cut), in: folder)
        let done = whole.prefix(cut).count { $0 == "\n" }
        // Ten were delivered before; the next ten were on their way.
        let start = done < 10 ? 0 : 10
        let delivery = await write([batch(points(start..<20))], to: sink(folder))
        #expect(delivery == Delivery(receipt: Receipt(taken: 20 - start)))
        #expect(text(folder) == whole, "cut at \(cut)")
      }
    }
  }

  @Test func `a file without a line break is no file of lines, and long torn ends are cut`()
    async throws
  {
    try await withFolder { folder in
      try put(lines(0..<2) + String(repeating: "x", count: 200_000), in: folder)
      #expect(await write([batch(points(2..<3))], to: sink(folder)).error == nil)
      #expect(text(folder) == lines(0..<3))
    }
  }

  @Test(arguments: [0, 1, 3]) func `files are set aside at their size, and the oldest dropped`(
    keep: Int
  ) async throws {
    try await withFolder { folder in
      let sink = sink(folder, rotate: 1_000, keep: keep)
      for start in stride(from: 0, to: 100, by: 10) {
        #expect(await write([batch(points(start..<start + 10))], to: sink).error == nil)
        // Again, as after a kill: it changes nothing.
        #expect(await write([batch(points(start..<start + 10))], to: sink).error == nil)
      }
      let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      #expect(files == ["points"] + (0..<keep).map { "points.\($0 + 1)" })
      for file in files { #expect(text(folder, file).utf8.count <= 1_000) }
      let all = files.reversed().map { text(folder, $0) }.joined()
      let first = 100 - all.count { $0 == "\n" }
      #expect(all == lines(first..<100))
      #expect(all.count { $0 == "\n" } >= 10 * (keep + 1))
    }
  }

  @Test(.enabled(if: StoreFileTests.canMount))
  func `a full disk keeps the points in the queue and leaves no half line`() async throws {
    try await withFolder { folder in
      let disk = folder + "/disk"
      try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
      try #require(mount("tmpfs", disk, "tmpfs", 0, "size=64k") == 0)
      defer { umount2(disk, Int32(MNT_DETACH)) }
      #expect(await write([batch(points(0..<1_000))], to: sink(disk)).error == nil)
      let full = await write([batch(points(1_000..<2_000))], to: sink(disk))
      #expect(full.error?.reason == .unavailable)
      #expect(full.error?.message.contains("make room") == true)
      #expect(text(disk) == lines(0..<1_000))
      try #require(mount("tmpfs", disk, "tmpfs", UInt(MS_REMOUNT), "size=1m") == 0)
      #expect(await write([batch(points(1_000..<2_000))], to: sink(disk)).error == nil)
      #expect(text(disk) == lines(0..<2_000))
    }
  }

  @Test func `what cannot be written to ends in what to do`() async throws {
    try await withFolder { folder in
      let missing = await write([batch(points(0..<1))], to: sink(folder + "/no"))
      #expect(missing.error?.reason == .missing)
      mkfifo(folder + "/points", 0o600)
      let pipe = await write([batch(points(0..<1))], to: sink(folder), within: .seconds(2))
      #expect(pipe.error != nil)
      unlink(folder + "/points")
      try put(lines(0..<1), in: folder)
      let other = open(folder + "/points", O_RDWR)
      defer { close(other) }
      flock(other, LOCK_EX)
      let locked = await write([batch(points(1..<2))], to: sink(folder))
      #expect(locked.error?.message.contains("another process") == true)
      #expect(text(folder) == lines(0..<1))
    }
  }
}
