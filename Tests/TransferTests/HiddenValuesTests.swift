import Foundation
import Lab
import Testing

@testable import Transfer

struct HiddenValuesTests {
  static let secret = "pä\"ss?>w/+~\\x"

  @Test(
    arguments: [
      secret, Data(secret.utf8).base64EncodedString(),
      Data(secret.utf8).base64EncodedString().replacing("=", with: ""),
      Data(secret.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
        .replacing("=", with: ""),
      secret.addingPercentEncoding(
        withAllowedCharacters: .alphanumerics.union(.init(charactersIn: "-._~"))) ?? "",
      secret.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""),
    ])
  func `a secret is found in each form in which it is sent`(form: String) {
    let values = HiddenValues([Self.secret])
    #expect(values.hidden(in: "401 x\(form)y \(form)") == "401 x•••y •••")
    #expect(values.hidden(in: "nothing") == "nothing")
    let cut = Array("y \(form)".utf8.dropLast(2))
    #expect(String(decoding: values.cleaned(cut: cut) ?? cut, as: UTF8.self) == "y ")
  }

  @Test func `what is too short to be one, and what only looks like one, stays`() {
    #expect(HiddenValues(["", "a", "ab"]).isEmpty)
    let values = HiddenValues(["abc", "abcd"])
    #expect(values.hidden(in: "abcde ab abc") == "•••e ab •••")
    #expect(values.cleaned(Array("ABC".utf8)) == nil)
  }

  /// Says again all that it was sent, where a server has a place for words.
  private static let echo: @Sendable (String) -> String = { request in
    let flat = request.replacing("\r\n", with: " | ")
    return "HTTP/1.1 401 No: \(flat.prefix(800))\r\nX-Echo: \(flat)\r\n"
      + "Content-Length: \(request.utf8.count)\r\n\r\n\(request)"
  }

  @Test func `nothing that was sent as secret comes back out of a transfer`() async throws {
    let server = try Answerer(Self.echo)
    var request = TransferRequest("POST", "http://127.0.0.1:\(server.port)/?t=raw-secret-1")
    request.headers = [("Authorization", "Token influx-secret-2"), ("X-Key", "key-secret-3")]
    request.secrets = ["raw-secret-1", "key-secret-3"]
    request.wantsTranscript = true
    var basic = TransferRequest("GET", "http://127.0.0.1:\(server.port)/")
    (basic.user, basic.password) = ("monitor", "pass-secret-4")
    basic.wantsTranscript = true
    var bearer = TransferRequest("GET", "http://127.0.0.1:\(server.port)/")
    bearer.bearer = "bearer-secret-5"
    for request in [request, basic, bearer] {
      let answer = await fetch(request)
      #expect(answer.status == 401)
      let all = "\(answer) \(String(decoding: answer.body, as: UTF8.self))"
      #expect(all.contains("•••"))
      for secret in [
        "secret-1", "secret-2", "secret-3", "secret-4", "secret-5",
        Data("monitor:pass-secret-4".utf8).base64EncodedString(),
      ] {
        #expect(!all.contains(secret), "\(all)")
      }
    }
    let sent = server.requests.joined()
    #expect(sent.contains("Token influx-secret-2") && sent.contains("bearer-secret-5"))
  }
}
