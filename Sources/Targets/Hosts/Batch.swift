public import Collectors

/// The batch for one host: every due collector's files and scripts, as one POSIX sh script.
///
/// All files are read by one `tail` process. Scripts run one after another, each in a subshell with
/// an empty standard input; those that may hang come last, so that a dead disk costs its own section.
/// Nothing is written on the host.
public struct Batch: Sendable {
  /// One collector in the batch.
  public struct Item: Sendable {
    public let collector: any Collector.Type
    public let options: CollectorOptions
    /// Made once: some collectors build it anew for each call.
    let script: String?

    public init(_ collector: any Collector.Type, _ options: CollectorOptions = .init()) {
      self.collector = collector
      self.options = options
      script = collector.script(options)
    }
  }

  /// A script that is not a collector's: that of a probe that runs on the host.
  public struct Extra: Sendable {
    /// The name of its section.
    public var name: String
    public var script: String
    public var byteLimit: Int

    public init(
      name: String,
      script: String,
      byteLimit: Int
    ) {
      self.name = name
      self.script = script
      self.byteLimit = byteLimit
    }
  }

  public let items: [Item]
  /// What runs on the host.
  let plan: Plan
  /// The files, each once.
  var files: [String] { plan.files }
  /// The lines that `tail` prints before each of them, and before the empty one that ends them.
  let headers: [[UInt8]]
  /// The limit of each section in bytes.
  let limits: [String: Int]

  /// The files and the scripts of a batch in their order, without limits and options.
  final class Plan: Sendable {
    let files: [String]
    let commands: [(name: String, script: String)]
    /// Whether `$limit` must be set.
    let mayHang: Bool

    init(files: [String], commands: [(name: String, script: String)], mayHang: Bool) {
      self.files = files
      self.commands = commands
      self.mayHang = mayHang
    }

    /// Whether both run the same.
    func isSame(as other: Plan) -> Bool {
      self === other
        || mayHang == other.mayHang && files == other.files
          && commands.elementsEqual(other.commands) { $0 == $1 }
    }
  }

  /// Every batch reads these, to detect a reboot and the uptime.
  static let bootFile = "/proc/sys/kernel/random/boot_id"
  static let uptimeFile = "/proc/uptime"
  /// The section of all files. No collector may have its name.
  static let fileSection = "files"
  /// The limit of bytes from one host in a pass.
  static let byteLimit = 8 << 20

  public init(_ items: [Item]) { self.init(items, extras: []) }

  /// Extras come last, as their run time is unknown.
  public init(_ items: [Item], extras: [Extra]) {
    self.items = items
    var files = [Batch.bootFile, Batch.uptimeFile]
    var limits: [String: Int] = [:]
    var fileLimit = 64 << 10
    var commands: [(name: String, script: String, mayHang: Bool)] = []
    for item in items {
      let collector = item.collector
      for file in collector.files where !files.contains(file) { files.append(file) }
      if !collector.files.isEmpty { fileLimit += collector.byteLimit }
      if let script = item.script {
        commands.append((collector.name, script, collector.mayHang))
        limits[collector.name] = collector.byteLimit
      }
    }
    limits[Batch.fileSection] = fileLimit
    headers = Batch.headers(of: files)
    for extra in extras { limits[extra.name] = extra.byteLimit }
    self.limits = limits
    plan = Plan(
      files: files,
      commands: (commands.filter { !$0.mayHang } + commands.filter(\.mayHang)).map {
        ($0.name, $0.script)
      } + extras.map { ($0.name, $0.script) },
      mayHang: commands.contains(where: \.mayHang) || !extras.isEmpty)
  }

  static func headers(of files: [String]) -> [[UInt8]] {
    (files + ["/dev/null"]).map { Array("==> \($0) <==".utf8) }
  }

  /// The script, framed by the nonce. The last of a session ends its shell.
  ///
  /// Descriptor 3 is the channel; each section's standard error is caught apart and printed after
  /// its end, so that both arrive in one stream and in order.
  public func script(nonce: String, last: Bool) -> [UInt8] {
    var text =
      Batch.environment + """
        N=\(nonce)
        echo "
        $N m $SSH_CONNECTION
        $N s \(Batch.fileSection)"
        e=$(tail -n +1 \(files.joined(separator: " ")) /dev/null 2>&1 >&3 3>&- </dev/null)
        s=$?

        """
    if plan.mayHang { text += Batch.limit }
    for (index, command) in plan.commands.enumerated() {
      text += """
        echo "
        $N e $s
        $e
        $N s \(command.name)"
        f\(index)() {
        \(command.script)
        }
        e=$(f\(index) 2>&1 >&3 3>&- </dev/null)
        s=$?

        """
    }
    text += """
      echo "
      $N e $s
      $e
      $N z"

      """
    if last { text += "exit 0\n" }
    return Array(text.utf8)
  }

  /// The channel as descriptor 3, and the environment of all commands.
  static let environment = """
    exec 3>&1
    LC_ALL=C LANG=C LANGUAGE=C TZ=UTC PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    export LC_ALL LANG LANGUAGE TZ PATH
    unset IFS CDPATH ENV BASH_ENV GREP_OPTIONS POSIXLY_CORRECT

    """

  /// Sets `$limit`, by what the host's timeout(1) understands.
  static let limit = """
    limit=
    if timeout -k 1 5 true </dev/null >/dev/null 2>&1; then limit='timeout -k 1 5'
    elif timeout 5 true </dev/null >/dev/null 2>&1; then limit='timeout 5'
    elif timeout -t 5 true </dev/null >/dev/null 2>&1; then limit='timeout -t 5'
    fi

    """

  /// 128 random bits in hexadecimal, so that no output can look like a frame by chance or by guess.
  public static func nonce() -> String {
    var generator = SystemRandomNumberGenerator()
    return (0..<2).map { _ in
      let digits = String(generator.next() as UInt64, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
