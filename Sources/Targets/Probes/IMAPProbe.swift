public import Configuration
public import Engine

/// `imap`: the server greets, names its capabilities, switches to TLS, accepts the login and the
/// logout.
///
/// Options: those of `MailCheck`. Standard: RFC 9051.
public struct IMAPProbe: Probe {
  public static let name = "imap"
  public static let summary = "The mailbox server greets, and accepts TLS and the log-in."
  public static let defaultPort: UInt16? = 143
  public static let canBind = true
  private let mail: MailCheck

  public init(_ options: inout Fields) {
    mail = MailCheck("imap", farewell: "LOGOUT", tlsPort: 993, &options)
  }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    await mail.run(against: endpoint, on: reactor, by: deadline)
  }
}
