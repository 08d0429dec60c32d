internal import Metrics

/// The probes of one host that the host itself answers: one batch, in the host's one SSH session.
///
/// It is a batch of its own after the collectors', so that a plugin that hangs costs none of their
/// readings, and the log-in serves both.
public struct HostQuestions: Sendable {
  private let asked: [(plan: ProbePlan, question: any HostQuestion)]
  /// The plans that are asked over the network.
  public let others: [ProbePlan]
  /// What asks for all of them; nil where there are none.
  public let batch: Batch?

  /// The most bytes that one answer may have.
  static let byteLimit = 64 << 10

  /// Takes those out of a host's plans that the host is asked itself.
  public init(_ plans: [ProbePlan], of host: String) {
    var asked: [(ProbePlan, any HostQuestion)] = []
    var others: [ProbePlan] = []
    var commands: [(name: String, script: String)] = []
    for plan in plans {
      guard let question = plan.probe as? any HostQuestion, let script = question.script(of: host)
      else {
        others.append(plan)
        continue
      }
      // $limit ends in the seconds, which are the batch's own unless the probe says others.
      let limit = "limit=${limit:+${limit% *} \(plan.wholeSeconds)}\n"
      commands.append((Self.name(asked.count), limit + script))
      asked.append((plan, question))
    }
    self.asked = asked
    self.others = others
    batch = asked.isEmpty ? nil : Batch(scripts: commands, byteLimit: Self.byteLimit)
  }

  private static func name(_ index: Int) -> String { "probe\(index)" }

  /// What the answer means for each of them; nil is a host that was not asked.
  public func results(of answer: HostAnswer?, explaining: Bool = false) -> [ServiceResult] {
    asked.indices.map { index in
      let (plan, question) = asked[index]
      let trace = explaining ? Trace() : nil
      var result = ServiceResult(plan, trace: trace)
      let section = answer?.sections[Self.name(index)]
      if let section, let trace {
        trace.note("exit status", section.status.map { String($0) } ?? "none")
        trace.note("output", String(decoding: section.output.prefix(400), as: UTF8.self))
        if !section.errors.isEmpty {
          trace.note("errors", String(decoding: section.errors.prefix(400), as: UTF8.self))
        }
      }
      result.verdict = verdict(on: section, plan, question, answer?.failure)
      return result
    }
  }

  private func verdict(
    on section: Frames.Section?, _ plan: ProbePlan, _ question: any HostQuestion,
    _ failure: TargetError?
  ) -> Verdict {
    guard let section, let status = section.status else {
      if failure?.reason == .notReached || failure?.reason == .cancelled || failure == nil {
        return Verdict(.unknown, .notReached, failure?.detail ?? "the host had no turn")
      }
      return Verdict(
        .unknown, .noAnswer, "the host could not be asked: \(failure?.detail ?? "no answer")")
    }
    if section.overflowed {
      return Verdict(.unknown, .protocolError, "more than \(Self.byteLimit >> 10) KiB came")
    }
    // timeout(1) says 124, or dies of its own signal.
    if [124, 137, 143].contains(status), section.output.isEmpty {
      return Verdict(
        .critical, .timeout, "it had not ended in \(plan.wholeSeconds) s on the host", isUp: false)
    }
    // What has nothing to say on standard output may complain on the other.
    let said = section.output.allSatisfy { $0 <= 0x20 } ? section.errors : section.output
    return question.judge(output: said, status: Int32(exactly: status), took: nil)
  }
}

extension ProbePlan {
  /// The timeout as timeout(1) of busybox takes it.
  fileprivate var wholeSeconds: Int64 {
    let (seconds, attoseconds) = timeout.components
    return max(1, attoseconds > 0 ? seconds + 1 : seconds)
  }
}
