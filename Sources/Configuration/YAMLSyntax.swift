internal import CYAML

/// libyaml's error in words for people, at the place where a person would look.
func syntaxError(_ parser: yaml_parser_t, _ places: Places) -> ConfigurationError {
  let source = places.source
  let problem = parser.problem.map { String(cString: $0) } ?? "is not YAML"
  let context = parser.context.map { String(cString: $0) } ?? ""
  switch parser.error {
  case YAML_MEMORY_ERROR: return ConfigurationError("no memory left to read it", file: source.path)
  case YAML_READER_ERROR:
    let mark = source.mark(atByte: parser.problem_offset)
    let what =
      problem == "control characters are not allowed"
      ? "a control character" : "bytes that are not UTF-8"
    return ConfigurationError(what, at: mark, hint: "save the file as plain UTF-8 text")
  default: break
  }
  let here = places.mark(parser.problem_mark)
  let began = places.mark(parser.context_mark)
  let next = source.byte(at: here)

  switch problem {
  case "found character that cannot start any token":
    if next == UInt8(ascii: "\t") {
      return ConfigurationError(
        "a tab where YAML wants spaces", at: here, hint: "indent with spaces only")
    }
    let character = next.map { String(UnicodeScalar($0)) } ?? ""
    return ConfigurationError(
      "a value cannot begin with \"\(character)\"", at: here, hint: "put the value in quotes")
  case "mapping values are not allowed in this context":
    return ConfigurationError(
      "a \":\" where no key can stand", at: here,
      hint: "indent it like its neighbours, or put a value that contains \": \" in quotes")
  case "did not find expected key":
    return ConfigurationError(
      "expected a key", at: here,
      hint: context.contains("block mapping")
        ? "keys of one mapping begin in one column; these began in column \(began.column), line \(began.line)"
        : nil)
  case "could not find expected ':'":
    return ConfigurationError(
      "a key without its \":\"", at: began, hint: "write \"name: value\"")
  case "did not find expected '-' indicator":
    return ConfigurationError(
      "expected \"- \", as the list from line \(began.line) goes on", at: here,
      hint: "members of one list begin in one column")
  case "did not find expected ',' or ']'":
    return ConfigurationError(
      "this list is not closed", at: began,
      hint: "a \",\" or \"]\" is missing before line \(here.line), column \(here.column)")
  case "did not find expected ',' or '}'":
    return ConfigurationError(
      "this mapping is not closed", at: began,
      hint: "a \",\" or \"}\" is missing before line \(here.line), column \(here.column)")
  case "found unexpected end of stream" where context.contains("quoted"):
    return ConfigurationError("this quote is not closed", at: began)
  case "found unknown escape character":
    return ConfigurationError(
      "no such escape in double quotes", at: here,
      hint: "use single quotes: nothing is escaped there")
  case "found a tab character that violates indentation",
    "found a tab character where an indentation space is expected":
    return ConfigurationError(
      "a tab where YAML wants spaces", at: here, hint: "indent with spaces only")
  case "found undefined tag handle":
    return ConfigurationError("a tag that means nothing here", at: began)
  default:
    let whole = context.isEmpty ? problem : "\(problem) (\(context))"
    return ConfigurationError(whole, at: here)
  }
}

extension Source {
  /// The byte at a place whose line is ASCII up to there, or nil.
  fileprivate func byte(at mark: Mark) -> UInt8? {
    let line = self.line(mark.line)
    let index = line.startIndex + mark.column - 1
    return line.indices.contains(index) ? line[index] : nil
  }
}
