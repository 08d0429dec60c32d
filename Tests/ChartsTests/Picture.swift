import CCairo
import Foundation

@testable import Charts

/// A PNG, read back pixel by pixel.
struct Picture {
  let width: Int
  let height: Int
  private let pixels: [UInt32]

  private final class Input {
    var rest: ArraySlice<UInt8>
    init(_ bytes: [UInt8]) { rest = bytes[...] }
  }

  struct Unreadable: Error {}

  init(_ png: [UInt8]) throws {
    let input = Input(png)
    let surface = withExtendedLifetime(input) {
      cairo_image_surface_create_from_png_stream(
        { closure, target, count in
          guard let closure, let target else { return CAIRO_STATUS_READ_ERROR }
          let input = Unmanaged<Input>.fromOpaque(closure).takeUnretainedValue()
          guard input.rest.count >= Int(count) else { return CAIRO_STATUS_READ_ERROR }
          for index in 0..<Int(count) { target[index] = input.rest.removeFirst() }
          return CAIRO_STATUS_SUCCESS
        }, Unmanaged.passUnretained(input).toOpaque())
    }
    defer { cairo_surface_destroy(surface) }
    guard cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS,
      let bytes = cairo_image_surface_get_data(surface)
    else { throw Unreadable() }
    width = Int(cairo_image_surface_get_width(surface))
    height = Int(cairo_image_surface_get_height(surface))
    let stride = Int(cairo_image_surface_get_stride(surface))
    var pixels: [UInt32] = []
    for y in 0..<height {
      for x in 0..<width {
        let at = UnsafeRawPointer(bytes + y * stride + 4 * x)
        pixels.append(at.load(as: UInt32.self) & 0xffffff)
      }
    }
    self.pixels = pixels
  }

  subscript(x: Int, y: Int) -> Color { Color(pixels[y * width + x]) }

  /// Whether a pixel within so many of the place has about that colour.
  func has(_ color: Color, near x: Double, _ y: Double, within reach: Int = 2) -> Bool {
    let (x, y) = (Int(x.rounded()), Int(y.rounded()))
    for row in max(0, y - reach)...min(height - 1, y + reach) {
      for column in max(0, x - reach)...min(width - 1, x + reach)
      where self[column, row].isNear(color) {
        return true
      }
    }
    return false
  }

  /// How many pixels of the box have about that colour.
  func count(_ color: Color, in box: Box) -> Int {
    var count = 0
    for y in max(0, Int(box.top))..<min(height, Int(box.bottom)) {
      for x in max(0, Int(box.left))..<min(width, Int(box.right)) where self[x, y].isNear(color) {
        count += 1
      }
    }
    return count
  }
}

extension Color {
  func isNear(_ other: Color) -> Bool {
    abs(red - other.red) < 0.12 && abs(green - other.green) < 0.12 && abs(blue - other.blue) < 0.12
  }

  /// Relative luminance (WCAG 2.1).
  private var luminance: Double {
    func linear(_ value: Double) -> Double {
      value <= 0.03928 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
    }
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
  }

  /// The contrast ratio of WCAG 2.1, 1 to 21.
  func contrast(to other: Color) -> Double {
    let (a, b) = (luminance, other.luminance)
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)
  }
}
