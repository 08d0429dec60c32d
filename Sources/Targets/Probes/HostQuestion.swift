internal import Engine
internal import Metrics
public import Hosts
internal import Inventory

/// A probe that runs on the host itself: a script for its batch, and the evaluation of its output.
///
/// The script is POSIX sh, only reads, and runs in the host's one SSH session.
public protocol HostQuestion: Probe {
  /// The script for the host, which has this name and address in the inventory; nil if this probe
  /// runs over the network after all.
  func script(of host: String, at address: String) -> String?
  /// The verdict from the script's output (bounded by the batch) and exit status; the status is nil
  /// if the script did not end. The program must not write points of the measurements in
  /// `reserved`.
  func evaluate(
    output: [UInt8], status: Int32?, took: Duration?, reserved: Set<String>
  ) -> Verdict
}

/// The probes of one host that run on it, as a part of its batch.
public struct HostQuestions: Sendable {
  private let asked: [(plan: ProbePlan, question: any HostQuestion, extra: Batch.Extra)]

  /// Selects them from a host's probes.
  public init(_ plans: [ProbePlan], of host: String, at address: String) {
    asked = plans.enumerated().compactMap { index, plan in
      guard let question = plan.probe as? any HostQuestion,
        let script = question.script(of: host, at: plan.address ?? address)
      else { return nil }
      // The batch's $limit ends in its own seconds; here it is the probe's timeout.
      let limit = "limit=${limit:+${limit% *} \(plan.wholeSeconds)}\n"
      let extra = Batch.Extra(
        name: "probe-\(index)", script: limit + script, byteLimit: 64 << 10)
      return (plan, question, extra)
    }
  }

  public var isEmpty: Bool { asked.isEmpty }

  /// The plans that run over the network.
  public static func others(_ plans: [ProbePlan]) -> [ProbePlan] {
    plans.filter { !$0.isAskedOnHost }
  }

  /// The batch of one session, with the due collectors, and with more scripts after the probes'.
  public func batch(with items: [Batch.Item], _ more: [Batch.Extra] = []) -> Batch {
    Batch(items, extras: asked.map(\.extra) + more)
  }

  /// The verdicts from the host's answer.
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
        // timeout(1) exits with 124, or dies of its own signal.
        result.verdict = Verdict(
          .critical, .timeout, "it had not ended in \(plan.wholeSeconds) s on the host")
      } else if let status = section.status {
        // A program without standard output may report errors on standard error.
        let said = section.output.allSatisfy({ $0 <= 0x20 }) ? section.errors : section.output
        result.verdict = question.evaluate(
          output: said, status: Int32(clamping: status), took: nil, reserved: kit.reserved)
      } else {
        result.verdict = Self.unasked(answer.failure, "the connection ended in the middle of it")
      }
      return result
    }
  }

  /// An unreachable host says nothing about its files and programs, good or bad.
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
  /// Whether the host runs it itself.
  public var isAskedOnHost: Bool {
    (probe as? any HostQuestion)?.script(of: "", at: "") != nil
  }

  /// The timeout in the form of busybox's timeout(1).
  fileprivate var wholeSeconds: Int64 {
    let (seconds, attoseconds) = timeout.components
    return max(1, attoseconds > 0 ? seconds + 1 : seconds)
  }
}

extension String {
  /// The text as one word of sh, whatever it holds.
  var quotedForShell: String {
    var quoted = "'"
    for character in self { quoted += character == "'" ? "'\\''" : String(character) }
    return quoted + "'"
  }
}
