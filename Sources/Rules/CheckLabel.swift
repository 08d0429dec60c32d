public import Metrics

extension CheckName {
  /// The name for people: `disk full /` of `rule disk full{path=/}`, `gpu hot GPU 0` of
  /// `rule gpu hot{index=0}`; another check's as it is.
  public var label: String {
    guard case .rule(let rule, let series) = self else { return text }
    return series.isEmpty ? rule : "\(rule) \(SeriesName.label(series))"
  }
}
