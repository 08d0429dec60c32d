import CCairo
import CZlib
import Lab

/// A PNG of at most 256 colours: a third of the size of a PNG of all colours, in the same sharpness.
enum PalettePNG {
  /// The picture in a PNG with the most frequent colours; each other pixel has the nearest of them.
  static func reduced(_ png: [UInt8]) throws -> [UInt8] {
    let (width, height, pixels) = try decoded(png)
    var counts: [UInt32: Int] = [:]
    for pixel in pixels { counts[pixel, default: 0] += 1 }
    let colors = counts.sorted { ($0.value, $0.key) > ($1.value, $1.key) }.prefix(256).map(\.key)
    var index: [UInt32: UInt8] = [:]
    for color in counts.keys {
      let nearest = colors.indices.min { distance(colors[$0], color) < distance(colors[$1], color) }
      index[color] = UInt8(nearest ?? 0)
    }
    var rows: [UInt8] = []
    rows.reserveCapacity((width + 1) * height)
    for y in 0..<height {
      // Filter 0: bytes as they are, which suits pictures of a palette.
      rows.append(0)
      for x in 0..<width { rows.append(index[pixels[y * width + x]] ?? 0) }
    }
    var file: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
    // 8 bits per pixel, palette.
    file += chunk("IHDR", big(UInt32(width)) + big(UInt32(height)) + [8, 3, 0, 0, 0])
    file += chunk(
      "PLTE", colors.flatMap { [UInt8($0 >> 16 & 255), UInt8($0 >> 8 & 255), UInt8($0 & 255)] })
    file += chunk("IDAT", try deflated(rows))
    return file + chunk("IEND", [])
  }

  /// Width, height, bits and type of colours in the head of a PNG; nil if it is none.
  static func head(of png: [UInt8]) -> (width: Int, height: Int, bits: Int, type: Int)? {
    guard png.count > 33, png.starts(with: [0x89, 0x50, 0x4e, 0x47]) else { return nil }
    func number(_ place: Int) -> Int { png[place..<place + 4].reduce(0) { $0 << 8 | Int($1) } }
    return (number(16), number(20), Int(png[24]), Int(png[25]))
  }

  private static func distance(_ a: UInt32, _ b: UInt32) -> Int {
    [0, 8, 16].reduce(0) { sum, shift in
      let difference = Int(a >> shift & 255) - Int(b >> shift & 255)
      return sum + difference * difference
    }
  }

  private static func big(_ number: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(number >> $0 & 255) }
  }

  private static func chunk(_ name: String, _ bytes: [UInt8]) -> [UInt8] {
    let content = Array(name.utf8) + bytes
    return big(UInt32(bytes.count)) + content
      + big(UInt32(truncatingIfNeeded: crc32(0, content, UInt32(content.count))))
  }

  private static func deflated(_ bytes: [UInt8]) throws -> [UInt8] {
    var size = compressBound(UInt(bytes.count))
    var output = [UInt8](repeating: 0, count: Int(size))
    guard compress2(&output, &size, bytes, UInt(bytes.count), 9) == Z_OK else {
      throw Unavailable(description: "zlib failed")
    }
    return Array(output[..<Int(size)])
  }

  private final class Input {
    var rest: ArraySlice<UInt8>
    init(_ bytes: [UInt8]) { rest = bytes[...] }
  }

  /// The pixels as `0xRRGGBB`, in steps of 8: cairo's edges of letters have more than 256 colours.
  private static func decoded(_ png: [UInt8]) throws -> (Int, Int, [UInt32]) {
    let input = Input(png)
    let read = withExtendedLifetime(input) {
      cairo_image_surface_create_from_png_stream(
        { closure, bytes, count in
          guard let closure, let bytes else { return CAIRO_STATUS_READ_ERROR }
          let input = Unmanaged<Input>.fromOpaque(closure).takeUnretainedValue()
          guard input.rest.count >= Int(count) else { return CAIRO_STATUS_READ_ERROR }
          for (place, byte) in input.rest.prefix(Int(count)).enumerated() { bytes[place] = byte }
          input.rest = input.rest.dropFirst(Int(count))
          return CAIRO_STATUS_SUCCESS
        }, Unmanaged.passUnretained(input).toOpaque())
    }
    defer { cairo_surface_destroy(read) }
    guard let surface = read, cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS,
      let data = cairo_image_surface_get_data(surface)
    else { throw Unavailable(description: "cairo cannot read its own PNG") }
    let width = Int(cairo_image_surface_get_width(surface))
    let height = Int(cairo_image_surface_get_height(surface))
    let stride = Int(cairo_image_surface_get_stride(surface))
    var pixels: [UInt32] = []
    pixels.reserveCapacity(width * height)
    for y in 0..<height {
      for x in 0..<width {
        var pixel: UInt32 = 0
        for byte in 0..<3 {
          // White stays white.
          let value = UInt32(data[y * stride + 4 * x + byte])
          pixel |= min(255, (value + 4) & ~7) << (8 * UInt32(byte))
        }
        pixels.append(pixel)
      }
    }
    return (width, height, pixels)
  }
}
