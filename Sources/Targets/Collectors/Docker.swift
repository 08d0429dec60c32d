public import Metrics
import Parsers

/// Containers of Docker and Podman, under Telegraf's `docker` and `docker_container_…`.
///
/// What containers there are and in which state comes from the engines' command lines; their use of CPU,
/// memory and network from the kernel, which tells it at once and exactly: `docker stats` takes two
/// seconds and rounds.
public enum DockerCollector: Collector {
  public static let name = "docker"
  public static let summary = "containers of Docker and Podman: state, health, CPU, memory, network"
  private static let tags: KeyValuePairs<String, String> = [
    "engine_host": "the engine's name of the host", "server_version": "of the engine",
    "container_name": "its name; the first 12 digits of its ID if the engine may not be asked",
    "container_image": "its image without the version", "container_version": "that version",
    "container_status":
      "`created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`",
  ]
  private static let id = FieldSpec.string("container_id", means: "Its ID")
  public static let measurements = [
    Measurement(
      "docker", "One point per engine, Docker or Podman, that may be asked.",
      source: "`docker info`, `podman info`",
      tags: [
        "engine_host": "the engine's name of the host", "server_version": "of the engine",
      ],
      fields: [
        .integer("n_cpus", means: "CPUs of the host"),
        .integer("memory_total", unit: .bytes, means: "Memory of the host"),
        .integer(
          "n_containers", "n_containers_running", "n_containers_paused", "n_containers_stopped",
          means: "Containers, and those in that state"),
        .integer("n_images", means: "Images"),
        .integer(
          "n_used_file_descriptors", "n_goroutines", "n_listener_events",
          means: "Of Docker's daemon"),
      ]),
    Measurement(
      "docker_container_status", "One point per container, running or not; at most 256.",
      source: "`docker inspect`, `podman inspect`", tags: tags,
      fields: [
        id, .boolean("oomkilled", means: "Whether it was ended for its use of memory"),
        .integer("pid", means: "Its first process; 0 if it does not run"),
        .state("exitcode", means: "Exit status of the last run"),
        .integer("restart_count", means: "Restarts by its restart policy"),
        .integer(
          "started_at", "finished_at", means: "Nanoseconds since 1970; absent if it never was"),
        .integer(
          "uptime_ns", means: "Nanoseconds that it has run or, if it does not run, ran last"),
      ]),
    Measurement(
      "docker_container_health", "One point per container with a health check.",
      source: "`docker inspect`, `podman inspect`", tags: tags,
      fields: [
        .string("health_status", means: "`starting`, `healthy`, `unhealthy`"),
        .integer("failing_streak", means: "Failed checks in a row"),
      ]),
    Measurement(
      "docker_container_cpu",
      "CPU time of each running container, also if the engine may not be asked.",
      source: "`/sys/fs/cgroup`, version 1 or 2", tags: tags,
      fields: [
        id,
        .integer(
          "usage_total", "usage_in_usermode", "usage_in_kernelmode",
          means: "Nanoseconds, counted"),
        .float(
          "usage_percent", unit: .percent,
          means: "Share of one CPU (rate); more than 100 of several"),
        .integer(
          "throttling_periods", "throttling_throttled_periods",
          means: "Periods with a limit, and those in which it was reached; counted"),
        .integer("throttling_throttled_time", means: "Nanoseconds, counted"),
      ]
    ).with(tags: ["cpu": "`cpu-total`"]),
    Measurement(
      "docker_container_mem",
      "Memory of each running container, also if the engine may not be asked.",
      source: "`/sys/fs/cgroup`, version 1 or 2", tags: tags,
      fields: [
        id,
        .integer("usage", unit: .bytes, means: "Memory in use, without inactive files"),
        .integer(
          "limit", unit: .bytes, means: "Its limit; the memory of the host if it has none"),
        .float("usage_percent", unit: .percent, means: "Share of `limit`"),
        .integer(
          "max_usage", unit: .bytes, means: "Largest use, files included (Linux 5.19 in version 2)"),
        .integer(
          "active_anon", "inactive_anon", "active_file", "inactive_file", "unevictable",
          unit: .bytes, means: "By kind"),
        .integer(
          "cache", "rss", "rss_huge", "mapped_file", "writeback", unit: .bytes,
          means: "By kind; version 1 only"),
        .integer("pgfault", "pgmajfault", means: "Page faults, counted"),
        .integer("fail_count", means: "How often the limit was reached, counted; version 1 only"),
      ]),
    Measurement(
      "docker_container_net",
      "Traffic of each running container with a network of its own.",
      source: "`/proc/PID/net/dev`", tags: tags,
      fields: [
        id, .integer("rx_bytes", "tx_bytes", unit: .bytes, means: "Counted"),
        .integer(
          "rx_packets", "tx_packets", "rx_errors", "tx_errors", "rx_dropped", "tx_dropped",
          means: "Counted"),
      ]
    ).with(tags: ["network": "`total`"]),
  ]
  public static let files = ["/proc/meminfo"]
  public static let mayHang = true
  /// 256 containers with 2 kB each.
  public static let byteLimit = 1 << 20

