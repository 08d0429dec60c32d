/// Writes many names as one, as ClusterShell does: `web[01-14,17],db1`.
///
/// Names that differ only in their numbers are folded, in several places where all combinations are
/// there (`r[1-2]n[1-3]`). Zero padding is kept; the order is that of the first of each kind.
public func fold(_ names: [String]) -> String {
  var order: [[String]] = []
  var kinds: [[String]: [[NumberSet]]] = [:]
  var seen: Set<String> = []
  for name in names where seen.insert(name).inserted {
    let (texts, numbers) = parts(name)
    if kinds[texts] == nil { order.append(texts) }
    kinds[texts, default: []].append(numbers.map { NumberSet([$0]) })
  }
  var folded: [String] = []
  for texts in order {
    var members = kinds[texts] ?? []
    // The last number first: names usually count with it.
    for place in (0..<(texts.count - 1)).reversed() { members = merged(members, at: place) }
    for numbers in members {
      var text = texts[0]
      for (index, set) in numbers.enumerated() { text += set.text + texts[index + 1] }
      folded.append(text)
    }
  }
  return folded.joined(separator: ",")
}

/// Splits a name into texts and the numbers between them; a number beyond 18 digits is text.
private func parts(_ name: String) -> (texts: [String], numbers: [String]) {
  var texts = [""]
  var numbers: [String] = []
  var rest = Substring(name)
  while !rest.isEmpty {
    let text = rest.prefix { !("0"..."9").contains($0) }
    texts[texts.count - 1] += text
    rest = rest.dropFirst(text.count)
    let digits = rest.prefix { ("0"..."9").contains($0) }
    rest = rest.dropFirst(digits.count)
    if digits.isEmpty { continue }
    if digits.count > 18 {
      texts[texts.count - 1] += digits
    } else {
      numbers.append(String(digits))
      texts.append("")
    }
  }
  return (texts, numbers)
}

/// Joins the members that differ at one place only.
private func merged(_ members: [[NumberSet]], at place: Int) -> [[NumberSet]] {
  var order: [[NumberSet]] = []
  var groups: [[NumberSet]: [NumberSet]] = [:]
  for member in members {
    var rest = member
    rest.remove(at: place)
    if groups[rest] == nil { order.append(rest) }
    groups[rest, default: []].append(member[place])
  }
  return order.map { rest in
    var member = rest
    member.insert(NumberSet((groups[rest] ?? []).flatMap(\.numbers)), at: place)
    return member
  }
}

/// Numbers with their padding, sorted.
private struct NumberSet: Hashable {
  let numbers: [String]

  init(_ numbers: [String]) {
    self.numbers = numbers.sorted { left, right in
      let (one, two) = (Int(left) ?? 0, Int(right) ?? 0)
      return one == two ? left.utf8.count < right.utf8.count : one < two
    }
  }

  var text: String {
    if numbers.count == 1 { return numbers[0] }
    var runs: [(first: String, last: String)] = []
    for number in numbers {
      if let last = runs.last?.last, follows(number, last) {
        runs[runs.count - 1].last = number
      } else {
        runs.append((number, number))
      }
    }
    return "["
      + runs.map { $0.first == $0.last ? $0.first : "\($0.first)-\($0.last)" }
      .joined(separator: ",") + "]"
  }

  /// Whether a number is the next one in the same padding: 09 → 10, 9 → 10, but not 9 → 010.
  private func follows(_ number: String, _ last: String) -> Bool {
    guard let one = Int(last), let two = Int(number), two == one + 1 else { return false }
    return number.utf8.count == last.utf8.count || !(number.hasPrefix("0") || last.hasPrefix("0"))
  }
}
