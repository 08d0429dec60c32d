import Charts
import Metrics
import Testing

struct ChartTests {
  @Test func `series are equal by their values`() {
    let time = Timestamp(seconds: 1)
    #expect(Chart.Series("a", [(time, 1)]) != Chart.Series("a", [(time, 2)]))
  }
}
