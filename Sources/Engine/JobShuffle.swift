/// A random order of ready jobs, the same for the same seed: it finds gaps between a check and the
/// suspension that relies on it.
///
/// Swift promises no order between the jobs of different tasks. Each round runs a random part of
/// the ready jobs, in random order; the rest waits for the next round, as it would behind a busy
/// thread. Debug builds only: `SCRAPE_SHUFFLE=SEED` in the environment, or `Reactor(shuffle:)` in
/// tests.
struct JobShuffle {
  private var state: UInt64
  private var held: [UnownedJob] = []

  init(seed: UInt64) { state = seed }

  var isEmpty: Bool { held.isEmpty }

  /// Replaces the ready jobs with those of this round.
  mutating func deal(_ jobs: inout [UnownedJob]) {
    jobs.append(contentsOf: held)
    held.removeAll(keepingCapacity: true)
    guard jobs.count > 1 || next() & 3 == 0 else { return }
    for index in stride(from: jobs.count - 1, to: 0, by: -1) {
      jobs.swapAt(index, Int(next() % UInt64(index + 1)))
    }
    let count = Int(next() % UInt64(jobs.count + 1))
    held.append(contentsOf: jobs[count...])
    jobs.removeSubrange(count...)
  }

  /// Sebastiano Vigna's SplitMix64.
  private mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }
}
