public import Metrics
import Parsers

/// Space of the local file systems, under Telegraf's `disk`.
public enum DiskCollector: Collector {
  public static let name = "disk"
  public static let summary = "usage of the local file systems"
  public static let measurements = [
    Measurement(
      "disk",
      """
      Space of local file systems only: reading a dead network mount would hang. A tmpfs such \
      as `/tmp` or `/dev/shm` is read, those of sessions (`/run/user`) and of the kernel are \
      not.
      """,
      source: "`/proc/self/mounts`, `df`",
      tags: [
        "path": "the mount point", "device": "without `/dev/`", "fstype": "such as `ext4`",
        "mode": "`rw`, `ro`",
      ],
      fields: [
        .integer("total", "used", unit: .bytes, means: "Size, and what is in use"),
        .integer("free", unit: .bytes, means: "Space that unprivileged users can use"),
        .float("used_percent", unit: .percent, means: "Share of used and free"),
        .integer(
          "inodes_total", "inodes_free", "inodes_used",
          means: """
            Inodes; absent if the file system has no such number (btrfs, vfat) or `df` does not \
            print it
            """),
        .float("inodes_used_percent", unit: .percent, means: "Used inodes of all"),
        .state(
          "turned_read_only",
          means: "1 if it was writable when first seen and is not now, else 0; not in Telegraf"),
      ])
  ]
  public static let mayHang = true
  /// Which mount points could be written: one that is read-only after a reboot has an error.
  public static let remembersAcrossBoots = true
  public static let options = [
    CollectorOption(
      "ignore_fs", .strings, default: ignoredTypes.joined(separator: ", "),
      "Types of file systems to leave out."),
    CollectorOption(
      "ignore_paths", .strings, default: ignoredPaths.joined(separator: ", "),
      "Mount points to leave out; globs."),
  ]

