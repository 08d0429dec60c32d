/// The hint for a server that refused all credentials.
extension HostTarget {
  /// The last part of the message, from the tried credentials and the methods of the server.
  func cure(_ tried: [String], _ offered: [String]) -> String {
    let keys = credentials.identities.prefix(4)
    if let key = keys.first?.name, offered.contains("publickey") {
      // A key of the agent has no file to name.
      let file =
        key.hasPrefix("agent key ") ? "" : " -i \(key)\(key.hasSuffix(".pub") ? "" : ".pub")"
      let jump = tunnel.map { " -o ProxyJump=\($0.names.joined(separator: ","))" } ?? ""
      let place = (port == 22 ? "" : " -p \(port)") + jump
      return
        "install the public key there with `ssh-copy-id\(file)\(place) \(user)@\(address)`, or "
        + "check `user:` and the modes of ~\(user)/.ssh and authorized_keys there"
    }
    if !keys.isEmpty, !offered.contains("publickey") {
      return "the server takes no keys; give `password:`, or allow PubkeyAuthentication there"
    }
    if tried.contains("password") || tried.contains("keyboard-interactive") {
      return "check `user:` and `password:` in the inventory"
    }
    if credentials.password != nil {
      return "the server takes no passwords; give `key:` in the inventory"
    }
    return credentials.notes.isEmpty
      ? "give `key:` in the inventory, or add a key to the agent" : "name a key that can be used"
  }
}
