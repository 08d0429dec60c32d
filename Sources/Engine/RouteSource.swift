internal import Glibc

extension Dial {
  /// The local address from which this machine reaches an address, without its port; nil without a route.
  ///
  /// Nothing is sent. The corresponding C functions are `connect` on a socket of datagrams, and
  /// `getsockname`.
  public static func ownAddress(towards address: Address) -> Address? {
    let number = socket(address.family, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { return nil }
    let descriptor = FileDescriptor(owning: number)
    let code = address.bytes.withUnsafeBytes { raw in
      raw.baseAddress.map {
        connect(
          descriptor.number, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
      } ?? -1
    }
    guard code == 0 else { return nil }
    var own = [UInt8](repeating: 0, count: MemoryLayout<sockaddr_storage>.size)
    var size = socklen_t(own.count)
    let known = own.withUnsafeMutableBytes { raw in
      raw.baseAddress.map {
        getsockname(descriptor.number, $0.assumingMemoryBound(to: sockaddr.self), &size)
      } ?? -1
    }
    guard known == 0 else { return nil }
    return Address(bytes: Array(own.prefix(Int(size))), family: address.family).with(port: 0)
  }
}
