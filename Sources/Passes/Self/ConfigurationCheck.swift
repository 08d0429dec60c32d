internal import Metrics

/// The self-check `configuration`: whether the watch goes by the files as they are now.
extension SelfReading {
  static let configuration = "configuration"

  /// Adds the finding; `fault` is why the files of the present could not be taken over.
  mutating func note(configurationFault fault: String?) {
    result.outcomes.append(
      TargetOutcome(
        target: Self.configuration, up: fault == nil, severity: fault == nil ? .ok : .major,
        reason: fault == nil ? nil : .faultyConfiguration, message: fault))
  }
}

extension HostResult {
  /// Ends that check of an earlier watch.
  mutating func confirmConfiguration(where states: [String: CheckState]?) {
    guard states?[SelfReading.configuration] != nil,
      !outcomes.contains(where: { $0.target == SelfReading.configuration })
    else { return }
    outcomes.append(TargetOutcome(target: SelfReading.configuration, up: true, severity: .ok))
  }
}
