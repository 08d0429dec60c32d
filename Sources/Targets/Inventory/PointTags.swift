public import Metrics

extension Host {
  /// The tags that all of its points carry.
  public var pointTags: [Tag] {
    var tags = [Tag("host", name), Tag("group", group)]
    for tag in self.tags where !tags.contains(where: { $0.name == tag.name }) { tags.append(tag) }
    return tags
  }
}
