internal import Metrics
internal import Engine
internal import Glibc
internal import Hosts
internal import Inventory

/// A lock on a BMC for one session; another session, in any process, waits.
///
/// BMCs have few session slots, and two readings at once disturb each other's reservations. The lock is
/// on a file beside the cache, so that a pass and `scrape host` do not meet; flock(2).
final class BMCLock {
  private let file: Int32

  /// Nil without a folder for the file.
  init?(
    _ target: BMCTarget, at address: String, by deadline: Deadline, isStopped: () -> Bool
  ) throws(TargetError) {
    guard let cache = target.cache else { return nil }
    let path = "\(cache)/\(target.fileName(address)).lock"
    func open() -> Int32 { Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600) }
    var number = open()
    if number < 0, errno == ENOENT, mkdir(cache, 0o700) == 0 || errno == EEXIST { number = open() }
    // Without a writable folder the BMC can still be read; this process has one session with each.
    guard number >= 0 else { return nil }
    file = number
    while flock(file, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK || errno == EINTR else { break }
      if deadline.isPast || isStopped() {
        throw TargetError(
          .timeout, "another pass or `scrape host` held a session with this BMC all the time")
      }
      usleep(50_000)
    }
  }

  deinit { close(file) }
}

extension BMCTarget {
  /// The BMC's name for files: an address is free of what folders and shells mind, but for colons.
  ///
  /// Segments are often copies of one another: behind jump hosts their names are part of it.
  func fileName(_ address: String) -> String {
    let way = (tunnel?.names ?? []).map { "\($0)_" }.joined()
    let bytes = "\(way)\(address)".utf8.map { byte -> UInt8 in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."), UInt8(ascii: "-"):
        byte
      default: UInt8(ascii: "_")
      }
    }
    return "\(String(decoding: bytes, as: UTF8.self))_\(settings.port)"
  }
}
