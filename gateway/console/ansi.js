/**
 * A line of a terminal as spans: colours and weights by the sequences that begin with ESC [ and end
 * with m. Every other sequence and control character is left out. Nothing is ever read as markup.
 */

import { el } from "./dom.js";

// Sequences that begin with ESC: with a bracket, titles and the like, two characters; then controls.
const SEQUENCE =
  /\x1b\[([0-9;:]*)m|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
const BIDI = /[\u202a-\u202e\u2066-\u2069]/g;
const MOST_SPANS = 400;

/** The text without sequences, as it is searched and copied. */
export const plain = (text) => text.replace(SEQUENCE, "").replace(BIDI, "");

/** Nodes for a text; `mark` (lower case if `anyCase`) is marked wherever it stands. */
export function painted(text, mark = "", anyCase = false) {
  const nodes = [];
  let style = {};
  let from = 0;
  const put = (piece) => {
    const shown = piece.replace(BIDI, "");
    if (shown) nodes.push(...marked(shown, mark, anyCase).map((node) => dressed(node, style)));
  };
  for (const found of text.matchAll(SEQUENCE)) {
    put(text.slice(from, found.index));
    from = found.index + found[0].length;
    if (found[1] !== undefined) style = next(style, found[1]);
    if (nodes.length > MOST_SPANS) {
      put(plain(text.slice(from)));
      return nodes;
    }
  }
  put(text.slice(from));
  return nodes;
}

function marked(text, mark, anyCase) {
  if (!mark) return [text];
  const looked = anyCase ? text.toLowerCase() : text;
  const nodes = [];
  let from = 0;
  // Of a text whose length changes with its case no place could be told.
  if (looked.length === text.length) {
    for (let at; (at = looked.indexOf(mark, from)) >= 0 && nodes.length < MOST_SPANS; ) {
      nodes.push(text.slice(from, at), el("mark", {}, text.slice(at, at + mark.length)));
      from = at + mark.length;
    }
  }
  nodes.push(text.slice(from));
  return nodes.filter((node) => node !== "");
}

function dressed(node, style) {
  const names = [];
  for (const name of ["bold", "faint", "italic", "underline", "inverse"]) {
    if (style[name]) names.push(name);
  }
  if (typeof style.fg === "number") names.push(`fg${style.fg}`);
  if (typeof style.bg === "number") names.push(`bg${style.bg}`);
  const colours = typeof style.fg === "string" || typeof style.bg === "string";
  if (!names.length && !colours) return node;
  const span = el("span", { className: names.join(" ") }, node);
  if (typeof style.fg === "string") span.style.color = style.fg;
  if (typeof style.bg === "string") span.style.backgroundColor = style.bg;
  return span;
}

/** The style after a sequence of numbers. */
function next(style, words) {
  const codes = words.split(/[;:]/).map(Number);
  let now = { ...style };
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at];
    if (code === 0) now = {};
    else if (code === 1) now.bold = true;
    else if (code === 2) now.faint = true;
    else if (code === 3) now.italic = true;
    else if (code === 4) now.underline = true;
    else if (code === 7) now.inverse = true;
    else if (code === 22) now.bold = now.faint = false;
    else if (code === 23) now.italic = false;
    else if (code === 24) now.underline = false;
    else if (code === 27) now.inverse = false;
    else if (code >= 30 && code <= 37) now.fg = code - 30;
    else if (code >= 90 && code <= 97) now.fg = code - 82;
    else if (code === 39) delete now.fg;
    else if (code >= 40 && code <= 47) now.bg = code - 40;
    else if (code >= 100 && code <= 107) now.bg = code - 92;
    else if (code === 49) delete now.bg;
    else if (code === 38 || code === 48) {
      const name = code === 38 ? "fg" : "bg";
      if (codes[at + 1] === 5) {
        now[name] = indexed(codes[at + 2]);
        at += 2;
      } else if (codes[at + 1] === 2) {
        now[name] = `rgb(${codes.slice(at + 2, at + 5).map((part) => Math.min(255, part || 0)).join(" ")})`;
        at += 4;
      }
    }
  }
  return now;
}

/** A colour of the table of 256. */
function indexed(number) {
  if (!(number >= 0 && number <= 255)) return undefined;
  if (number < 16) return number;
  if (number >= 232) {
    const grey = 8 + (number - 232) * 10;
    return `rgb(${grey} ${grey} ${grey})`;
  }
  const part = (value) => (value ? 55 + value * 40 : 0);
  const of = number - 16;
  return `rgb(${part(Math.floor(of / 36))} ${part(Math.floor(of / 6) % 6)} ${part(of % 6)})`;
}
