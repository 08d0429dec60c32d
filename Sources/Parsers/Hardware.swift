/// Reads what this program's script prints about CPUs and addresses, one value to a line: `arch x86_64`, `model
/// AMD EPYC`, `address eth0 192.0.2.2/24`, `cpu 0 scaling_cur_freq 803157`, and of /proc/cpuinfo `processor 0` and
/// `mhz 2596.098` of that processor.
///
/// Formats: proc(5), the kernel's Documentation/admin-guide/pm/cpufreq.rst (kHz), ip-address(8).
public enum Hardware: Parser {
  public struct CPU: Sendable, Equatable {
    public var number: UInt64
    /// By the kernel's names.
    public var values: [String: UInt64] = [:]
    /// The clock by /proc/cpuinfo, in kHz.
    public var clock: UInt64?
  }

  public struct Reading: Sendable, Equatable {
    public var architecture: String?
    public var model: String?
    /// `eth0 192.0.2.2/24`.
    public var addresses: [String] = []
    /// In the order of the text.
    public var cpus: [CPU] = []
  }

  /// The limits of CPUs, values of one and addresses; the rest is left out.
  static let most = (cpus: 4_096, values: 16, addresses: 256)

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var places: [UInt64: Int] = [:]
    var processor: Int?
    func place(_ number: UInt64) -> Int? {
      if let place = places[number] { return place }
      guard reading.cpus.count < most.cpus else { return nil }
      reading.cpus.append(CPU(number: number))
      places[number] = reading.cpus.count - 1
      return reading.cpus.count - 1
    }
    var lines = Scanner(text)
    var line = 0
    while let bytes = lines.line() {
      line &+= 1
      var words = Scanner(bytes)
      guard let kind = words.word() else { continue }
      words.skipBlanks()
      if kind.equals("arch") {
        reading.architecture = words.word()?.string
      } else if kind.equals("model") {
        reading.model = words.rest.trimmed.string
      } else if kind.equals("address") {
        guard reading.addresses.count < most.addresses, let name = words.word(),
          let address = words.word()
        else { continue }
        reading.addresses.append("\(name.string) \(address.string)")
      } else if kind.equals("cpu") {
        guard let number = words.unsigned(), let name = words.word(), name.count <= 64,
          let place = place(number)
        else { continue }
        // `<unknown>` of a CPU that is offline.
        guard let value = words.unsigned(), reading.cpus[place].values.count < most.values else {
          continue
        }
        reading.cpus[place].values[name.string] = value
      } else if kind.equals("processor") {
        processor = words.unsigned().flatMap(place)
      } else if kind.equals("mhz") {
        guard let processor, let clock = words.word()?.decimal, clock > 0, clock < 1e9 else {
          continue
        }
        reading.cpus[processor].clock = UInt64((clock * 1000).rounded())
      } else {
        throw ParseError("CPUs and addresses", "expected a value", line: line, at: bytes)
      }
    }
    return reading
  }
}
