internal import Charts
internal import Engine

/// Draws what goes along with a text.
enum TelegramPicture {
  /// "Sending files" in core.telegram.org/bots/api.
  private static let byteLimit = 10 << 20

  /// The chart as a PNG; nil where it cannot be drawn or is too large, for the text is the main thing.
  static func draw(
    _ chart: Chart, _ theme: Chart.Theme, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> [UInt8]? {
    nil
  }
}
