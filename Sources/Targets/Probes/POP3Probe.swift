public import Configuration
public import Engine

/// `pop3`: the server greets, names its capabilities, switches to TLS, accepts the login and the
/// logout.
///
/// Options: those of `MailCheck`. Standard: RFC 1939, 2449 (CAPA), 2595 (STLS).
public struct POP3Probe: Probe {
  public static let name = "pop3"
  public static let summary = "The mailbox server greets, and accepts TLS and the log-in."
  public static let defaultPort: UInt16? = 110
  public static let canBind = true
  private let mail: MailCheck

  public init(_ options: inout Fields) {
    mail = MailCheck("pop3", farewell: "QUIT", tlsPort: 995, &options)
  }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    await mail.run(against: endpoint, on: reactor, by: deadline)
  }
}