  /// More containers than this are not written.
  static let mostContainers = 256
  /// Bytes of a tag.
  static let longestTag = 128

  /// No engine is started for it: Docker is asked only at its socket, and Podman, which would make folders
  /// in the home of whoever calls it, only where it has a storage. Of a container only the named values are
  /// printed: its environment may have secrets.
  public static func script(_ options: CollectorOptions) -> String? {
    """
    s=0 pids=
    containers() {
      o=$($limit $2 info --format "$3") || { s=$?; return; }
      printf '%s\\n' "$o"
      i=$({ $limit $2 ps -q --no-trunc $4; $limit $2 ps -aq --no-trunc $5; } | head -n \(mostContainers + 1))
      [ -n "$i" ] || return
      for h in Health Healthcheck; do
        o=$($limit $2 inspect --type container --format '{"engine":"'$1'",\(template)}' $i 2>/dev/null)
        case $o in *'"streak"'*) break ;; esac
      done
      printf '%s\\n' "$o"
      pids="$pids $(printf '%s\\n' "$o" | sed -n 's/.*"pid":\\([1-9][0-9]*\\),.*/\\1/p')"
    }
    k=/var/run/docker.sock
    if [ -w $k ] && command -v docker >/dev/null 2>&1; then
      containers docker "docker -H unix://$k" '{"engine":"docker",\(dockerInfo)}' '' \\
        '--filter status=created --filter status=exited --filter status=dead --filter status=removing'
    fi
    for k in /var/lib/containers/storage "${HOME:-/root}/.local/share/containers/storage"; do
      [ -w "$k" ] && command -v podman >/dev/null 2>&1 || continue
      containers podman podman '{"engine":"podman",\(podmanInfo)}' \\
        '--filter status=running --filter status=paused' \\
        '--filter status=created --filter status=exited'
      break
    done
    cd /sys/fs/cgroup 2>/dev/null || exit $s
    m=memory
    [ -d $m ] || m=.
    set --
    for d in $(find $m -maxdepth 7 -type d \\( -path '*/docker/?*' -o -name 'docker-*.scope' \\
      -o -name 'libpod-*' \\) ! -name 'libpod-conmon-*' -print -prune 2>/dev/null | head -n \(mostContainers + 1)); do
      if [ $m = . ]; then
        set -- "$@" $d/cpu.stat $d/memory.current $d/memory.max $d/memory.peak $d/memory.stat
      else
        set -- "$@" $d/memory.usage_in_bytes $d/memory.limit_in_bytes $d/memory.max_usage_in_bytes \\
          $d/memory.failcnt $d/memory.stat cpuacct/${d#$m/}/cpuacct.usage \\
          cpuacct/${d#$m/}/cpuacct.stat cpu/${d#$m/}/cpu.stat
      fi
    done
    for p in $pids; do set -- "$@" /proc/$p/net/dev; done
    [ $# -eq 0 ] || grep -sE '\(pattern)' /dev/null "$@"
    exit $s
    """
  }

