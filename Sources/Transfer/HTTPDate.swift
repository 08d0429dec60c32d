internal import CCurl

/// Seconds since 1970 of a date in one of HTTP's forms (RFC 9110, 5.6.7); nil for any other text.
///
/// The corresponding C function is `curl_getdate`.
public func httpDate(_ text: String) -> Int64? {
  let seconds = Int64(curl_getdate(text, nil))
  return seconds < 0 ? nil : seconds
}
