internal import Collectors
internal import Metrics

/// The clock of a host in whole seconds since 1970: the fact `doctor_clock`.
enum HostClock: Collector {
  static let name = "doctor_clock"
  static let summary = "what time it is there"
  static let measurements: [Measurement] = []

  static func script(_ options: CollectorOptions) -> String? { "date +%s" }

  static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError) {
    guard let output = host.output?.standardOutput else { return }
    let digits = output.prefix { $0 >= 0x30 && $0 <= 0x39 }
    if !digits.isEmpty, digits.count < 15 {
      sample.facts[name] = String(decoding: digits, as: UTF8.self)
    }
  }
}
