internal import Hosts
internal import Inventory
public import Metrics
public import Probes

/// The result of a probe for a person and as JSON.
extension ServiceResult {
  /// One line for a person: severity, service, host, latency and message.
  public func line(of host: String, at address: String) -> Printable {
    let colour: Terminal.Colour =
      switch verdict.severity {
      case .ok: .green
      case .critical, .major: .red
      case .minor, .unknown: .yellow
      }
    var parts = [Terminal.paint(verdict.severity.rawValue, colour, on: 1)]
    var what: Printable = "\(service) on \(host)"
    // The service has the name of another address, and its message the address.
    if address != host, path == nil { what += " (\(address))" }
    parts.append(what)
    if let latency = verdict.latency { parts.append(Printable(Format.duration(latency))) }
    let reason = verdict.reason.map { "\($0.rawValue): " } ?? ""
    parts.append("\(reason)\(verdict.message)")
    return parts.joined(separator: "  ")
  }

  /// The result as one object of `--json`.
  public func json(of host: String, at address: String) -> JSON {
    var members: [(String, JSON)] = [
      ("host", .string(host)), ("address", .string(address)),
      ("service", .string(service)), ("probe", .string(probe)),
    ]
    if port > 0 { members.append(("port", .integer(Int64(port)))) }
    if let path { members.append(("path", .string(path))) }
    members.append(("state", .string(verdict.severity.rawValue)))
    if let isUp = verdict.isUp { members.append(("up", .boolean(isUp))) }
    if let reason = verdict.reason { members.append(("reason", .string(reason.rawValue))) }
    if let latency = verdict.latency {
      let (seconds, attoseconds) = latency.components
      members.append(
        ("latency_ms", .number(Double(seconds) * 1e3 + Double(attoseconds) / 1e15)))
    }
    members.append(("message", .string(verdict.message)))
    let points = points.map { point -> JSON in
      .object([
        ("measurement", .string(point.measurement)),
        ("tags", .object(point.tags.map { ($0.name, .string($0.value)) })),
        ("fields", .object(point.fields.map { ($0.name, JSON($0.value)) })),
      ])
    }
    members.append(("points", .array(points)))
    if let trace = trace {
      members.append(("steps", HostAnswer.json(trace.steps)))
      if let byHand = trace.byHand { members.append(("by_hand", .string(byHand))) }
    }
    return .object(members)
  }
}

extension Trace {
  /// The steps of a probe, and the command that does the same by hand.
  public var text: Printable {
    var lines: [Printable] = ["", Terminal.paint("steps", .bold, on: 1)]
    let width = steps.map(\.name.count).max() ?? 0
    for step in steps {
      lines.append(
        "  \(Format.pad(step.name, width))  "
          + "\(Format.pad(Format.duration(step.took), 8, right: true))  \(step.detail)")
    }
    if let byHand { lines += ["", Terminal.paint("by hand", .bold, on: 1), "  \(byHand)"] }
    return lines.joined(separator: "\n")
  }
}
