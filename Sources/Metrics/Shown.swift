/// What the live view and the pages show alike. `Passes` fills them from the same states.
public enum Shown {
  /// A line of what is wrong: the same trouble on one or many hosts.
  public struct Trouble: Sendable, Equatable {
    public var severity: Severity
    /// `ctf[07,11]`.
    public var names: String
    /// `ssh`, `service https`.
    public var check: String
    public var message: String
    public var since: Timestamp?
    /// `affects 14 hosts, 31 services`; empty without any.
    public var effects = ""
    /// `acked by ana`; empty where it is neither acknowledged nor silenced.
    public var mark = ""
    /// The hosts, in any order.
    public var hosts: [String] = []

    public init(
      severity: Severity, names: String, check: String, message: String, since: Timestamp?,
      effects: String = "", mark: String = "", hosts: [String] = []
    ) {
      self.severity = severity
      self.names = names
      self.check = check
      self.message = message
      self.since = since
      self.effects = effects
      self.mark = mark
      self.hosts = hosts
    }

    /// Whether it is acknowledged or silenced.
    public var isKnown: Bool { !mark.isEmpty }
  }

  /// Something that happened.
  public struct Event: Sendable, Equatable {
    public var time: Timestamp
    /// The severity after it; nil for what has none, such as a log-in.
    public var severity: Severity?
    public var host: String
    public var text: String

    public init(time: Timestamp, severity: Severity?, host: String, text: String) {
      self.time = time
      self.severity = severity
      self.host = host
      self.text = text
    }
  }

  public struct Incident: Sendable, Equatable {
    /// One check in it.
    public struct Line: Sendable, Equatable {
      public var host: String
      public var check: String
      public var worst: Severity
      public var from: Timestamp
      /// Nil while it is not ok.
      public var until: Timestamp?
      public var message: String
      /// Who acknowledged it, and why; nil without.
      public var acknowledgement: String?

      public init(
        host: String, check: String, worst: Severity, from: Timestamp, until: Timestamp?,
        message: String, acknowledgement: String?
      ) {
        self.host = host
        self.check = check
        self.worst = worst
        self.from = from
        self.until = until
        self.message = message
        self.acknowledgement = acknowledgement
      }
    }

    public var severity: Severity
    /// The hosts in it, folded.
    public var names: String
    public var opened: Timestamp
    /// Nil while it is open.
    public var closed: Timestamp?
    public var lines: [Line]

    public init(
      severity: Severity, names: String, opened: Timestamp, closed: Timestamp?, lines: [Line]
    ) {
      self.severity = severity
      self.names = names
      self.opened = opened
      self.closed = closed
      self.lines = lines
    }
  }

  /// A figure of the monitor itself: `influxdb`, `24 816 waiting`.
  public struct Figure: Sendable, Equatable {
    public var name: String
    public var value: String
    public var isBad: Bool

    public init(_ name: String, _ value: String, isBad: Bool = false) {
      self.name = name
      self.value = value
      self.isBad = isBad
    }
  }

  /// Counts of services.
  public struct Count: Sendable, Equatable {
    public var online: Int
    public var total: Int
    /// The worst state of them; nil for none.
    public var worst: Severity?

    public init(online: Int = 0, total: Int = 0) {
      self.online = online
      self.total = total
    }

    /// `isUp` is whether the service works, which one with a finding does.
    public mutating func add(_ severity: Severity, isUp: Bool) {
      total += 1
      if isUp { online += 1 }
      worst = max(worst ?? severity, severity)
    }
  }
}
