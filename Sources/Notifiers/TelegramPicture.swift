internal import Charts
internal import Engine

/// Draws the picture that accompanies a text.
enum TelegramPicture {
  /// "sendPhoto" in core.telegram.org/bots/api.
  private static let byteLimit = 10 << 20
  private static let timeout = Duration.seconds(5)
  private static let painters = BlockingPool(name: "pictures", threads: 1)

  /// The chart as a PNG; nil if it cannot be drawn in time or is too large: the text matters more.
  static func draw(
    _ chart: Chart, _ theme: Chart.Theme, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> [UInt8]? {
    let drawn = await painters.run(by: min(deadline, .after(timeout)), on: reactor) {
      () -> [UInt8]? in
      do throws(ChartError) { return try chart.png(theme) } catch { return nil }
    }
    guard let png = drawn ?? nil, png.count <= byteLimit else { return nil }
    return png
  }
}
