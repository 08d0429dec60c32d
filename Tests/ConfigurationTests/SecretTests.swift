import Foundation
import Testing

@testable import Configuration

@Suite(.serialized) struct SecretTests {
  private func secret(_ text: String, file: String = "/etc/scrape/hosts.yml") throws -> Secret {
    let root = try YAML.read(Source(file, text: "password: \"\(text)\""))
    return try Secret(try #require(root["password"]), "password")
  }

  private func problem(_ body: () throws -> Void) -> String? {
    do { try body() } catch let error as ConfigurationError { return error.problem } catch {}
    return nil
  }

  @Test(
    arguments: [
      ("${SCRAPE_PASSWORD}", "${SCRAPE_PASSWORD}"), ("file:pw", "file:/etc/scrape/pw"),
      ("file:/run/pw", "file:/run/pw"), ("credential:influx", "credential:influx"),
    ])
  func `a secret is known by where it comes from`(text: String, shown: String) throws {
    let secret = try secret(text)
    #expect("\(secret)" == shown && String(reflecting: secret) == shown)
  }

  @Test(
    arguments: [
      "hunter2", "${}", "${A-B}", "${A:-x}", "$A", "file:", "credential:", "credential:../x",
      "credential:.", "",
    ])
  func `anything else is refused and not repeated`(text: String) throws {
    let error = try #require(throws: ConfigurationError.self) { try secret(text) }
    #expect(text.isEmpty || !error.description.contains("hunter2"))
    #expect(error.hint?.isEmpty == false)
  }

  @Test(
    arguments: [
      ("secret\n", "secret"), ("secret\r\n", "secret"), (" a b \n\n", " a b \n"), ("ü", "ü"),
    ])
  func `a file's secret is its text without the last line break`(text: String, value: String) throws
  {
    let path = NSTemporaryDirectory() + "scrape-secret-" + UUID().uuidString
    defer { unlink(path) }
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    chmod(path, 0o600)
    #expect(try secret("file:\(path)").reveal().clearText == value)
  }

  @Test(
    arguments: [
      (0o600, nil), (0o400, nil), (0o640, "can be read by others"),
      (0o604, "can be read by others"),
      (0o620, "can be read by others"),
    ] as [(mode_t, String?)])
  func `a file that others can read is refused`(mode: mode_t, expected: String?) throws {
    let path = NSTemporaryDirectory() + "scrape-secret-" + UUID().uuidString
    defer { unlink(path) }
    try Data("x".utf8).write(to: URL(fileURLWithPath: path))
    chmod(path, mode)
    let found = problem { _ = try secret("file:\(path)").reveal() }
    #expect(found == expected.map { "file:\(path) \($0)" })
  }

  @Test func `what is no file, empty or too long is refused`() throws {
    let path = NSTemporaryDirectory() + "scrape-secret-" + UUID().uuidString
    defer { unlink(path) }
    #expect(
      problem { _ = try secret("file:\(path)").reveal() }?.contains("cannot be opened") == true)
    #expect(mkfifo(path, 0o600) == 0)
    #expect(problem { _ = try secret("file:\(path)").reveal() }?.contains("not a regular") == true)
    unlink(path)
    for (bytes, words) in [
      (Data(), "is empty"), (Data([0x61, 0]), "holds a NUL"),
      (Data(repeating: 0x61, count: 65_537), "is longer than"),
    ] {
      try bytes.write(to: URL(fileURLWithPath: path))
      chmod(path, 0o600)
      #expect(problem { _ = try secret("file:\(path)").reveal() }?.contains(words) == true)
    }
  }

  @Test func `the environment and systemd's credentials are read when asked`() throws {
    let variable = try secret("${SCRAPE_TEST_SECRET}")
    unsetenv("SCRAPE_TEST_SECRET")
    #expect(
      problem { _ = try variable.reveal() }
        == "the environment variable SCRAPE_TEST_SECRET is not set")
    setenv("SCRAPE_TEST_SECRET", "from outside", 1)
    defer { unsetenv("SCRAPE_TEST_SECRET") }
    #expect(try variable.reveal().clearText == "from outside")

    let folder = NSTemporaryDirectory() + "scrape-credentials-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Data("kept".utf8).write(to: URL(fileURLWithPath: "\(folder)/influx"))
    unsetenv("CREDENTIALS_DIRECTORY")
    let credential = try secret("credential:influx")
    #expect(problem { _ = try credential.reveal() }?.contains("only under systemd") == true)
    setenv("CREDENTIALS_DIRECTORY", folder, 1)
    defer { unsetenv("CREDENTIALS_DIRECTORY") }
    #expect(try credential.reveal().clearText == "kept")
  }

  @Test func `a revealed secret does not print itself`() throws {
    setenv("SCRAPE_TEST_SHOWN", "hunter2", 1)
    defer { unsetenv("SCRAPE_TEST_SHOWN") }
    let value = try secret("${SCRAPE_TEST_SHOWN}").reveal()
    var dumped = ""
    dump([value], to: &dumped)
    dump(try secret("${SCRAPE_TEST_SHOWN}"), to: &dumped)
    #expect(value.clearText == "hunter2")
    #expect("\(value) \([value]) \(String(reflecting: value))" == "••• [•••] •••")
    #expect(!dumped.contains("hunter2") && !dumped.contains("104"))
  }
}
