internal import CSystemd
internal import Engine
internal import Glibc
internal import Metrics

/// The journal of systemd, for a process whose standard error is connected to it.
enum Journal {
  /// Whether standard error is the journal's stream, as `JOURNAL_STREAM` says: its device and inode. A
  /// redirected one is not. See systemd.exec(5).
  static let isHere: Bool = {
    guard let place = environment("JOURNAL_STREAM") else { return false }
    var status = stat()
    guard fstat(2, &status) == 0 else { return false }
    return place == "\(status.st_dev):\(status.st_ino)"
  }()

  /// Writes one entry; false if the journal does not take it. Values may hold any bytes; names are capital
  /// letters, digits and underscores.
  static func send(_ fields: [(name: String, value: String)]) -> Bool {
    let texts = fields.map { Array("\($0.name)=\($0.value)".utf8) }
    let buffers = texts.map { text -> UnsafeMutableRawBufferPointer in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 1)
      buffer.copyBytes(from: text)
      return buffer
    }
    defer { for buffer in buffers { buffer.deallocate() } }
    let vectors = buffers.map { iovec(iov_base: $0.baseAddress, iov_len: $0.count) }
    return sd_journal_sendv(vectors, Int32(vectors.count)) == 0
  }
}
