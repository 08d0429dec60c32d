internal import Alerts
public import Engine
public import Notifiers
internal import Transfer

/// Whether contacts can be reached: asked of their places, or tried with a message.
public enum ContactChecks: Sendable {
  /// Asks each place without a message, where it can be asked.
  public static func asking(
    _ contacts: [Contact], on reactor: Reactor, by deadline: Deadline
  ) async -> [Check] {
    let limit = min(deadline, .after(.seconds(15)))
    return await each(contacts) { notifier in
      await reactor.open { reactor in
        do throws(DeliveryError) {
          let found = try await notifier.inquire(on: reactor, by: limit)
          return (found != nil ? true : nil, found ?? "only a message shows whether it is accepted")
        } catch { return (false, error.message) }
      }
    }
  }

  /// Sends each place a notice.
  public static func sending(
    _ notice: @Sendable (Contact) -> Notice, to contacts: [Contact], on reactor: Reactor,
    by deadline: Deadline
  ) async -> [Check] {
    let all = contacts.flatMap { contact in contact.notifiers.map { (contact, $0) } }
    var memories: [String: NotifierMemory] = [:]
    let outcomes = await NotificationJob.send(
      all.map { NotificationJob($0.1, notice($0.0), .first) }, memories: &memories, on: reactor,
      by: min(deadline, .after(.seconds(60))))
    return zip(all, outcomes).map { place, outcome in
      Check(
        .contact, subject(place.0, place.1), outcome.error == nil,
        outcome.error?.message ?? "a test message was accepted")
    }
  }

  private static func subject(_ contact: Contact, _ notifier: any Notifier) -> String {
    "\(contact.name): \(notifier.name)"
  }

  private static func each(
    _ contacts: [Contact],
    _ ask: @escaping @Sendable (any Notifier) async -> (isFine: Bool?, message: String)
  ) async -> [Check] {
    let all = contacts.flatMap { contact in contact.notifiers.map { (contact, $0) } }
    return await withTaskGroup(of: (Int, Check).self) { group in
      for (index, (contact, notifier)) in all.enumerated() {
        group.addTask {
          let (isFine, message) = await ask(notifier)
          return (index, Check(.contact, subject(contact, notifier), isFine, message))
        }
      }
      var found: [Int: Check] = [:]
      for await (index, check) in group { found[index] = check }
      return all.indices.compactMap { found[$0] }
    }
  }
}
