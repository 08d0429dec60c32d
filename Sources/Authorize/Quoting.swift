/// The text as one word of the shell.
func quoted(_ text: String) -> String {
  let isPlain =
    !text.isEmpty
    && text.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
        || "-_./:@%+,".utf8.contains($0)
    }
  return isPlain ? text : "'" + text.replacing("'", with: #"'\''"#) + "'"
}
