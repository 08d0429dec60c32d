extension OwnSession {
  /// Whether a session of that user from there is the monitor's; one of unknown origin may be.
  func isSame(user: String, from: String?) -> Bool {
    guard let own = self.user, user == own else { return false }
    guard let address, let from else { return true }
    return Self.bare(from) == Self.bare(address)
  }

  /// The address without scope, and IPv4 not written as IPv6.
  private static func bare(_ address: String) -> Substring {
    var bare = address[...]
    if bare.hasPrefix("::ffff:") { bare = bare.dropFirst(7) }
    if let scope = bare.firstIndex(of: "%") { bare = bare[..<scope] }
    return bare
  }
}
