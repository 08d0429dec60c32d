public import Engine
public import Metrics

/// One question asked of a service over the network, as a client would ask it.
///
/// It never throws: it ends in a verdict, by its deadline. It finishes the protocol that it began.
public protocol Probe: Sendable {
  /// As the inventory names it: `http`.
  static var name: String { get }
  /// When it says ok, in one sentence.
  static var summary: String { get }
  /// What lands in the database beside `service`: measurements of its own, with tags and fields.
  static var measurements: [Measurement] { get }
  /// What it speaks over.
  static var carrier: Carrier { get }
  /// The port that is asked where none is given; nil where one must be given, or there are none.
  static var defaultPort: UInt16? { get }
  /// Whether it asks from an address of this machine's that the option `from` names.
  static var canBind: Bool { get }
  /// The port that stands behind the name: a number or a name of services(5), unless a probe
  /// counts otherwise (`x11:1` is the display 1).
  static func port(from text: String) -> UInt16?
  /// Takes its options; what is wrong with them becomes a finding of theirs.
  init(_ options: inout ProbeOptions)
  /// Which protections of the server it may set off on this port.
  func cautions(port: UInt16) -> [Caution]
  /// Asks. The endpoint's addresses are looked up already.
  func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict
}

/// What a probe speaks over.
public enum Carrier: String, Sendable {
  case tcp, udp, icmp
  /// Many ports of a host at once.
  case host
  /// Neither: it runs a program, looks at a file, or asks a whole network.
  case none

  var hasPorts: Bool { self == .tcp || self == .udp }
  /// Whether it can be good that nothing answers.
  var canBeClosed: Bool { hasPorts || self == .icmp }
}

extension Probe {
  public func cautions(port: UInt16) -> [Caution] { [] }
  public static var measurements: [Measurement] { [] }
  public static var carrier: Carrier { .tcp }
  public static var defaultPort: UInt16? { nil }
  public static var canBind: Bool { false }
  public static func port(from text: String) -> UInt16? { portNumber(text, carrier) }
}
