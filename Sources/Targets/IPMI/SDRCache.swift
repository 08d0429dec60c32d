internal import CCrypto
internal import Engine
internal import Glibc

/// A BMC's sensor records in a file of the state folder.
///
/// The file names the BMC and the repository's mark, and ends in a hash: a file that does not match is
/// ignored and replaced.
struct SDRCache {
  private let path: String

  /// Nil without a folder for it.
  init?(_ target: BMCTarget, at address: String) {
    guard let folder = target.cache else { return nil }
    path = "\(folder)/\(target.fileName(address)).sdr"
  }

  private static let magic = Array("scrape sdr 2\n".utf8)
  private static let hashSize = 32
  /// 4,096 records of 260 bytes.
  private static let sizeLimit = 2 << 20

  /// The records stored under this mark, and the id after them; nil if there are none, if the file is
  /// damaged, or if it is a day old with a mark that never changes.
  func read(_ mark: SDRRepository.Mark) -> (records: [[UInt8]], next: UInt16)? {
    var info = stat()
    guard
      mark.tellsOfChanges || (lstat(path, &info) == 0 && time(nil) - info.st_mtim.tv_sec < 86_400)
    else { return nil }
    guard let bytes = try? SmallFile.read(path, limit: Self.sizeLimit),
      bytes.count > Self.magic.count + Self.hashSize
    else { return nil }
    let body = bytes.dropLast(Self.hashSize)
    guard Self.hash(body) == Array(bytes.suffix(Self.hashSize)) else { return nil }
    let head = Self.head(mark)
    guard body.starts(with: head) else { return nil }
    var rest = body.dropFirst(head.count)
    var records: [[UInt8]] = []
    guard let low = rest.popFirst(), let high = rest.popFirst() else { return nil }
    let next = UInt16(low) | UInt16(high) << 8
    while let low = rest.popFirst(), let high = rest.popFirst() {
      let length = Int(low) | Int(high) << 8
      guard length <= rest.count else { return nil }
      records.append(Array(rest.prefix(length)))
      rest = rest.dropFirst(length)
    }
    return (records, next)
  }

  func remove() { unlink(path) }

  /// Stores the records. A file that cannot be written costs time, not readings.
  func write(_ records: [[UInt8]], next: UInt16, _ mark: SDRRepository.Mark) {
    var bytes = Self.head(mark) + [UInt8(next & 0xff), UInt8(next >> 8)]
    for record in records {
      bytes += [UInt8(record.count & 0xff), UInt8(record.count >> 8 & 0xff)] + record
    }
    bytes += Self.hash(bytes[...])
    let fresh = "\(path).\(getpid()).new"
    let number = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard number >= 0 else { return }
    let file = FileDescriptor(owning: number)
    let written = bytes.withUnsafeBytes { Glibc.write(file.number, $0.baseAddress, $0.count) }
    // A power cut may leave an empty file, which the hash detects.
    if written != bytes.count || rename(fresh, path) != 0 { unlink(fresh) }
  }

  private static func head(_ mark: SDRRepository.Mark) -> [UInt8] {
    func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
      withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }
    return magic + little(mark.device) + [mark.version] + little(mark.count) + little(mark.added)
      + little(mark.erased)
  }

  /// SHA-256.
  private static func hash(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: hashSize)
    var size = UInt32(hashSize)
    let done = bytes.withUnsafeBytes {
      EVP_Digest($0.baseAddress, $0.count, &digest, &size, EVP_sha256(), nil)
    }
    return done == 1 ? digest : []
  }
}
