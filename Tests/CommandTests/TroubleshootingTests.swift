import Foundation
import Metrics
import Testing

/// docs/troubleshooting.md explains each reason, under the anchor that messages name.
@Suite struct TroubleshootingTests {
  private static let page = {
    let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
      .standardized
    return
      (try? String(contentsOf: root.appending(path: "docs/troubleshooting.md"), encoding: .utf8))
      ?? ""
  }()

  /// The sections of the page by their headings.
  private static let sections: [String: String] = {
    var sections: [String: String] = [:]
    for part in page.components(separatedBy: "\n### ").dropFirst() {
      let lines = part.components(separatedBy: "\n")
      sections[lines[0]] = lines.dropFirst().joined(separator: "\n")
    }
    return sections
  }()

  @Test func `the page has a section for each reason, and no other`() {
    #expect(Set(Self.sections.keys) == Set(Reason.allCases.map(\.rawValue)))
    #expect(
      Array(Self.page.components(separatedBy: "\n### ").dropFirst()).count == Reason.allCases.count)
  }

  @Test(arguments: Reason.allCases)
  func `a section has the meaning, what to look at first, and the remedy`(_ reason: Reason) {
    let text = Self.sections[reason.rawValue] ?? ""
    #expect(text.hasPrefix("\n\(reason.meaning)\n\n* First: "), "\(reason)")
    #expect(text.contains("\n* Remedy: \(reason.remedy).\n"), "\(reason)")
    #expect(reason.page == "docs/troubleshooting.md#\(reason.rawValue)")
    // One clause, that follows a colon.
    #expect(reason.remedy.count < 110 && !reason.remedy.hasSuffix("."))
  }
}
