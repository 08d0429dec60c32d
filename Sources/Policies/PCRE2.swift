internal import CPCRE2

/// A PCRE2 pattern on bytes, bounded in steps and memory.
///
/// All unsafe code of PCRE2 is in this file.
@safe final class PCRE2: @unchecked Sendable {
  /// Wazuh 4 passes no option; Wazuh 5 passes multi-line and ignores case.
  enum Mode: Sendable { case four, five }

  struct Fault: Error, Equatable {
    var text: String
    var offset: Int
  }

  /// A match: whether groups took part, and the text of the first group, nil if it is unset.
  struct Match: Equatable {
    var groups: Int
    var whole: ArraySlice<UInt8>
    var first: ArraySlice<UInt8>?
  }

  /// The limits of one match: calls of the matcher, and KiB of heap.
  static let matchLimit: UInt32 = 400_000
  static let heapLimit: UInt32 = 16_384

  // Never changed after `init`; PCRE2 allows one compiled pattern in several threads.
  private let code: OpaquePointer
  private let context: OpaquePointer

  init(_ pattern: some Collection<UInt8>, _ mode: Mode) throws(Fault) {
    let bytes = Array(pattern)
    guard bytes.count <= OSRegex.patternLimit else {
      throw Fault(
        text: "longer than \(OSRegex.patternLimit) bytes", offset: OSRegex.patternLimit)
    }
    let options: UInt32 = mode == .five ? PCRE2_MULTILINE | PCRE2_CASELESS : 0
    var number: Int32 = 0
    var offset = 0
    let compiled = unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe pcre2_compile_8(buffer.baseAddress, buffer.count, options, &number, &offset, nil)
    }
    guard let compiled = unsafe compiled else {
      throw Fault(text: Self.message(number), offset: offset)
    }
    guard let context = unsafe pcre2_match_context_create_8(nil) else {
      unsafe pcre2_code_free_8(compiled)
      throw Fault(text: "no memory left", offset: 0)
    }
    unsafe pcre2_set_match_limit_8(context, Self.matchLimit)
    unsafe pcre2_set_heap_limit_8(context, Self.heapLimit)
    unsafe code = compiled
    unsafe self.context = context
  }

  deinit {
    unsafe pcre2_match_context_free_8(context)
    unsafe pcre2_code_free_8(code)
  }

  func match(_ subject: ArraySlice<UInt8>) throws(TooComplex) -> Match? {
    guard let data = unsafe pcre2_match_data_create_from_pattern_8(code, nil) else {
      throw TooComplex()
    }
    defer { unsafe pcre2_match_data_free_8(data) }
    let found = unsafe subject.withUnsafeBufferPointer { buffer in
      // An empty slice may have no address, and PCRE2 wants one.
      let empty: [UInt8] = [0]
      return unsafe empty.withUnsafeBufferPointer { none in
        unsafe pcre2_match_8(
          code, buffer.baseAddress ?? none.baseAddress, buffer.count, 0, 0, data, context)
      }
    }
    if found == PCRE2_ERROR_NOMATCH { return nil }
    guard found > 0, let places = unsafe pcre2_get_ovector_pointer_8(data) else {
      throw TooComplex()
    }
    let start = subject.startIndex
    func slice(_ group: Int) -> ArraySlice<UInt8>? {
      let (from, to) = unsafe (places[2 * group], places[2 * group + 1])
      // An unset group has -1 for both; \\K in a lookahead can put the start behind the end.
      guard from >= 0, from <= to, to <= subject.count else { return nil }
      return subject[(start + from)..<(start + to)]
    }
    return Match(
      groups: Int(found) - 1, whole: slice(0) ?? [], first: found > 1 ? slice(1) : nil)
  }

  private static func message(_ number: Int32) -> String {
    var text = [UInt8](repeating: 0, count: 256)
    let count = unsafe text.withUnsafeMutableBufferPointer { buffer in
      unsafe pcre2_get_error_message_8(number, buffer.baseAddress, buffer.count)
    }
    return count > 0
      ? String(decoding: text.prefix(Int(count)), as: UTF8.self) : "error \(number)"
  }
}
