public import Inventory
public import Sinks

/// What the watch goes by until its files change.
public struct WatchSetup: Sendable {
  public var site: Site
  /// The hosts that are asked: all, or those of `--limit`.
  public var hosts: [Host]
  public var sinks: [any Sink]
  public var fanout: Int

  public init(site: Site, hosts: [Host], sinks: [any Sink], fanout: Int) {
    self.site = site
    self.hosts = hosts
    self.sinks = sinks
    self.fanout = fanout
  }
}
