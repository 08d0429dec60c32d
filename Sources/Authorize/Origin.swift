public import Engine
public import Inventory
internal import Metrics

/// From which addresses a host sees the monitor.
public enum Origin {
  /// The addresses of this machine from which a host is asked directly: those of `source:`, or that of the
  /// route. Nothing is sent.
  public static func direct(
    to host: Host, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> [String] {
    if let source = host.source {
      do throws(DialError) { return try Dial.sources(source).map(\.text) } catch {
        throw TargetError(.localError, error.message)
      }
    }
    let addresses = try await Connect.resolve(
      host.address, port: UInt16(clamping: host.port), on: reactor, by: deadline)
    var found: [String] = []
    for address in addresses {
      guard let own = Dial.ownAddress(towards: address)?.text, !found.contains(own) else {
        continue
      }
      found.append(own)
    }
    guard !found.isEmpty else {
      throw TargetError(.unreachable, "this machine has no route to \(host.address)")
    }
    return found
  }

  /// The addresses from which a jump host connects, as far as the inventory knows: its own.
  public static func through(_ jumpHost: Host) -> [String] {
    ([jumpHost.address] + jumpHost.addresses.sorted { $0.key < $1.key }.map(\.value))
      .filter { Dial.number($0) != nil }
  }

  /// Whether the text may stand in `from=`: an address, a network, or a pattern of authorized_keys(5).
  public static func isPattern(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
          || "-_.:/*?!".utf8.contains($0)
      }
  }
}
