/// Every collector there is: adding one is its file and its line here.
public let collectors: [any Collector.Type] = []
