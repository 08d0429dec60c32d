/// The style of all pages, inline: a page is one file, and is never seen with half of its style.
///
/// Contrast of text is at least 4.5:1 in both themes (WCAG 2.2, 1.4.3).
enum Stylesheet {
  static let text: StaticString = """
    :root{color-scheme:light dark;--bg:#fafaf8;--box:#fff;--line:#dcdcd8;--ink:#1a1a1c;--soft:#5c5c62;
    --ok:#1d6b3f;--okb:#e2f1e7;--minor:#7a5d00;--minorb:#fdf0c8;--major:#a13d00;--majorb:#fde3d3;
    --critical:#b00d1e;--criticalb:#f9d9dc;--unknown:#4d5170;--unknownb:#e6e7f0;--blue:#1a63a8;--blueb:#dfeaf5}
    @media(prefers-color-scheme:dark){:root{--bg:#121316;--box:#1b1d21;--line:#33363d;--ink:#ececef;--soft:#a6a8b0;
    --ok:#6fd49b;--okb:#173524;--minor:#e8c547;--minorb:#3a3110;--major:#ff9b62;--majorb:#452512;
    --critical:#ff8a93;--criticalb:#4d171d;--unknown:#b9bde0;--unknownb:#2a2d40;--blue:#7db8f0;--blueb:#1c2f42}}
    *{box-sizing:border-box}
    body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.45 system-ui,"DejaVu Sans",sans-serif;
    overflow-wrap:break-word}
    .skip{position:absolute;left:-999px}.skip:focus{left:8px;top:8px;background:var(--box);padding:6px}
    a{color:inherit;text-decoration-color:var(--soft);text-underline-offset:3px}
    a:hover{color:var(--blue)}
    :focus-visible{outline:3px solid var(--blue);outline-offset:2px;border-radius:3px}
    header{padding:12px 18px 8px;border-bottom:1px solid var(--line)}
    .line{display:flex;flex-wrap:wrap;gap:2px 16px;align-items:baseline}
    h1{font-size:1.3rem;margin:0}h1 a{text-decoration:none}h2{font-size:.86rem;color:var(--soft);margin:0 0 8px}
    .sum{font-size:1.2rem}.soft{color:var(--soft)}.age{margin-left:auto;color:var(--soft)}
    .late{color:var(--critical);font-weight:700}
    nav{display:flex;flex-wrap:wrap;gap:2px 14px;padding-top:4px}nav a{padding:4px 0}
    nav a[aria-current]{font-weight:700;text-decoration:none}
    .announce{margin:8px 0 0;padding:8px 12px;background:var(--blueb);border-left:4px solid var(--blue)}
    main{padding:14px 18px;columns:1;column-gap:14px}
    .two{columns:2}@media(max-width:900px){.two{columns:1}}@media(min-width:2400px){.two{columns:3}}
    .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,30em),1fr));gap:14px;margin:0 0 14px}
    .sides{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,30em),1fr));gap:0 14px;align-items:start}
    .charts .box{margin:0;display:flex;flex-direction:column}
    .pair{display:grid;grid-template-columns:1fr 1fr;gap:10px 14px}@media(max-width:560px){.pair{grid-template-columns:1fr}}
    .box{background:var(--box);border:1px solid var(--line);border-radius:6px;padding:12px 14px;margin:0 0 14px;
    break-inside:avoid;display:inline-block;width:100%}
    footer{padding:0 18px 18px;color:var(--soft);font-size:.86rem}
    .ok{color:var(--ok)}.minor{color:var(--minor)}.major{color:var(--major)}.critical{color:var(--critical)}
    .unknown{color:var(--unknown)}
    .tag{display:inline-block;min-width:4.6em;white-space:nowrap;text-align:center;font-weight:700;font-size:.8rem;border-radius:4px;
    padding:1px 6px;align-self:start}
    .tag.ok,td.ok{background:var(--okb)}.tag.minor,td.minor{background:var(--minorb)}
    .tag.major,td.major{background:var(--majorb)}.tag.critical,td.critical{background:var(--criticalb)}
    .tag.unknown,td.unknown{background:var(--unknownb)}
    ul.rows{list-style:none;margin:0;padding:0}
    .rows>li{display:grid;grid-template-columns:5.4em minmax(0,1fr) auto;gap:0 12px;padding:7px 0;border-top:1px solid var(--line)}
    .rows>li:first-child{border-top:0}.rows p{margin:0;color:var(--soft);font-size:.88rem}
    .rows time,.events time{color:var(--soft);font-variant-numeric:tabular-nums;white-space:nowrap}
    .known{opacity:.75}
    .scroll{overflow-x:auto;max-width:100%}
    table{border-collapse:separate;border-spacing:3px;font-variant-numeric:tabular-nums}
    .wide{width:100%;border-collapse:collapse}.wide td,.wide th{border-top:1px solid var(--line)}
    th{font-weight:400;color:var(--soft);font-size:.86rem;text-align:left;padding:2px 6px;white-space:nowrap}
    .heat th[scope=row]{position:sticky;left:0;background:var(--box)}
    td{padding:3px 7px}.wide td:last-child{min-width:14em}.heat td{text-align:center;border-radius:4px;white-space:nowrap}
    .heat td.major,.heat td.critical{font-weight:700}
    .graph{display:grid;grid-template-columns:auto minmax(0,1fr);gap:0 6px;font-size:.8rem;color:var(--soft);align-content:start}
    .graph .span{grid-column:1/-1;padding:0 0 .7em}.graph .none{grid-column:1/-1;margin:40px 0;text-align:center}
    .graph svg{width:100%;height:120px;display:block;grid-column:2}
    .graph .y{display:flex;flex-direction:column;justify-content:space-between;text-align:right;
    font-variant-numeric:tabular-nums;margin:-.6em 0}
    .graph .x{padding-top:.3em}.graph line.limit{stroke-width:1.5;stroke-dasharray:5 4}
    .graph line.minor{stroke:var(--minor)}.graph line.major{stroke:var(--major)}.graph line.critical{stroke:var(--critical)}
    .graph text{font-size:.72rem;fill:var(--soft);paint-order:stroke;stroke:var(--box);stroke-width:3px}.graph text.minor{fill:var(--minor)}.graph text.major{fill:var(--major)}
    .graph text.critical{fill:var(--critical)}
    .legend{margin:4px 0 0;color:var(--soft);font-size:.8rem}.graph .x{display:flex;justify-content:space-between;grid-column:2}
    .graph line{stroke:var(--line);vector-effect:non-scaling-stroke}
    .graph path{fill:none;stroke:var(--blue);stroke-width:2;vector-effect:non-scaling-stroke;stroke-linejoin:round}
    .graph path.s1{stroke:var(--major);stroke-dasharray:6 3}.graph path.s2{stroke:var(--ok);stroke-dasharray:2 3}
    .graph path.s3{stroke:var(--unknown);stroke-dasharray:10 3 2 3}
    .graph path.area{stroke:none;fill:var(--blueb)}
    .bars,.findings{list-style:none;margin:0;padding:0}
    .bars li{display:grid;grid-template-columns:minmax(0,1fr) auto 30%;gap:0 12px;align-items:center;padding:3px 0}
    .bars li>span:only-child{grid-column:1/-1}.bars .value{text-align:right;font-variant-numeric:tabular-nums}
    .meter{width:100%;height:8px;display:block;background:var(--unknownb);border-radius:2px}.meter .fill{fill:var(--blue)}
    .meter .b-ok{fill:var(--ok)}.meter .b-minor{fill:var(--minor)}.meter .b-major{fill:var(--major)}
    .meter .b-critical{fill:var(--critical)}.meter .b-unknown{fill:var(--unknown)}
    .policy{padding:6px 0;border-top:1px solid var(--line)}.policy:first-of-type{border-top:0}.policy p{margin:0 0 4px}
    .findings li{display:grid;grid-template-columns:5.4em minmax(0,1fr);gap:0 12px;padding:4px 0}
    .findings p{margin:0;color:var(--soft);font-size:.88rem}
    .scores td,.policies td{white-space:nowrap}.scores .spark{width:55%}.spark svg{width:100%;height:28px;display:block}
    .spark line{stroke:var(--line);vector-effect:non-scaling-stroke}
    .spark path{fill:none;stroke:var(--blue);stroke-width:2;vector-effect:non-scaling-stroke;stroke-linejoin:round}
    td.score{min-width:6em;font-weight:700}.policies td.score{width:16em}.announce.next{background:var(--box);border-left-style:dashed}
    .latest{float:right;color:var(--ink);font-weight:700}
    .bar{width:100%;height:18px;display:block}.bar rect{fill:var(--unknownb)}.bar .b-ok{fill:var(--ok)}
    .bar .b-minor{fill:var(--minor)}.bar .b-major{fill:var(--major)}.bar .b-critical{fill:var(--critical)}
    .bar .b-unknown{fill:var(--unknown)}
    .service{display:grid;grid-template-columns:minmax(9em,1.2fr) 5.4em minmax(80px,3fr) 5em 5em;gap:0 12px;
    align-items:center;padding:4px 0;border-top:1px solid var(--line)}
    .service span{font-variant-numeric:tabular-nums}
    @media(max-width:700px){.service{grid-template-columns:minmax(0,1fr) auto auto auto;gap:0 8px}.service .bar{grid-column:1/-1;grid-row:2}}
    .tree{display:block;font-size:13px}.tree rect{stroke-width:1.5}.tree text{fill:var(--ink)}
    .tree .n-ok{fill:var(--okb);stroke:var(--ok)}.tree .n-minor{fill:var(--minorb);stroke:var(--minor)}
    .tree .n-major{fill:var(--majorb);stroke:var(--major)}.tree .n-critical{fill:var(--criticalb);stroke:var(--critical)}
    .tree .n-unknown{fill:var(--unknownb);stroke:var(--unknown)}.tree .n-none{fill:var(--box);stroke:var(--line)}
    .tree path{fill:none;stroke:var(--line);stroke-width:1.5}.tree path.bad{stroke:var(--critical);stroke-width:2.5}
    .tree .small{fill:var(--soft);font-size:12px}
    .events{list-style:none;margin:0;padding:0}.events li{padding:4px 0;display:grid;
    grid-template-columns:auto 5.4em minmax(0,1fr);gap:0 12px}
    .figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(110px,1fr));gap:8px 12px;margin:0}
    .figures dt{color:var(--soft);font-size:.86rem}.figures dd{margin:0;font-weight:700;font-size:1.1rem}
    .full{column-span:all}.filter{margin:0 0 14px}.filter input{font:inherit;color:inherit;background:var(--box);
    border:1px solid var(--soft);border-radius:4px;padding:6px 10px;width:min(100%,26em)}
    [hidden]{display:none!important}
    @media(min-width:2400px){html{font-size:22px}body{font-size:22px}.graph svg{height:180px}}
    @media print{:root{--bg:#fff;--box:#fff;--ink:#000}nav,.filter,.skip{display:none}.box{border-color:#999}}
    """
}
