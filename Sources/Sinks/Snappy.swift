internal import CSnappy

/// Snappy's block format, which Prometheus remote write requires.
enum Snappy {
  /// The corresponding C function is `snappy_compress`.
  static func pack(_ input: [UInt8]) -> [UInt8] {
    let bound = snappy_max_compressed_length(input.count)
    return [UInt8](unsafeUninitializedCapacity: bound) { output, count in
      var length = bound
      let code = input.withUnsafeBytes { input in
        snappy_compress(
          input.baseAddress?.assumingMemoryBound(to: CChar.self), input.count,
          output.baseAddress.map {
            UnsafeMutableRawPointer($0).assumingMemoryBound(to: CChar.self)
          },
          &length)
      }
      precondition(code == SNAPPY_OK, "snappy_compress: the bound was too small")
      count = length
    }
  }

  /// The whole input, decompressed; nil if it is damaged or longer than `limit` bytes.
  ///
  /// The corresponding C function is `snappy_uncompress`.
  static func unpack(_ input: [UInt8], limit: Int) -> [UInt8]? {
    input.withUnsafeBytes { bytes -> [UInt8]? in
      let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
      var length = 0
      guard snappy_uncompressed_length(start, bytes.count, &length) == SNAPPY_OK, length <= limit
      else { return nil }
      var code = SNAPPY_OK
      let output = [UInt8](unsafeUninitializedCapacity: length) { output, count in
        code = snappy_uncompress(
          start, bytes.count,
          output.baseAddress.map {
            UnsafeMutableRawPointer($0).assumingMemoryBound(to: CChar.self)
          },
          &length)
        count = code == SNAPPY_OK ? length : 0
      }
      return code == SNAPPY_OK ? output : nil
    }
  }
}
