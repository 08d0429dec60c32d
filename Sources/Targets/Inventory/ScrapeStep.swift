/// One step of a session with a host, a BMC or a service, for `--explain`.
public struct ScrapeStep: Sendable {
  /// Its name: `connect`, `key exchange`, `sensors`.
  public var name: String
  public var took: Duration
  /// The result in words. It may hold text of the target: make it visible before printing.
  public var detail: String

  public init(name: String, took: Duration, detail: String) {
    self.name = name
    self.took = took
    self.detail = detail
  }
}
