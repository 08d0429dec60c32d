/// Reads `nvidia-smi -q -x`: all of NVIDIA's data of each GPU, as XML.
///
/// Format: the DTDs `nvsmi_device_v10.dtd` to `v13`, which differ in names and places of elements,
/// so readings are looked up by path and the first path with a value counts. The tool has many
/// spellings of "there is no value"; all of them read as nil.
public enum NvidiaSMI: Parser {
  public struct Reading: Sendable, Equatable {
    public var driverVersion: String?
    public var cudaVersion: String?
    /// The order of the tool, which is its index.
    public var gpus: [GPU]
    /// Why the text could not be read to its end; the GPUs before that are kept. Nil if all was
    /// read.
    public var problem: ParseError?
  }

  /// One `<gpu>`, `<mig_device>` or `<process_info>`, with values by path.
  public struct Section: Sendable, Equatable {
    var element: XMLElement

    /// A text, or nil where the tool has none.
    public func text(_ paths: String...) -> String? {
      for path in paths {
        if let text = element.text(at: path), !NvidiaSMI.isAbsent(text) { return text }
      }
      return nil
    }

    /// The leading integer of a value such as `143771 MiB`, `38 %` or `16x`.
    public func integer(_ paths: [String]) -> Int64? { number(paths) { $0.signed } }

    /// The leading number of a value such as `78.28 W`.
    public func decimal(_ paths: [String]) -> Double? { number(paths) { $0.decimal } }

    /// Whether a state such as a clock event reason is `Active`; nil if it is neither that nor `Not
    /// Active`.
    public func active(_ paths: [String]) -> Bool? {
      for path in paths {
        switch element.text(at: path) {
        case "Active": return true
        case "Not Active": return false
        default: continue
        }
      }
      return nil
    }

    private func number<Value>(_ paths: [String], _ read: (Span<UInt8>) -> Value?) -> Value? {
      for path in paths {
        guard let text = element.text(at: path) else { continue }
        let bytes = Array(text.utf8)
        var words = Scanner(bytes.span)
        guard var word = words.word() else { continue }
        if word.ends(with: "x") { word = word.extracting(0..<(word.count - 1)) }
        if let value = read(word) { return value }
      }
      return nil
    }
  }

  public struct GPU: Sendable, Equatable {
    public var values: Section
    /// The instances of a GPU in MIG mode.
    public var instances: [Section]
    public var processes: [Section]
  }

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    // Warnings of the tool may stand before and after the document.
    guard let start = text.firstIndex(of: "<?xml") ?? text.firstIndex(of: "<nvidia_smi_log") else {
      throw ParseError("nvidia-smi", "no XML", at: text)
    }
    let close = "</nvidia_smi_log>"
    let rest = text.extracting(start..<text.count)
    let end = rest.firstIndex(of: close).map { $0 &+ close.utf8.count } ?? rest.count
    let document = try XMLReader.read(
      rest.extracting(0..<end), format: "nvidia-smi", skipping: ["supported_clocks"])
    guard document.root.name == "nvidia_smi_log" else {
      throw ParseError(
        "nvidia-smi", "the root element is not nvidia_smi_log", excerpt: document.root.name)
    }
    let root = Section(element: document.root)
    var reading = Reading(
      driverVersion: root.text("driver_version"), cudaVersion: root.text("cuda_version"),
      gpus: [], problem: document.problem)
    for element in document.root.children where element.name == "gpu" {
      // A truncated GPU counts only if its identifying values were read.
      let isKnown = ["uuid", "performance_state", "compute_mode"].allSatisfy {
        element.text(at: $0) != nil
      }
      guard element.isClosed || isKnown else { continue }
      reading.gpus.append(
        GPU(
          values: Section(element: element),
          instances: sections("mig_device", in: element.child("mig_devices")),
          processes: sections("process_info", in: element.child("processes"))))
    }
    return reading
  }

  private static func sections(_ name: String, in list: XMLElement?) -> [Section] {
    (list?.children ?? []).filter { $0.name == name && $0.isClosed }.map(Section.init(element:))
  }

  /// Whether the text is one of the tool's spellings for "there is no value".
  static func isAbsent(_ text: String) -> Bool {
    if text.isEmpty { return true }
    var words = text[...]
    if words.utf8.first == UInt8(ascii: "["), words.utf8.last == UInt8(ascii: "]") {
      words = words.dropFirst().dropLast()
    }
    return absent.contains(String(words))
  }

  private static let absent: Set<String> = [
    "", "N/A", "Not Supported", "Not Available", "Unknown Error", "Insufficient Permissions",
    "Requested functionality has been deprecated", "GPU requires reset", "GPU is lost", "ERR!",
    "Not Found", "Function Not Found", "Unknown",
  ]
}
