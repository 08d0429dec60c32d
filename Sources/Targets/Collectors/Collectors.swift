/// Every collector there is, by name: adding one is its file and its line here.
public let collectors: [any Collector.Type] = [
  SystemCollector.self
]
