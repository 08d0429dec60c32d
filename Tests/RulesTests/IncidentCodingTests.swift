import Metrics
import Testing

@testable import Rules

@Suite struct IncidentCodingTests {
  /// As the version before wrote it, with two keys that have other names today.
  private static let old = """
    {"contact":"team","route":"1","key":"web1","opened":1000,"joined":2000,"revision":3,"members":[\
    {"host":"web1","check":"ssh","group":"","severity":"critical","from":"ok","message":"no answer",\
    "since":1000,"worst":"critical","revision":1}],"tellings":{"mail":{"told":"","revision":0,\
    "severity":"ok","digest":0,"closed":false,"noticed_end":false,"failure":"timeout: no answer"},\
    "telegram":{"told":"chat 7 message 42","revision":3,"severity":"critical","digest":-5,\
    "closed":false,"noticed_end":true,"noticed":2000}}}
    """

  @Test func `an incident of the last version keeps what was delivered`() throws {
    let json = try #require(JSON(reading: Array(Self.old.utf8)))
    let incident = try #require(Incident(json))
    #expect(incident.members.map(\.alert.key) == [Alert.Key("web1", "ssh")])
    #expect(Set(incident.deliveries.keys) == ["mail", "telegram"])
    let telegram = try #require(incident.deliveries["telegram"])
    #expect(telegram.sent == "chat 7 message 42" && telegram.revision == 3)
    #expect(telegram.severity == .critical && telegram.noticedEnd && !telegram.isClosed)
    #expect(telegram.noticed == Timestamp(nanoseconds: 2000))
    let mail = try #require(incident.deliveries["mail"])
    #expect(mail.sent.isEmpty && mail.failure == "timeout: no answer")
  }

  @Test func `an incident written today is read as it was`() throws {
    let json = try #require(JSON(reading: Array(Self.old.utf8)))
    let incident = try #require(Incident(json))
    let written = incident.json.text
    #expect(!written.contains("tellings") && !written.contains("\"told\""))
    #expect(JSON(reading: Array(written.utf8)).flatMap { Incident($0) } == incident)
  }

  @Test func `a delivery without a record is one that sent nothing`() throws {
    let text = """
      {"contact":"team","route":"1","key":"web1","opened":1,"deliveries":{"a":{},"b":{"revision":2}}}
      """
    let incident = try #require(JSON(reading: Array(text.utf8)).flatMap { Incident($0) })
    #expect(incident.deliveries["a"]?.sent == "" && incident.deliveries["b"]?.revision == 2)
    #expect(incident.deliveries["b"]?.sent == "")
  }
}
