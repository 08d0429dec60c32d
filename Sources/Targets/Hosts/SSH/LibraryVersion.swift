internal import CSSH2

extension HostTarget {
  /// The version of libssh2 that is loaded.
  public static var libraryVersion: String {
    libssh2_version(0).map { String(cString: $0) } ?? "unknown"
  }

  /// Whether it is 1.10 or later: 10a00h.
  public static var isLibraryRecent: Bool { libssh2_version(0x01_0a_00) != nil }
}
