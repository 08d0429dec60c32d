extension Measurement {
  /// The events of several modules: state transitions, reboots, entries of a BMC's log.
  public static let event = Measurement(
    "event",
    """
    An event, at the time when it happened. Events of the scraper itself (`network`, \
    `gateway`, `resolver`, `clock`, `pass`) have the host `(scraper)`.
    """,
    isOurs: true,
    tags: [
      "source":
        """
      `check` (a state that changed), `facts` (packages, accounts or services that changed), `spool` (passes that are missing), `host` (a host that rebooted, `subject` `reboot`, or \
      whose clock was set, `clock`), `sel` (the BMC's event log); `subject` of `facts` is the area
      """,
      "severity": "`ok`, `minor`, `major`, `critical`, `unknown`",
    ],
    fields: [
      .string(
        "subject", means: "The check (`ssh`, `service https`, `rule full{path=/}`), or the sensor"),
      .string("text", means: "What was observed, in words"),
      .string("from", means: "The severity before; of `check`"),
      .integer("record", means: "Number of the log entry; of `sel`"),
      .integer("over", means: "1 if a problem is resolved"),
    ])
}
