/// The text that is sent to a kept shell for each batch, and what the shell knows already.
///
/// Each script is sent once, as a function. A composition of them (what is due together) is a function, too,
/// of a line that names the files, the sections and their functions. A further scrape is one line: the
/// function of its composition, and a fresh nonce.
struct KeptScript {
  /// The numbers of the functions, by script.
  private var functions: [String: Int] = [:]
  private var compositions: [Batch.Plan] = []
  private var setsLimit = false
  /// Bytes of all definitions.
  private(set) var size = 0

  /// Compositions at most, and bytes of definitions. A shell that would have to learn more is full:
  /// another one starts with what is due then.
  static let mostCompositions = 64
  static let mostBytes = 512 << 10

  /// Whether the shell has learnt as much as it may.
  var isFull: Bool { compositions.count >= Self.mostCompositions || size >= Self.mostBytes }

  /// What to send for the batch: the definitions that the shell lacks, and the line.
  mutating func text(for batch: Batch, nonce: String) -> [UInt8] {
    let plan = batch.plan
    if let number = compositions.firstIndex(where: { $0.isSame(as: plan) }) {
      // The same object compares quicker the next time.
      compositions[number] = plan
      return Self.line(number, nonce)
    }
    var text = compositions.isEmpty ? Batch.environment + Self.driver : ""
    if plan.mayHang, !setsLimit {
      text += Batch.limit
      setsLimit = true
    }
    var words = Self.quoted(plan.files.joined(separator: " "))
    for command in plan.commands {
      let number = functions[command.script] ?? functions.count
      if functions.updateValue(number, forKey: command.script) == nil {
        text += "_f\(number)() {\n\(command.script)\n}\n"
      }
      words += " \(Self.quoted(command.name)) _f\(number)"
    }
    text += "_p\(compositions.count)() { _r \"$1\" \(words); }\n"
    compositions.append(plan)
    size += text.utf8.count
    return Array(text.utf8) + Self.line(compositions.count - 1, nonce)
  }

  private static func line(_ number: Int, _ nonce: String) -> [UInt8] {
    Array("_p\(number) \(nonce)\n".utf8)
  }

  private static func quoted(_ text: String) -> String {
    "'" + text.replacing("'", with: #"'\''"#) + "'"
  }

  /// Runs a composition: the nonce, the files, and the name and the function of each section. The
  /// frames are those of `Batch.script`.
  private static let driver = """
    _r() {
    N=$1
    echo "
    $N m $SSH_CONNECTION
    $N s \(Batch.fileSection)"
    e=$(tail -n +1 $2 /dev/null 2>&1 >&3 3>&- </dev/null)
    s=$?
    shift 2
    while [ $# -gt 0 ]; do
    echo "
    $N e $s
    $e
    $N s $1"
    e=$($2 2>&1 >&3 3>&- </dev/null)
    s=$?
    shift 2
    done
    echo "
    $N e $s
    $e
    $N z"
    }

    """
}

extension Batch {
  /// What a kept shell is sent for its first batch; for measurements.
  public func opening(nonce: String) -> [UInt8] {
    var script = KeptScript()
    return script.text(for: self, nonce: nonce)
  }
}
