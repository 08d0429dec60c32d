public import Metrics
import Parsers

/// Number of interrupts by kind, under Telegraf's `interrupts` and `soft_interrupts`.
public enum InterruptsCollector: Collector {
  public static let name = "interrupts"
  public static let summary = "hardware and software interrupts by kind"
  // Telegraf also writes a field for each CPU: docs/decisions/0061-interrupts.md.
  public static let measurements = [
    Measurement(
      "interrupts",
      """
      One point per hardware interrupt that came since the boot. The collector is in no built-in \
      profile.
      """,
      source: "`/proc/interrupts`",
      tags: [
        "irq": "its number, or a name such as `NMI`",
        "type": "its controller, or what a name means", "device": "pin and drivers of a number",
      ],
      fields: [.counter("total", means: "Interrupts of all CPUs, counted")]),
    Measurement(
      "soft_interrupts",
      "One point per software interrupt that came since the boot.",
      source: "`/proc/softirqs`", tags: ["irq": "its name, such as `NET_RX`"],
      fields: [.counter("total", means: "Interrupts of all CPUs, counted")]),
  ]
  /// Without awk on the host: 128 CPUs with 600 interrupts.
  public static let byteLimit = 1 << 20
  public static let options = [
    CollectorOption(
      "ignore", .strings, default: "none", "Interrupts to leave out by name or device; globs.")
  ]

  /// The host adds up the CPUs, as there may be hundreds, and leaves out what never came; the output has
  /// the form of the file of a machine with one CPU. Where it has no awk, the files come as they are.
  public static func script(_ options: CollectorOptions) -> String? {
    """
    set --
    for f in /proc/interrupts /proc/softirqs; do [ -r $f ] && set -- "$@" $f; done
    [ $# -gt 0 ] || exit 0
    if command -v awk >/dev/null 2>&1; then
      exec awk 'FNR == 1 { print "# " FILENAME; print "CPU0"; n = NF; next }
      {
        t = 0
        for (i = 2; i <= n + 1 && $i ~ /^[0-9]+$/; i++) t += $i
        if (t == 0) next
        printf "%s %.0f", $1, t
        for (; i <= NF; i++) printf " %s", $i
        print ""
      }' "$@"
    fi
    for f; do echo "# $f"; cat $f; done
    """
  }

  /// More interrupts of one measurement than this are not written.
  static let mostInterrupts = 256
  /// Bytes of a tag.
  static let longestTag = 128

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    guard let output = host.output else {
      throw CollectorError(.notReached, "the script did not run")
    }
    let text = output.standardOutput.span
    if text.isEmpty {
      if output.status != 0 { throw output.failure }
      throw CollectorError(.missingTool, "/proc/interrupts is not there or not readable")
    }
    var failure: CollectorError?
    for (measurement, file) in [
      ("interrupts", "/proc/interrupts"), ("soft_interrupts", "/proc/softirqs"),
    ] {
      guard let part = part(of: text, file) else { continue }
      do {
        try add(part, as: measurement, ignoring: host.options, to: &sample)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  /// What stands between the file's header and the next one; nil where it has none.
  @_lifetime(copy text)
  private static func part(of text: Span<UInt8>, _ file: String) -> Span<UInt8>? {
    var lines = Scanner(text)
    var start: Int?
    var end = text.count
    while true {
      let position = lines.position
      guard let line = lines.line() else { break }
      guard line.starts(with: "# ") else { continue }
      if start != nil {
        end = position
        break
      }
      if line.equals("# \(file)") { start = min(lines.position, text.count) }
    }
    guard let start else { return nil }
    return text.extracting(start..<max(start, end))
  }

  private static func add(
    _ text: Span<UInt8>, as measurement: String, ignoring options: CollectorOptions,
    to sample: inout Sample
  ) throws(CollectorError) {
    let lines: [Interrupts.Line]
    do { lines = try Interrupts.parse(text).lines } catch { throw CollectorError(error) }
    let ignore = options.strings("ignore", default: [])
    var count = 0
    // Named ones are few on every machine.
    for line in lines.filter({ !$0.isNumbered }) + lines.filter(\.isNumbered)
    where line.total > 0 {
      if matches(line.name, anyOf: ignore) || matches(line.device, anyOf: ignore) { continue }
      count += 1
      if count > mostInterrupts {
        throw CollectorError(
          .outputTooLarge,
          "more than \(mostInterrupts) \(measurement); the rest is left out (`ignore` names others)"
        )
      }
      var point = Point(measurement)
      point.tag("irq", line.name.clipped(to: longestTag))
      point.tag("type", line.type.clipped(to: longestTag))
      point.tag("device", line.device.clipped(to: longestTag))
      point.integer("total", line.total)
      if !point.fields.isEmpty { sample.points.append(point) }
    }
  }
}