  /// Of one container; `'$h'` is the name of its health in Go.
  private static let template = """
    "id":{{json .ID}},"name":{{json .Name}},"image":{{json .Config.Image}},\
    "status":{{json .State.Status}},"pid":{{json .State.Pid}},"exit":{{json .State.ExitCode}},\
    "oom":{{json .State.OOMKilled}},"started":{{json .State.StartedAt}},\
    "finished":{{json .State.FinishedAt}},"restarts":{{json .RestartCount}},\
    "network":{{json .HostConfig.NetworkMode}},"health":{{if .State.'$h'}}\
    {{json .State.'$h'.Status}}{{else}}null{{end}},"streak":{{if .State.'$h'}}\
    {{json .State.'$h'.FailingStreak}}{{else}}null{{end}}
    """
  private static let dockerInfo = """
    "engine_host":{{json .Name}},"server_version":{{json .ServerVersion}},\
    "n_cpus":{{json .NCPU}},"memory_total":{{json .MemTotal}},\
    "n_containers":{{json .Containers}},"n_containers_running":{{json .ContainersRunning}},\
    "n_containers_paused":{{json .ContainersPaused}},\
    "n_containers_stopped":{{json .ContainersStopped}},"n_images":{{json .Images}},\
    "n_used_file_descriptors":{{json .NFd}},"n_goroutines":{{json .NGoroutines}},\
    "n_listener_events":{{json .NEventsListener}}
    """
  private static let podmanInfo = """
    "engine_host":{{json .Host.Hostname}},"server_version":{{json .Version.Version}},\
    "n_cpus":{{json .Host.CPUs}},"memory_total":{{json .Host.MemTotal}},\
    "n_containers":{{json .Store.ContainerStore.Number}},\
    "n_containers_running":{{json .Store.ContainerStore.Running}},\
    "n_containers_paused":{{json .Store.ContainerStore.Paused}},\
    "n_containers_stopped":{{json .Store.ContainerStore.Stopped}},\
    "n_images":{{json .Store.ImageStore.Number}}
    """
  /// Files of one number, interfaces, and the words of the others that have a field.
  private static let pattern =
    "^([0-9]+|max)$|^ *[^ ]+: *[0-9]|^(usage_usec|user_usec|system_usec|nr_periods|nr_throttled"
    + "|throttled_usec|throttled_time|user|system|total_inactive_file|"
    + kinds.joined(separator: "|") + ") "

  /// Fields of memory that have the kernel's names.
  fileprivate static let kinds = [
    "active_anon", "inactive_anon", "active_file", "inactive_file", "unevictable", "cache", "rss",
    "rss_huge", "mapped_file", "writeback", "pgfault", "pgmajfault",
  ]

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    guard let output = host.output else {
      throw CollectorError(.notReached, "the script did not run")
    }
    let text = output.standardOutput.span
    let files: ContainerFiles.Reading
    do { files = try ContainerFiles.parse(text) } catch { throw CollectorError(error) }
    var known: [Container] = []
    var engines: [String: [Tag]] = [:]
    var isOdd = false
    var lines = Scanner(text)
    while let line = lines.line() {
      guard line.first == UInt8(ascii: "{") else { continue }
      guard let json = JSON(reading: line.bytes(limit: line.count)) else {
        isOdd = true
        continue
      }
      let engine = json["engine"]?.string ?? ""
      if let container = Container(json, engines[engine] ?? []) {
        known.append(container)
      } else if json["server_version"] != nil {
        engines[engine] = add(engine: json, to: &sample)
      }
    }
    let named = Set(known.map(\.id))
    for id in files.ids where !named.contains(id) { known.append(Container(id)) }
    let total = (try? host.parse("/proc/meminfo", as: Meminfo.self))?["MemTotal"]
    for container in known.prefix(mostContainers) {
      container.addState(at: host.time, to: &sample)
      if let group = files.groups[container.id] {
        container.addCPU(group, host, to: &sample)
        container.addMemory(group, total: total, to: &sample)
      }
      container.addNetwork(files.networks, to: &sample)
    }
    if known.count > mostContainers {
      throw CollectorError(
        .outputTooLarge, "more than \(mostContainers) containers; the rest is left out")
    }
    if isOdd {
      throw CollectorError(.parseError, "docker or podman: a line is no JSON")
    }
    if output.status != 0 { throw output.failure }
    if sample.points.isEmpty {
      throw CollectorError(
        .notApplicable, "neither Docker nor Podman is there, and no container runs")
    }
  }

  /// Adds the engine's point; returns its tags.
  private static func add(engine json: JSON, to sample: inout Sample) -> [Tag] {
    var point = Point("docker")
    for name in ["engine_host", "server_version"] {
      point.tag(name, (json[name]?.string ?? "").clipped(to: longestTag))
    }
    for name in measurements[0].fields.flatMap(\.names) { point.integer(name, json[name]?.integer) }
    sample.points.append(point)
    return point.tags
  }
}

