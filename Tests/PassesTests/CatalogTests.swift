import Lab
import Metrics
import Testing

@testable import Passes
@testable import Sinks

@Suite struct CatalogTests {
  @Test(.enabled(if: PrometheusServer.isInstalled))
  func `every field that is ever written can be read`() throws {
    let all = Catalog.all.names.map { measurement in
      var point = Point(measurement)
      for name in Catalog.all.fields(of: measurement) ?? [] { point.integer(name, Int64(1)) }
      return point
    }
    let outcome = try PrometheusServer.check(
      String(
        decoding: Exposition([
          PointBatch(
            host: "web1", tags: [Tag("host", "web1")], time: Timestamp(seconds: 1), points: all)
        ]).text, as: UTF8.self))
    // Telegraf's names are not always to Prometheus's taste (3), but always of its syntax.
    #expect([0, 3].contains(outcome.status), "\(outcome.errors)")
    #expect(!outcome.errors.contains("error while linting"))
  }
}
