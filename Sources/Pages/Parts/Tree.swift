internal import Metrics

/// The hosts and what they need, as a tree from left to right; hosts of one group that fare alike share a box.
struct Tree {
  /// A box: one host, or several.
  private struct Node {
    var hosts: [PageModel.Host]
    var children: [Node] = []
    var worst: Severity? { hosts.compactMap(\.worst).max() }
    var isWhole: Bool { hosts.count == 1 }
  }

  private let roots: [Node]
  private let frame: Frame
  private let fold: ([String]) -> String

  private static let (width, height, gapX, gapY) = (176.0, 40.0, 44.0, 8.0)
  /// The greatest number of boxes: a host that is bad beyond it is in its group's box.
  private static let most = 120

  init(_ frame: Frame, fold: @escaping ([String]) -> String) {
    self.frame = frame
    self.fold = fold
    let names = Set(frame.model.hosts.map(\.name))
    var byParent: [String: [PageModel.Host]] = [:]
    var top: [PageModel.Host] = []
    for host in frame.model.hosts {
      if let parent = host.parent, names.contains(parent), parent != host.name {
        byParent[parent, default: []].append(host)
      } else {
        top.append(host)
      }
    }
    // Nodes of a circle have no root: they are not drawn, and lint names them.
    var left = Self.most
    roots = Self.nodes(top, byParent, depth: 0, &left)
  }

  private static func nodes(
    _ hosts: [PageModel.Host], _ byParent: [String: [PageModel.Host]], depth: Int,
    _ left: inout Int
  ) -> [Node] {
    var nodes: [Node] = []
    var leaves: [String: Int] = [:]
    for host in hosts {
      let children = byParent[host.name] ?? []
      if children.isEmpty || depth > 8 || left <= 0 {
        let isBad = (host.worst ?? .ok) >= .major && left > 0
        let key = isBad ? "\u{0}\(host.name)" : host.group
        if let index = leaves[key] {
          nodes[index].hosts.append(host)
        } else {
          left -= 1
          leaves[key] = nodes.count
          nodes.append(Node(hosts: [host]))
        }
      } else {
        left -= 1
        let below = Self.nodes(children, byParent, depth: depth + 1, &left)
        nodes.append(Node(hosts: [host], children: below))
      }
    }
    return nodes
  }

  var isEmpty: Bool { roots.allSatisfy { $0.children.isEmpty } }

  func draw(in html: inout Markup) {
    let rows = roots.reduce(0) { $0 + Self.leaves($1) }
    let depth = roots.map(Self.depth).max() ?? 1
    let width = Double(depth) * (Self.width + Self.gapX) - Self.gapX + 4
    let height = Double(max(1, rows)) * (Self.height + Self.gapY)
    html.element(
      "div", .css("scroll"), .init("tabindex", "0"), .init("role", "region"),
      .init("aria-label", "Topology")
    ) {
      $0.element(
        "svg", .css("tree"), .init("width", width), .init("height", height),
        .init("role", "group"), .init("aria-label", "What runs on, or is reached through, what")
      ) { html in
        var row = 0.0
        for root in roots { _ = place(root, depth: 0, &row, in: &html) }
      }
    }
  }

  private static func leaves(_ node: Node) -> Int {
    max(1, node.children.reduce(0) { $0 + leaves($1) })
  }

  private static func depth(_ node: Node) -> Int {
    1 + (node.children.map(depth).max() ?? 0)
  }

  /// Draws the node beside its children; returns the height of its middle.
  private func place(
    _ node: Node, depth: Int, _ row: inout Double, in html: inout Markup
  ) -> Double {
    let x = Double(depth) * (Self.width + Self.gapX) + 2
    var middles: [(Double, Node)] = []
    for child in node.children {
      middles.append((place(child, depth: depth + 1, &row, in: &html), child))
    }
    var y = row * (Self.height + Self.gapY) + Self.height / 2 + 2
    if let first = middles.first, let last = middles.last {
      y = (first.0 + last.0) / 2
    } else {
      row += 1
    }
    let right = x + Self.width
    for (middle, child) in middles {
      let isBad = child.worst == .critical
      let bend = right + Self.gapX / 2
      var path = Markup.Path()
      path.move(right, y)
      path.curve(bend, y, bend, middle, right + Self.gapX, middle)
      html.shape("path", .css(isBad ? "bad" : "edge"), .init(d: path))
    }
    if node.isWhole, let host = node.hosts.first, frame.model.has(.hosts) {
      html.element("a", .link(PageName.host(host.name).from(frame.name))) {
        box(node, x, y, in: &$0)
      }
    } else {
      box(node, x, y, in: &html)
    }
    return y
  }

  private func box(_ node: Node, _ x: Double, _ y: Double, in html: inout Markup) {
    let state = node.worst?.rawValue ?? "none"
    html.shape(
      "rect", .css("n-\(state)"), .init("x", x), .init("y", y - Self.height / 2),
      .init("width", Self.width), .init("height", Self.height), .init("rx", 5))
    html.element("text", .init("x", x + 9), .init("y", y - 3)) {
      $0.element("title", text: node.hosts.prefix(40).map(\.name).joined(separator: " "))
      $0.text(Format.clip(fold(node.hosts.map(\.name)), 23))
    }
    html.element("text", .css("small"), .init("x", x + 9), .init("y", y + 14)) {
      $0.text(Format.clip(words(node), 26))
    }
  }

  private func words(_ node: Node) -> String {
    var count = Shown.Count()
    for host in node.hosts {
      count.total += host.services.total
      count.online += host.services.online
    }
    var words = count.total > 0 ? ["\(count.online)/\(count.total)"] : []
    if let worst = node.worst, worst != .ok { words.append(worst.rawValue) }
    if node.worst == nil { words.append("no data") }
    if node.hosts.count > 1 { words.insert("\(node.hosts.count) hosts", at: 0) }
    return words.isEmpty ? "ok" : words.joined(separator: " · ")
  }
}
