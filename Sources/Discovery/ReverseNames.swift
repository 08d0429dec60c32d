internal import CLinux
internal import Engine
internal import Glibc

/// Names of addresses, from the system: `/etc/hosts` and reverse DNS.
enum ReverseNames {
  private static let threads = BlockingPool(name: "reverse names", threads: 8)

  /// The name; nil if there is none, or no answer by the deadline. The corresponding C function is
  /// `getnameinfo`.
  static func name(
    of address: Dial.Address, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> String? {
    let found: String?? = await threads.run(by: deadline, on: reactor) {
      address.bytes.withUnsafeBytes { raw in
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { name in
          guard let socket = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self),
            let base = name.baseAddress,
            getnameinfo(
              socket, socklen_t(raw.count), base, socklen_t(name.count), nil, 0, NI_NAMEREQD) == 0
          else { return String?.none }
          return String(cString: base)
        }
      }
    }
    return found ?? nil
  }
}
