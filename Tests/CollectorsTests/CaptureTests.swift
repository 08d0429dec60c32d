import Foundation
import Metrics
import Testing

@testable import Collectors

@Suite struct CaptureTests {
  private static let updating = ProcessInfo.processInfo.environment["SCRAPE_UPDATE"] != nil

  @Test(arguments: Capture.all)
  func `a capture gives the points that stand beside it`(_ capture: Capture) throws {
    let collector = try #require(
      collectors.first { $0.name == capture.collector }, "no collector has the folder's name")
    let (sample, error) = try capture.collect(with: collector)
    let text = sample.text(at: Timestamp(seconds: 1_748_736_000), error: error)
    if Self.updating {
      try Data(text.utf8).write(to: capture.expected)
      return
    }
    let expected = try String(contentsOf: capture.expected, encoding: .utf8)
    #expect(text.split(separator: "\n") == expected.split(separator: "\n"))
  }

  @Test(arguments: Capture.all)
  func `every field is declared by its collector, with its type`(_ capture: Capture) throws {
    let collector = try #require(collectors.first { $0.name == capture.collector })
    let catalog = Catalog([(.collector(collector.name), collector.measurements)])
    let (sample, _) = try capture.collect(with: collector)
    for point in sample.points {
      for field in point.fields {
        let type = catalog.field(field.name, of: point.measurement)?.type
        #expect(type == field.value.type, "\(point.measurement).\(field.name)")
      }
      let tags = collector.measurements.filter { $0.name == point.measurement }.flatMap(\.tags)
      for tag in point.tags {
        #expect(tags.contains { $0.name == tag.name }, "\(point.measurement), tag \(tag.name)")
      }
    }
  }

  @Test(arguments: collectors.map { $0.name })
  func `every collector has a capture`(_ name: String) {
    #expect(Capture.all.contains { $0.collector == name }, "add Fixtures/\(name)/….txt")
  }

  @Test func `collectors stand in the list by name, each once`() {
    let names = collectors.map { $0.name }
    #expect(names == Set(names).sorted())
  }

  @Test(arguments: collectors.map { $0.name })
  func `a host that answers nothing gives no points`(_ name: String) throws {
    let collector = try #require(collectors.first { $0.name == name })
    var sample = Sample()
    try? collector.collect(from: HostView(time: Timestamp(seconds: 0)), into: &sample)
    #expect(sample == Sample())
  }
}
