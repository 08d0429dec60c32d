/// What all probes of a pass share, made once: whatever is dear to make.
public final class ProbeKit: Sendable {
  public init() {}
}
