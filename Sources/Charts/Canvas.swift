internal import CCairo

/// A rectangle in pixels, from the upper left corner of the picture.
struct Box: Equatable {
  var left: Double
  var top: Double
  var right: Double
  var bottom: Double

  var width: Double { right - left }
  var height: Double { bottom - top }
  var middle: Double { (top + bottom) / 2 }

  func overlaps(_ other: Box) -> Bool {
    left < other.right && other.left < right && top < other.bottom && other.top < bottom
  }
}

/// The size and weight of letters.
struct Font: Equatable {
  let size: Double
  var isBold = false
}

/// A picture in memory that becomes a PNG.
///
/// Not for concurrent use. cairo keeps its first error and draws nothing from then on, so it is
/// enough to check it at the end.
final class Canvas {
  enum Side { case left, center, right }

  let box: Box
  /// All texts and their boxes, for tests of overlaps.
  private(set) var written: [(text: String, box: Box)] = []
  private let surface: OpaquePointer
  private let context: OpaquePointer

  init(width: Int, height: Int, background: Color) throws(ChartError) {
    box = Box(left: 0, top: 0, right: Double(width), bottom: Double(height))
    surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, Int32(width), Int32(height))
    // Neither function ever returns null: after a failure the object is in an error state.
    context = cairo_create(surface)
    // No colour fringes, and no rounding of widths: the picture is viewed in any size.
    let options = cairo_font_options_create()
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY)
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_SLIGHT)
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF)
    cairo_set_font_options(context, options)
    cairo_font_options_destroy(options)
    use(background)
    cairo_paint(context)
    cairo_set_line_join(context, CAIRO_LINE_JOIN_ROUND)
    try requireFont()
    try check()
  }

  deinit {
    cairo_destroy(context)
    cairo_surface_destroy(surface)
  }

  private func check() throws(ChartError) {
    for status in [cairo_status(context), cairo_surface_status(surface)]
    where status != CAIRO_STATUS_SUCCESS {
      throw Self.error(status)
    }
  }

  private static func error(_ status: cairo_status_t) -> ChartError {
    ChartError(
      .drawing, "the chart was not drawn: \(String(cString: cairo_status_to_string(status)))")
  }

  /// Without a font in fontconfig, cairo silently takes its own, "twin", which has only ASCII in
  /// thin strokes; that font is of cairo's type "user font".
  private func requireFont() throws(ChartError) {
    use(Font(size: 24))
    guard let font = cairo_get_scaled_font(context),
      cairo_scaled_font_status(font) == CAIRO_STATUS_SUCCESS,
      cairo_scaled_font_get_type(font) != CAIRO_FONT_TYPE_USER
    else {
      throw ChartError(
        .font, "no font is installed to write on a chart: apt-get install fonts-dejavu-core")
    }
  }

  private func use(_ color: Color, alpha: Double = 1) {
    cairo_set_source_rgba(context, color.red, color.green, color.blue, alpha)
  }

  private func use(_ font: Font) {
    cairo_select_font_face(
      context, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
      font.isBold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL)
    cairo_set_font_size(context, font.size)
  }

  // MARK: Text

  func width(of text: String, _ font: Font) -> Double {
    use(font)
    var extents = cairo_text_extents_t()
    cairo_text_extents(context, text, &extents)
    return max(extents.x_advance, extents.x_bearing + extents.width)
  }

  /// The text; a text wider than the limit loses its end.
  func clip(_ text: String, to width: Double, _ font: Font) -> String {
    // No text that fits has more characters; measuring more would take unbounded time.
    let letters = Array(text.prefix(400))
    if letters.count == text.count, self.width(of: text, font) <= width { return text }
    var (fits, fitsNot) = (0, letters.count)
    while fits + 1 < fitsNot {
      let count = (fits + fitsNot) / 2
      if self.width(of: String(letters[..<count]) + "…", font) <= width {
        fits = count
      } else {
        fitsNot = count
      }
    }
    while fits > 0, letters[fits - 1] == " " { fits -= 1 }
    return String(letters[..<fits]) + "…"
  }

  /// The box of a text in that font, its letters' full height around `middle`.
  func place(
    _ text: String, _ font: Font, x: Double, middle: Double, _ side: Side = .left
  ) -> Box {
    let width = width(of: text, font)
    let left =
      switch side {
      case .left: x
      case .center: x - width / 2
      case .right: x - width
      }
    let half = font.size * 0.6
    return Box(left: left, top: middle - half, right: left + width, bottom: middle + half)
  }

  /// Writes the text into the box from `place`; no part of a letter leaves it, whatever glyphs its
  /// font has. A halo in the given colour keeps it legible above lines.
  func write(_ text: String, _ font: Font, in box: Box, _ color: Color, halo: Color? = nil) {
    guard !text.isEmpty else { return }
    written.append((text, box))
    cairo_save(context)
    cairo_rectangle(
      context, box.left - 5, box.top - 3, box.width + 10, box.height + 6)
    cairo_clip(context)
    use(font)
    // Capitals of the usual fonts are 0.73 of the size high: this centres them.
    let baseline = box.middle + font.size * 0.365
    if let halo {
      cairo_move_to(context, box.left, baseline)
      cairo_text_path(context, text)
      use(halo)
      cairo_set_line_width(context, 9)
      cairo_stroke(context)
    }
    use(color)
    cairo_move_to(context, box.left, baseline)
    cairo_show_text(context, text)
    cairo_restore(context)
  }

  // MARK: Lines

  func line(
    _ points: [(x: Double, y: Double)], _ color: Color, width: Double, dashes: [Double] = []
  ) {
    path(points)
    use(color)
    cairo_set_line_width(context, width)
    cairo_set_line_cap(context, dashes.isEmpty ? CAIRO_LINE_CAP_ROUND : CAIRO_LINE_CAP_BUTT)
    cairo_set_dash(context, dashes, Int32(dashes.count), 0)
    cairo_stroke(context)
    cairo_set_dash(context, nil, 0, 0)
  }

  /// Fills the outline that the points form.
  func fill(_ points: [(x: Double, y: Double)], _ color: Color, alpha: Double = 1) {
    path(points)
    cairo_close_path(context)
    use(color, alpha: alpha)
    cairo_fill(context)
  }

  func disc(x: Double, y: Double, radius: Double, _ color: Color) {
    cairo_new_path(context)
    cairo_arc(context, x, y, radius, 0, 2 * .pi)
    use(color)
    cairo_fill(context)
  }

  private func path(_ points: [(x: Double, y: Double)]) {
    cairo_new_path(context)
    for point in points { cairo_line_to(context, point.x, point.y) }
  }

  // MARK: PNG

  private final class Output {
    var bytes: [UInt8] = []
  }

  /// The picture as a file. The corresponding C function is `cairo_surface_write_to_png_stream`.
  func png() throws(ChartError) -> [UInt8] {
    try check()
    let output = Output()
    let status = withExtendedLifetime(output) {
      cairo_surface_write_to_png_stream(
        surface,
        { closure, bytes, count in
          guard let closure, let bytes else { return CAIRO_STATUS_WRITE_ERROR }
          let output = Unmanaged<Output>.fromOpaque(closure).takeUnretainedValue()
          output.bytes.append(contentsOf: UnsafeBufferPointer(start: bytes, count: Int(count)))
          return CAIRO_STATUS_SUCCESS
        }, Unmanaged.passUnretained(output).toOpaque())
    }
    guard status == CAIRO_STATUS_SUCCESS else { throw Self.error(status) }
    return output.bytes
  }
}
