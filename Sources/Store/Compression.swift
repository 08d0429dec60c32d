internal import CZlib

/// Compresses bytes with zlib's deflate and reuses its memory.
public final class Compressor {
  /// The wrapper of the compressed bytes.
  public enum Wrapping: Int32 {
    /// RFC 1950: a two-byte header and a checksum.
    case zlib = 15
    /// RFC 1952, as HTTP's `Content-Encoding: gzip` requires.
    case gzip = 31
  }

  private var stream: UnsafeMutablePointer<z_stream>

  /// The corresponding C function is `deflateInit2`.
  public init(_ wrapping: Wrapping, level: Int32) {
    // zlib keeps a pointer back to its stream, so the stream must not move.
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let code = scrape_deflateInit2(stream, level, wrapping.rawValue)
    precondition(code == Z_OK, "deflateInit2: out of memory")
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
  }

  /// The whole input, compressed.
  public func pack(_ input: [UInt8]) -> [UInt8] {
    deflateReset(stream)
    let bound = Int(deflateBound(stream, UInt(input.count)))
    return [UInt8](unsafeUninitializedCapacity: bound) { output, count in
      input.withUnsafeBufferPointer { input in
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        stream.pointee.avail_in = UInt32(input.count)
        stream.pointee.next_out = output.baseAddress
        stream.pointee.avail_out = UInt32(bound)
        let code = deflate(stream, Z_FINISH)
        precondition(code == Z_STREAM_END, "deflate: the bound was too small")
        count = bound - Int(stream.pointee.avail_out)
      }
    }
  }
}

/// Decompresses zlib data that may be damaged or built to fill the memory.
public final class Decompressor {
  private var stream: UnsafeMutablePointer<z_stream>

  /// The corresponding C function is `inflateInit2`.
  public init() {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // 15 bits of window; 32 more accepts either wrapper.
    let code = inflateInit2_(
      stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(code == Z_OK, "inflateInit2: out of memory")
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// The whole input, decompressed; nil if it is damaged or longer than `limit` bytes.
  public func unpack(_ input: [UInt8], limit: Int) -> [UInt8]? {
    inflateReset(stream)
    var output: [UInt8] = []
    var capacity = min(limit, max(4096, input.count * 8))
    return input.withUnsafeBufferPointer { input -> [UInt8]? in
      stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
      stream.pointee.avail_in = UInt32(input.count)
      while true {
        var code = Z_OK
        let part = [UInt8](unsafeUninitializedCapacity: capacity) { part, count in
          stream.pointee.next_out = part.baseAddress
          stream.pointee.avail_out = UInt32(part.count)
          code = inflate(stream, Z_NO_FLUSH)
          count = part.count - Int(stream.pointee.avail_out)
        }
        if output.isEmpty { output = part } else { output += part }
        if code == Z_STREAM_END { return output }
        capacity = min(limit - output.count, max(capacity, 1 << 16))
        // No progress with room to write means that the input is truncated.
        guard code == Z_OK, capacity > 0, !part.isEmpty else { return nil }
      }
    }
  }
}
