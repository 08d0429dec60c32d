public import Metrics
import Parsers

/// Containers of Kubernetes' pods, under Telegraf's `kubernetes_pod_container`.
public enum KubernetesCollector: Collector {
  public static let name = "kubernetes"
  public static let summary = "containers of Kubernetes' pods: state, readiness, restarts, limits"
  public static let measurements = [
    Measurement(
      "kubernetes_pod_container",
      """
      One point per container of each pod that the account may list; at most 500. Of a cluster one \
      host is enough.
      """,
      source: "`kubectl get pods --all-namespaces`",
      tags: [
        "namespace": "the pod's", "pod_name": "the pod", "node_name": "the node, once there is one",
        "container_name": "its name in the pod", "image": "its image without the version",
        "version": "that version, if given",
        "phase": "`Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`",
        "state": "`running`, `terminated`, `waiting`, `unknown`", "readiness": "`ready`, `unready`",
      ],
      fields: [
        .state("state_code", means: "0 running, 1 terminated, 2 waiting, 3 unknown"),
        .string(
          "state_reason", "phase_reason",
          means: "Why, in a word: `CrashLoopBackOff`, `Evicted`; absent without one"),
        .string("terminated_reason", means: "`state_reason` of a terminated one"),
        .counter("restarts_total", means: "Restarts, counted"),
        .integer(
          "resource_requests_millicpu_units", "resource_limits_millicpu_units",
          means: "Thousandths of a CPU that it asks for, and that it may use"),
        .integer(
          "resource_requests_memory_bytes", "resource_limits_memory_bytes", unit: .bytes,
          means: "Memory that it asks for, and that it may use"),
      ])
  ]
  public static let mayHang = true
  /// Five thousand containers.
  public static let byteLimit = 1 << 20

  /// More containers than this are not written.
  static let mostContainers = 500
  private static let longestTag = 128

  /// kubectl would keep a cache in the account's home; below a file it cannot. Only named fields are
  /// printed: the environment of a container may have secrets.
  public static func script(_ options: CollectorOptions) -> String? {
    """
    command -v kubectl >/dev/null 2>&1 || exit 0
    $limit kubectl --cache-dir=/dev/null/none --request-timeout=4s get pods --all-namespaces \\
      -o go-template='\(template)'
    """
  }

  private static let template: String = {
    func value(_ path: String) -> String { "{{with \(path)}}{{.}}{{else}}-{{end}}" }
    func resource(_ kind: String, _ name: String) -> String {
      "{{with .resources}}{{with .\(kind)}}{{with .\(name)}}{{.}}{{else}}-{{end}}{{else}}-{{end}}"
        + "{{else}}-{{end}}"
    }
    let line = #"{{"\n"}}"#
    let container =
      "container {{.name}} \(value(".image")) \(resource("requests", "cpu")) "
      + "\(resource("requests", "memory")) \(resource("limits", "cpu")) "
      + "\(resource("limits", "memory"))\(line)"
    let state =
      "{{with .state}}{{if .running}}running -{{else if .terminated}}terminated "
      + "\(value(".terminated.reason")){{else if .waiting}}waiting \(value(".waiting.reason"))"
      + "{{else}}- -{{end}}{{else}}- -{{end}}"
    let status = "status {{.name}} {{.ready}} {{.restartCount}} \(state)\(line)"
    return "{{range .items}}pod {{.metadata.namespace}} {{.metadata.name}} "
      + "\(value(".spec.nodeName")) \(value(".status.phase")) \(value(".status.reason"))\(line)"
      + "{{range .spec.containers}}\(container){{end}}"
      + "{{range .status.containerStatuses}}\(status){{end}}{{end}}"
  }()

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    guard let output = host.output else {
      throw CollectorError(.notReached, "the script did not run")
    }
    let pods: [KubernetesPods.Pod]
    do { pods = try KubernetesPods.parse(output.standardOutput.span).pods } catch {
      throw CollectorError(error)
    }
    var count = 0
    for pod in pods {
      for container in pod.containers {
        count += 1
        if count <= mostContainers { sample.points.append(point(of: container, pod)) }
      }
    }
    if output.status != 0 { throw failure(of: output) }
    if count > mostContainers {
      throw CollectorError(
        .outputTooLarge, "more than \(mostContainers) containers; the rest is left out")
    }
    if pods.isEmpty {
      throw CollectorError(.notApplicable, "kubectl is not there, or the cluster has no pods")
    }
  }

  /// kubectl logs each attempt before its last line, which people can read.
  private static func failure(of output: CommandOutput) -> CollectorError {
    var failure = output.failure
    var lines = Scanner(output.standardError.span)
    while let line = lines.line() {
      if !line.isEmpty { failure.detail = line.extracting(0..<min(line.count, 200)).string }
    }
    for word in ["Forbidden", "Unauthorized", "must be logged in"]
    where failure.detail.contains(word) {
      failure.reason = .permission
    }
    return failure
  }

  private static func point(
    of container: KubernetesPods.Container, _ pod: KubernetesPods.Pod
  ) -> Point {
    var point = Point("kubernetes_pod_container")
    func add(_ tag: String, _ value: some StringProtocol) {
      point.tag(tag, String(value).clipped(to: longestTag))
    }
    add("container_name", container.name)
    add("namespace", pod.namespace)
    add("node_name", pod.node ?? "")
    add("pod_name", pod.name)
    add("phase", pod.phase ?? "")
    let state = container.state ?? "unknown"
    add("state", state)
    add("readiness", container.isReady ? "ready" : "unready")
    // As Telegraf: an image with a port of its registry has no version.
    let parts = container.image.split(separator: ":", omittingEmptySubsequences: false)
    add("image", parts.first ?? "")
    if parts.count == 2 { add("version", parts[1]) }
    let codes: [String: Int64] = ["running": 0, "terminated": 1, "waiting": 2]
    point.integer("restarts_total", container.restarts)
    point.integer("state_code", codes[state] ?? 3)
    let reason = container.reason?.clipped(to: longestTag)
    if state == "terminated" { point.string("terminated_reason", reason) }
    point.string("state_reason", reason)
    point.string("phase_reason", pod.reason?.clipped(to: longestTag))
    point.integer("resource_requests_millicpu_units", container.requestedCPU)
    point.integer("resource_requests_memory_bytes", container.requestedMemory)
    point.integer("resource_limits_millicpu_units", container.limitCPU)
    point.integer("resource_limits_memory_bytes", container.limitMemory)
    return point
  }
}
