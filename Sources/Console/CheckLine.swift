public import Metrics
public import Passes

extension Check {
  /// The line of `scrape doctor`, its subject padded to a width.
  public func line(width: Int) -> Printable {
    let sign: (String, Terminal.Colour) =
      switch isFine {
      case true?: ("✓", .green)
      case false?: ("✗", .red)
      case nil: (Format.none, .dim)
      }
    let page = isFine == false ? reason.map { "; see \($0.page)" } ?? "" : ""
    return
      "\(Terminal.paint(sign.0, sign.1, on: 1)) \(Format.pad(subject.visible, width))  \(message)\(page)"
  }
}
