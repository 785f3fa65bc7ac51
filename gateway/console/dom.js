/** Small helpers: elements made from text, never from markup, and how figures are written. */

import { texts } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";

/** An element; what is no element among the children becomes text. */
export function el(name, properties = {}, ...children) {
  return filled(document.createElement(name), properties, children);
}

/** The same for drawings. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), { attributes }, children);
}

function filled(element, { attributes = {}, data = {}, on = {}, ...rest }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  Object.assign(element.dataset, data);
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  Object.assign(element, rest);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

export const button = (text, action, properties = {}) =>
  el("button", { type: "button", on: { click: action }, ...properties }, text);

export const label = (text, control) => el("label", {}, el("span", {}, text), control);

export const select = (choices, chosen, properties = {}) =>
  el(
    "select",
    properties,
    choices.map(([value, text]) => el("option", { value, selected: value === chosen }, text)),
  );

/** A badge that says how a task is. `own` is the gateway's own word where it says more. */
export function badge(status, own = "") {
  const word = ["held", "suspended", "lost", "killing"].includes(own) ? own : texts.states[status];
  return el("span", { className: "badge", data: { state: status } }, word ?? status ?? "");
}

export function table(caption, heads, rows, empty) {
  if (!rows.length) return el("p", { className: "soft" }, empty);
  const head = el("tr", {}, heads.map((text) => el("th", { scope: "col" }, text)));
  return el(
    "div",
    { className: "wide", tabIndex: 0, attributes: { role: "region", "aria-label": caption } },
    el("table", {}, el("thead", {}, head), el("tbody", {}, rows)),
  );
}

export const row = (...cells) => el("tr", {}, cells.map((cell) => el("td", {}, cell)));

export function duration(ms) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

export const age = (ms) => `${duration(Date.now() - ms)} ago`;

export const moment = (ms) =>
  ms ? el("time", { dateTime: new Date(ms).toISOString() }, new Date(ms).toLocaleString()) : "";

export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) [count, unit] = [count / 1024, unit + 1];
  return `${count < 10 && unit ? count.toFixed(1) : Math.round(count)} ${units[unit]}`;
}

export async function copy(text, source) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS, and not on this machine, a browser has no other way.
    const area = el("textarea", { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const before = source.textContent;
  source.textContent = texts.copied;
  setTimeout(() => (source.textContent = before), 1500);
}

/** A file to be saved: the browser brings the login along. */
export const download = (href, text) =>
  el("a", { className: "button quiet", href, download: "" }, text);

/** Asks in a dialog; resolves to whether it was agreed to. */
export function sure(question, yes) {
  return new Promise((resolve) => {
    const dialog = el(
      "dialog",
      { className: "small", attributes: { "aria-label": question }, on: { close: done } },
      el("p", {}, question),
      el(
        "form",
        { method: "dialog", className: "line" },
        el("button", { value: "" , className: "quiet" }, texts.cancel),
        el("button", { value: "yes", className: "danger" }, yes),
      ),
    );
    function done() {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    }
    document.body.append(dialog);
    dialog.showModal();
  });
}
