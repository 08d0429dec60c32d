/// Reads what this program's template makes `kubectl get pods` print: a line of each pod and lines of its
/// containers.
///
/// Format: kubectl(1), `-o go-template`, of the fields of Pod in the Kubernetes API. `pod NAMESPACE NAME NODE PHASE
/// REASON`; then `container NAME IMAGE` with its requested CPU and memory and its limits of both (quantities:
/// `250m`, `64Mi`); then `status NAME READY RESTARTS STATE REASON`. `-` stands for no value.
public enum KubernetesPods: Parser {
  public struct Container: Sendable, Equatable {
    public var name: String
    public var image: String
    /// Thousandths of a CPU.
    public var requestedCPU: UInt64?
    /// Bytes.
    public var requestedMemory: UInt64?
    public var limitCPU: UInt64?
    public var limitMemory: UInt64?
    public var isReady = false
    /// Nil before it was first started.
    public var restarts: UInt64?
    /// `running`, `terminated`, `waiting`; nil if the node did not say.
    public var state: String?
    public var reason: String?
  }

  public struct Pod: Sendable, Equatable {
    public var namespace: String
    public var name: String
    public var node: String?
    public var phase: String?
    public var reason: String?
    public var containers: [Container] = []
  }

  public struct Reading: Sendable, Equatable {
    public var pods: [Pod] = []
  }

  /// The limits of pods and of containers of one; the rest is left out.
  static let most = (pods: 10_000, containers: 64)

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    var number = 0
    while let line = lines.line() {
      number &+= 1
      var rest = Scanner(line)
      var words: [String] = []
      while words.count < 9, let word = rest.word() {
        words.append(word.extracting(0..<min(word.count, 256)).string)
      }
      guard let kind = words.first else { continue }
      let last = reading.pods.count - 1
      switch (kind, words.count) {
      case ("pod", 6):
        guard reading.pods.count < most.pods else { return reading }
        reading.pods.append(
          Pod(
            namespace: words[1], name: words[2], node: value(words[3]), phase: value(words[4]),
            reason: value(words[5])))
      case ("container", 7) where last >= 0:
        guard reading.pods[last].containers.count < most.containers else { continue }
        reading.pods[last].containers.append(
          Container(
            name: words[1], image: words[2], requestedCPU: quantity(words[3], times: 1000),
            requestedMemory: quantity(words[4], times: 1),
            limitCPU: quantity(words[5], times: 1000), limitMemory: quantity(words[6], times: 1)))
      case ("status", 6) where last >= 0:
        guard
          let place = reading.pods[last].containers.firstIndex(where: { $0.name == words[1] })
        else { continue }
        reading.pods[last].containers[place].isReady = words[2] == "true"
        reading.pods[last].containers[place].restarts = UInt64(words[3])
        reading.pods[last].containers[place].state = value(words[4])
        reading.pods[last].containers[place].reason = value(words[5])
      default:
        throw ParseError(
          "kubectl get pods", "expected a pod or a container", line: number, at: line)
      }
    }
    return reading
  }

  private static func value(_ word: String) -> String? { word == "-" ? nil : word }

  private static let units: [(name: String, factor: Double)] = [
    ("Ki", 1024), ("Mi", 1_048_576), ("Gi", 1_073_741_824), ("Ti", 1_099_511_627_776),
    ("Pi", 1_125_899_906_842_624), ("n", 1e-9), ("u", 1e-6), ("m", 1e-3), ("k", 1e3), ("M", 1e6),
    ("G", 1e9), ("T", 1e12), ("P", 1e15),
  ]

  /// A quantity of Kubernetes (`250m`, `64Mi`, `0.5`) times a factor, rounded up as Kubernetes does.
  static func quantity(_ word: String, times: Double) -> UInt64? {
    var digits = word[...]
    var factor = times
    for unit in units where digits.hasSuffix(unit.name) {
      digits = digits.dropLast(unit.name.count)
      factor *= unit.factor
      break
    }
    guard digits.first?.isNumber == true, let number = Double(digits) else { return nil }
    let product = number * factor
    let nearest = product.rounded()
    // The error of a product is no further unit.
    let value = abs(product - nearest) <= product * 1e-9 ? nearest : product.rounded(.up)
    return value >= 0 && value < 9.2e18 ? UInt64(value) : nil
  }
}
