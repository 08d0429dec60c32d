public import Engine
internal import Glibc
public import Metrics
internal import Synchronization
internal import Transfer
public import Hosts
public import Inventory

/// Where a probe asks, and what it may know of the host.
public struct Endpoint: Sendable {
  /// The host's name in the inventory.
  public var host: String
  /// The name or number that is asked, as it was configured.
  public var address: String
  /// That looked up, with the port set; in the system's order of preference.
  public var addresses: [Connect.Address]
  /// The address of this machine that is asked from; nil is the system's choice.
  public var source: Connect.Address?
  /// Zero for probes without ports.
  public var port: UInt16
  /// The file of certificate authorities to trust beside the system's, absolute.
  public var authorities: String?
  /// How bad a finding is.
  public var findings = Severity.minor
  /// The names of which a certificate must bear one.
  public var certificateNames: [String] = []
  /// The name that a server of many is asked for; nil where the inventory has none but the address.
  public var serverName: String?
  /// How the collectors' own SSH session with this host went in this pass; nil where there was none.
  public var ssh: SSHOutcome?
  /// How the host is reached over SSH, where that is known: keys, and whom to believe.
  public var target: HostTarget?
  /// What all probes of a pass share.
  public var kit: ProbeKit
  /// Where steps are told; nil where nobody wants to know.
  public var trace: Trace?

  /// The address in numbers.
  public var number: String { addresses.first?.text ?? address }

  /// The address that a library is to ask from, in numbers; nil is the system's choice.
  ///
  /// Throws where it is none of this machine's: not every library says that clearly.
  func sourceNumber() throws(Verdict) -> String? {
    guard let source else { return nil }
    let descriptor = FileDescriptor(
      owning: socket(source.family, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
    do throws(SystemError) { try source.bind(descriptor.number) } catch {
      throw Verdict(.unknown, .localError, "\(source.text): \(error)")
    }
    return source.text
  }

  /// Tells a step, if somebody wants to know.
  public func note(_ name: String, _ detail: @autoclosure () -> String) {
    trace?.note(name, detail())
  }

  /// Tells the command line that does the same by hand.
  public func byHand(_ line: @autoclosure () -> String) { trace?.byHand(line()) }
}

/// How the collectors' SSH session with a host went: it is the SSH check of that host.
public struct SSHOutcome: Sendable {
  /// Why there was none; nil where the log-in worked.
  public var failure: TargetError?
  /// From the first packet to the end of the log-in.
  public var latency: Duration?
  /// The port that was asked.
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

  /// Takes secrets out of the steps.
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

  /// What was sent and received, with the time each took.
  public var steps: [ScrapeStep] { kept.withLock { $0.steps } }
  /// The command line that does the same.
  public var byHand: String? { kept.withLock { $0.byHand } }
}

/// Bytes as a person can read them: text as it is, the rest in hexadecimal, at most 64 of them.
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
