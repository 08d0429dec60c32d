import Parsers

/// Parses a text as the bytes that a host would send.
func parse<P: Parser>(_ text: String, as parser: P.Type) throws -> P.Reading {
  try parse(Array(text.utf8), as: parser)
}

func parse<P: Parser>(_ bytes: [UInt8], as parser: P.Type) throws -> P.Reading {
  try P.parse(bytes.span)
}
