import Foundation

/// The file of points that grows with each pass.
struct PointFile {
  let path: String
  private var offset: UInt64 = 0

  init(_ path: String) { self.path = path }

  /// The whole lines that came since the last call.
  mutating func news() -> [PointLine] {
    guard let handle = FileHandle(forReadingAtPath: path) else { return [] }
    defer { try? handle.close() }
    guard (try? handle.seek(toOffset: offset)) != nil, let data = try? handle.readToEnd(),
      let end = data.lastIndex(of: UInt8(ascii: "\n"))
    else { return [] }
    offset += UInt64(end - data.startIndex + 1)
    return data[..<end].split(separator: UInt8(ascii: "\n")).compactMap { PointLine($0) }
  }
}