extension Measurement {
  /// The same with further tags.
  func with(tags more: KeyValuePairs<String, String>) -> Measurement {
    var copy = self
    copy.tags += Measurement(name, summary, tags: more, fields: []).tags
    return copy
  }
}

/// One container and its tags.
private struct Container {
  var id: String
  var tags: [Tag]
  /// What the engine knows; nil if it may not be asked.
  var json: JSON?

  /// Of an engine; nil if the JSON is no container.
  init?(_ json: JSON, _ engine: [Tag]) {
    guard let id = json["id"]?.string, let name = json["name"]?.string else { return nil }
    self.id = id
    self.json = json
    var point = Point("")
    func add(_ tag: String, _ value: some StringProtocol) {
      point.tag(tag, String(value).clipped(to: DockerCollector.longestTag))
    }
    add("container_name", name.hasPrefix("/") ? name.dropFirst() : name[...])
    let (image, version) = Self.image(json["image"]?.string ?? "")
    add("container_image", image)
    add("container_version", image.isEmpty ? "" : version)
    add("container_status", json["status"]?.string ?? "")
    tags = engine + point.tags
  }

  init(_ id: String) {
    self.id = id
    tags = [Tag("container_name", String(id.prefix(12)))]
  }

  /// As Telegraf divides it: `registry:5000/team/box:1.2` is version 1.2, and without one it is unknown.
  private static func image(_ text: String) -> (name: Substring, version: Substring) {
    let start = text.lastIndex(of: "/") ?? text.startIndex
    guard let colon = text[start...].lastIndex(of: ":") else { return (text[...], "unknown") }
    return (text[..<colon], text[text.index(after: colon)...])
  }

  private func point(_ measurement: String, _ tag: Tag? = nil) -> Point {
    var point = Point(measurement, tags: tags)
    if let tag { point.tags.append(tag) }
    point.string("container_id", id.clipped(to: 64))
    return point
  }

  func addState(at now: Timestamp, to sample: inout Sample) {
    guard let json else { return }
    var point = point("docker_container_status")
    if case .boolean(let killed)? = json["oom"] { point.boolean("oomkilled", killed) }
    point.integer("pid", json["pid"]?.integer)
    point.integer("exitcode", json["exit"]?.integer)
    point.integer("restart_count", json["restarts"]?.integer)
    // An engine writes the year 1 for never.
    let started = Self.time(json["started"])
    let finished = Self.time(json["finished"])
    point.integer("started_at", started)
    point.integer("finished_at", finished)
    let isRunning = json["pid"]?.integer ?? 0 > 0
    if let started, let end = isRunning ? now.nanoseconds : finished {
      // The two come from two processes: one that ends at once may have ended before it began.
      point.integer("uptime_ns", max(0, end.subtractingReportingOverflow(started).partialValue))
    }
    sample.points.append(point)
    guard let health = json["health"]?.string, !health.isEmpty else { return }
    var check = Point("docker_container_health", tags: tags)
    check.string("health_status", health.clipped(to: DockerCollector.longestTag))
    check.integer("failing_streak", json["streak"]?.integer)
    sample.points.append(check)
  }

