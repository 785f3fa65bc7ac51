"""How the pages look, in the light and in the dark. Served as a file: pages hold no style."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """\
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --paper: #ffffff; --ink: #1b2230; --soft: #5b6577; --line: #dde1e7;
  --accent: #2456c9; --on-accent: #ffffff; --bad: #b3261e; --good: #1a7f4b; --odd: #8a5a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171c; --paper: #1c2027; --ink: #e4e8ef; --soft: #98a2b3; --line: #2d333d;
    --accent: #82aaff; --on-accent: #14171c; --bad: #ff8a80; --good: #57c98b; --odd: #f0b95a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
header { background: var(--paper); border-bottom: 1px solid var(--line); }
header nav {
  max-width: 72rem; margin: 0 auto; padding: .7rem 1rem;
  display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; align-items: baseline;
}
header strong { margin-right: 1rem; }
header a[aria-current] { color: var(--ink); font-weight: 600; }
header .who { margin-left: auto; color: var(--soft); }
main { max-width: 72rem; margin: 0 auto; padding: 1.2rem 1rem 3rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .3rem 0 1rem; }
h2 { font-size: 1.1rem; margin: 1.6rem 0 .6rem; }
p.note { color: var(--soft); max-width: 46rem; }
.scroll { overflow-x: auto; background: var(--paper); border: 1px solid var(--line);
  border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .5rem .8rem; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { color: var(--soft); font-weight: 600; font-size: .85rem; }
tbody tr:last-child td { border-bottom: 0; }
tbody tr:hover { background: color-mix(in srgb, var(--accent) 6%, transparent); }
.state { font-weight: 600; }
.state.good { color: var(--good); } .state.bad { color: var(--bad); }
.state.busy { color: var(--accent); } .state.odd { color: var(--odd); }
details { margin-top: 1rem; }
summary { color: var(--soft); cursor: pointer; width: max-content; }
pre {
  background: var(--paper); border: 1px solid var(--line); border-radius: 8px;
  padding: .8rem 1rem; overflow-x: auto; font: 13px/1.5 ui-monospace, Consolas, monospace;
}
form.fields { background: var(--paper); border: 1px solid var(--line); border-radius: 8px;
  padding: 1rem 1.2rem 1.2rem; max-width: 46rem; }
form.fields label { display: block; margin: .8rem 0; font-weight: 600; }
form.fields small { display: block; font-weight: 400; color: var(--soft); }
input, textarea, select {
  font: inherit; color: inherit; background: var(--ground); width: 100%; margin-top: .25rem;
  border: 1px solid var(--line); border-radius: 6px; padding: .45rem .6rem; font-weight: 400;
}
textarea { font: 13px/1.5 ui-monospace, Consolas, monospace; min-height: 6rem; resize: vertical; }
button {
  font: inherit; font-weight: 600; cursor: pointer; padding: .45rem 1rem; border-radius: 6px;
  border: 1px solid var(--accent); background: var(--accent); color: var(--on-accent);
}
button.plain { background: transparent; color: var(--accent); }
button.danger { background: transparent; border-color: var(--bad); color: var(--bad); }
button:disabled { opacity: .4; cursor: not-allowed; }
.actions { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0 0 1.2rem; }
.pager { display: flex; gap: 1rem; margin: .8rem 0; color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.2rem; margin: 0 0 1rem; }
td.text { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 16rem;
  font: 13px/1.5 ui-monospace, Consolas, monospace; }
@media (max-width: 40rem) {
  header nav { gap: .2rem .9rem; } header strong { width: 100%; margin: 0; }
  header .who { margin-left: 0; } dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
}
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
"""
"""The style sheet of all pages."""
