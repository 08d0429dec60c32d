import Foundation
import Lab
import Testing

@testable import Pages

/// The pages in a real Chromium: nothing is refused by their own policy, nothing is wider than the screen,
/// all text has contrast, all controls have names.
@Suite(.enabled(if: Chromium.isInstalled, "needs chromium")) struct BrowserTests {

  private static func folder(_ planted: PlantedModel) throws -> Scratch {
    let scratch = Scratch()
    try FileManager.default.createDirectory(
      atPath: "\(scratch.path)/host", withIntermediateDirectories: true)
    for (file, bytes) in planted.files {
      scratch.write(file, String(decoding: bytes, as: UTF8.self))
    }
    return scratch
  }

  private func browse(
    _ path: String, width: Int, dark: Bool = false, _ more: String...
  ) throws -> Outcome {
    try run(
      Chromium.program,
      [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--enable-logging=stderr", "--user-data-dir=\(NSTemporaryDirectory())/chromium-\(UUID())",
        "--window-size=\(width),1000", "--virtual-time-budget=2000",
      ] + (dark ? ["--blink-settings=preferredColorScheme=0"] : []) + more
        + ["--dump-dom", "file://\(path)"], timeout: 60)
  }

  /// Measures the page from within: a copy of it without its policy, with this script.
  private static let measure = """
    <script>setTimeout(function(){var out=[];
    if(document.documentElement.scrollWidth>innerWidth+1)
    out.push('wider than the screen: '+document.documentElement.scrollWidth+' of '+innerWidth);
    function rgb(s){var m=s.match(/[\\d.]+/g).map(Number);return m;}
    function lum(c){return [0,1,2].map(function(i){var v=c[i]/255;
    return v<=.03928?v/12.92:Math.pow((v+.055)/1.055,2.4);}).reduce(function(a,v,i){return a+v*[.2126,.7152,.0722][i];},0);}
    function back(e){for(;e;e=e.parentElement){var c=rgb(getComputedStyle(e).backgroundColor);
    if(c.length<4||c[3]>0)return c;}return [255,255,255];}
    document.querySelectorAll('body *').forEach(function(e){
    if(e.closest('svg,script,noscript,[hidden],.skip'))return;
    var own=Array.prototype.some.call(e.childNodes,function(n){return n.nodeType===3&&n.data.trim();});
    if(!own)return;var a=lum(rgb(getComputedStyle(e).color)),b=lum(back(e));
    var ratio=(Math.max(a,b)+.05)/(Math.min(a,b)+.05);
    if(ratio<4.5)out.push('contrast '+ratio.toFixed(2)+': '+e.className+' '+e.textContent.slice(0,30));
    var size=parseFloat(getComputedStyle(e).fontSize);if(size<11)out.push('small text: '+size);});
    document.querySelectorAll('a,button,input,svg[role=img],[role=region]').forEach(function(e){
    var name=e.getAttribute('aria-label')||e.textContent.trim()||(e.labels&&e.labels.length);
    if(!name)out.push('no name: '+e.outerHTML.slice(0,80));});
    if(document.querySelectorAll('h1').length!==1)out.push('not one h1');
    parent.postMessage(out.slice(0,8).join(' | '),'*');},300);</script></body>
    """

  /// A page around others: it collects what they measured.
  private static func frames(_ frames: [(file: String, width: Int)]) -> String {
    let list = frames.map { file, width in
      "<iframe width=\"\(width)\" height=\"1000\" src=\"\(file)\"></iframe>"
    }
    return """
      <!doctype html><title>none</title><script>var all=[],count=0;
      addEventListener('message',function(m){var at=Array.prototype.findIndex.call(
      document.querySelectorAll('iframe'),function(f){return f.contentWindow===m.source;});
      if(m.data)all.push(at+': '+m.data);count++;
      document.title=count+' MEASURED '+all.join(' || ');});</script>
      \(list.joined(separator: "\n"))
      """
  }

  @Test(arguments: [false, true])
  func `each page fits its screen, with contrast and names`(_ dark: Bool) throws {
    let planted = PlantedModel(hosts: 60)
    let scratch = try Self.folder(planted)
    var frames: [(file: String, width: Int)] = []
    for (file, _) in planted.files {
      let page = try #require(scratch.read(file))
      let copy = page.replacingOccurrences(of: "Content-Security-Policy", with: "X-None")
        .replacingOccurrences(of: "</body>", with: Self.measure)
      let name = "copy-\(file.replacingOccurrences(of: "/", with: "-"))"
      scratch.write(name, copy)
      for width in [390, 1366, 3840] { frames.append((name, width)) }
    }
    #expect(frames.count == 27)
    let path = scratch.write("all.html", Self.frames(frames))
    let dom = try browse(path, width: 4000, dark: dark).output
    let title = dom.range(of: "<title>").flatMap { start in
      dom.range(of: "</title>").map { String(dom[start.upperBound..<$0.lowerBound]) }
    }
    let numbers = frames.enumerated().map { "\($0) \($1.file) \($1.width)" }
    #expect(title == "27 MEASURED ", "\(title ?? "no title") of \(numbers)")
  }

  @Test func `the page's own policy lets its script and style run, and nothing else`() throws {
    let scratch = try Self.folder(
      PlantedModel(hosts: 60, text: { $0 + "<img src=x onerror=alert(1)>" }))
    let outcome = try browse("\(scratch.path)/hosts.html", width: 1366)
    #expect(!outcome.errors.contains("Content Security Policy"), "\(outcome.errors)")
    // The script has run: it shows the filter.
    #expect(
      outcome.output.contains("<p class=\"filter\" id=\"filterbox\">"), "the filter is hidden")
    // A page that was tampered with does not run what was added.
    let page = try #require(scratch.read("hosts.html"))
    let path = scratch.write(
      "other.html",
      page.replacingOccurrences(
        of: "</body>", with: "<script>document.title='RAN'</script></body>"))
    let other = try browse(path, width: 1366)
    #expect(!other.output.contains("<title>RAN</title>"))
    #expect(other.errors.contains("Content Security Policy"), "\(other.errors)")
  }
}

private enum Chromium {
  static let program = "/usr/bin/chromium"
  static let isInstalled = FileManager.default.isExecutableFile(atPath: program)
}
