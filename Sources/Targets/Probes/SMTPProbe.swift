public import Configuration
public import Engine
internal import Metrics

/// `smtp`: the server greets, names its extensions, changes to TLS, takes the log-in, and says goodbye.
///
/// Options: those of `MailCheck`, and `roundtrip` (see `MailRoundTrip`). Standard: RFC 5321, 3207 (STARTTLS), 4954 (AUTH).
public struct SMTPProbe: Probe {
  public static let name = "smtp"
  public static let summary = "The mail server greets, and accepts TLS and the log-in."
  public static let defaultPort: UInt16? = 25
  public static let canBind = true
  private let mail: MailCheck
  private let roundTrip: MailRoundTrip?

  public init(_ options: inout Fields) {
    mail = MailCheck("smtp", farewell: "QUIT", tlsPort: 465, &options)
    roundTrip = options.nested(
      "roundtrip", "Sends a mail, finds it in the mailbox and deletes it.",
      example:
        "{from: a@example.org, to: a@example.org, imap: {user: a, password: \"file:mail\"}}"
    ) { MailRoundTrip(&$0) }
  }

  public var timeout: Duration { roundTrip?.time ?? ProbePlan.timeout }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    let verdict = await mail.run(against: endpoint, on: reactor, by: deadline)
    guard let roundTrip, verdict.severity < .critical else { return verdict }
    return await roundTrip.run(
      after: verdict, from: mail, at: endpoint, on: reactor, by: deadline)
  }
}
