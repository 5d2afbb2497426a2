// The page's style sheet. tests/html/page_test.py tells the new hash after a change.
#include "cli/render/doctor_html_parts.h"

namespace cleave {

const std::string_view kDoctorStyleHash = "o/ZgjoLy3oBxua45/kl+diTFhMWAp3uBzH9EiM9bC4M=";

// Each pair of colours has a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3): the test computes it.
const std::string_view kDoctorStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #fff; --text: #1c2330; --muted: #525c6c; --line: #d5dae2;
  --accent: #1d5bb8; --accent-soft: #eaf1fb; --code: #eef0f4;
  --good: #14603a; --good-soft: #e2f3e9; --warn: #764800; --warn-soft: #fdf0d5;
  --bad: #9a1d2b; --bad-soft: #fce7e9; --odd: #434c5b; --odd-soft: #e8ebf0;
  --firm: #55359a; --firm-soft: #eee8fb;
  --host: #5f6b7c; --host-text: #fff; --live: #1d5bb8; --live-text: #fff;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #13161b; --card: #1b2027; --text: #e7eaef; --muted: #a9b2c0; --line: #38404c;
    --accent: #8db6f9; --accent-soft: #1c2a40; --code: #272d37;
    --good: #82d9a7; --good-soft: #15321f; --warn: #f3c672; --warn-soft: #392b0d;
    --bad: #f7a8ae; --bad-soft: #431c21; --odd: #c4ccd8; --odd-soft: #2b323d;
    --firm: #c9b5f6; --firm-soft: #2d2547;
    --host: #8a96a8; --host-text: #10141a; --live: #8db6f9; --live-text: #10141a;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; max-width: 64rem; padding: 2rem 1rem 3rem;
  background: var(--page); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans CJK KR", sans-serif;
  overflow-wrap: anywhere;
}
:lang(ko) { word-break: keep-all; }
h1 { margin: 0 0 1rem; font-size: 1.75rem; line-height: 1.25; }
h2 { margin: 0 0 .75rem; font-size: 1.3rem; line-height: 1.3; }
h3 { margin: 1.25rem 0 .5rem; font-size: 1.08rem; line-height: 1.35; }
h4 { margin: 1.25rem 0 .25rem; font-size: 1rem; }
p { margin: 0 0 .6rem; }
ul { margin: 0 0 .6rem; padding-left: 1.2rem; }
a { color: var(--accent); }
code { font: .88em ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
p code, dd code, td code { background: var(--code); border-radius: .25rem; padding: .1em .3em; }
.muted { color: var(--muted); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: .25rem; }
.skip {
  position: absolute; left: 1rem; top: -6rem; z-index: 1; padding: .5rem 1rem;
  background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
}
.skip:focus { top: .5rem; }
header > .muted { margin: 0; }
.machine { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 0 0 1.25rem; }
.machine dt { color: var(--muted); font-size: .85rem; }
.machine dd { margin: 0; }
nav ul { display: flex; flex-wrap: wrap; gap: .1rem 1.25rem; list-style: none; padding: 0; margin: 0 0 2rem; }
nav a { display: inline-block; padding: .2rem 0; }
section { margin: 0 0 2rem; }
.card {
  background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
  padding: 1.1rem 1.25rem;
}
.card > :first-child { margin-top: 0; }
.card > :last-child { margin-bottom: 0; }
.lead { font-size: 1.2rem; line-height: 1.45; font-weight: 600; }
.ways { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem; align-items: start; }
.ways > p { margin: 0; }
.way-head { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem .75rem; margin-bottom: .4rem; }
.way-head h3 { margin: 0; }
.icon { width: 1.1em; height: 1.1em; flex: none; vertical-align: -.18em; fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }
.badge { display: inline-flex; align-items: center; gap: .35rem; padding: .12rem .65rem .12rem .45rem; border-radius: 1rem; font-size: .88rem; font-weight: 600; }
.ready { color: var(--good); } .badge.ready { background: var(--good-soft); }
.badge.needs-changes { color: var(--warn); background: var(--warn-soft); }
.badge.unknown { color: var(--odd); background: var(--odd-soft); }
.badge.needs-firmware { color: var(--firm); background: var(--firm-soft); }
.badge.impossible { color: var(--bad); background: var(--bad-soft); }
.way { color: var(--text); }
.modes { list-style: none; padding: 0; }
.modes > li { padding: .2rem 0; }
.modes ul { margin: .1rem 0 0; font-size: .92rem; }
details { margin: .5rem 0 0; }
summary { cursor: pointer; padding: .2rem 0; }
.finding { border-top: 1px solid var(--line); padding-top: .4rem; }
.finding > summary { font-weight: 600; }
.outcome { color: var(--odd); font-size: .9em; } .outcome.failed { color: var(--bad); }
.finding-body { padding: .25rem 0 .4rem; font-size: .95rem; }
.finding-body dl { margin: 0; display: grid; grid-template-columns: minmax(4.5rem, max-content) 1fr; gap: .2rem .75rem; }
.finding-body dt { grid-column: 1; color: var(--muted); }
.finding-body dd { grid-column: 2; margin: 0; min-width: 0; }
.steps { list-style: none; margin: 0 0 1rem; padding: 0; counter-reset: step; }
.steps > li { counter-increment: step; border-left: 3px solid var(--line); padding: 0 0 .8rem 1rem; }
.steps > li.done { padding-bottom: .3rem; }
.steps > li.done { border-color: var(--good); }
.steps > li.open { border-color: var(--accent); }
.steps > li:last-child { padding-bottom: 0; }
.step-head { margin-bottom: .2rem; }
.step-head strong::before { content: counter(step) ". "; }
.step-head .icon { margin-right: .35rem; }
.step-head .state { font-size: .88rem; margin-right: .6rem; }
.done > .step-head { color: var(--muted); }
.done > .step-head strong { font-weight: 500; }
.done > .step-head .icon, .done > .step-head .state { color: var(--good); }
.open > .step-head .icon, .open > .step-head .state { color: var(--accent); }
.command code { display: inline-block; padding: .35rem .6rem; }
.scroll { overflow-x: auto; margin: 0 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--muted); font-weight: 600; }
tbody th { font-weight: 500; }
tbody th, td { white-space: nowrap; }
.legend { list-style: none; padding: 0; margin: .75rem 0; display: flex; flex-wrap: wrap; gap: .3rem 1.25rem; font-size: .9rem; }
.swatch { width: .85rem; height: .85rem; margin-right: .4rem; vertical-align: -.1em; }
svg.bar { display: block; margin: 0 0 .6rem; }
svg.bar + svg.bar { margin-top: -.3rem; }
svg.bar.swatch { display: inline; margin: 0 .4rem 0 0; }
.bar text { font-size: 12px; text-anchor: middle; }
.bar .free { fill: var(--odd-soft); stroke: var(--line); }
.bar rect.host { fill: var(--host); } .bar text.host { fill: var(--host-text); }
.bar rect.live { fill: var(--live); stroke: var(--card); } .bar text.live { fill: var(--live-text); }
.bar rect.fits { fill: var(--good-soft); stroke: var(--good); stroke-width: 1.5; } .bar text.fits { fill: var(--good); }
.bar rect.lacks { fill: var(--bad-soft); stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 4 3; } .bar text.lacks { fill: var(--bad); }
.groups { display: block; margin: 1rem 0; height: auto; }
.groups.wide { width: 100%; max-width: 54rem; }
.groups.narrow { display: none; width: 100%; max-width: 26rem; }
@media screen and (max-width: 48rem) { .groups.wide { display: none; } .groups.narrow { display: block; } }
.frame { fill: var(--page); stroke: var(--line); }
.frame.outside { stroke-dasharray: 5 4; stroke: var(--muted); }
.frame.with-gpu { fill: var(--accent-soft); stroke: var(--accent); stroke-width: 2; }
.groups text { font-size: 12.5px; fill: var(--text); }
.groups .name { font-size: 13px; font-weight: 600; fill: var(--muted); }
.groups .name.gpu { fill: var(--accent); }
.groups .address { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.groups .address.gpu { font-weight: 700; }
.groups .kind { fill: var(--muted); }
.with-gpu ~ .kind { fill: var(--text); }
.mark-gpu { fill: var(--accent); } .mark-shares { fill: var(--warn); } .mark-other { fill: var(--muted); }
footer { color: var(--muted); font-size: .9rem; }
@media (max-width: 30rem) {
  body { padding-top: 1.25rem; }
  h1 { font-size: 1.45rem; }
  .card { padding: .9rem; }
  .finding-body dl { grid-template-columns: 1fr; }
  .finding-body dt, .finding-body dd { grid-column: 1; }
  .finding-body dt { margin-top: .25rem; }
}
@media print {
  :root { color-scheme: light; --page: #fff; }
  html { font-size: 10pt; }
  body { max-width: none; padding: 0; }
  nav, .skip { display: none; }
  .card, .steps > li, .finding, tr { break-inside: avoid; }
  section.card { break-inside: auto; border: 0; padding: 0; }
  .groups { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; }
  .badge, svg, .frame { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
)css";

}  // namespace cleave
