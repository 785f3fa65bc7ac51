/** The page of a result set: elements are made from text, never from markup. */

import type { FromPage, Kept, ToPage } from "../result-page.js";

declare function acquireVsCodeApi(): {
  postMessage(message: FromPage): void;
  setState(state: Kept): void;
};

type Table = Extract<ToPage, { type: "table" }>;
type Cells = (string | null)[];

const api = acquireVsCodeApi();
const collator = new Intl.Collator("en");
let columns: Table["columns"] = [];
let rows: Cells[] = [];
let last = 0;
let pages = 1;
let note = "";
let sorted: { index: number; down: boolean } | null = null;

function el<K extends keyof HTMLElementTagNameMap>(
  name: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

const ask = (page: number): void => api.postMessage({ type: "page", page });

function compared(one: string | null | undefined, other: string | null | undefined): number {
  if (one == null || other == null) return Number(one == null) - Number(other == null);
  const [first, second] = [Number(one), Number(other)];
  const numbers = one !== "" && other !== "" && !Number.isNaN(first) && !Number.isNaN(second);
  return numbers ? first - second : collator.compare(one, other);
}

function ordered(): Cells[] {
  if (!sorted) return rows;
  const { index, down } = sorted;
  return [...rows].sort((one, other) => compared(one[index], other[index]) * (down ? -1 : 1));
}

function head(): HTMLElement {
  return el("tr", {}, ...columns.map((column, index) => {
    const order = sorted?.index === index ? (sorted.down ? "descending" : "ascending") : null;
    const sign = order === null ? "" : order === "descending" ? " ▼" : " ▲";
    const sort = el("button", { type: "button", title: column.comment }, `${column.name}${sign}`);
    sort.addEventListener("click", () => {
      sorted = { index, down: order === "ascending" };
      draw();
      document.querySelectorAll<HTMLElement>("th button")[index]?.focus();
    });
    const cell = el("th", { scope: "col" }, sort, el("small", {}, column.type));
    if (order) cell.setAttribute("aria-sort", order);
    return cell;
  }));
}

function copied(): void {
  const flat = (cell: string | null): string => (cell ?? "").replace(/[\t\r\n]+/g, " ");
  const text = [columns.map((column) => column.name), ...ordered()];
  void navigator.clipboard.writeText(text.map((cells) => cells.map(flat).join("\t")).join("\n"));
}

function draw(): void {
  const copy = el("button", { type: "button" }, "Copy");
  copy.addEventListener("click", copied);
  const more = el("button", { type: "button", id: "more", hidden: last >= pages }, "More rows");
  more.addEventListener("click", () => {
    more.disabled = true;
    ask(last + 1);
  });
  const loaded = last < pages ? `${rows.length.toLocaleString("en")} loaded · ${note}` : note;
  const body = ordered().map((cells) =>
    el("tr", {}, ...cells.map((cell) =>
      cell === null ? el("td", { className: "null" }, "NULL") : el("td", {}, cell))));
  document.body.replaceChildren(
    el("p", { className: "bar" }, copy, el("span", { id: "note" }, loaded)),
    el("div", { className: "wide", tabIndex: 0 },
      el("table", {}, el("thead", {}, head()), el("tbody", {}, ...body))),
    el("p", {}, more),
  );
}

function show(message: ToPage): void {
  switch (message.type) {
    case "table":
      if (message.page === 1) rows = [];
      ({ columns, pages, note } = message);
      rows.push(...message.rows);
      last = message.page;
      draw();
      break;
    case "text":
      document.body.replaceChildren(el("p", { id: "note" }, message.note), el("pre", { tabIndex: 0 }, message.text));
      break;
    case "picture":
      document.body.replaceChildren(el("img", { alt: "the result", src: message.source }));
      break;
    case "error":
      document.querySelector("#trouble")?.remove();
      document.body.prepend(el("p", { id: "trouble", role: "alert" }, message.text));
      document.querySelector<HTMLButtonElement>("#more")?.removeAttribute("disabled");
      break;
  }
}

window.addEventListener("message", (event: MessageEvent<ToPage & { kept: Kept }>) => {
  api.setState(event.data.kept);
  show(event.data);
});
ask(1);