  private static func time(_ json: JSON?) -> Int64? {
    guard let text = json?.string, let time = Timestamp(rfc3339: text), time.nanoseconds > 0 else {
      return nil
    }
    return time.nanoseconds
  }

  func addCPU(_ group: [String: UInt64], _ host: HostView, to sample: inout Sample) {
    var point = point("docker_container_cpu", Tag("cpu", "cpu-total"))
    func times(_ value: UInt64?, _ factor: UInt64) -> UInt64? {
      guard let (product, overflow) = value?.multipliedReportingOverflow(by: factor) else {
        return nil
      }
      return overflow ? nil : product
    }
    // Ticks of version 1 are of 10 ms on every architecture (USER_HZ).
    let tick: UInt64 = 10_000_000
    let total = group["cpuacct.usage"] ?? times(group["cpu.stat usage_usec"], 1000)
    point.integer("usage_total", total)
    point.integer(
      "usage_in_usermode",
      times(group["cpu.stat user_usec"], 1000) ?? times(group["cpuacct.stat user"], tick))
    point.integer(
      "usage_in_kernelmode",
      times(group["cpu.stat system_usec"], 1000) ?? times(group["cpuacct.stat system"], tick))
    if let total {
      sample.memory[id] = [total]
      if let before = host.previous?.values[id]?.first, let elapsed = host.elapsed, total >= before
      {
        point.percent("usage_percent", 100 * Double(total - before) / (elapsed * 1e9))
      }
    }
    point.integer("throttling_periods", group["cpu.stat nr_periods"])
    point.integer("throttling_throttled_periods", group["cpu.stat nr_throttled"])
    point.integer(
      "throttling_throttled_time",
      group["cpu.stat throttled_time"] ?? times(group["cpu.stat throttled_usec"], 1000))
    if point.fields.count > 1 { sample.points.append(point) }
  }

  /// `total` is the memory of the host in bytes.
  func addMemory(_ group: [String: UInt64], total: UInt64?, to sample: inout Sample) {
    var point = point("docker_container_mem")
    if let whole = group["memory.current"] ?? group["memory.usage_in_bytes"] {
      // As Docker shows it: the kernel takes inactive files back at any time.
      let files =
        group["memory.stat total_inactive_file"] ?? group["memory.stat inactive_file"] ?? 0
      let usage = files < whole ? whole - files : whole
      point.integer("usage", usage)
      // Without a limit version 1 has the largest number that it can.
      let limit = [group["memory.max"] ?? group["memory.limit_in_bytes"], total].compactMap { $0 }
        .min()
      point.integer("limit", limit)
      if let limit, limit > 0 {
        point.percent("usage_percent", 100 * Double(usage) / Double(limit))
      }
    }
    point.integer("max_usage", group["memory.peak"] ?? group["memory.max_usage_in_bytes"])
    for name in DockerCollector.kinds { point.integer(name, group["memory.stat \(name)"]) }
    point.integer("fail_count", group["memory.failcnt"])
    if point.fields.count > 1 { sample.points.append(point) }
  }

  func addNetwork(_ networks: [UInt64: [NetDev.Interface]], to sample: inout Sample) {
    guard let json, json["network"]?.string != "host", let process = json["pid"]?.integer,
      process > 0, let all = networks[UInt64(process)]
    else { return }
    let own = all.filter { $0.name != "lo" }
    guard !own.isEmpty else { return }
    var point = point("docker_container_net", Tag("network", "total"))
    let counters: [(String, (NetDev.Interface) -> UInt64)] = [
      ("rx_bytes", \.bytesReceived), ("tx_bytes", \.bytesSent), ("rx_packets", \.packetsReceived),
      ("tx_packets", \.packetsSent), ("rx_errors", \.receiveErrors), ("tx_errors", \.sendErrors),
      ("rx_dropped", \.receiveDrops), ("tx_dropped", \.sendDrops),
    ]
    for (name, counter) in counters {
      point.integer(
        name, own.reduce(UInt64(0)) { $0.addingReportingOverflow(counter($1)).partialValue })
    }
    sample.points.append(point)
  }
}
