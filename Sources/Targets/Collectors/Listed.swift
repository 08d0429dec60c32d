extension String {
  /// The text as one word of a list that people read: at most 48 bytes, and without blanks and the
  /// semicolons between the list's items. It may still hold anything else that a host chose.
  var listed: String {
    var word = ""
    for scalar in unicodeScalars {
      if word.utf8.count + UTF8.width(scalar) > 48 { return word + "…" }
      word.unicodeScalars.append(scalar == " " || scalar == ";" ? "_" : scalar)
    }
    return word
  }

  /// The text up to `limit` bytes, not ending within a character.
  func clipped(to limit: Int) -> String {
    guard utf8.count > limit else { return self }
    var clip = ""
    for scalar in unicodeScalars {
      if clip.utf8.count + UTF8.width(scalar) > limit { break }
      clip.unicodeScalars.append(scalar)
    }
    return clip
  }
}