  /// Only types that never wait for a network: asking a dead NFS server would hang. Cluster file
  /// systems (gfs2, ocfs2, ceph) and every fuse but those on a block device are such, too.
  private static let localTypes = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "bcachefs", "f2fs", "jfs", "nilfs2", "reiserfs",
    "vfat", "exfat", "ntfs", "ntfs3", "fuseblk", "hfs", "hfsplus", "ufs", "ubifs", "jffs2",
    "tmpfs", "devtmpfs", "ramfs", "iso9660", "udf", "squashfs", "erofs", "overlay", "aufs",
  ]
  /// Types with nothing to fill, beneath which a local file system may well be mounted.
  private static let pseudoTypes = [
    "proc", "sysfs", "rootfs", "devpts", "cgroup", "cgroup2", "securityfs", "selinuxfs", "debugfs",
    "tracefs", "pstore", "bpf", "mqueue", "hugetlbfs", "configfs", "fusectl", "binfmt_misc",
    "efivarfs", "rpc_pipefs", "nfsd", "nsfs", "autofs",
  ]
  private static let ignoredTypes = [
    "devtmpfs", "ramfs", "iso9660", "udf", "squashfs", "erofs", "overlay", "aufs",
  ]
  private static let ignoredPaths = [
    "/var/lib/docker/*", "/var/lib/containers/*", "/var/lib/kubelet/*", "/run/containerd/*",
    "/snap/*", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf",
  ]
  /// A tmpfs below these is the system's own, one for each session, credential or hidden file of a
  /// container: nobody fills them, and there may be hundreds.
  private static let ignoredMemory = [
    "/dev", "/proc/*", "/sys/*", "/run/user/*", "/run/credentials/*", "/run/lock", "/run/netns",
  ]
  /// More mounts than this are not asked for.
  static let mostMounts = 200

  /// Prints the lines of the selected mounts, then df's output for them, then for their inodes.
  ///
  /// Paths on or below a mount of another kind are skipped, as they lead through that mount. The
  /// root is included even if it is an overlay, as in a container or a live system. Only builtins
  /// run before df. Option values never get into the script: it names types from our own list.
  public static func script(_ options: CollectorOptions) -> String? {
    let ignore = Set(options.strings("ignore_fs", default: ignoredTypes))
    let types = localTypes.filter { !ignore.contains($0) }
    let wanted = types.isEmpty ? "-" : types.joined(separator: "|")
    return """
      [ -r /proc/self/mounts ] || { echo "/proc/self/mounts is not readable" >&2; exit 1; }
      nl='
      '
      tab='\t'
      # $1 with every $2 replaced by $3, from left to right, in $plain
      swap() {
        plain= rest=$1
        while :; do
          case $rest in
          *"$2"*) plain=$plain${rest%%"$2"*}$3 rest=${rest#*"$2"} ;;
          *) break ;;
          esac
        done
        plain=$plain$rest
      }
      # Paths as they stand in the file have no blanks; they may have stars.
      set -f
      far=
      while read -r device path type rest; do
        case $type in
        \((localTypes + pseudoTypes).joined(separator: "|"))) ;;
        *) far="$far $path" ;;
        esac
      done </proc/self/mounts
      set --
      while read -r device path type mode rest; do
        case $type in
        \(wanted)) ;;
        overlay) [ "$path" = / ] || continue ;;
        *) continue ;;
        esac
        case $type:$path in \(ignoredMemory.map { "tmpfs:\($0)" }.joined(separator: "|"))) continue ;; esac
        for hung in $far; do
          case $path/ in "$hung"/*) continue 2 ;; esac
        done
        [ $# -lt \(mostMounts) ] || break
        printf '%s %s %s %s\\n' "$device" "$path" "$type" "$mode"
        plain=$path
        case $path in
        *\\\\*)
          # the backslash last, as no other escape can then be made of what it leaves
          swap "$path" '\\040' ' '
          swap "$plain" '\\011' "$tab"
          swap "$plain" '\\012' "$nl"
          swap "$plain" '\\043' '#'
          swap "$plain" '\\134' '\\'
          ;;
        esac
        set -- "$@" "$plain"
      done </proc/self/mounts
      [ $# -gt 0 ] || exit 0
      echo ==
      $limit df -Pk -- "$@"
      status=$?
      echo ==
      [ $status -ge 124 ] || $limit df -Pi -- "$@" 2>/dev/null
      exit $status
      """
  }

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    guard let output = host.output else {
      throw CollectorError(.notReached, "the script did not run")
    }
    let (list, space, inodes) = parts(of: output.standardOutput)
    guard !list.isEmpty else {
      if output.status == 0 { return }  // nothing local is mounted
      throw output.failure
    }
    guard !space.isEmpty else { throw output.failure }
    // Of two mounts on one path the later one is what people see there.
    var mounts: [String: Mounts.Mount] = [:]
    let sizes: [Df.Row]
    do {
      for mount in try Mounts.parse(list.span).mounts { mounts[Df.printable(mount.path)] = mount }
      sizes = try Df.parse(space.span, paths: Set(mounts.keys)).rows
    } catch {
      throw CollectorError(error)
    }
    var files: [String: Df.Row] = [:]
    for row in (try? Df.parse(inodes.span, paths: Set(mounts.keys)))?.rows ?? [] {
      files[row.path] = row
    }
    let ignore = host.options.strings("ignore_paths", default: ignoredPaths)

    let writable = host.previous?.values ?? [:]
    var done: Set<String> = []
    var shown: [(mount: Mounts.Mount, size: Df.Row)] = []
    for size in sizes where done.insert(size.path).inserted {
      guard let mount = mounts[size.path], done.count <= mostMounts,
        !matches(mount.path, anyOf: ignore)
      else { continue }
      shown.append((mount, size))
    }
    // Bind mounts and subvolumes show one device in several places: it is full once, and its
    // shortest path stands for all.
    var chosen: [String: String] = [:]
    for (mount, _) in shown where isDevice(mount) {
      let device = "\(mount.device) \(mount.type)"
      if let other = chosen[device], other.utf8.count <= mount.path.utf8.count { continue }
      chosen[device] = mount.path
    }
    for (mount, size) in shown {
      if isDevice(mount), chosen["\(mount.device) \(mount.type)"] != mount.path { continue }
      guard var point = point(of: mount, size, files[size.path]) else { continue }
      if let isReadOnly = mount.isReadOnly {
        // By its device: another one may be read-only there on purpose.
        let name = "\(mount.device) \(mount.path)"
        let wasWritable = writable[name] != nil
        point.integer("turned_read_only", Int64(isReadOnly && wasWritable ? 1 : 0))
        if !isReadOnly || wasWritable, name.utf8.count <= 512 { sample.memory[name] = [] }
      }
      sample.points.append(point)
    }
    // df reports an error for a mount that it may not see and prints the others.
    if sample.points.isEmpty, output.status != 0 { throw output.failure }
  }

  /// Whether the name of its device is that of one device; `tmpfs` and `overlay` are names of many.
  private static func isDevice(_ mount: Mounts.Mount) -> Bool {
    switch mount.type {
    case "overlay", "aufs", "tmpfs": false
    default: mount.device.hasPrefix("/")
    }
  }

  private static func point(of mount: Mounts.Mount, _ size: Df.Row, _ inodes: Df.Row?) -> Point? {
    guard let total = size.total, total > 0 else { return nil }
    var point = Point("disk", room: 8)
    point.tag("path", mount.path)
    let device = mount.device == "none" ? mount.type : mount.device
    point.tag("device", device.hasPrefix("/dev/") ? String(device.dropFirst(5)) : device)
    point.tag("fstype", mount.type)
    if let readOnly = mount.isReadOnly { point.tag("mode", readOnly ? "ro" : "rw") }
    point.integer("total", bytes(total))
    point.integer("free", size.free.flatMap(bytes))
    point.integer("used", size.used.flatMap(bytes))
    point.percent("used_percent", percent(size.used, size.free))
    if let inodes, let total = inodes.total, total > 0 {
      point.integer("inodes_total", total)
      point.integer("inodes_free", inodes.free)
      point.integer("inodes_used", inodes.used)
      point.percent("inodes_used_percent", percent(inodes.used, inodes.free))
    }
    return point
  }

  private static func percent(_ used: UInt64?, _ free: UInt64?) -> Double? {
    guard let used, let free, used > 0 || free > 0 else { return nil }
    return 100 * Double(used) / (Double(used) + Double(free))
  }

  private static func bytes(_ kibibytes: UInt64) -> UInt64? {
    let (bytes, overflow) = kibibytes.multipliedReportingOverflow(by: 1024)
    return overflow ? nil : bytes
  }

  /// The three parts of the script's output, which lines of `==` keep apart.
  private static func parts(
    of output: ArraySlice<UInt8>
  ) -> (list: ArraySlice<UInt8>, space: ArraySlice<UInt8>, inodes: ArraySlice<UInt8>) {
    var parts: [ArraySlice<UInt8>] = []
    var start = output.startIndex
    var line = start
    while line < output.endIndex, parts.count < 2 {
      let end = output[line...].firstIndex(of: UInt8(ascii: "\n")) ?? output.endIndex
      let next = min(end + 1, output.endIndex)
      if output[line..<end].elementsEqual("==".utf8) {
        parts.append(output[start..<line])
        start = next
      }
      line = next
    }
    parts.append(output[start...])
    while parts.count < 3 { parts.append([]) }
    return (parts[0], parts[1], parts[2])
  }
}
