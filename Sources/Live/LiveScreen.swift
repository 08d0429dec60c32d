internal import CLinux
internal import CNcurses
internal import Engine
internal import Glibc
internal import Metrics

/// The terminal with the view on it. ncurses belongs to one thread, which may block while a slow terminal
/// takes its output; whoever hands it a snapshot does not wait for that.
actor LiveScreen {
  private nonisolated let thread = BlockingThread(name: "view")
  nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  private var capabilities: Capabilities
  private let word: String
  private var state: ViewState
  private var snapshot: Snapshot?
  private var screen: OpaquePointer?
  private var size = (width: 80, height: 24)

  init(_ capabilities: Capabilities, _ state: ViewState, word: String) {
    self.capabilities = capabilities
    self.state = state
    self.word = word
  }

  deinit { thread.stop() }

  // MARK: The terminal

  /// Takes the terminal. Nothing has been drawn where it throws.
  func open() throws(LiveError) {
    guard isatty(0) == 1, isatty(1) == 1 else {
      throw LiveError("the view needs a terminal as standard input and output")
    }
    let name = environment("TERM") ?? ""
    guard !name.isEmpty, name != "dumb" else {
      throw LiveError("the view needs a terminal that moves its cursor, and TERM is \"\(name)\"")
    }
    if scrape_locale(capabilities.isUTF8 ? 1 : 0) == 0 { capabilities.isUTF8 = false }
    guard scrape_save_terminal() == 0 else {
      throw LiveError("the state of the terminal cannot be read")
    }
    guard let opened = scrape_screen_open() else {
      throw LiveError("TERM is \"\(name)\", which terminfo(5) does not know here; try TERM=xterm")
    }
    guard scrape_screen_capability("cup") != nil else {
      scrape_screen_end(opened)
      throw LiveError("the terminal \"\(name)\" cannot move its cursor, which the view needs")
    }
    screen = opened
    let restore = ["sgr0", "cnorm", "rmcup"].flatMap(Self.capability)
    restore.withUnsafeBytes { bytes in
      scrape_guard_terminal(
        bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(clamping: bytes.count))
    }
    scrape_screen_prepare()
    if capabilities.isColoured, scrape_screen_colours() != 0 {
      for (pair, colour) in Self.colours.enumerated() {
        scrape_screen_pair(Int16(pair + 1), colour)
      }
    } else {
      capabilities.isColoured = false
    }
  }

  /// A capability as bytes, without the pauses of old terminals.
  private static func capability(_ name: String) -> [UInt8] {
    guard let text = scrape_screen_capability(name) else { return [] }
    var bytes: [UInt8] = []
    var isPause = false
    for byte in Array(String(cString: text).utf8) {
      if byte == UInt8(ascii: "$") { isPause = true }
      if !isPause { bytes.append(byte) }
      if byte == UInt8(ascii: ">") { isPause = false }
    }
    return bytes
  }

  /// Gives the terminal back as it was.
  func close() {
    guard let screen else { return }
    self.screen = nil
    scrape_screen_end(screen)
    scrape_unguard_terminal()
  }

  // MARK: What comes in

  func take(_ new: Snapshot) -> [LiveRequest] {
    snapshot = new
    state.lost = nil
    return state.followUps()
  }

  func lose(_ words: String) { state.lost = words }

  func receive(_ answer: LiveAnswer, to request: LiveRequest) {
    state.receive(answer, to: request)
  }

  /// Handles what was typed. Nil when the terminal is gone.
  func type() -> [ViewState.Effect]? {
    var ready = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
    guard poll(&ready, 1, 0) >= 0 else { return [] }
    if ready.revents & Int16(POLLHUP | POLLERR | POLLNVAL) != 0 { return nil }
    guard ready.revents & Int16(POLLIN) != 0 else { return [] }
    var waiting: Int32 = 0
    if ioctl(0, UInt(FIONREAD), &waiting) == 0, waiting == 0 { return nil }
    var effects: [ViewState.Effect] = []
    // A paste of megabytes must not keep the screen from being drawn.
    for _ in 0..<256 {
      var value: UInt32 = 0
      let kind = scrape_screen_key(&value)
      guard kind != 0 else { break }
      guard let key = Self.key(value, isFunction: kind == 2) else { continue }
      let effect = state.press(key, snapshot, width: size.width, height: size.height)
      if effect == .redraw { scrape_screen_redraw() } else if let effect { effects.append(effect) }
    }
    return effects
  }

  private static func key(_ value: UInt32, isFunction: Bool) -> Key? {
    if isFunction {
      return switch value {
      case scrape_key_up: .up
      case scrape_key_down: .down
      case scrape_key_left: .left
      case scrape_key_right: .right
      case scrape_key_page_up: .pageUp
      case scrape_key_page_down: .pageDown
      case scrape_key_home: .home
      case scrape_key_end: .end
      case scrape_key_enter: .enter
      case scrape_key_backspace: .backspace
      default: nil
      }
    }
    return switch value {
    case 0x1b: .escape
    case 0x0a, 0x0d: .enter
    case 0x08, 0x7f: .backspace
    default: Unicode.Scalar(value).map { .character($0) }
    }
  }

  // MARK: Drawing

  func draw() {
    guard screen != nil else { return }
    var window = winsize()
    if ioctl(1, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 {
      let now = (width: Int(window.ws_col), height: Int(window.ws_row))
      if now != size {
        size = now
        scrape_screen_resize(Int32(clamping: now.height), Int32(clamping: now.width))
      }
    }
    // A window of thousands of columns is a mistake; ncurses would take it.
    let grid = Frames.draw(
      snapshot, state, width: min(size.width, 1000), height: min(size.height, 500), capabilities,
      now: .now, word: word)
    scrape_screen_clear()
    for row in 0..<grid.height { draw(row, of: grid) }
    scrape_screen_show()
  }

  private func draw(_ row: Int, of grid: Grid) {
    var column = 0
    let cells = grid.cells[(row * grid.width)..<((row + 1) * grid.width)]
    var text = ""
    var start = 0
    var style = Style.plain
    func flush() {
      guard !text.isEmpty else { return }
      scrape_screen_put(
        Int32(row), Int32(start), text, pair(style), style.isBold ? 1 : 0, style.isDim ? 1 : 0,
        style.isReverse ? 1 : 0)
      text = ""
    }
    for cell in cells {
      if let scalar = cell.scalar {
        // What the terminal takes for wider or narrower than we do moves nothing else.
        if cell.style != style || !scalar.isASCII { flush() }
        if text.isEmpty {
          start = column
          style = cell.style
        }
        text.unicodeScalars.append(scalar)
        if !scalar.isASCII { flush() }
      }
      column += 1
    }
    flush()
  }

  /// The colours of Terminal.Colour: green, cyan, yellow, magenta, red.
  private static let colours: [Int16] = [2, 6, 3, 5, 1]

  private func pair(_ style: Style) -> Int32 {
    guard capabilities.isColoured, let severity = style.severity else { return 0 }
    return switch severity {
    case .ok: 1
    case .unknown: 2
    case .minor: 3
    case .major: 4
    case .critical: 5
    }
  }
}
