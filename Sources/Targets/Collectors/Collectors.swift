/// Every collector there is, by name: adding one is its file and its line here.
public let collectors: [any Collector.Type] = [
  CPUCollector.self,
  DiskCollector.self,
  DiskIOCollector.self,
  GPUCollector.self,
  KernelCollector.self,
  LoginsCollector.self,
  MdstatCollector.self,
  MemoryCollector.self,
  NetCollector.self,
  NetstatCollector.self,
  NstatCollector.self,
  PressureCollector.self,
  ProcessesCollector.self,
  SwapCollector.self,
  SystemCollector.self,
  UsersCollector.self,
]
