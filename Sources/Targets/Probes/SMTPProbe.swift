public import Engine

/// `smtp`: the server greets, names its extensions, changes to TLS, takes the log-in, and says goodbye.
///
/// Options: those of `MailCheck`. Standard: RFC 5321, 3207 (STARTTLS), 4954 (AUTH).
public struct SMTPProbe: Probe {
  public static let name = "smtp"
  public static let summary = "The mail server greets, and takes TLS and the log-in."
  public static let defaultPort: UInt16? = 25
  public static let canBind = true
  private let mail: MailCheck

  public init(_ options: inout ProbeOptions) {
    mail = MailCheck("smtp", farewell: "QUIT", tlsPort: 465, &options)
  }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    await mail.run(against: endpoint, on: reactor, by: deadline)
  }
}
