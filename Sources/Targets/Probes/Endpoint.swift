public import Engine
internal import Glibc
public import Metrics
internal import Synchronization
internal import Transfer
public import Hosts
public import Inventory

/// The destination of a probe, and the known facts of the host.
public struct Endpoint: Sendable {
  /// The host's name in the inventory.
  public var host: String
  /// The name or number to connect to, as configured.
  public var address: String
  /// The addresses of that name with the port, in the system's order of preference.
  public var addresses: [Dial.Address]
  /// The local address; nil for the system's choice.
  public var source: Dial.Address?
  /// Zero for probes without ports.
  public var port: UInt16
  /// The file of certificate authorities to trust besides the system's, absolute.
  public var authorities: String?
  /// The severity of findings.
  public var findings = Severity.minor
  /// The accepted names in a certificate.
  public var certificateNames: [String] = []
  /// The server name to request (SNI); nil if the inventory has only the address.
  public var serverName: String?
  /// The result of the collectors' own SSH session in this pass; nil if there was none.
  public var ssh: SSHOutcome?
  /// The SSH settings of the host, if known: keys, and accepted host keys.
  public var target: HostTarget? {
    get { shared?.target }
    set { shared = newValue.map(SharedTarget.init) }
  }
  var shared: SharedTarget?
  /// The way through the jump hosts of the host; nil for a direct one.
  ///
  /// With it, `addresses` has at most the number that the address is: names are looked up by the
  /// last jump host.
  public var tunnel: Tunnel?
  /// The datagrams through the last jump host, for a probe that sends some.
  var bridge: DatagramBridge?
  /// The turn of the jump host's ping(8).
  var turn: CommandTurn?
  /// The objects that all probes of a pass share.
  public var kit: ProbeKit
  /// The recorder of steps; nil without `--explain`.
  public var trace: Trace?

  /// The numeric address.
  public var number: String { addresses.first?.text ?? address }

  /// The numeric local address for a library; nil for the system's choice.
  ///
  /// Throws if this machine does not have the address: not every library reports that clearly.
  func sourceNumber() throws(Verdict) -> String? {
    guard let source else { return nil }
    let descriptor = FileDescriptor(
      owning: socket(source.family, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
    do throws(SystemError) { try source.bind(descriptor.number) } catch {
      throw Verdict(.unknown, .localError, source.sourceFault(error))
    }
    return source.text
  }

  /// Records a step, if a recorder is set.
  public func note(_ name: String, _ detail: @autoclosure () -> String) {
    trace?.note(name, detail())
  }

  /// Records the command line that does the same by hand.
  public func byHand(_ line: @autoclosure () -> String) { trace?.byHand(line()) }
}

/// The SSH settings of a host, which hundreds of waiting probes share: a copy in each would be most of
/// their memory.
final class SharedTarget: Sendable {
  let target: HostTarget
  init(_ target: HostTarget) { self.target = target }
}

/// The result of the collectors' SSH session with a host: the SSH check of that host.
public struct SSHOutcome: Sendable {
  /// Why there was no session; nil if the login succeeded.
  public var failure: TargetError?
  /// The time from the first packet to the end of the login.
  public var latency: Duration?
  /// The port of the session.
  public var port: UInt16

  public init(port: UInt16, failure: TargetError?, latency: Duration?) {
    self.port = port
    self.failure = failure
    self.latency = latency
  }
}

/// The steps of one probe, for `--explain`.
public final class Trace: Sendable {
  private struct Kept {
    var steps: [ScrapeStep] = []
    var last = Deadline.now
    var byHand: String?
  }

  private let kept = Mutex(Kept())

  public init() {}

  func note(_ name: String, _ detail: String) {
    kept.withLock { kept in
      guard kept.steps.count < 200 else { return }
      let now = Deadline.now
      kept.steps.append(.init(name: name, took: now.since(kept.last), detail: detail))
      kept.last = now
    }
  }

  /// Removes secrets from the steps.
  func hide(_ values: HiddenValues) {
    guard !values.isEmpty else { return }
    kept.withLock { kept in
      for index in kept.steps.indices {
        kept.steps[index].detail = values.hidden(in: kept.steps[index].detail)
      }
      kept.byHand = kept.byHand.map(values.hidden)
    }
  }

  func byHand(_ line: String) { kept.withLock { $0.byHand = line } }

  /// The bytes sent and received, with the time of each step.
  public var steps: [ScrapeStep] { kept.withLock { $0.steps } }
  /// The command line that does the same.
  public var byHand: String? { kept.withLock { $0.byHand } }
}

/// Bytes in readable form: text unchanged, the rest in hexadecimal, at most 64 bytes.
func shown(_ bytes: some Collection<UInt8>) -> String {
  let part = bytes.prefix(64)
  let rest = bytes.count > part.count ? "… (\(bytes.count) bytes)" : ""
  if part.allSatisfy({ (0x20..<0x7f).contains($0) || $0 == 0x0a || $0 == 0x0d }) {
    return "\"\(String(decoding: part, as: UTF8.self))\"\(rest)"
  }
  let digits = Array("0123456789abcdef".utf8)
  var text: [UInt8] = []
  for byte in part { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)], 0x20] }
  return String(decoding: text.dropLast(), as: UTF8.self) + rest
}
