internal import Engine
internal import Metrics
public import Hosts
internal import Inventory

/// A probe that the host itself answers: a script for its batch, and what the answer means.
///
/// The script is POSIX sh, only reads, and takes part in the host's one SSH session.
public protocol HostQuestion: Probe {
  /// What runs on the host, which has this name and address in the inventory; nil where this probe is
  /// asked over the network after all.
  func script(of host: String, at address: String) -> String?
  /// What the script's output (bounded by the batch) and exit status mean; the status is nil where it
  /// did not come to its end. Points of the measurements in `reserved` are not the program's to write.
  func judge(
    output: [UInt8], status: Int32?, took: Duration?, reserved: Set<String>
  ) -> Verdict
}

/// The probes of one host that it answers itself, as a part of its batch.
public struct HostQuestions: Sendable {
  private let asked: [(plan: ProbePlan, question: any HostQuestion, extra: Batch.Extra)]

  /// Picks them from a host's probes.
  public init(_ plans: [ProbePlan], of host: String, at address: String) {
    asked = plans.enumerated().compactMap { index, plan in
      guard let question = plan.probe as? any HostQuestion,
        let script = question.script(of: host, at: plan.address ?? address)
      else { return nil }
      // $limit ends in the seconds, the batch's own; here they are the probe's.
      let limit = "limit=${limit:+${limit% *} \(plan.wholeSeconds)}\n"
      let extra = Batch.Extra(
        name: "probe-\(index)", script: limit + script, byteLimit: 64 << 10)
      return (plan, question, extra)
    }
  }

  public var isEmpty: Bool { asked.isEmpty }

  /// The plans that are left for the network.
  public static func others(_ plans: [ProbePlan]) -> [ProbePlan] {
    plans.filter { ($0.probe as? any HostQuestion)?.script(of: "", at: "") == nil }
  }

  /// What is asked of the host in one session, its collectors' turn included.
  public func batch(with items: [Batch.Item]) -> Batch {
    Batch(items, extras: asked.map(\.extra))
  }

  /// What the host's answer says to each.
  public func results(
    from answer: HostAnswer, with kit: ProbeKit, explains: Bool = false
  ) -> [ServiceResult] {
    asked.map { plan, question, extra in
      var result = ServiceResult(plan, trace: explains ? Trace() : nil)
      result.trace?.note("script", extra.script)
      guard let section = answer.sections[extra.name] else {
        result.verdict = Self.unasked(answer.failure, "the batch ended before its turn")
        return result
      }
      result.trace?.note("output", String(decoding: section.output.prefix(2000), as: UTF8.self))
      if section.overflowed {
        result.verdict = Verdict(
          .unknown, .protocolError, "more than \(extra.byteLimit >> 10) KiB of output")
      } else if let status = section.status, [124, 137, 143].contains(status),
        section.output.isEmpty
      {
        // timeout(1) says 124, or dies of its own signal.
        result.verdict = Verdict(
          .critical, .timeout, "it had not ended in \(plan.wholeSeconds) s on the host")
      } else if let status = section.status {
        // What has nothing to say on standard output may complain on the other.
        let said = section.output.allSatisfy({ $0 <= 0x20 }) ? section.errors : section.output
        result.verdict = question.judge(
          output: said, status: Int32(clamping: status), took: nil, reserved: kit.reserved)
      } else {
        result.verdict = Self.unasked(answer.failure, "the connection ended in the middle of it")
      }
      return result
    }
  }

  /// A host that cannot be asked says nothing of its files and programs, good or bad.
  private static func unasked(_ failure: TargetError?, _ words: String) -> Verdict {
    switch failure?.reason {
    case nil, .notReached, .cancelled:
      Verdict(.unknown, .notReached, failure?.detail ?? words)
    case .notSupported: Verdict(.unknown, .notSupported, failure?.detail ?? words)
    default:
      Verdict(.unknown, .noAnswer, "the host could not be asked: \(failure?.detail ?? words)")
    }
  }
}

extension ProbePlan {
  /// The timeout as timeout(1) of busybox takes it.
  fileprivate var wholeSeconds: Int64 {
    let (seconds, attoseconds) = timeout.components
    return max(1, attoseconds > 0 ? seconds + 1 : seconds)
  }
}

extension String {
  /// The text as one word for sh, whatever it holds.
  var quotedForShell: String {
    var quoted = "'"
    for character in self { quoted += character == "'" ? "'\\''" : String(character) }
    return quoted + "'"
  }
}
