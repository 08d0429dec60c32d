internal import Collectors
public import Metrics
public import Passes
internal import Hosts
internal import IPMI
internal import Inventory
internal import Probes

/// All steps of a scrape, to find a failure and to repeat it by hand.
public struct Explanation: Sendable {
  private let visit: HostVisit
  private let site: Site
  private let reach: Reach

  public init(_ visit: HostVisit, site: Site, reach: Reach) {
    self.visit = visit
    self.site = site
    self.reach = reach
  }

  public var text: Printable {
    let bmc = visit.bmc.map { BMCReport($0).explanation } ?? []
    let host = visit.turn.tasks.isEmpty ? [] : [ofHost]
    let services = visit.services.compactMap { service in
      service.trace.map { trace -> Printable in
        let page = service.verdict.reason.map { "\n  see \($0.page)" as Printable } ?? ""
        return "\n\(Terminal.paint("probe \(service.service)", .bold, on: 1))\(trace.text)\(page)"
      }
    }
    return (bmc + services + host).joined(separator: "\n")
  }

  private var ofHost: Printable {
    let answer = visit.answer
    var lines: [Printable] = ["", Terminal.paint("steps", .bold, on: 1)]
    lines += HostAnswer.lines(answer.steps)
    lines.append(
      "  received \(Format.bytes(Double(answer.received))), sent \(Format.bytes(Double(answer.sent)))"
    )
    if let failure = answer.failure {
      lines += ["  \(failure.description)", "  see \(failure.reason.page)"]
    }
    lines += ["", Terminal.paint("by hand", .bold, on: 1), "  \(byHand)"]
    // Without a batch there is no output.
    if answer.script.isEmpty { return lines.joined(separator: "\n") }
    lines += ["", Terminal.paint("script", .bold, on: 1)]
    lines += String(decoding: answer.script, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).map { "  \($0)" }
    lines.append(Terminal.paint("what was made of it", .bold, on: 1))
    let width = visit.made.map(\.collector.count).max() ?? 0
    for (collector, points, error) in visit.made {
      let count = "\(points) point\(points == 1 ? "" : "s")"
      lines.append(
        "  \(Format.pad(collector, width))  \(error.map { "\($0.description); \(count)" } ?? count)"
      )
      if let error, error.reason != .notApplicable {
        lines.append("  \(Format.pad("", width))  see \(error.reason.page)")
      }
    }
    for (name, text) in answer.texts {
      lines += ["", Terminal.paint("==> \(name) <==", .bold, on: 1)]
      let shown = text.prefix(2_000)
      lines += String(decoding: shown, as: UTF8.self).split(separator: "\n").map {
        "  \($0)"
      }
      if text.count > shown.count { lines.append("  … \(Format.count(text.count)) bytes in all") }
    }
    return lines.joined(separator: "\n")
  }

  /// The command line that does the same.
  private var byHand: String {
    guard case .ssh(let target) = reach else { return "sh < SCRIPT" }
    let host = visit.turn.host
    var words = ["ssh", "-p", "\(target.port)"]
    for key in host.keys { words += ["-i", key] }
    if !host.keys.isEmpty { words += ["-o", "IdentitiesOnly=yes"] }
    let hops = site.inventory.route(to: host).map { hop in
      "\(hop.user.map { "\($0)@" } ?? "")\(hop.address):\(hop.port)"
    }
    if !hops.isEmpty { words += ["-J", hops.joined(separator: ",")] }
    if hops.isEmpty, let source = host.source {
      words += [isAddress(source) ? "-b" : "-B", source]
    }
    let files = site.knownHostFiles(of: host).joined(separator: " ")
    words += ["-o", "'UserKnownHostsFile=\(files)'", "\(target.user)@\(target.address)"]
    return (words + ["exec sh", "<", "SCRIPT"]).joined(separator: " ")
  }
}

/// The steps of a session with a host or its BMC, as text and as JSON.
extension HostAnswer {
  static func lines(_ steps: [ScrapeStep]) -> [Printable] {
    steps.map { step in
      "  \(Format.pad(step.name, 12))  \(Format.pad(Format.duration(step.took), 8, right: true))  \(step.detail)"
    }
  }

  static func json(_ steps: [ScrapeStep]) -> JSON {
    .array(
      steps.map {
        .object([
          ("name", .string($0.name)), ("ms", .number($0.took.milliseconds)),
          ("detail", .string($0.detail)),
        ])
      })
  }
}
