internal import Metrics

/// A colour in the notation of the web, `0xRRGGBB`.
struct Color: Equatable {
  let red: Double
  let green: Double
  let blue: Double

  init(_ hex: UInt32) {
    red = Double(hex >> 16 & 0xff) / 255
    green = Double(hex >> 8 & 0xff) / 255
    blue = Double(hex & 0xff) / 255
  }
}

/// The colours of a theme.
///
/// The lines are the colours of Okabe and Ito, which people with the usual kinds of colour
/// blindness can distinguish, made darker or lighter if they are too close to the background
/// ("Color Universal Design", 2008).
struct Palette {
  let background: Color
  let text: Color
  /// For secondary text: marks of the axes, the time.
  let muted: Color
  let grid: Color
  let lines: [Color]
  private let severities: [Severity: Color]

  init(_ theme: Chart.Theme) {
    switch theme {
    case .light:
      background = Color(0xffffff)
      text = Color(0x1b1f24)
      muted = Color(0x57606a)
      grid = Color(0xd8dee4)
      lines = [
        0x0072b2, 0xd55e00, 0x00815f, 0xb0458c, 0x3d4752, 0x2589c9, 0x9a7200, 0x6b3fa0,
      ].map { Color($0) }
      severities = [
        .ok: Color(0x00703c), .minor: Color(0x806200), .major: Color(0xb54a00),
        .critical: Color(0xc4001a), .unknown: Color(0x57606a),
      ]
    case .dark:
      background = Color(0x0f1720)
      text = Color(0xf0f3f6)
      muted = Color(0xa7b2bd)
      grid = Color(0x2b3642)
      lines = [
        0x56b4e9, 0xf0883e, 0x2fc79b, 0xe58fc4, 0xf2f2f2, 0x5f97f5, 0xf0e442, 0xb59bff,
      ].map { Color($0) }
      severities = [
        .ok: Color(0x4cd08a), .minor: Color(0xffd84d), .major: Color(0xffa24d),
        .critical: Color(0xff6b6b), .unknown: Color(0xa7b2bd),
      ]
    }
  }

  func color(of severity: Severity) -> Color { severities[severity] ?? muted }
}
