public import Configuration
public import Engine
public import Metrics

/// A check of a service over the network, in the role of a client.
///
/// Never throws: it ends in a verdict, by its deadline. It completes the protocol that it began.
public protocol Probe: Sendable {
  /// The name in the inventory: `http`.
  static var name: String { get }
  /// The condition for ok, in one sentence.
  static var summary: String { get }
  /// The measurements that it writes next to `service`, with tags and fields.
  static var measurements: [Measurement] { get }
  /// The transport.
  static var carrier: Carrier { get }
  /// The default port; nil if a port is required, or there are none.
  static var defaultPort: UInt16? { get }
  /// Whether it can use the local address of the option `from`.
  static var canBind: Bool { get }
  /// Why it cannot go through a jump host; nil if it can.
  var obstacle: String? { get }
  /// Whether it sends datagrams with `exchange`, which goes through a jump host.
  var sendsDatagrams: Bool { get }
  /// The port after the name: a number or a name of services(5), unless the probe counts otherwise
  /// (`x11:1` is the display 1).
  static func port(from text: String) -> UInt16?
  /// Reads its options; faults are added to them.
  init(_ options: inout Fields)
  /// The time limit if the entry has no `timeout`.
  var timeout: Duration { get }
  /// The protections of the server that it may trigger on this port.
  func cautions(port: UInt16) -> [Caution]
  /// Runs the probe. The endpoint's addresses are looked up already.
  func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict
}

/// The transport of a probe.
public enum Carrier: String, Sendable {
  case tcp, udp, icmp
  /// Many ports of a host in parallel.
  case host
  /// Neither: it runs a program, reads a file, or queries a whole network.
  case none

  var hasPorts: Bool { self == .tcp || self == .udp }
  /// Whether `closed` makes sense, that is, no answer can be good.
  var canBeClosed: Bool { hasPorts || self == .icmp }
}

extension Probe {
  public var timeout: Duration { ProbePlan.timeout }
  public func cautions(port: UInt16) -> [Caution] { [] }
  public static var measurements: [Measurement] { [] }
  public static var carrier: Carrier { .tcp }
  public static var defaultPort: UInt16? { nil }
  public static var canBind: Bool { false }
  public var obstacle: String? {
    switch Self.carrier {
    case .tcp, .udp, .host: nil
    case .icmp, .none: "`\(Self.name)` cannot go through a jump host"
    }
  }
  public var sendsDatagrams: Bool { Self.carrier == .udp }
  public static func port(from text: String) -> UInt16? { portNumber(text, carrier) }
}
