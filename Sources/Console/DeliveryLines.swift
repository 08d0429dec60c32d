internal import Alerts
internal import Metrics
internal import Rules
public import Store

/// What `scrape status` says of deliveries: points that wait, and notifications that failed.
public enum DeliveryLines {
  /// Queues of sinks, and notifiers whose last delivery failed.
  public static func lines(_ store: Store) async throws -> [String] {
    var lines: [String] = []
    for queue in try await store.queues() where queue.lines > 0 || queue.dropped > 0 {
      var line = "\(queue.sink): \(Format.count(queue.lines, "point")) waiting"
      if let oldest = queue.oldest { line += " since \(Format.time(oldest))" }
      if queue.dropped > 0 { line += ", \(Format.count(queue.dropped)) dropped at the bound" }
      if let trouble = queue.trouble {
        line += "; failed since \(Format.time(trouble.since)): \(trouble.message)"
      }
      lines.append(line)
    }
    var failures: [String: String] = [:]
    for incident in try await store.incidents().compactMap({ Incident($0.body) }) {
      for (notifier, delivery) in incident.deliveries {
        failures[notifier] = delivery.failure ?? failures[notifier]
      }
    }
    for (notifier, words) in failures.sorted(by: { $0.key < $1.key }) {
      lines.append("\(notifier): delivery failed: \(words)")
    }
    return lines
  }
}
