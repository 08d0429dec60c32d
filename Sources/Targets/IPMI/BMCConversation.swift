internal import Inventory

/// Whatever a BMC's commands are sent through: a session over the network, or answers of a host.
protocol BMCConversation {
  /// Sends a command and returns the bytes after its completion code, which must be 00h.
  func ask(
    _ function: UInt8, _ command: UInt8, _ rest: [UInt8], lun: UInt8, for what: String
  ) throws(BMCSession.Failure) -> ArraySlice<UInt8>
}

extension BMCConversation {
  func ask(
    _ function: UInt8, _ command: UInt8, _ rest: [UInt8] = [], for what: String
  ) throws(BMCSession.Failure) -> ArraySlice<UInt8> {
    try ask(function, command, rest, lun: 0, for: what)
  }
}

extension BMCSession: BMCConversation {}
