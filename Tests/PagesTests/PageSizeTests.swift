import Foundation
import Lab
import Testing

@testable import Pages

/// What a page of 400 hosts with 2,000 services weighs.
@Suite struct PageSizeTests {
  @Test func `the overview is under 100 kB, and under 25 kB in transit`() throws {
    let pages = PlantedModel().pages.common()
    let overview = try #require(pages.first { $0.file == "index.html" }?.bytes)
    #expect(overview.count < 100_000, "\(overview.count)")
    let scratch = Scratch()
    let path = "\(scratch.path)/index.html"
    try Data(overview).write(to: URL(fileURLWithPath: path))
    let packed = try run("/bin/gzip", ["-9k", path])
    #expect(packed.status == 0, "\(packed.errors)")
    let size = try #require(
      try FileManager.default.attributesOfItem(atPath: "\(path).gz")[.size] as? Int)
    #expect(size < 25_000, "\(size)")
  }

  @Test func `nothing is asked of another place`() {
    for (file, bytes) in PlantedModel().files {
      let text = String(decoding: bytes, as: UTF8.self)
      for word in [
        "http://", "https://", "//cdn", "@import", "url(", " src=", "style=\"", "cookie",
      ] {
        #expect(!text.contains(word), "\(file) has \(word)")
      }
    }
  }
}
